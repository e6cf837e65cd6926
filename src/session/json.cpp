#include "session/json.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include <stek/cipher_suite.hpp>

#include "session/state.hpp"

namespace stek {
namespace {

struct VersionName {
  ProtocolVersion version;
  std::string_view name;
};
constexpr auto version_names = std::to_array<VersionName>({
    {ProtocolVersion::tls1_0, "TLS 1.0"},
    {ProtocolVersion::tls1_1, "TLS 1.1"},
    {ProtocolVersion::tls1_2, "TLS 1.2"},
    {ProtocolVersion::tls1_3, "TLS 1.3"},
    {ProtocolVersion::dtls1_0, "DTLS 1.0"},
    {ProtocolVersion::dtls1_2, "DTLS 1.2"},
    {ProtocolVersion::dtls1_3, "DTLS 1.3"},
});

constexpr auto transport_names = std::to_array<std::string_view>({"tls", "dtls", "quic"});

/// 49199 or "0xc02f".
std::optional<std::uint16_t> number16(const wire::Json& json) {
  std::uint16_t n = 0;
  if (json.is_number_unsigned()) {
    return wire::JsonForm<std::uint16_t>::get(json, n) ? std::optional(n) : std::nullopt;
  }
  if (!json.is_string()) return std::nullopt;
  const std::string_view text = json.get_ref<const wire::SecretText&>();
  if (!text.starts_with("0x")) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), n, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

wire::SecretText secret_hex(Bytes bytes) {
  wire::SecretText hex((2 * bytes.size()) + 1, '\0');
  to_hex(hex, bytes);
  hex.pop_back();
  return hex;
}

std::string_view text_in(const wire::Json& json) {
  return json.is_string() ? std::string_view(json.get_ref<const wire::SecretText&>())
                          : std::string_view();
}

}  // namespace

std::string name_of(ProtocolVersion version) {
  const auto* const found = std::ranges::find(version_names, version, &VersionName::version);
  if (found != version_names.end()) return std::string(found->name);
  return fmt::format("0x{:04x}", static_cast<std::uint16_t>(version));
}

namespace wire {

Json JsonForm<Transport>::put(const Transport& value) {
  const auto number = static_cast<std::uint8_t>(value);
  if (number == 0 || number > transport_names.size()) return number;
  return transport_names[number - 1U];
}

bool JsonForm<Transport>::get(const Json& json, Transport& value) {
  const auto* const found = std::ranges::find(transport_names, text_in(json));
  value = static_cast<Transport>(found - transport_names.begin() + 1);
  return found != transport_names.end();
}

Json JsonForm<ProtocolVersion>::put(const ProtocolVersion& value) {
  return name_of(value);
}

bool JsonForm<ProtocolVersion>::get(const Json& json, ProtocolVersion& value) {
  const auto* const found = std::ranges::find(version_names, text_in(json), &VersionName::name);
  if (found != version_names.end()) {
    value = found->version;
    return true;
  }
  const auto n = number16(json);
  if (n) value = static_cast<ProtocolVersion>(*n);
  return n.has_value();
}

Json JsonForm<CipherSuite>::put(const CipherSuite& value) {
  const std::string_view name = name_of(value);
  if (!name.empty()) return name;
  return fmt::format("0x{:04x}", static_cast<std::uint16_t>(value));
}

bool JsonForm<CipherSuite>::get(const Json& json, CipherSuite& value) {
  if (const auto named = suite_named(text_in(json))) {
    value = *named;
    return true;
  }
  const auto n = number16(json);
  if (n) value = static_cast<CipherSuite>(*n);
  return n.has_value();
}

Json JsonForm<HostName>::put(const HostName& value) {
  return value.text();
}

bool JsonForm<HostName>::get(const Json& json, HostName& value) {
  const auto name = HostName::from(text_in(json));
  if (name) value = *name;
  return name.has_value();
}

/// A code of an RFC, as a number in its range.
template <class Enum, Enum first, Enum last>
struct JsonCode {
  static Json put(Enum value) { return static_cast<std::uint8_t>(value); }
  static bool get(const Json& json, Enum& value) {
    std::uint8_t code = 0;
    if (!JsonForm<std::uint8_t>::get(json, code)) return false;
    value = static_cast<Enum>(code);
    return value >= first && value <= last;
  }
};

template <>
struct JsonForm<MaxFragmentLength>
    : JsonCode<MaxFragmentLength, MaxFragmentLength::unlimited, MaxFragmentLength::bytes_4096> {
  static constexpr std::string_view expects = "a code of RFC 6066 section 4, 0 to 4";
};

template <>
struct JsonForm<HeartbeatMode> : JsonCode<HeartbeatMode, HeartbeatMode::peer_allowed_to_send,
                                          HeartbeatMode::peer_not_allowed_to_send> {
  static constexpr std::string_view expects = "1 (peer_allowed_to_send) or 2";
};

template <>
struct JsonForm<SessionSecret> {
  static constexpr std::string_view expects =
      "the master secret as 96 hex digits, or a PSK as 64 or 96";
  static Json put(const SessionSecret& value) { return secret_hex(value.expose()); }
  static bool get(const Json& json, SessionSecret& value) {
    const std::string_view hex = text_in(json);
    Secret<SessionSecret::max_size> bytes;
    if (hex.empty() || hex.size() % 2 != 0 || hex.size() > 2 * bytes.size) return false;
    const Room room = bytes.expose_room().first(hex.size() / 2);
    if (!from_hex(room, hex)) return false;
    value = SessionSecret(room);
    return true;
  }
};

namespace {

bool is_text(std::string_view bytes) {
  return !bytes.starts_with("0x") &&
         std::ranges::all_of(bytes, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

Json JsonForm<ProtocolName>::put(const ProtocolName& name) {
  if (is_text(name.bytes)) return name.bytes;
  return "0x" + to_hex(std::as_bytes(std::span(name.bytes)));
}

bool JsonForm<ProtocolName>::get(const Json& json, ProtocolName& name) {
  const std::string_view text = text_in(json);
  if (is_text(text)) {
    name.bytes = text;
  } else {
    if (!text.starts_with("0x")) return false;
    name.bytes.resize((text.size() - 2) / 2);
    if (!from_hex(std::as_writable_bytes(std::span(name.bytes)), text.substr(2))) return false;
  }
  return !name.bytes.empty() && name.bytes.size() <= ProtocolName::max_size;
}

template <>
struct JsonForm<SecretBytes> {
  static constexpr std::string_view expects = "bytes in hex, at least one";
  static Json put(const SecretBytes& value) { return secret_hex(value.expose()); }
  static bool get(const Json& json, SecretBytes& value) {
    const std::string_view hex = text_in(json);
    std::vector<std::byte, WipingAllocator<std::byte>> bytes(hex.size() / 2);
    if (bytes.empty() || !from_hex(bytes, hex)) return false;
    value = SecretBytes(bytes);
    return true;
  }
};

template <>
struct JsonForm<CertificateChain> {
  static constexpr std::string_view expects = "a list of certificates, each its DER in hex";
  static Json put(const CertificateChain& chain) {
    return JsonList<std::vector<std::byte>>::put(chain.certificates);
  }
  static bool get(const Json& json, CertificateChain& chain) {
    auto& certificates = chain.certificates;
    return JsonList<std::vector<std::byte>>::get(json, certificates) && !certificates.empty() &&
           std::ranges::none_of(certificates, &std::vector<std::byte>::empty);
  }
};

}  // namespace wire

wire::Json to_json(const Session& session, Reveal reveal) {
  wire::Json json = wire::Json::object();
  wire::to_json(json, state::header, session);
  wire::to_json(json, state::options, session);
  if (reveal == Reveal::no) {
    json.erase("secret");
    json.erase("application_data");
  }
  return json;
}

std::expected<Session, Failure> session_from_json(std::string_view text) {
  auto json = wire::parse_json(text, "session");
  if (!json) return std::unexpected(json.error());
  return session_from(*std::move(json));
}

std::expected<Session, Failure> session_from(wire::Json json) {
  Session session;
  auto failure = wire::from_json(json, "session: ", session, state::header, state::options);
  if (!failure) failure = wire::refuse_leftovers(json, "session: ");
  if (failure) {
    failure->hint = "FORMAT.md lists the fields of a session";
    return std::unexpected(*std::move(failure));
  }
  return session;
}

}  // namespace stek
