// A session's bytes before sealing: header, options, zero padding up to a size class.
// FORMAT.md prints these descriptions; a test holds it to them.
#pragma once

#include <expected>

#include <stek/session.hpp>

#include "session/flaw.hpp"
#include "wire/record.hpp"
#include "wire/size_class.hpp"

namespace stek {
namespace wire {

/// In 48 bytes, zeros behind a shorter one. Its length follows from version and suite.
template <>
struct Fixed<SessionSecret> {
  static constexpr std::size_t size = SessionSecret::max_size;
  static void put(Writer& out, const SessionSecret& secret) noexcept {
    out.bytes(secret.expose_padded());
  }
  static bool get(Reader& in, SessionSecret& secret) noexcept {
    secret.assign(in.bytes(size));
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
  static bool get(Bytes bytes, HostName& name) noexcept {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return HostName::is_canonical(text) && name.assign(text);
  }
};

template <>
struct Varying<ProtocolName> {
  static constexpr std::size_t min = 1;
  static constexpr std::size_t max = ProtocolName::max_size;
  static std::size_t size(const ProtocolName& name) noexcept { return name.bytes.size(); }
  static void put(Writer& out, const ProtocolName& name) noexcept {
    out.bytes(std::as_bytes(std::span(name.bytes)));
  }
  static bool get(Bytes bytes, ProtocolName& name) {
    name.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  }
};

/// What the largest size class leaves for one option behind the header of 93 bytes.
inline constexpr std::size_t largest_value = largest_class - 93 - 3;

template <>
struct Varying<SecretBytes> {
  static constexpr std::size_t min = 1;
  static constexpr std::size_t max = largest_value;
  static std::size_t size(const SecretBytes& bytes) noexcept { return bytes.size(); }
  static void put(Writer& out, const SecretBytes& bytes) noexcept { out.bytes(bytes.expose()); }
  static bool get(Bytes bytes, SecretBytes& secret) {
    secret = SecretBytes(bytes);
    return true;
  }
};

/// Each certificate behind its length in three bytes: RFC 5246 section 7.4.2's certificate_list.
template <>
struct Varying<CertificateChain> {
  static constexpr std::size_t head = 3;
  static constexpr std::size_t min = head + 1;
  static constexpr std::size_t max = largest_value;
  static std::size_t size(const CertificateChain& chain) noexcept;
  static void put(Writer& out, const CertificateChain& chain) noexcept;
  static bool get(Bytes bytes, CertificateChain& chain);
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

inline constexpr wire::Options extras{
    "Extras",
    wire::Option<&Extras::named_group, std::uint16_t>{1, "named_group", "of the key exchange"},
    wire::Option<&Extras::heartbeat_mode, HeartbeatMode>{2, "heartbeat_mode", "RFC 6520: 1 or 2"},
    wire::Option<&Extras::signature_algorithms, std::vector<std::uint16_t>>{
        3, "signature_algorithms", "two bytes each"},
    wire::Option<&Extras::supported_groups, std::vector<std::uint16_t>>{4, "supported_groups",
                                                                        "two bytes each"},
    wire::Option<&Extras::ec_point_formats, std::vector<std::uint8_t>>{5, "ec_point_formats",
                                                                       "one byte each"},
    wire::Option<&Extras::ffdhe_groups, std::vector<std::uint16_t>>{6, "ffdhe_groups",
                                                                    "two bytes each"},
};

}  // namespace state

template <>
struct wire::Varying<Extras> : wire::Nested<Extras, state::extras> {};

namespace state {

inline constexpr wire::Options options{
    "SessionOption",
    wire::Option<&Session::server_name, HostName>{1, "server_name", "lower case, no trailing dot"},
    wire::Option<&Session::server_name, HostNameHash>{2, "server_name_hash", "in place of 1"},
    wire::Option<&Session::ticket_age_add, std::uint32_t>{3, "ticket_age_add",
                                                          "TLS 1.3, mandatory"},
    wire::Option<&Session::max_early_data_size, std::uint32_t>{4, "max_early_data_size",
                                                               "TLS 1.3, mandatory"},
    wire::Option<&Session::alpn, ProtocolName>{5, "alpn", "RFC 7301 ProtocolName"},
    wire::Option<&Session::client_identity, ClientIdentityHash>{6, "client_identity_hash",
                                                                "SHA-256 of the certificate"},
    wire::Option<&Session::client_identity, CertificateChain>{7, "client_identity_chain",
                                                              "in place of 6"},
    wire::Option<&Session::identity_expires, Instant>{8, "identity_expires", "least notAfter"},
    wire::Option<&Session::application_data, SecretBytes>{9, "application_data",
                                                          "the application's own"},
    wire::Option<&Session::extras, Extras>{10, "extras", "as below"},
};

/// The state's size class, `smallest` being the ticket profile's first. `Error::too_large` when
/// none holds it.
std::expected<std::size_t, Error> size_of(const Session& session, std::size_t smallest) noexcept;

/// Fills `room`, whose size `size_of` gave. `Error::invalid_session` when `flaw_of` has something
/// to say of the session with this stamp.
std::expected<void, Error> encode(Room room, const Session& session, const Stamp& stamp) noexcept;

/// Nothing of what `session` was is left. False, with `session` as new, when `encode` would not
/// have given these bytes, or there is no memory for what they hold.
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
inline constexpr std::size_t longest_label = 32;
/// What the largest size class leaves under the longest label.
inline constexpr std::size_t longest_data =
    wire::largest_class - opaque_header.size - 1 - longest_label - 2;
inline constexpr wire::Vector<&Opaque::label, std::uint8_t, 1, longest_label> opaque_label{
    "label", "such as \"rustls/0.20\""};
inline constexpr wire::Vector<&Opaque::data, std::uint16_t, 0, longest_data> opaque_data{"data",
                                                                                         ""};
inline constexpr wire::Vectors opaque_vectors{opaque_label, opaque_data};

std::expected<std::size_t, Error> size_of(const Opaque& opaque, std::size_t smallest) noexcept;
void encode(Room room, const Opaque& opaque) noexcept;
/// Points into `state`.
std::optional<Opaque> decode_opaque(Bytes state, std::size_t smallest) noexcept;

}  // namespace state
}  // namespace stek
