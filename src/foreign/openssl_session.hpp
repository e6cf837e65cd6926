// OpenSSL's SSL_SESSION in DER, as i2d_SSL_SESSION of 1.1.1 and 3.0 writes it, without libssl: what
// OpenSSL seals in its own tickets, and what `openssl s_client -sess_out` has in PEM.
//
//   SSL_SESSION ::= SEQUENCE {
//     version              INTEGER (1),
//     ssl_version          INTEGER,                        Session::version
//     cipher               OCTET STRING (SIZE (2)),        cipher_suite
//     session_id           OCTET STRING (SIZE (0..32)),
//     master_key           OCTET STRING,                   secret
//     time                 [1] INTEGER OPTIONAL,           issued_at
//     timeout              [2] INTEGER OPTIONAL,           lifetime
//     peer                 [3] Certificate OPTIONAL,       client_identity
//     session_id_context   [4] OCTET STRING (SIZE (0..32)),
//     verify_result        [5] INTEGER OPTIONAL,
//     hostname             [6] OCTET STRING OPTIONAL,      server_name
//     ticket_lifetime_hint [9] INTEGER OPTIONAL,
//     ticket               [10] OCTET STRING OPTIONAL,
//     flags                [13] INTEGER OPTIONAL,          extended_master_secret in bit 0
//     ticket_age_add       [14] INTEGER OPTIONAL,
//     max_early_data       [15] INTEGER OPTIONAL,          max_early_data_size
//     alpn_selected        [16] OCTET STRING OPTIONAL,     alpn
//     max_fragment_length  [17] INTEGER OPTIONAL,
//     ticket_appdata       [18] OCTET STRING OPTIONAL,     application_data
//     kex_group            [19] INTEGER OPTIONAL }         Extras::named_group
//
// All tags are explicit. What is zero or unset is left out, but for an empty session_id_context and
// for kex_group, which OpenSSL 3.0 always writes. A session with psk_identity_hint [7],
// psk_identity [8], comp_id [11], srp_username [12] or anything later than kex_group is refused:
// without it, it would be another session.
#pragma once

#include <expected>

#include <stek/session.hpp>

#include "foreign/openssl_id.hpp"

namespace stek::foreign {

/// 1.1.1 refuses a session with kex_group. 3.0 reads either.
enum class OpensslRelease : std::uint8_t { v1_1_1, v3_0 };

/// What an SSL_SESSION is: a Session, and what has no place in one.
///
/// Of a session that a client keeps, which has a ticket, `client_identity` is the server's
/// certificate: such a session is to be looked at, not to be resumed by a server.
struct OpensslSession {
  Session session;
  OpensslId session_id;
  OpensslId session_id_context;     ///< SSL_CTX_set_session_id_context's; compared on resumption
  std::uint32_t verify_result = 0;  ///< an X509_V_ERR_ code; 0 is X509_V_OK
  Seconds ticket_lifetime_hint{};   ///< only a client's
  std::vector<std::byte> ticket;    ///< only a client's
  OpensslRelease release = OpensslRelease::v1_1_1;  ///< decoded: v3_0 when it has kex_group

  friend bool operator==(const OpensslSession&, const OpensslSession&) noexcept = default;
};

/// In bytes, of a session that `encode_openssl_session` takes.
std::size_t size_of(const OpensslSession& session) noexcept;

/// The bytes written, `size_of(session)`. Not written is what OpenSSL has no place for: transport
/// (the version says it), encrypt-then-MAC, authenticated_at, context, identity_expires,
/// certificates behind the client's own, a server name that is only a hash, and of extras all but
/// the named group, in 1.1.1 that too. An unset time or lifetime means to OpenSSL now and 3
/// seconds.
///
/// `Error::unsuitable` for QUIC, and for a client identity that is only a hash: OpenSSL would
/// resume as if the client were nobody. `Error::invalid_session` for a field out of its range.
/// `Error::room_too_small` otherwise.
std::expected<std::size_t, Error> encode_openssl_session(Room room,
                                                         const OpensslSession& session) noexcept;

/// `passed_over` leaves the server name out, whatever is there: OpenSSL has it in the client's
/// spelling.
enum class Hostname : std::uint8_t { read, passed_over };

/// Takes what `encode_openssl_session` would have written, and nothing else. `Error::malformed` for
/// any other bytes, among them a server name that is not in canonical form;
/// `Error::invalid_session` for what is well written and no session; `Error::no_memory`. Context,
/// authenticated_at and identity_expires come from elsewhere: without them no session with a client
/// identity is sealed.
std::expected<OpensslSession, Error> decode_openssl_session(
    Bytes der, Hostname hostname = Hostname::read) noexcept;

}  // namespace stek::foreign
