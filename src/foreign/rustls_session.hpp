// The session of a server on rustls 0.20, as its ServerSessionValue lies in bytes, without rustls:
// what `ProducesTickets` is given to seal, and gives back opened.
//
//   struct {
//     uint8 has_sni;                          0 or 1, as the others
//     opaque sni<1..255>;                     Session::server_name, if has_sni is 1
//     uint16 version;                         version
//     uint16 cipher_suite;                    cipher_suite
//     opaque master_secret<32..48>;           secret; in TLS 1.3 the resumption PSK
//     uint8 extended_ms;                      extended_master_secret
//     uint8 has_client_cert_chain;
//     Certificate client_cert_chain<1..2^24-1>;  client_identity, if has_client_cert_chain is 1
//     uint8 has_alpn;
//     opaque alpn<1..255>;                    alpn, if has_alpn is 1
//     opaque application_data<0..2^16-1>;     application_data
//     uint64 creation_time_sec;               issued_at
//     uint32 age_obfuscation_offset;          ticket_age_add; zero in TLS 1.2
//   } ServerSessionValue;
//
// rustls gives a session the time at which it writes it down, and keeps of a session that resumed
// neither its time nor anything else that would tell it from a new one. Whoever renews has to know
// authenticated_at from elsewhere.
#pragma once

#include <expected>

#include <stek/session.hpp>

namespace stek::foreign {

/// Why rustls cannot resume the session, or would resume it as another; nothing when it can:
///
/// - `transport_differs`, `version_differs`, `suite_not_enabled`: it speaks TLS 1.2 and 1.3, in
///   nine suites, all of them AEADs. In QUIC it writes the same bytes, and does not say so;
/// - `identity_missing`: the session has a client identity. rustls has a place for a chain, and
///   none for the instant at which it ends, so that no renewal could keep it;
/// - `server_name_differs`: the name is only a hash, and rustls compares texts;
/// - `max_fragment_length_differs`: rustls would send longer ones.
std::optional<Reason> objection_of_rustls(const Session& session) noexcept;

/// In bytes, of a session that `encode_rustls_session` takes; less than those of its state.
std::size_t rustls_size_of(const Session& session) noexcept;

/// The bytes written, `rustls_size_of(session)`. Not written is what rustls has no place for:
/// authenticated_at, lifetime, context, max_early_data_size (beside tickets rustls takes no early
/// data), extras.
///
/// `Error::unsuitable` where `objection_of_rustls` has one, `Error::invalid_session` for a field
/// out of its range, `Error::room_too_small` otherwise.
std::expected<std::size_t, Error> encode_rustls_session(Room room, const Session& session) noexcept;

/// Takes what `encode_rustls_session` would have written, and nothing else. `Error::malformed` for
/// any other bytes, among them a server name that ends in a dot; `Error::unsuitable` for what is
/// well written and has an objection, such as a client's chain; `Error::invalid_session` for what
/// is no session; `Error::no_memory`.
std::expected<Session, Error> decode_rustls_session(Bytes bytes) noexcept;

}  // namespace stek::foreign
