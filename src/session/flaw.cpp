#include "session/flaw.hpp"

#include "session/suites.hpp"

namespace stek {

std::optional<std::string_view> flaw_of(const Session& session) noexcept {
  if (const auto flaw = flaw_beside_stamp(session)) return flaw;
  return flaw_of(stamp_of(session));
}

Stamp stamp_of(const Session& session) noexcept {
  return {.issued_at = session.issued_at,
          .authenticated_at = session.authenticated_at,
          .lifetime = session.lifetime,
          .context = session.context};
}

namespace {

bool version_fits_transport(Transport transport, ProtocolVersion version) noexcept {
  using enum ProtocolVersion;
  switch (transport) {
    case Transport::tls:
      return version == tls1_0 || version == tls1_1 || version == tls1_2 || version == tls1_3;
    case Transport::dtls:
      return version == dtls1_0 || version == dtls1_2 || version == dtls1_3;
    case Transport::quic:
      return version == tls1_3;
  }
  return false;
}

bool is_instant(Instant instant) noexcept {
  const auto seconds = instant.time_since_epoch().count();
  return seconds >= 0 && seconds < std::int64_t{1} << 40U;
}

std::optional<std::string_view> flaw_of_tls13(const Session& session) noexcept {
  if (session.extended_master_secret) return "extended_master_secret: not in TLS 1.3";
  if (!session.ticket_age_add) return "ticket_age_add: missing in TLS 1.3";
  if (!session.max_early_data_size) return "max_early_data_size: missing in TLS 1.3";
  return std::nullopt;
}

std::optional<std::string_view> flaw_of_tls12(const Session& session) noexcept {
  if (session.ticket_age_add) return "ticket_age_add: only in TLS 1.3";
  if (session.max_early_data_size) return "max_early_data_size: only in TLS 1.3";
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> flaw_of(const Stamp& stamp) noexcept {
  if (!is_instant(stamp.issued_at)) return "issued_at: out of range";
  if (!is_instant(stamp.authenticated_at)) return "authenticated_at: out of range";
  if (stamp.authenticated_at > stamp.issued_at) return "authenticated_at: after issued_at";
  if (stamp.lifetime < Seconds(0) || stamp.lifetime > std::chrono::hours(24 * 7)) {
    return "lifetime: over 604800 seconds (RFC 8446 section 4.6.1)";
  }
  return std::nullopt;
}

std::optional<std::string_view> flaw_beside_stamp(const Session& session) noexcept {
  const SuiteTraits suite = traits_of(session.cipher_suite);
  const bool tls13 = is_tls13(session.version);
  if (!version_fits_transport(session.transport, session.version)) {
    return "version: not one of this transport";
  }
  if (!suite.known) return "cipher_suite: not a suite that IANA lists";
  if (suite.tls13 != tls13) return "cipher_suite: not one of this version";
  if (session.secret.size() != secret_size(session.version, session.cipher_suite)) {
    return "secret: not of the length that version and suite give";
  }
  if (is_zero(session.secret.expose())) return "secret: all zero";
  if (session.encrypt_then_mac && (tls13 || !suite.cbc)) {
    return "encrypt_then_mac: only with a CBC suite";
  }
  const auto* name = std::get_if<HostName>(&session.server_name);
  if (name != nullptr && name->text().empty()) return "server_name: empty";
  if (session.truncated_hmac) return "truncated_hmac: never sealed (RFC 9325 section 4.6)";
  if (session.max_fragment_length > MaxFragmentLength::bytes_4096) {
    return "max_fragment_length: not a code of RFC 6066";
  }
  if (session.compression_method != 0)
    return "compression_method: only null (RFC 9325 section 3.3)";
  return tls13 ? flaw_of_tls13(session) : flaw_of_tls12(session);
}

}  // namespace stek
