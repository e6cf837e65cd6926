// Sessions for property tests: every field at random, every one of them fit to be sealed.
#pragma once

#include <random>

#include <stek/session.hpp>

#include "session/state.hpp"
#include "session/suites.hpp"

namespace stek::test {

/// Seeded with a constant, so that a failure can be met again.
using Random = std::mt19937_64;

inline constexpr Instant noon{Seconds(1'800'000'000)};

inline std::uint64_t below(Random& random, std::uint64_t n) {
  return random() % n;
}

inline void fill(Random& random, Room room) {
  for (std::byte& b : room) b = static_cast<std::byte>(random());
}

inline SessionSecret random_session_secret(Random& random, std::size_t size) {
  std::array<std::byte, SessionSecret::max_size> bytes{};
  fill(random, bytes);
  return SessionSecret(Bytes(bytes).first(size));
}

inline HostName random_host(Random& random, std::size_t size) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += letters[below(random, letters.size())];
  return HostName::from(text).value();
}

inline ServerName random_server_name(Random& random) {
  switch (below(random, 4)) {
    case 0:
      return std::monostate{};
    case 1:
      return hash_of(random_host(random, 20));
    default:
      return random_host(random, 1 + below(random, HostName::max_size));
  }
}

inline CipherSuite random_suite(Random& random, bool tls13) {
  for (;;) {
    const auto suite = static_cast<CipherSuite>(random());
    const SuiteTraits traits = traits_of(suite);
    if (traits.known && traits.tls13 == tls13 && traits.hash_size <= 48) return suite;
  }
}

inline Session random_session(Random& random) {
  constexpr auto tls = std::to_array({ProtocolVersion::tls1_0, ProtocolVersion::tls1_1,
                                      ProtocolVersion::tls1_2, ProtocolVersion::tls1_3});
  constexpr auto dtls =
      std::to_array({ProtocolVersion::dtls1_0, ProtocolVersion::dtls1_2, ProtocolVersion::dtls1_3});
  Session session;
  session.transport = static_cast<Transport>(1 + below(random, 3));
  session.version = session.transport == Transport::tls    ? tls[below(random, tls.size())]
                    : session.transport == Transport::dtls ? dtls[below(random, dtls.size())]
                                                           : ProtocolVersion::tls1_3;
  const bool tls13 = is_tls13(session.version);
  session.cipher_suite = random_suite(random, tls13);
  session.secret =
      random_session_secret(random, secret_size(session.version, session.cipher_suite));
  session.extended_master_secret = !tls13 && below(random, 2) == 1;
  session.encrypt_then_mac = traits_of(session.cipher_suite).cbc && below(random, 2) == 1;
  session.max_fragment_length = static_cast<MaxFragmentLength>(below(random, 5));
  session.issued_at = noon + Seconds(below(random, 100'000));
  session.authenticated_at = session.issued_at - Seconds(below(random, 80'000));
  session.lifetime = Seconds(below(random, 604801));
  fill(random, session.context);
  session.server_name = random_server_name(random);
  if (tls13) {
    session.ticket_age_add = static_cast<std::uint32_t>(random());
    session.max_early_data_size = static_cast<std::uint32_t>(random());
  }
  return session;
}

inline std::optional<Session> decoded(Bytes state, std::size_t smallest) {
  std::optional<Session> session(std::in_place);
  if (!state::decode(*session, state, smallest)) return std::nullopt;
  return session;
}

/// What most handshakes give.
inline Session typical_session() {
  Random random(1);
  Session session;
  session.version = ProtocolVersion::tls1_2;
  session.cipher_suite = suite_named("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256").value();
  session.secret = random_session_secret(random, 48);
  session.extended_master_secret = true;
  session.server_name = HostName::from("shop.example").value();
  return session;
}

inline Session typical_tls13_session() {
  Random random(2);
  Session session;
  session.version = ProtocolVersion::tls1_3;
  session.cipher_suite = suite_named("TLS_AES_128_GCM_SHA256").value();
  session.secret = random_session_secret(random, 32);
  session.server_name = HostName::from("shop.example").value();
  session.ticket_age_add = 0x01020304;
  session.max_early_data_size = 0;
  return session;
}

}  // namespace stek::test
