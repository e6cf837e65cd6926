// A session as JSON, with the RFCs' field names: what `stek ticket issue` reads and `inspect`
// prints.
#pragma once

#include <expected>

#include <stek/session.hpp>

#include "wire/json.hpp"

namespace stek {

enum class Reveal : bool { no, secret };

/// Without the secret and the application data unless asked for them.
wire::Json to_json(const Session& session, Reveal reveal);

/// Versions and suites by name or number, bytes in hex; `version`, `cipher_suite` and `secret` must
/// be there. The failure names the place, such as "session: /cipher_suite", and never quotes the
/// text.
std::expected<Session, Failure> session_from_json(std::string_view text);
std::expected<Session, Failure> session_from(wire::Json json);

/// "TLS 1.2", or the number where it has no name.
std::string name_of(ProtocolVersion version);

namespace wire {

template <>
struct JsonForm<Transport> {
  static constexpr std::string_view expects = "\"tls\", \"dtls\" or \"quic\"";
  static Json put(const Transport& value);
  static bool get(const Json& json, Transport& value);
};

template <>
struct JsonForm<ProtocolVersion> {
  static constexpr std::string_view expects = "a version, such as \"TLS 1.2\" or \"0x0303\"";
  static Json put(const ProtocolVersion& value);
  static bool get(const Json& json, ProtocolVersion& value);
};

template <>
struct JsonForm<CipherSuite> {
  static constexpr std::string_view expects =
      "a cipher suite by IANA's name or by number, such as \"0xc02f\"";
  static Json put(const CipherSuite& value);
  static bool get(const Json& json, CipherSuite& value);
};

template <>
struct JsonForm<HostName> {
  static constexpr std::string_view expects = "a host name of 1 to 255 printable characters";
  static Json put(const HostName& value);
  static bool get(const Json& json, HostName& value);
};

/// "h2"; where that would not be printable, or look like this, "0x" and hex.
template <>
struct JsonForm<ProtocolName> {
  static constexpr std::string_view expects =
      "a protocol's name of 1 to 255 printable characters, or its bytes in hex behind 0x";
  static Json put(const ProtocolName& name);
  static bool get(const Json& json, ProtocolName& name);
};

}  // namespace wire

}  // namespace stek
