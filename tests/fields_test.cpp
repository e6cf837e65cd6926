// Every field of a session, present and absent, at each bound and one past it, through every
// profile and every size class that holds it.
#include <set>

#include <doctest/doctest.h>

#include "session/json.hpp"

#include "test_keys.hpp"

namespace stek {
namespace {

using test::Random;

enum class Fate : std::uint8_t { sealed, refused, too_large };

/// One value of one field.
struct Value {
  const char* what;
  Fate fate;
  void (*set)(Session&);
};

std::vector<std::byte> bytes(std::size_t size) {
  return std::vector<std::byte>(size, std::byte{0x5a});
}

void give_identity(Session& s, ClientIdentity identity) {
  s.client_identity = std::move(identity);
  s.identity_expires = test::noon;
  s.context[0] = std::byte{1};
}
CertificateChain chain(std::initializer_list<std::size_t> sizes) {
  CertificateChain chain;
  for (const std::size_t size : sizes) chain.certificates.push_back(bytes(size));
  return chain;
}
Extras& extras(Session& s) {
  return s.extras.emplace();
}
template <class N>
std::vector<N> list(std::size_t size) {
  return std::vector<N>(size, N{0xff});
}
void data(Session& s, std::size_t size) {
  s.application_data = SecretBytes(bytes(size));
}
void alpn(Session& s, std::size_t size) {
  s.alpn = ProtocolName{std::string(size, 'h')};
}

using enum Fate;
using Version = ProtocolVersion;
using enum Transport;

void set_version(Session& s, Transport transport, Version version, std::uint16_t suite) {
  s.transport = transport;
  s.version = version;
  s.cipher_suite = CipherSuite{suite};
  const bool tls13 = is_tls13(version);
  s.secret = SessionSecret(bytes(secret_size(version, cipher_spec_of(s.cipher_suite))));
  s.extended_master_secret = !tls13;
  s.ticket_age_add.reset();
  s.max_early_data_size.reset();
  if (tls13) s.ticket_age_add = s.max_early_data_size = 0;
}

const Value of_any_version[] = {
    {"nothing but what is mandatory", sealed, [](Session&) {}},
    {"max_fragment_length: the last code", sealed,
     [](Session& s) { s.max_fragment_length = MaxFragmentLength{4}; }},
    {"max_fragment_length: one past", refused,
     [](Session& s) { s.max_fragment_length = MaxFragmentLength{5}; }},
    {"issued_at: 1970", sealed,
     [](Session& s) { s.issued_at = s.authenticated_at = Instant(Seconds(0)); }},
    {"issued_at: before 1970", refused,
     [](Session& s) { s.issued_at = s.authenticated_at = Instant(Seconds(-1)); }},
    {"issued_at: the last second", sealed,
     [](Session& s) { s.issued_at = Instant(Seconds((1LL << 40) - 1)); }},
    {"issued_at: one past", refused, [](Session& s) { s.issued_at = Instant(Seconds(1LL << 40)); }},
    {"authenticated_at: at issue", sealed, [](Session& s) { s.authenticated_at = s.issued_at; }},
    {"authenticated_at: after issue", refused,
     [](Session& s) { s.authenticated_at = s.issued_at + Seconds(1); }},
    {"lifetime: none", sealed, [](Session& s) { s.lifetime = Seconds(0); }},
    {"lifetime: a week", sealed, [](Session& s) { s.lifetime = Seconds(604800); }},
    {"lifetime: a second more", refused, [](Session& s) { s.lifetime = Seconds(604801); }},
    {"lifetime: negative", refused, [](Session& s) { s.lifetime = Seconds(-1); }},
    {"context: given", sealed, [](Session& s) { s.context.fill(std::byte{0xff}); }},
    {"truncated_hmac", refused, [](Session& s) { s.truncated_hmac = true; }},
    {"compression_method: deflate", refused, [](Session& s) { s.compression_method = 1; }},
    {"secret: none", refused, [](Session& s) { s.secret = SessionSecret(); }},
    {"secret: one byte short", refused,
     [](Session& s) { s.secret = SessionSecret(s.secret.copy().expose().subspan(1)); }},
    {"secret: zero", refused,
     [](Session& s) {
       s.secret = SessionSecret(std::vector<std::byte>(s.secret.size(), std::byte{0}));
     }},
    {"secret: zero but for its last bit", sealed,
     [](Session& s) {
       std::vector<std::byte> secret(s.secret.size());
       secret.back() = std::byte{1};
       s.secret = SessionSecret(secret);
     }},
    {"server_name: absent", sealed, [](Session& s) { s.server_name = {}; }},
    {"server_name: one byte", sealed, [](Session& s) { s.server_name = *HostName::from("a"); }},
    {"server_name: 255 bytes", sealed,
     [](Session& s) { s.server_name = *HostName::from(std::string(255, 'a')); }},
    {"server_name: empty", refused, [](Session& s) { s.server_name = HostName(); }},
    {"server_name_hash", sealed, [](Session& s) { s.server_name = hash_of(*HostName::from("a")); }},
    {"alpn: one byte", sealed, [](Session& s) { alpn(s, 1); }},
    {"alpn: 255 bytes", sealed, [](Session& s) { alpn(s, 255); }},
    {"alpn: 256 bytes", refused, [](Session& s) { alpn(s, 256); }},
    {"alpn: empty", refused, [](Session& s) { alpn(s, 0); }},
    {"client_identity_hash", sealed,
     [](Session& s) { give_identity(s, fingerprint_of(bytes(9))); }},
    {"client_identity_hash: zeros", sealed,
     [](Session& s) { give_identity(s, ClientIdentityHash{}); }},
    {"client_identity: without a context", refused,
     [](Session& s) {
       give_identity(s, ClientIdentityHash{});
       s.context = {};
     }},
    {"client_identity: without an end", refused,
     [](Session& s) {
       give_identity(s, ClientIdentityHash{});
       s.identity_expires.reset();
     }},
    {"identity_expires: without an identity", refused,
     [](Session& s) { s.identity_expires = test::noon; }},
    {"identity_expires: the last second", sealed,
     [](Session& s) {
       give_identity(s, ClientIdentityHash{});
       s.identity_expires = Instant(Seconds((1LL << 40) - 1));
     }},
    {"identity_expires: one past", refused,
     [](Session& s) {
       give_identity(s, ClientIdentityHash{});
       s.identity_expires = Instant(Seconds(1LL << 40));
     }},
    {"client_identity_chain: one byte", sealed, [](Session& s) { give_identity(s, chain({1})); }},
    {"client_identity_chain: three certificates", sealed,
     [](Session& s) { give_identity(s, chain({1200, 1, 1800})); }},
    {"client_identity_chain: no certificate", refused,
     [](Session& s) { give_identity(s, CertificateChain{}); }},
    {"client_identity_chain: an empty certificate", refused,
     [](Session& s) { give_identity(s, chain({1, 0})); }},
    {"client_identity_chain: of 2^24 bytes", too_large,
     [](Session& s) { give_identity(s, chain({1UL << 24U})); }},
    {"application_data: one byte", sealed, [](Session& s) { data(s, 1); }},
    {"application_data: empty", refused, [](Session& s) { data(s, 0); }},
    {"application_data: past the largest class", too_large, [](Session& s) { data(s, 16289); }},
    {"application_data: of 2^16 bytes", too_large, [](Session& s) { data(s, 1UL << 16U); }},
    {"extras: empty", refused, [](Session& s) { extras(s) = {}; }},
    {"extras: named_group 0", sealed, [](Session& s) { extras(s).named_group = 0; }},
    {"extras: named_group 65535", sealed, [](Session& s) { extras(s).named_group = 65535; }},
    {"extras: heartbeat_mode 1", sealed,
     [](Session& s) { extras(s).heartbeat_mode = HeartbeatMode{1}; }},
    {"extras: heartbeat_mode 2", sealed,
     [](Session& s) { extras(s).heartbeat_mode = HeartbeatMode{2}; }},
    {"extras: heartbeat_mode 0", refused,
     [](Session& s) { extras(s).heartbeat_mode = HeartbeatMode{0}; }},
    {"extras: heartbeat_mode 3", refused,
     [](Session& s) { extras(s).heartbeat_mode = HeartbeatMode{3}; }},
    {"extras: signature_algorithms 1", sealed,
     [](Session& s) { extras(s).signature_algorithms = list<std::uint16_t>(1); }},
    {"extras: signature_algorithms 255", sealed,
     [](Session& s) { extras(s).signature_algorithms = list<std::uint16_t>(255); }},
    {"extras: signature_algorithms 256", refused,
     [](Session& s) { extras(s).signature_algorithms = list<std::uint16_t>(256); }},
    {"extras: supported_groups 1", sealed,
     [](Session& s) { extras(s).supported_groups = list<std::uint16_t>(1); }},
    {"extras: supported_groups 255", sealed,
     [](Session& s) { extras(s).supported_groups = list<std::uint16_t>(255); }},
    {"extras: supported_groups 256", refused,
     [](Session& s) { extras(s).supported_groups = list<std::uint16_t>(256); }},
    {"extras: ec_point_formats 1", sealed,
     [](Session& s) { extras(s).ec_point_formats = list<std::uint8_t>(1); }},
    {"extras: ec_point_formats 255", sealed,
     [](Session& s) { extras(s).ec_point_formats = list<std::uint8_t>(255); }},
    {"extras: ec_point_formats 256", refused,
     [](Session& s) { extras(s).ec_point_formats = list<std::uint8_t>(256); }},
    {"extras: ffdhe_groups 1", sealed,
     [](Session& s) { extras(s).ffdhe_groups = list<std::uint16_t>(1); }},
    {"extras: ffdhe_groups 255", sealed,
     [](Session& s) { extras(s).ffdhe_groups = list<std::uint16_t>(255); }},
    {"extras: ffdhe_groups 256", refused,
     [](Session& s) { extras(s).ffdhe_groups = list<std::uint16_t>(256); }},
    {"everything at once", sealed,
     [](Session& s) {
       s.server_name = *HostName::from(std::string(255, 'a'));
       alpn(s, 255);
       give_identity(s, chain({3000, 2000}));
       data(s, 4000);
       s.extras = Extras{.named_group = 29,
                         .heartbeat_mode = HeartbeatMode::peer_allowed_to_send,
                         .signature_algorithms = list<std::uint16_t>(255),
                         .supported_groups = list<std::uint16_t>(255),
                         .ec_point_formats = list<std::uint8_t>(255),
                         .ffdhe_groups = list<std::uint16_t>(255)};
     }},
};

const Value of_tls12[] = {
    {"TLS 1.0", sealed, [](Session& s) { set_version(s, tls, Version::tls1_0, 0x002f); }},
    {"TLS 1.1", sealed, [](Session& s) { set_version(s, tls, Version::tls1_1, 0x002f); }},
    {"DTLS 1.0", sealed, [](Session& s) { set_version(s, dtls, Version::dtls1_0, 0x002f); }},
    {"DTLS 1.2", sealed, [](Session& s) { set_version(s, dtls, Version::dtls1_2, 0xc02b); }},
    {"TLS 1.2 under DTLS", refused,
     [](Session& s) { set_version(s, dtls, Version::tls1_2, 0xc02b); }},
    {"DTLS 1.2 under TLS", refused,
     [](Session& s) { set_version(s, tls, Version::dtls1_2, 0xc02b); }},
    {"TLS 1.2 under QUIC", refused,
     [](Session& s) { set_version(s, quic, Version::tls1_2, 0xc02b); }},
    {"SSL 3.0", refused, [](Session& s) { set_version(s, tls, Version{0x0300}, 0x002f); }},
    {"a version past all", refused,
     [](Session& s) { set_version(s, tls, Version{0x0305}, 0x002f); }},
    {"the first suite", sealed, [](Session& s) { s.cipher_suite = CipherSuite{0x0001}; }},
    {"the suite before it", refused, [](Session& s) { s.cipher_suite = CipherSuite{0x0000}; }},
    {"the last suite", sealed, [](Session& s) { s.cipher_suite = CipherSuite{0xd005}; }},
    {"the suite behind it", refused, [](Session& s) { s.cipher_suite = CipherSuite{0xd006}; }},
    {"a suite of TLS 1.3", refused, [](Session& s) { s.cipher_suite = CipherSuite{0x1301}; }},
    {"no extended master secret", sealed, [](Session& s) { s.extended_master_secret = false; }},
    {"encrypt_then_mac with CBC", sealed,
     [](Session& s) {
       s.cipher_suite = CipherSuite{0x002f};
       s.encrypt_then_mac = true;
     }},
    {"encrypt_then_mac without CBC", refused, [](Session& s) { s.encrypt_then_mac = true; }},
    {"ticket_age_add", refused, [](Session& s) { s.ticket_age_add = 0; }},
    {"max_early_data_size", refused, [](Session& s) { s.max_early_data_size = 0; }},
};

const Value of_tls13[] = {
    {"TLS 1.3, SHA-384", sealed, [](Session& s) { set_version(s, tls, Version::tls1_3, 0x1302); }},
    {"DTLS 1.3", sealed, [](Session& s) { set_version(s, dtls, Version::dtls1_3, 0x1301); }},
    {"QUIC", sealed, [](Session& s) { set_version(s, quic, Version::tls1_3, 0x1303); }},
    {"QUIC with early data", sealed,
     [](Session& s) {
       set_version(s, quic, Version::tls1_3, 0x1303);
       s.max_early_data_size = 0xffffffff;
     }},
    {"QUIC with bounded early data", refused,
     [](Session& s) {
       set_version(s, quic, Version::tls1_3, 0x1303);
       s.max_early_data_size = 0xfffffffe;
     }},
    {"a suite of TLS 1.2", refused, [](Session& s) { s.cipher_suite = CipherSuite{0xc02b}; }},
    {"a PSK of the other hash's length", refused,
     [](Session& s) { s.cipher_suite = CipherSuite{0x1302}; }},
    {"extended_master_secret", refused, [](Session& s) { s.extended_master_secret = true; }},
    {"encrypt_then_mac", refused, [](Session& s) { s.encrypt_then_mac = true; }},
    {"ticket_age_add: absent", refused, [](Session& s) { s.ticket_age_add.reset(); }},
    {"ticket_age_add: least", sealed, [](Session& s) { s.ticket_age_add = 0; }},
    {"ticket_age_add: greatest", sealed, [](Session& s) { s.ticket_age_add = 0xffffffff; }},
    {"max_early_data_size: absent", refused, [](Session& s) { s.max_early_data_size.reset(); }},
    {"max_early_data_size: greatest", sealed,
     [](Session& s) { s.max_early_data_size = 0xffffffff; }},
};

Session plain(bool tls13) {
  Session s;
  set_version(s, tls, tls13 ? Version::tls1_3 : Version::tls1_2, tls13 ? 0x1301 : 0xc02b);
  s.issued_at = s.authenticated_at = test::noon;
  return s;
}

/// A profile, with a key under which the test seals.
struct Sealer {
  explicit Sealer(Random& random, Profile profile)
      : key(test::random_ticket_key(random, profile)), layout(ticket::layout_of(profile)) {}

