// Sessions for property tests: every field at random, every one of them fit to be sealed.
#pragma once

#include <random>

#include <stek/cipher_suite.hpp>

#include "session/state.hpp"

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

inline std::vector<std::byte> random_bytes(Random& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  fill(random, bytes);
  return bytes;
}

template <class N>
std::vector<N> random_list(Random& random) {
  std::vector<N> list(below(random, 3) == 0 ? 1 + below(random, 255) : 0);
  for (N& n : list) n = static_cast<N>(random());
  return list;
}

inline ClientIdentity random_identity(Random& random) {
  if (below(random, 2) == 0) {
    return fingerprint_of(random_bytes(random, 20));
  }
  CertificateChain chain;
  for (std::size_t n = 1 + below(random, 3); n > 0; --n) {
    chain.certificates.push_back(random_bytes(random, 1 + below(random, 1500)));
  }
  return chain;
}

inline std::optional<Extras> random_extras(Random& random) {
  Extras extras;
  if (below(random, 2) == 0) extras.named_group = static_cast<std::uint16_t>(random());
  if (below(random, 2) == 0) {
    extras.heartbeat_mode = static_cast<HeartbeatMode>(1 + below(random, 2));
  }
  extras.signature_algorithms = random_list<std::uint16_t>(random);
  extras.supported_groups = random_list<std::uint16_t>(random);
  extras.ec_point_formats = random_list<std::uint8_t>(random);
  extras.ffdhe_groups = random_list<std::uint16_t>(random);
  return extras == Extras{} ? std::nullopt : std::optional(std::move(extras));
}

/// What few sessions have: each of them in one of eight.
inline void add_rarities(Random& random, Session& session) {
  if (below(random, 8) == 0) {
    const auto name = random_bytes(random, 1 + below(random, 255));
    session.alpn = ProtocolName{{reinterpret_cast<const char*>(name.data()), name.size()}};
  }
  if (below(random, 8) == 0) {
    session.client_identity = random_identity(random);
    session.identity_expires = noon + Seconds(below(random, 10'000'000));
  }
  if (below(random, 8) == 0) {
    session.application_data = SecretBytes(random_bytes(random, 1 + below(random, 4000)));
  }
  if (below(random, 8) == 0) session.extras = random_extras(random);
}

inline CipherSuite random_suite(Random& random, bool tls13) {
  for (;;) {
    const auto suite = static_cast<CipherSuite>(random());
    const CipherSpec spec = cipher_spec_of(suite);
    if (spec.known && spec.tls13 == tls13) return suite;
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
  session.secret = random_session_secret(
      random, secret_size(session.version, cipher_spec_of(session.cipher_suite)));
  session.extended_master_secret = !tls13 && below(random, 2) == 1;
  session.encrypt_then_mac =
      cipher_spec_of(session.cipher_suite).mode == CipherMode::cbc && below(random, 2) == 1;
  session.max_fragment_length = static_cast<MaxFragmentLength>(below(random, 5));
  session.issued_at = noon + Seconds(below(random, 100'000));
  session.authenticated_at = session.issued_at - Seconds(below(random, 80'000));
  session.lifetime = Seconds(below(random, 604801));
  fill(random, session.context);
  session.server_name = random_server_name(random);
  if (tls13) {
    session.ticket_age_add = static_cast<std::uint32_t>(random());
    session.max_early_data_size = session.transport == Transport::quic
                                      ? static_cast<std::uint32_t>(0 - below(random, 2))
                                      : static_cast<std::uint32_t>(random());
  }
  add_rarities(random, session);
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
