#include <algorithm>
#include <cstring>

#include <stek/cipher_suite.hpp>
#include <stek/resumption.hpp>

#include "base/hash.hpp"
#include "resumption/decide.hpp"

namespace stek {
namespace {

// A rule says what stands against resumption, or nothing.
using Objection = std::optional<Verdict>;

Objection full_handshake(Reason reason) noexcept {
  return Verdict{.outcome = Outcome::full_handshake, .reason = reason};
}
Objection abort_with(Alert alert, Reason reason) noexcept {
  return Verdict{.outcome = Outcome::abort, .reason = reason, .alert = alert};
}
constexpr std::nullopt_t fine = std::nullopt;

template <class List, class Value>
bool contains(const List& list, const Value& value) noexcept {
  return std::ranges::find(list, value) != list.end();
}

bool enabled(const Policy& policy, CipherSuite suite) noexcept {
  return policy.cipher_suites.empty() || contains(policy.cipher_suites, suite);
}

// DTLS counts its versions down from 0xfeff; these put both on one rising scale.
unsigned rank(ProtocolVersion version) noexcept {
  switch (version) {
    case ProtocolVersion::tls1_0:
      return 1;
    case ProtocolVersion::tls1_1:
    case ProtocolVersion::dtls1_0:
      return 2;
    case ProtocolVersion::tls1_2:
    case ProtocolVersion::dtls1_2:
      return 3;
    case ProtocolVersion::tls1_3:
    case ProtocolVersion::dtls1_3:
      return 4;
    case ProtocolVersion::none:
      break;
  }
  return 0;
}

/// A version that is not in the table is newer than all that are, when it stands in legacy_version.
unsigned rank_of_legacy(const ClientHello& hello) noexcept {
  constexpr unsigned tls1_2 = 3;
  const unsigned known = rank(hello.legacy_version);
  const auto number = static_cast<std::uint16_t>(hello.legacy_version);
  const bool newer = hello.transport == Transport::dtls
                         ? number < static_cast<std::uint16_t>(ProtocolVersion::dtls1_2)
                         : number > static_cast<std::uint16_t>(ProtocolVersion::tls1_2);
  // RFC 8446 section 4.2.1: without supported_versions nothing above TLS 1.2 is negotiated.
  return newer ? tls1_2 : known;
}

/// The version that this hello and policy give, as a rank; 0 for none.
unsigned negotiated(const ClientHello& hello, const Policy& policy) noexcept {
  const unsigned least = rank(policy.min_version);
  const unsigned most = rank(policy.max_version);
  if (!hello.supported_versions) {
    const unsigned version = std::min(rank_of_legacy(hello), most);
    return version >= least ? version : 0;
  }
  unsigned best = 0;
  for (const ProtocolVersion version : *hello.supported_versions) {
    const unsigned offered = rank(version);
    if (offered >= least && offered <= most) best = std::max(best, offered);
  }
  return best;
}

constexpr unsigned tls13_rank = 4;

ProtocolVersion version_of_rank(unsigned number, Transport transport) noexcept {
  using enum ProtocolVersion;
  constexpr std::array<ProtocolVersion, 5> tls{none, tls1_0, tls1_1, tls1_2, tls1_3};
  constexpr std::array<ProtocolVersion, 5> dtls{none, none, dtls1_0, dtls1_2, dtls1_3};
  return (transport == Transport::dtls ? dtls : tls)[number];
}

Objection version_is_supported(unsigned version) noexcept {
  // 12.6. RFC 5246 appendix E.1: "If server supports (or is willing to use) only versions greater
  // than client_version, it MUST send a "protocol_version" alert message and close the connection."
  if (version == 0) {
    return abort_with(Alert::protocol_version, Reason::version_unsupported);
  }
  return fine;
}

Objection fallback_is_appropriate(const ClientHello& hello, const Policy& policy,
                                  unsigned version) noexcept {
  // 12.7. RFC 7507 section 3: "If TLS_FALLBACK_SCSV appears in ClientHello.cipher_suites and the
  // highest protocol version supported by the server is higher than the version indicated in
  // ClientHello.client_version, the server MUST respond with a fatal inappropriate_fallback alert".
  if (hello.fallback && version < rank(policy.max_version)) {
    return abort_with(Alert::inappropriate_fallback, Reason::inappropriate_fallback);
  }
  return fine;
}

Objection fragment_length_is_defined(const ClientHello& hello) noexcept {
  // 12.24. RFC 6066 section 4: "If a server receives a maximum fragment length negotiation request
  // for a value other than the allowed values, it MUST abort the handshake with an
  // "illegal_parameter" alert."
  if (hello.max_fragment_length &&
      (*hello.max_fragment_length < 1 || *hello.max_fragment_length > 4)) {
    return abort_with(Alert::illegal_parameter, Reason::max_fragment_length_invalid);
  }
  return fine;
}

/// The first of ours that the client offers.
const ProtocolName* common_protocol(const ClientHello& hello, const Policy& policy) noexcept {
  for (const ProtocolName& ours : policy.application_protocols) {
    if (contains(hello.application_protocols, ours)) return &ours;
  }
  return nullptr;
}

Objection some_protocol_is_common(const ClientHello& hello, const Policy& policy) noexcept {
  if (hello.application_protocols.empty() || policy.application_protocols.empty()) return fine;
  // 12.29. RFC 7301 section 3.2: "In the event that the server supports no protocols that the
  // client advertises, then the server SHALL respond with a fatal "no_application_protocol" alert."
  if (common_protocol(hello, policy) == nullptr) {
    return abort_with(Alert::no_application_protocol, Reason::no_application_protocol);
  }
  return fine;
}

Objection tls13_hello_is_legal(const ClientHello& hello) noexcept {
  // 13.9. RFC 8446 section 4.1.2: "If a TLS 1.3 ClientHello is received with any other value in
  // this field, the server MUST abort the handshake with an "illegal_parameter" alert."
  if (hello.compression_methods.size() != 1 || hello.compression_methods.front() != 0) {
    return abort_with(Alert::illegal_parameter, Reason::compression_offered);
  }
  if (hello.psk_identities.empty()) return fine;
  // 13.1. RFC 8446 section 4.2.11: "Servers MUST check that it is the last extension and otherwise
  // fail the handshake with an "illegal_parameter" alert."
  if (!hello.pre_shared_key_last) {
    return abort_with(Alert::illegal_parameter, Reason::pre_shared_key_not_last);
  }
  // 13.2. RFC 8446 section 4.2.9: "If clients offer "pre_shared_key" without a
  // "psk_key_exchange_modes" extension, servers MUST abort the handshake."
  if (!hello.psk_key_exchange_modes) {
    return abort_with(Alert::missing_extension, Reason::psk_modes_missing);
  }
  return fine;
}

Objection objection_to_hello(const ClientHello& hello, const Policy& policy,
                             unsigned version) noexcept {
  if (auto o = version_is_supported(version)) return o;
  if (auto o = fallback_is_appropriate(hello, policy, version)) return o;
  if (auto o = fragment_length_is_defined(hello)) return o;
  if (auto o = some_protocol_is_common(hello, policy)) return o;
  return version == tls13_rank ? tls13_hello_is_legal(hello) : fine;
}

Objection same_version(const Session& session, const ClientHello& hello,
                       unsigned version) noexcept {
  // 12.5, 13.3. RFC 5077 section 4 has the version in the state; a key exchange of one version
  // gives no secret for another.
  if (session.transport != hello.transport) return full_handshake(Reason::transport_differs);
  if (rank(session.version) != version) {
    return full_handshake(Reason::version_differs);
  }
  return fine;
}

Seconds cap_of(const Session& session, const Policy& policy) noexcept {
  return is_tls13(session.version) ? policy.cap_tls13 : policy.cap;
}

Objection young_enough(const Session& session, const Policy& policy, Instant now) noexcept {
  // 12.4, 13.3. RFC 5077 section 4 has a timestamp in the state, for tickets to expire by.
  if (session.issued_at - now > policy.skew) return full_handshake(Reason::issued_in_future);
  // RFC 5077 section 5.6 leaves the lifetime to the server; its policy of today can only shorten
  // what was promised.
  if (now - session.issued_at >= std::min(session.lifetime, policy.lifetime)) {
    return full_handshake(Reason::ticket_expired);
  }
  // 12.35, 13.18. RFC 9325 section 3.4 and RFC 8446 section 4.6.1: renewal must not keep a session
  // alive for ever.
  if (now - session.authenticated_at >= cap_of(session, policy)) {
    return full_handshake(Reason::authentication_too_old);
  }
  return fine;
}

bool has_identity(const Session& session) noexcept {
  return !std::holds_alternative<std::monostate>(session.client_identity);
}

bool identity_expired(const Session& session, Instant now) noexcept {
  return session.identity_expires && now >= *session.identity_expires;
}

Objection identity_suffices(const Session& session, const Policy& policy, Instant now) noexcept {
  // 12.30. RFC 5077 section 4 has the client's identity in the state, so that a resumed session
  // stands for whom it stood for, and one of nobody is nobody's.
  if (policy.require_client_identity && !has_identity(session)) {
    return full_handshake(Reason::identity_missing);
  }
  // RFC 5246 appendix F.1.4: "If either party suspects that the session may have been compromised,
  // or that certificates may have expired or been revoked, it should force a full handshake."
  if (identity_expired(session, now)) return full_handshake(Reason::identity_expired);
  return fine;
}

Objection same_context(const Session& session, const Policy& policy) noexcept {
  // 12.30. What authenticated the client there need not do so here: other trust anchors, another
  // virtual host.
  if (std::memcmp(session.context.data(), policy.context.data(), sizeof(Context)) != 0) {
    return full_handshake(Reason::context_differs);
  }
  return fine;
}

Objection same_server_name(const Session& session, const ClientHello& hello,
                           const Policy& policy) noexcept {
  // 13.7. RFC 8446 section 4.2.11: "In TLS 1.3, the SNI value is always explicitly specified in the
  // resumption handshake, and there is no need for the server to associate an SNI value with the
  // ticket." Never to a client that was authenticated under the other name.
  if (is_tls13(session.version) && policy.tls13_any_server_name && !has_identity(session)) {
    return fine;
  }
  // 12.12 to 12.14. RFC 6066 section 3: "A server that implements this extension MUST NOT accept
  // the request to resume the session if the server_name extension contains a different name."
  if (!same_server(session.server_name, hello.server_name)) {
    return full_handshake(Reason::server_name_differs);
  }
  return fine;
}

Objection same_suite(const Session& session, const ClientHello& hello,
                     const Policy& policy) noexcept {
  // 12.8. RFC 5246 section 7.4.1.2: "If the session_id field is not empty (implying a session
  // resumption request), this vector MUST include at least the cipher_suite from that session." No
  // alert is named for a client that breaks this.
  if (!contains(hello.cipher_suites, session.cipher_suite)) {
    return full_handshake(Reason::suite_not_offered);
  }
  // 12.9, 12.10. RFC 5246 section 7.4.1.3: a resumed session has the suite of its state, whatever
  // is preferred now; whether that is still good enough is for the server to say.
  if (!enabled(policy, session.cipher_suite)) return full_handshake(Reason::suite_not_enabled);
  return fine;
}

/// The suite for `session` in TLS 1.3: of the session's hash, and the best of ours that the client
/// offers. `none` when there is no such suite.
CipherSuite suite_with_hash(const Session& session, const ClientHello& hello,
                            const Policy& policy) noexcept {
  const auto& by_preference =
      policy.cipher_suites.empty() ? hello.cipher_suites : policy.cipher_suites;
  const Hash hash = cipher_spec_of(session.cipher_suite).hash;
  for (const CipherSuite suite : by_preference) {
    const CipherSpec& spec = cipher_spec_of(suite);
    if (spec.known && spec.tls13 && spec.hash == hash && contains(hello.cipher_suites, suite)) {
      return suite;
    }
  }
  return CipherSuite::none;
}

Objection same_hash(const Session& session, const ClientHello& hello,
                    const Policy& policy) noexcept {
  // 13.4. RFC 8446 section 4.2.11: "The server MUST ensure that it selects a compatible PSK (if
  // any) and cipher suite."
  if (suite_with_hash(session, hello, policy) == CipherSuite::none) {
    return full_handshake(Reason::hash_differs);
  }
  return fine;
}

Objection same_compression(const Session& session, const ClientHello& hello) noexcept {
  // 12.11. RFC 5246 section 7.4.1.2: "it MUST include the compression_method from that session".
  // RFC 9325 section 3.3 leaves null as the only one.
  constexpr std::uint8_t null = 0;
  if (session.compression_method != null || !contains(hello.compression_methods, null)) {
    return full_handshake(Reason::compression_not_offered);
  }
  return fine;
}

Objection whole_hmac(const Session& session) noexcept {
  // 12.26. RFC 9325 section 4.6: "Implementations MUST NOT use the Truncated HMAC Extension".
  if (session.truncated_hmac) return full_handshake(Reason::truncated_hmac);
  return fine;
}

Objection same_fragment_length(const Session& session, const ClientHello& hello) noexcept {
  // 12.25. RFC 6066 section 4: "The negotiated length applies for the duration of the session
  // including session resumptions." A client that asks for another one gets it, by a full
  // handshake.
  if (static_cast<std::uint8_t>(session.max_fragment_length) !=
      hello.max_fragment_length.value_or(0)) {
    return full_handshake(Reason::max_fragment_length_differs);
  }
  return fine;
}

Objection same_encrypt_then_mac(const Session& session, const ClientHello& hello) noexcept {
  // 12.23. RFC 7366 section 3: "If a server receives an encrypt-then-MAC request extension from a
  // client and then selects a stream or Authenticated Encryption with Associated Data (AEAD)
  // ciphersuite, it MUST NOT send an encrypt-then-MAC response extension back to the client."
  if (cipher_spec_of(session.cipher_suite).mode != CipherMode::cbc) return fine;
  // 12.20 to 12.22. RFC 7366 section 3.1 makes it an error to go back to MAC-then-encrypt in a
  // renegotiation, and is silent on resumption.
  if (session.encrypt_then_mac && !hello.encrypt_then_mac) {
    return full_handshake(Reason::encrypt_then_mac_missing);
  }
  if (!session.encrypt_then_mac && hello.encrypt_then_mac) {
    return full_handshake(Reason::encrypt_then_mac_added);
  }
  return fine;
}

Objection objection_to_legacy(LegacyEms rule) noexcept {
  switch (rule) {
    case LegacyEms::resume:
      return fine;
    case LegacyEms::abort:
      return abort_with(Alert::handshake_failure, Reason::extended_master_secret_absent);
    case LegacyEms::full_handshake:
      break;
  }
  return full_handshake(Reason::extended_master_secret_absent);
}

// The four cases of RFC 7627 section 5.3. Last, because the abort is for a handshake that would
// otherwise be abbreviated.
Objection same_master_secret_kind(const Session& session, const ClientHello& hello,
                                  const Policy& policy) noexcept {
  // 12.16. "If the original session did not use the "extended_master_secret" extension but the new
  // ClientHello contains the extension, then the server MUST NOT perform the abbreviated
  // handshake."
  if (!session.extended_master_secret && hello.extended_master_secret) {
    return full_handshake(Reason::extended_master_secret_added);
  }
  // 12.17. "If the original session used the "extended_master_secret" extension but the new
  // ClientHello does not contain it, the server MUST abort the abbreviated handshake." The alert is
  // that of section 5.2.
  if (session.extended_master_secret && !hello.extended_master_secret) {
    return abort_with(Alert::handshake_failure, Reason::extended_master_secret_missing);
  }
  // 12.18. "If neither the original session nor the new ClientHello uses the extension, the server
  // SHOULD abort the handshake. If it continues with an abbreviated handshake in order to support
  // legacy insecure resumption [...]".
  if (!session.extended_master_secret) return objection_to_legacy(policy.legacy_ems);
  // 12.19. Both have it: the server resumes and says so in its ServerHello.
  return fine;
}

Objection dhe_offered(const ClientHello& hello) noexcept {
  if (hello.psk_identities.empty()) return full_handshake(Reason::no_ticket);
  constexpr std::uint8_t psk_dhe_ke = 1;
  // 13.5. RFC 8446 section 4.2.9: "Servers MUST NOT select a key exchange mode that is not listed
  // by the client." RFC 9325 section 3.4 prefers psk_dhe_ke; it is the only one here.
  if (!hello.psk_key_exchange_modes || !contains(*hello.psk_key_exchange_modes, psk_dhe_ke) ||
      !hello.key_share) {
    return full_handshake(Reason::psk_mode_unsuitable);
  }
  return fine;
}

// 12.27. Of the client's groups, signature algorithms and point formats nothing is asked here: a
// resumption exchanges and signs no key.
Objection objection_in_tls12(const Session& session, const ClientHello& hello,
                             const Policy& policy) noexcept {
  if (auto o = same_suite(session, hello, policy)) return o;
  if (auto o = same_compression(session, hello)) return o;
  if (auto o = whole_hmac(session)) return o;
  if (auto o = same_fragment_length(session, hello)) return o;
  if (auto o = same_encrypt_then_mac(session, hello)) return o;
  return same_master_secret_kind(session, hello, policy);
}

Objection objection_in_tls13(const Session& session, const ClientHello& hello,
                             const Policy& policy) noexcept {
  if (auto o = same_hash(session, hello, policy)) return o;
  return dhe_offered(hello);
}

Objection objection(const Session& session, const ClientHello& hello, const Policy& policy,
                    Instant now) noexcept {
  const unsigned version = negotiated(hello, policy);
  if (auto o = objection_to_hello(hello, policy, version)) return o;
  if (auto o = same_version(session, hello, version)) return o;
  if (auto o = young_enough(session, policy, now)) return o;
  if (auto o = identity_suffices(session, policy, now)) return o;
  if (auto o = same_context(session, policy)) return o;
  if (auto o = same_server_name(session, hello, policy)) return o;
  return is_tls13(session.version) ? objection_in_tls13(session, hello, policy)
                                   : objection_in_tls12(session, hello, policy);
}

/// 13.16. RFC 8446 appendix C.4: a TLS 1.3 ticket is for one use. Up to TLS 1.2 a ticket serves
/// again until half of its life is over.
bool renewal_is_due(const Session& session, Seconds age) noexcept {
  return is_tls13(session.version) || age >= session.lifetime / 2;
}

CipherSuite suite_for(const Session& session, const ClientHello& hello,
                      const Policy& policy) noexcept {
  return is_tls13(session.version) ? suite_with_hash(session, hello, policy) : session.cipher_suite;
}

// ---- Early data

bool same_protocol(const Session& session, const ClientHello& hello,
                   const Policy& policy) noexcept {
  const ProtocolName* now = common_protocol(hello, policy);
  return now == nullptr ? !session.alpn : session.alpn == *now;
}

/// The ticket's age as the client sees it, beside ours.
bool is_fresh(const Session& session, const PskIdentity& offered, const Policy& policy,
              Instant now) noexcept {
  using std::chrono::milliseconds;
  // RFC 8446 section 4.2.11.1: the client adds ticket_age_add "modulo 2^32".
  const milliseconds theirs(offered.obfuscated_ticket_age - session.ticket_age_add.value_or(0));
  const milliseconds ours = now - session.issued_at;
  // In seconds, which a window without an end does not overflow.
  return std::chrono::ceil<Seconds>(std::chrono::abs(theirs - ours)) <= policy.early_data_window;
}

/// 13.12. RFC 8446 section 4.2.10: "In order to accept early data, the server MUST have accepted a
/// PSK cipher suite and selected the first key offered in the client's "pre_shared_key" extension.
/// In addition, it MUST verify that the following values are the same as those associated with the
/// selected PSK: the TLS version number; the selected cipher suite; the selected ALPN protocol, if
/// any." That the version is the same, and that the session resumes, is found by now.
EarlyData answer_to_early_data(const Session& session, const ClientHello& hello,
                               const Policy& policy, Instant now, std::size_t identity) noexcept {
  if (!hello.early_data || !is_tls13(session.version)) return EarlyData::none;
  if (!policy.early_data) return EarlyData::disabled;
  if (session.max_early_data_size.value_or(0) == 0) return EarlyData::not_in_ticket;
  if (identity != 0) return EarlyData::not_first_identity;
  if (suite_with_hash(session, hello, policy) != session.cipher_suite) {
    return EarlyData::suite_differs;
  }
  // What was said to one virtual host is not for another, even where the session is.
  if (!same_server(session.server_name, hello.server_name)) {
    return EarlyData::server_name_differs;
  }
  // 13.8.
  if (!same_protocol(session, hello, policy)) return EarlyData::application_protocol_differs;
  // 13.11. RFC 8446 section 8.3: "it is possible to efficiently determine whether a ClientHello was
  // likely sent reasonably recently and only accept 0-RTT for such a ClientHello".
  if (!is_fresh(session, hello.psk_identities.front(), policy, now)) return EarlyData::not_fresh;
  return EarlyData::accept;
}

}  // namespace

ProtocolVersion negotiated_version(const ClientHello& hello, const Policy& policy) noexcept {
  return version_of_rank(negotiated(hello, policy), hello.transport);
}

std::optional<Verdict> decide_hello(const ClientHello& hello, const Policy& policy) noexcept {
  return objection_to_hello(hello, policy, negotiated(hello, policy));
}

void decide_into(Verdict& verdict, const Session& session, const ClientHello& hello,
                 const Policy& policy, Instant now, std::size_t identity) noexcept {
  const Seconds age = std::max(now - session.issued_at, Seconds(0));
  if (const auto against = objection(session, hello, policy, now)) {
    verdict = *against;
    verdict.age = age;
    return;
  }
  verdict = {.outcome = Outcome::resume, .reason = Reason::resumes};
  verdict.age = age;
  verdict.renew = renewal_is_due(session, age);
  verdict.cipher_suite = suite_for(session, hello, policy);
  verdict.early_data = answer_to_early_data(session, hello, policy, now, identity);
  if (verdict.early_data == EarlyData::accept) {
    verdict.replay_identity = replay_identity_of(session);
  }
}

Verdict decide(const Session& session, const ClientHello& hello, const Policy& policy, Instant now,
               std::size_t identity) noexcept {
  Verdict verdict;
  decide_into(verdict, session, hello, policy, now, identity);
  return verdict;
}

ReplayIdentity replay_identity_of(const Session& session) noexcept {
  constexpr std::string_view message = "stek/1 replay";
  ReplayIdentity identity{};
  blake2b(identity, session.secret.expose(), {std::as_bytes(std::span(message))});
  return identity;
}

std::optional<Error> refusal_to_issue(const Session& session, const Policy& policy,
                                      Instant now) noexcept {
  // RFC 7627 section 5.4: a session without the extension is open to the triple handshake attack on
  // resumption.
  if (!is_tls13(session.version) && !session.extended_master_secret &&
      policy.legacy_ems != LegacyEms::resume) {
    return Error::no_extended_master_secret;
  }
  // 12.35, 13.18.
  const bool renewed = session.authenticated_at != Instant{};
  if (renewed && now - session.authenticated_at >= cap_of(session, policy)) {
    return Error::authentication_too_old;
  }
  if (policy.require_client_identity && !has_identity(session)) return Error::identity_missing;
  if (has_identity(session) && policy.context == Context{}) return Error::context_missing;
  if (identity_expired(session, now)) return Error::identity_expired;
  return std::nullopt;
}

std::string_view name_of(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::resume:
      return "resume";
    case Outcome::full_handshake:
      return "full_handshake";
    case Outcome::abort:
      break;
  }
  return "abort";
}

std::string_view name_of(Alert alert) noexcept {
  switch (alert) {
    case Alert::none:
      return "none";
    case Alert::handshake_failure:
      return "handshake_failure";
    case Alert::illegal_parameter:
      return "illegal_parameter";
    case Alert::protocol_version:
      return "protocol_version";
    case Alert::inappropriate_fallback:
      return "inappropriate_fallback";
    case Alert::missing_extension:
      return "missing_extension";
    case Alert::no_application_protocol:
      break;
  }
  return "no_application_protocol";
}

std::string_view name_of(EarlyData early_data) noexcept {
  switch (early_data) {
    case EarlyData::none:
      return "none";
    case EarlyData::accept:
      return "accept";
    case EarlyData::disabled:
      return "disabled";
    case EarlyData::not_in_ticket:
      return "not_in_ticket";
    case EarlyData::not_first_identity:
      return "not_first_identity";
    case EarlyData::suite_differs:
      return "suite_differs";
    case EarlyData::server_name_differs:
      return "server_name_differs";
    case EarlyData::application_protocol_differs:
      return "application_protocol_differs";
    case EarlyData::not_fresh:
      break;
  }
  return "not_fresh";
}

}  // namespace stek
