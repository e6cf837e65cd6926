#include "foreign/openssl_session.hpp"

#include "foreign/der_record.hpp"

namespace stek::foreign {
namespace {

using namespace der;

/// What 3.0 always writes, and 1.1.1 never.
struct KexGroup : NamedGroup<Zero::written> {
  using Base = NamedGroup<Zero::written>;

  static std::size_t size(const OpensslSession& session) noexcept {
    return session.release == OpensslRelease::v3_0 ? Base::size(session) : 0;
  }
  static void put(wire::Writer& out, const OpensslSession& session) noexcept {
    if (session.release == OpensslRelease::v3_0) Base::put(out, session);
  }
  static bool get(wire::Reader& reader, OpensslSession& session) noexcept {
    session.release = OpensslRelease::v3_0;
    return Base::get(reader, session);
  }
};

template <class HostnamePart>
using SslSessionWith = Sequence<                                           // SSL_SESSION
    Constant<1>,                                                           // version
    Integer<&Session::version, 0xffff>,                                    // ssl_version
    OctetString<&Session::cipher_suite>,                                   // cipher
    OctetString<&OpensslSession::session_id>,                              // session_id
    OctetString<&Session::secret>,                                         // master_key
    Explicit<1, Integer<&Session::issued_at, latest>>,                     // time
    Explicit<2, Integer<&Session::lifetime, any_u32>>,                     // timeout
    Explicit<3, Certificate<&Session::client_identity>>,                   // peer
    Explicit<4, OctetString<&OpensslSession::session_id_context>>,         // session_id_context
    Explicit<5, Integer<&OpensslSession::verify_result, any_int>>,         // verify_result
    HostnamePart,                                                          // hostname
    Explicit<9, Integer<&OpensslSession::ticket_lifetime_hint, any_u32>>,  // ticket_lifetime_hint
    Explicit<10, OctetString<&OpensslSession::ticket>>,                    // ticket
    Explicit<13, Integer<&Session::extended_master_secret, 1>>,            // flags
    Explicit<14, Integer<&Session::ticket_age_add, any_u32>>,              // ticket_age_add
    Explicit<15, Integer<&Session::max_early_data_size, any_u32>>,         // max_early_data
    Explicit<16, OctetString<&Session::alpn, ProtocolName>>,               // alpn_selected
    Explicit<17, Integer<&Session::max_fragment_length, 4>>,               // max_fragment_length
    Explicit<18, OctetString<&Session::application_data, SecretBytes>>,    // ticket_appdata
    Explicit<19, KexGroup>>;                                               // kex_group

using SslSession = SslSessionWith<Explicit<6, OctetString<&Session::server_name, HostName>>>;
using SslSessionOfAnyHostname = SslSessionWith<Skipped<6>>;

bool has_no_place(const Session& session) noexcept {
  return session.transport == Transport::quic ||
         std::holds_alternative<ClientIdentityHash>(session.client_identity);
}

}  // namespace

std::size_t size_of(const OpensslSession& session) noexcept {
  return SslSession::size(session);
}

std::expected<std::size_t, Error> encode_openssl_session(Room room,
                                                         const OpensslSession& session) noexcept {
  if (has_no_place(session.session)) return std::unexpected(Error::unsuitable);
  return encode<SslSession>(room, session);
}

std::expected<OpensslSession, Error> decode_openssl_session(Bytes der, Hostname hostname) noexcept
    try {
  OpensslSession session;
  const bool read = hostname == Hostname::read ? decode<SslSession>(der, session)
                                               : decode<SslSessionOfAnyHostname>(der, session);
  if (!read) return std::unexpected(Error::malformed);
  // An INTEGER, and so left out when it is zero.
  Session& known = session.session;
  if (is_tls13(known.version) && !known.ticket_age_add) known.ticket_age_add = 0;
  if (!is_valid<SslSession>(session)) return std::unexpected(Error::invalid_session);
  return session;
} catch (const std::bad_alloc&) {
  return std::unexpected(Error::no_memory);
}

}  // namespace stek::foreign
