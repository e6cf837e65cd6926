// BoringSSL's SSL_SESSION in DER, as SSL_SESSION_to_bytes_for_ticket writes it for a server,
// without BoringSSL: what BoringSSL gives to a ticket method to seal, and takes back when it is
// opened.
//
//   SSLSession ::= SEQUENCE {
//     version                 INTEGER (1),
//     sslVersion              INTEGER,                          Session::version
//     cipher                  OCTET STRING (SIZE (2)),          cipher_suite
//     sessionID               OCTET STRING (SIZE (0)),
//     secret                  OCTET STRING,                     secret
//     time                    [1] INTEGER,                      issued_at
//     timeout                 [2] INTEGER,                      lifetime
//     peer                    [3] Certificate OPTIONAL,         client_identity, the client's own
//     sessionIDContext        [4] OCTET STRING (SIZE (0..32)),
//     verifyResult            [5] INTEGER OPTIONAL,
//     peerSHA256              [13] OCTET STRING OPTIONAL,       client_identity, as a hash
//     extendedMasterSecret    [17] BOOLEAN OPTIONAL,            extended_master_secret
//     groupID                 [18] INTEGER OPTIONAL,            Extras::named_group
//     certChain               [19] Certificate, ... OPTIONAL,   client_identity, those behind it
//     ticketAgeAdd            [21] OCTET STRING (SIZE (4)) OPTIONAL,
//     peerSignatureAlgorithm  [23] INTEGER OPTIONAL,
//     ticketMaxEarlyData      [24] INTEGER OPTIONAL,            max_early_data_size
//     authTimeout             [25] INTEGER OPTIONAL,
//     earlyALPN               [26] OCTET STRING OPTIONAL,       alpn
//     localALPS               [29] OCTET STRING OPTIONAL,
//     peerALPS                [30] OCTET STRING OPTIONAL }
//
// All tags are explicit, and are others than OpenSSL's. What is zero or unset is left out where it
// is OPTIONAL. There is no place for a server name, application data, or a maximum fragment length,
// which BoringSSL does not negotiate. A session with anything else is refused, for without it, it
// would be another: pskIdentity [8], originalHandshakeHash [14] (Channel ID), what only a client
// has ([9], [10], [15], [16], [22]), and what is QUIC's ([27], [28]).
#pragma once

#include <expected>

#include <stek/session.hpp>

#include "foreign/openssl_id.hpp"

namespace stek::foreign {

/// Of an ALPS extension, which BoringSSL sends besides ALPN: any bytes, or none.
struct ApplicationSettings {
  std::vector<std::byte> bytes;
  friend bool operator==(const ApplicationSettings&, const ApplicationSettings&) noexcept = default;
};

/// What an SSL_SESSION is: a Session, and what has no place in one.
struct BoringsslSession {
  Session session;
  OpensslId session_id_context;     ///< SSL_CTX_set_session_id_context's; compared on resumption
  std::uint32_t verify_result = 0;  ///< an X509_V_ERR_ code; 0 is X509_V_OK
  std::uint16_t peer_signature_algorithm = 0;  ///< with a client's certificate; 0 is none
  /// For how long resumption may go on from here, renewals included; unset is `lifetime`.
  std::optional<Seconds> auth_timeout;
  /// Both or neither, and with `Session::alpn`.
  std::optional<ApplicationSettings> local_application_settings;
  std::optional<ApplicationSettings> peer_application_settings;

  friend bool operator==(const BoringsslSession&, const BoringsslSession&) noexcept = default;
};

/// In bytes, of a session that `encode_boringssl_session` takes.
std::size_t size_of(const BoringsslSession& session) noexcept;

/// The bytes written, `size_of(session)`. Not written is what BoringSSL has no place for: transport
/// (the version says it), encrypt-then-MAC, maximum fragment length, authenticated_at, context,
/// identity_expires, server name, application data, and of extras all but the named group.
///
/// `Error::unsuitable` for QUIC. `Error::invalid_session` for a field out of its range.
/// `Error::room_too_small` otherwise. BoringSSL refuses a suite that it does not know.
std::expected<std::size_t, Error> encode_boringssl_session(
    Room room, const BoringsslSession& session) noexcept;

/// Takes what `encode_boringssl_session` would have written, and nothing else. `Error::malformed`
/// for any other bytes; `Error::invalid_session` for what is well written and no session;
/// `Error::no_memory`. Context, authenticated_at and identity_expires come from elsewhere: without
/// them no session with a client identity is sealed.
std::expected<BoringsslSession, Error> decode_boringssl_session(Bytes der) noexcept;

}  // namespace stek::foreign
