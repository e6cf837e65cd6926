#include "foreign/boringssl_session.hpp"

#include "foreign/der_record.hpp"

namespace stek::foreign {
namespace der {

template <>
struct Octets<ApplicationSettings> {
  using Base = Octets<std::vector<std::byte>>;
  static constexpr std::size_t min = 0;
  static constexpr std::size_t max = Base::max;
  static std::size_t size(const ApplicationSettings& settings) noexcept {
    return settings.bytes.size();
  }
  static void put(wire::Writer& out, const ApplicationSettings& settings) noexcept {
    out.bytes(settings.bytes);
  }
  static bool get(Bytes bytes, ApplicationSettings& settings) {
    return Base::get(bytes, settings.bytes);
  }
};

}  // namespace der

namespace {

using namespace der;

/// A server's ticket names no session by an id.
struct NoSessionId {
  static constexpr Tag tag = Tag::octet_string;

  static bool fits(const BoringsslSession& /*session*/) noexcept { return true; }
  static std::size_t size(const BoringsslSession& /*session*/) noexcept { return element_size(0); }
  static void put(wire::Writer& out, const BoringsslSession& /*session*/) noexcept {
    put_head(out, tag, 0);
  }
  static bool get(wire::Reader& reader, BoringsslSession& /*session*/) noexcept {
    const auto id = der::get(reader, tag);
    return id && id->empty();
  }
};

struct ExtendedMasterSecret {
  static constexpr Tag tag = Tag::boolean;
  static constexpr std::uint8_t yes = 0xff;

  static bool fits(const BoringsslSession& /*session*/) noexcept { return true; }
  static std::size_t size(const BoringsslSession& session) noexcept {
    return session.session.extended_master_secret ? element_size(sizeof yes) : 0;
  }
  static void put(wire::Writer& out, const BoringsslSession& session) noexcept {
    if (!session.session.extended_master_secret) return;
    put_head(out, tag, sizeof yes);
    out.number(yes);
  }
  static bool get(wire::Reader& reader, BoringsslSession& session) noexcept {
    const auto value = der::get(reader, tag);
    session.session.extended_master_secret = true;
    return value && value->size() == sizeof yes && value->front() == std::byte{yes};
  }
};

/// In place of certificates.
struct PeerSha256 : OctetString<&Session::client_identity, ClientIdentityHash> {
  using Base = OctetString<&Session::client_identity, ClientIdentityHash>;

  static bool get(wire::Reader& reader, BoringsslSession& session) {
    return !wire::is_set(session.session.client_identity) && Base::get(reader, session);
  }
};

/// One after the other, behind the client's own.
struct CertificatesBehind {
  static bool fits(const BoringsslSession& session) noexcept {
    return std::ranges::all_of(behind(session),
                               [](const auto& certificate) { return is_certificate(certificate); });
  }
  static std::size_t size(const BoringsslSession& session) noexcept {
    std::size_t size = 0;
    for (const auto& certificate : behind(session)) size += certificate.size();
    return size;
  }
  static void put(wire::Writer& out, const BoringsslSession& session) noexcept {
    for (const auto& certificate : behind(session)) out.bytes(certificate);
  }
  static bool get(wire::Reader& reader, BoringsslSession& session) {
    auto* chain = std::get_if<CertificateChain>(&session.session.client_identity);
    if (chain == nullptr) return false;
    while (!reader.empty()) {
      const auto certificate = get_certificate(reader);
      if (!certificate) return false;
      chain->certificates.emplace_back(certificate->begin(), certificate->end());
    }
    return true;
  }

