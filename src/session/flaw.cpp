#include "session/flaw.hpp"

#include <algorithm>

#include <stek/cipher_suite.hpp>

#include "wire/record.hpp"

namespace stek {

using Flaw = std::optional<std::string_view>;

Flaw flaw_of(const Session& session) noexcept {
  return flaw_of(session, stamp_of(session));
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

Flaw flaw_of_secret(const Session& session, const CipherSpec& suite) noexcept {
  // 13.17. RFC 8446 section 4.6.1: the PSK is Hash.length bytes.
  if (session.secret.size() != secret_size(session.version, suite)) {
    return "secret: not of the length that version and suite give";
  }
  if (session.secret.is_zero()) return "secret: all zero";
  return std::nullopt;
}

Flaw flaw_of_extensions(const Session& session) noexcept {
  const auto* name = std::get_if<HostName>(&session.server_name);
  if (name != nullptr && name->text().empty()) return "server_name: empty";
  if (session.truncated_hmac) return "truncated_hmac: never sealed (RFC 9325 section 4.6)";
  if (session.max_fragment_length > MaxFragmentLength::bytes_4096) {
    return "max_fragment_length: not a code of RFC 6066";
  }
  if (session.compression_method != 0) {
    return "compression_method: only null (RFC 9325 section 3.3)";
  }
  if (session.alpn &&
      (session.alpn->bytes.empty() || session.alpn->bytes.size() > ProtocolName::max_size)) {
    return "alpn: not of 1 to 255 bytes (RFC 7301 section 3.1)";
  }
  return std::nullopt;
}

Flaw flaw_of_tls13(const Session& session) noexcept {
  if (session.extended_master_secret) return "extended_master_secret: not in TLS 1.3";
  // 13.16. RFC 8446 section 4.6.1: "The server MUST generate a fresh value for each ticket it
  // sends."
  if (!session.ticket_age_add) return "ticket_age_add: missing in TLS 1.3";
  if (!session.max_early_data_size) return "max_early_data_size: missing in TLS 1.3";
  // RFC 9001 section 4.6.1: "Servers MUST NOT send the early_data extension with a
  // max_early_data_size field set to any value other than 0xffffffff."
  if (session.transport == Transport::quic && *session.max_early_data_size != 0 &&
      *session.max_early_data_size != 0xffffffff) {
    return "max_early_data_size: in QUIC 0 or 0xffffffff (RFC 9001 section 4.6.1)";
  }
  return std::nullopt;
}

Flaw flaw_of_tls12(const Session& session) noexcept {
  if (session.ticket_age_add) return "ticket_age_add: only in TLS 1.3";
  if (session.max_early_data_size) return "max_early_data_size: only in TLS 1.3";
  return std::nullopt;
}

Flaw flaw_of(const CertificateChain& chain) noexcept {
  const auto& certificates = chain.certificates;
  if (certificates.empty()) return "client_identity_chain: empty";
  if (std::ranges::any_of(certificates, &std::vector<std::byte>::empty)) {
    return "client_identity_chain: a certificate is empty";
  }
  return std::nullopt;
}

Flaw flaw_of_identity(const Session& session, const Context& context) noexcept {
  if (std::holds_alternative<std::monostate>(session.client_identity)) {
    if (session.identity_expires) return "identity_expires: only beside a client identity";
    return std::nullopt;
  }
  if (const auto* chain = std::get_if<CertificateChain>(&session.client_identity)) {
    if (const Flaw flaw = flaw_of(*chain)) return flaw;
  }
  if (!session.identity_expires) return "identity_expires: missing beside a client identity";
  if (!is_instant(*session.identity_expires)) return "identity_expires: out of range";
  if (context == Context{}) return "context: missing beside a client identity";
  return std::nullopt;
}

Flaw flaw_of(const Extras& extras) noexcept {
  if (extras == Extras{}) return "extras: empty";
  const std::size_t longest =
      std::max({extras.signature_algorithms.size(), extras.supported_groups.size(),
                extras.ec_point_formats.size(), extras.ffdhe_groups.size()});
  if (longest > wire::longest_list) return "extras: a list of over 255 values";
  const auto mode = extras.heartbeat_mode.value_or(HeartbeatMode::peer_allowed_to_send);
  if (mode != HeartbeatMode::peer_allowed_to_send &&
      mode != HeartbeatMode::peer_not_allowed_to_send) {
    return "extras: heartbeat_mode is not one of RFC 6520";
  }
  return std::nullopt;
}

Flaw flaw_of(const Stamp& stamp) noexcept {
  if (!is_instant(stamp.issued_at)) return "issued_at: out of range";
  if (!is_instant(stamp.authenticated_at)) return "authenticated_at: out of range";
  if (stamp.authenticated_at > stamp.issued_at) return "authenticated_at: after issued_at";
  if (stamp.lifetime < Seconds(0) || stamp.lifetime > std::chrono::hours(24 * 7)) {
    return "lifetime: over 604800 seconds (RFC 8446 section 4.6.1)";
  }
  return std::nullopt;
}

}  // namespace

Flaw flaw_of(const Session& session, const Stamp& stamp) noexcept {
  if (const Flaw flaw = flaw_of_parameters(session)) return flaw;
  if (const Flaw flaw = flaw_of_identity(session, stamp.context)) return flaw;
  return flaw_of(stamp);
}

Flaw flaw_of_parameters(const Session& session) noexcept {
  const CipherSpec& suite = cipher_spec_of(session.cipher_suite);
  const bool tls13 = is_tls13(session.version);
  if (!version_fits_transport(session.transport, session.version)) {
    return "version: not one of this transport";
  }
  if (!suite.known) return "cipher_suite: not a suite that IANA lists";
  if (suite.tls13 != tls13) return "cipher_suite: not one of this version";
  if (session.encrypt_then_mac && suite.mode != CipherMode::cbc) {
    return "encrypt_then_mac: only with a CBC suite";
  }
  if (const Flaw flaw = flaw_of_secret(session, suite)) return flaw;
  if (const Flaw flaw = flaw_of_extensions(session)) return flaw;
  if (const Flaw flaw = tls13 ? flaw_of_tls13(session) : flaw_of_tls12(session)) return flaw;
  if (session.application_data && session.application_data->size() == 0) {
    return "application_data: empty";
  }
  return session.extras ? flaw_of(*session.extras) : std::nullopt;
}

}  // namespace stek
