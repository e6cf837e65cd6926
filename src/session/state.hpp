// A session's bytes before sealing: header, options, zero padding up to a size class.
// FORMAT.md prints these descriptions; a test holds it to them.
#pragma once

#include <expected>

#include <stek/session.hpp>

#include "session/flaw.hpp"
#include "wire/record.hpp"

namespace stek {
namespace wire {

/// In 48 bytes, zeros behind a shorter one. Its length follows from version and suite.
template <>
struct Fixed<SessionSecret> {
  static constexpr std::size_t size = SessionSecret::max_size;
  static void put(Writer& out, const SessionSecret& secret) noexcept {
    out.bytes(secret.expose());
    out.zeros(size - secret.size());
  }
  static bool get(Reader& in, SessionSecret& secret) noexcept {
    secret = SessionSecret(in.bytes(size));
    return true;
  }
};

template <>
struct Varying<HostName> {
  static constexpr std::size_t min = 1;
  static constexpr std::size_t max = HostName::max_size;
  static std::size_t size(const HostName& name) noexcept { return name.text().size(); }
  static void put(Writer& out, const HostName& name) noexcept {
    out.bytes(std::as_bytes(std::span(name.text())));
  }
  static std::optional<HostName> get(Bytes bytes) noexcept {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    auto name = HostName::from(text);
    if (name && name->text() != text) return std::nullopt;
    return name;
  }
};

template <>
struct Varying<HostNameHash> {
  static constexpr std::size_t min = 16;
  static constexpr std::size_t max = 16;
  static std::size_t size(const HostNameHash& /*hash*/) noexcept { return 16; }
  static void put(Writer& out, const HostNameHash& hash) noexcept { out.bytes(hash.bytes); }
  static std::optional<HostNameHash> get(Bytes bytes) noexcept {
    HostNameHash hash{};
    std::copy(bytes.begin(), bytes.end(), hash.bytes.begin());
    return hash;
  }
};

}  // namespace wire

namespace state {

inline constexpr std::uint8_t version = 1;
/// In the place of a session's transport.
inline constexpr std::uint8_t opaque_kind = 255;

// The secret and the issue time lie in the first 64 bytes, which a hedged nonce mixes in.
inline constexpr wire::Header header{
    "SessionHeader",
    wire::Constant{"state_version", version, ""},
    wire::Field<&Session::transport>{"transport", "1 TLS, 2 DTLS, 3 QUIC"},
    wire::Field<&Session::version>{"version", "as on the wire", wire::Presence::required},
    wire::Field<&Session::cipher_suite>{"cipher_suite", "", wire::Presence::required},
    wire::Flags<&Session::extended_master_secret, &Session::encrypt_then_mac,
                &Session::truncated_hmac>{
        "flags",
        {"extended_master_secret", "encrypt_then_mac", "truncated_hmac"},
        {"RFC 7627", "RFC 7366", "refused when set"}},
    wire::Field<&Session::max_fragment_length>{"max_fragment_length", "RFC 6066 code, 0 to 4"},
    wire::Field<&Session::issued_at>{"issued_at", "seconds since 1970"},
    wire::Field<&Session::secret>{"secret", "zeros behind a PSK of 32", wire::Presence::required},
    wire::Field<&Session::authenticated_at>{"authenticated_at", "first full handshake"},
    wire::Field<&Session::lifetime>{"lifetime", "seconds, at most 604800"},
    wire::Field<&Session::context>{"context", "zeros: none"},
    wire::Field<&Session::compression_method>{"compression_method", "refused unless 0"},
};

inline constexpr wire::Options options{
    "SessionOption",
    wire::Option<&Session::server_name, HostName>{1, "server_name", "lower case, no trailing dot"},
    wire::Option<&Session::server_name, HostNameHash>{2, "server_name_hash", "in place of 1"},
    wire::Option<&Session::ticket_age_add, std::uint32_t>{3, "ticket_age_add",
                                                          "TLS 1.3, mandatory"},
    wire::Option<&Session::max_early_data_size, std::uint32_t>{4, "max_early_data_size",
                                                               "TLS 1.3, mandatory"},
};

/// The state's size class, `smallest` being the ticket profile's first. `Error::too_large` when
/// none holds it.
std::expected<std::size_t, Error> size_of(const Session& session, std::size_t smallest) noexcept;

/// Fills `room`, whose size `size_of` gave. `Error::invalid_session` when `flaw_of` has something
/// to say of the session with this stamp.
std::expected<void, Error> encode(Room room, const Session& session, const Stamp& stamp) noexcept;

/// False, with `session` as new, when `encode` would not have given these bytes.
[[nodiscard]] bool decode(Session& session, Bytes state, std::size_t smallest) noexcept;

/// Opaque bytes in place of a session, under a label that the opener must name.
struct Opaque {
  Bytes label;
  Bytes data;
};
inline constexpr wire::Header opaque_header{
    "OpaqueState",
    wire::Constant{"state_version", version, ""},
    wire::Constant{"kind", opaque_kind, "where a session has its transport"},
};
inline constexpr wire::Vectors opaque_vectors{
    wire::Vector<&Opaque::label, std::uint8_t, 1, 32>{"label", "such as \"rustls/0.20\""},
    wire::Vector<&Opaque::data, std::uint16_t, 0, 16347>{"data", ""},
};

std::expected<std::size_t, Error> size_of(const Opaque& opaque, std::size_t smallest) noexcept;
void encode(Room room, const Opaque& opaque) noexcept;
/// Points into `state`.
std::optional<Opaque> decode_opaque(Bytes state, std::size_t smallest) noexcept;

}  // namespace state
}  // namespace stek