 private:
  using Certificates = std::span<const std::vector<std::byte>>;
  static Certificates behind(const BoringsslSession& session) noexcept {
    const auto* chain = std::get_if<CertificateChain>(&session.session.client_identity);
    if (chain == nullptr || chain->certificates.empty()) return {};
    return Certificates(chain->certificates).subspan(1);
  }
};

struct AuthTimeout {
  static bool fits(const BoringsslSession& session) noexcept {
    const auto& timeout = session.auth_timeout;
    return !timeout || (number_in(*timeout) <= any_u32 && *timeout != session.session.lifetime);
  }
  static std::size_t size(const BoringsslSession& session) noexcept {
    return session.auth_timeout ? integer_size(number_in(*session.auth_timeout)) : 0;
  }
  static void put(wire::Writer& out, const BoringsslSession& session) noexcept {
    if (session.auth_timeout) put_integer(out, number_in(*session.auth_timeout));
  }
  static bool get(wire::Reader& reader, BoringsslSession& session) noexcept {
    const auto n = get_integer(reader);
    if (!n || *n > any_u32) return false;
    session.auth_timeout = Seconds(*n);
    return fits(session);
  }
};

using SslSession = Sequence<                                             // SSLSession
    Constant<1>,                                                         // version
    Integer<&Session::version, 0xffff>,                                  // sslVersion
    OctetString<&Session::cipher_suite>,                                 // cipher
    NoSessionId,                                                         // sessionID
    OctetString<&Session::secret>,                                       // secret
    Explicit<1, Integer<&Session::issued_at, latest, Zero::written>>,    // time
    Explicit<2, Integer<&Session::lifetime, any_u32, Zero::written>>,    // timeout
    Explicit<3, Certificate<&Session::client_identity>>,                 // peer
    Explicit<4, OctetString<&BoringsslSession::session_id_context>>,     // sessionIDContext
    Explicit<5, Integer<&BoringsslSession::verify_result, any_int>>,     // verifyResult
    Explicit<13, PeerSha256>,                                            // peerSHA256
    Explicit<17, ExtendedMasterSecret>,                                  // extendedMasterSecret
    Explicit<18, NamedGroup<Zero::left_out>>,                            // groupID
    Explicit<19, CertificatesBehind>,                                    // certChain
    Explicit<21, OctetString<&Session::ticket_age_add, std::uint32_t>>,  // ticketAgeAdd
    Explicit<23, Integer<&BoringsslSession::peer_signature_algorithm,
                         0xffff>>,                                  // peerSignatureAlgorithm
    Explicit<24, Integer<&Session::max_early_data_size, any_u32>>,  // ticketMaxEarlyData
    Explicit<25, AuthTimeout>,                                      // authTimeout
    Explicit<26, OctetString<&Session::alpn, ProtocolName>>,        // earlyALPN
    Explicit<29, OctetString<&BoringsslSession::local_application_settings,
                             ApplicationSettings>>,  // localALPS
    Explicit<30, OctetString<&BoringsslSession::peer_application_settings,
                             ApplicationSettings>>>;  // peerALPS

bool settings_are_consistent(const BoringsslSession& session) noexcept {
  const bool local = session.local_application_settings.has_value();
  return local == session.peer_application_settings.has_value() &&
         (!local || session.session.alpn.has_value());
}

}  // namespace

std::size_t size_of(const BoringsslSession& session) noexcept {
  return SslSession::size(session);
}

std::expected<std::size_t, Error> encode_boringssl_session(
    Room room, const BoringsslSession& session) noexcept {
  if (session.session.transport == Transport::quic) return std::unexpected(Error::unsuitable);
  if (!settings_are_consistent(session)) return std::unexpected(Error::invalid_session);
  return encode<SslSession>(room, session);
}

std::expected<BoringsslSession, Error> decode_boringssl_session(Bytes der) noexcept try {
  BoringsslSession session;
  if (!decode<SslSession>(der, session) || !settings_are_consistent(session)) {
    return std::unexpected(Error::malformed);
  }
  if (!is_valid<SslSession>(session)) return std::unexpected(Error::invalid_session);
  return session;
} catch (const std::bad_alloc&) {
  return std::unexpected(Error::no_memory);
}

}  // namespace stek::foreign