  [[nodiscard]] std::expected<std::vector<std::byte>, Error> seal(const Session& session) const {
    const auto size = state::size_of(session, layout.smallest_state);
    if (!size) return std::unexpected(size.error());
    std::vector<std::byte> state(*size);
    const auto encoded = state::encode(state, session, stamp_of(session));
    if (!encoded) return std::unexpected(encoded.error());
    return test::sealed(state, *key);
  }
  [[nodiscard]] std::optional<Session> open(Bytes ticket) const {
    std::vector<std::byte> state(layout.state_size(ticket.size()));
    REQUIRE(ticket::open(state, ticket, *key));
    return test::decoded(state, layout.smallest_state);
  }

  PagesPtr<ticket::TicketKey> key;
  const ticket::Layout& layout;
};

/// `session` with application data that make its state `size` bytes, to the last one; nothing where
/// that cannot be.
std::optional<Session> filled(const Session& session, std::size_t size) {
  const std::size_t used = state::header.size + state::options.size(session);
  if (session.application_data || used + 4 > size) return std::nullopt;
  Session full = session.copy();
  data(full, size - used - 3);
  return full;
}

std::size_t through_every_class(const Sealer& sealer, const Session& session) {
  std::size_t classes = 0;
  const auto check = [&](const Session& s, std::size_t expected) {
    const auto ticket = sealer.seal(s);
    REQUIRE(ticket);
    if (expected != 0) CHECK_EQ(ticket->size(), sealer.layout.overhead() + expected);
    CHECK(sealer.open(*ticket) == s);
    ++classes;
  };
  check(session, 0);
  for (std::size_t size = sealer.layout.smallest_state; size <= wire::largest_class;
       size = size < 256 ? 256 : size * 2) {
    if (size < 256 && is_tls13(session.version)) continue;
    if (const auto full = filled(session, size)) check(*full, size);
  }
  if (const auto over = filled(session, wire::largest_class + 1)) {
    CHECK_EQ(sealer.seal(*over).error(), Error::too_large);
  }
  return classes;
}

TEST_CASE("every field at its bounds comes back in every profile and class; one past is refused") {
  Random random(51);
  std::size_t round_trips = 0;
  std::size_t refusals = 0;
  for (const Profile profile : test::profiles) {
    CAPTURE(name_of(profile));
    const Sealer sealer(random, profile);
    const auto run = [&](std::span<const Value> values, bool tls13) {
      for (const Value& value : values) {
        CAPTURE(value.what);
        Session session = plain(tls13);
        REQUIRE_FALSE(flaw_of(session));
        value.set(session);
        CHECK_EQ(flaw_of(session).has_value(), value.fate == refused);
        if (value.fate == sealed) {
          round_trips += through_every_class(sealer, session);
        } else {
          CHECK_EQ(sealer.seal(session).error(),
                   value.fate == refused ? Error::invalid_session : Error::too_large);
          ++refusals;
        }
      }
    };
    for (const bool tls13 : {false, true}) run(of_any_version, tls13);
    run(of_tls12, false);
    run(of_tls13, true);
  }
  MESSAGE(round_trips, " sessions came back, ", refusals, " were refused");
  CHECK(round_trips > 1900);
  CHECK(refusals >= 240);
}

/// The fields in which two sessions differ, as their JSON names them.
std::set<wire::SecretText> differing(const Session& a, const Session& b) {
  std::set<wire::SecretText> names;
  for (const auto& change :
       wire::Json::diff(to_json(a, Reveal::secret), to_json(b, Reveal::secret))) {
    const auto& path = change["path"].get_ref<const wire::SecretText&>();
    names.emplace(path.substr(1, path.find('/', 1) - 1).c_str());
  }
  return names;
}

TEST_CASE("every copy of a session equals it, each field of it") {
  Random random(52);
  std::set<wire::SecretText> met;
  for (int i = 0; i < 1000; ++i) {
    Session session = test::random_session(random);
    session.truncated_hmac = i % 2 == 0;
    session.compression_method = static_cast<std::uint8_t>(i % 2);
    CHECK(session.copy() == session);
    met.merge(differing(session, Session()));
  }
  CHECK_EQ(met.size(), 23);
}

TEST_CASE("nothing of what a session was is left when another state is decoded into it") {
  Random random(53);
  Session session;
  for (int i = 0; i < 1000; ++i) {
    const Session next = test::random_session(random);
    std::vector<std::byte> state(state::size_of(next, 128).value());
    REQUIRE(state::encode(state, next, stamp_of(next)));
    REQUIRE(state::decode(session, state, 128));
    CHECK(session == next);
  }
}

}  // namespace
}  // namespace stek
