// rustls 0.20's ServerSessionValue, byte by byte: real ones, as `ProducesTickets::encrypt` was
// given them.
#include "foreign/rustls_session.hpp"

#include <doctest/doctest.h>

#include "base/encoding.hpp"

#include "hex_bytes.hpp"
#include "random_sessions.hpp"

namespace stek::foreign {
namespace {

using test::bytes_of;
using test::Random;
using Buffer = std::vector<std::byte>;

Buffer encoded(const Session& session) {
  Buffer bytes(rustls_size_of(session), std::byte{0xa5});
  const auto used = encode_rustls_session(bytes, session);
  REQUIRE(used);
  REQUIRE_EQ(*used, bytes.size());
  return bytes;
}

Session decoded(Bytes bytes) {
  auto session = decode_rustls_session(bytes);
  REQUIRE(session);
  return std::move(*session);
}

Error refusal_of(Bytes bytes) {
  const auto session = decode_rustls_session(bytes);
  REQUIRE_FALSE(session);
  return session.error();
}

Error refusal_of(const Session& session) {
  Buffer room(40'000);
  const auto used = encode_rustls_session(room, session);
  REQUIRE_FALSE(used);
  CHECK(is_zero(room));
  return used.error();
}

// ---- Known answers -----------------------------------------------------------------------------

constexpr std::string_view tls12_secret =
    "12e35acb79bb38cda0d5890992030641c61d156b9a4671879be8b21c630399a15e33736f025100cdedf95a6dbd2a5b"
    "7d";
constexpr std::string_view tls13_secret =
    "f0afe16b29f49eaa7f477d108f90c3c4de16c4e3f762ca4614abc44e93849d039c275fb06966521a2576eb713caf8a"
    "cc";

const std::string real_tls12 =
    "010c73686f702e6578616d706c65"  // shop.example
    "0303c02c30" +
    std::string(tls12_secret) +
    "01"                // extended master secret
    "00"                // no client
    "00"                // no ALPN
    "0000"              // no application data
    "000000006b0a0ef3"  // 2026-11-27
    "00000000";

const std::string real_tls13 =
    "00"
    "0304130230" +
    std::string(tls13_secret) +
    "00"
    "00"
    "01026832"  // h2
    "0000"
    "000000006b0a0ef3"
    "a94f9bbf";

// Of a client that showed five bytes in place of a certificate.
const std::string with_client =
    "010c73686f702e6578616d706c65"
    "0303c02c30" +
    std::string(tls12_secret) +
    "01"
    "01"
    "000005000002"
    "3000"
    "00"
    "0000"
    "000000006b0a0ef3"
    "00000000";

TEST_CASE("a session of TLS 1.2") {
  const Session session = decoded(bytes_of(real_tls12));
  Session expected;
  expected.version = ProtocolVersion::tls1_2;
  expected.cipher_suite = CipherSuite{0xc02c};
  expected.secret = SessionSecret(bytes_of(tls12_secret));
  expected.extended_master_secret = true;
  expected.server_name = HostName::from("shop.example").value();
  expected.issued_at = Instant(Seconds(0x6b0a0ef3));
  CHECK(session == expected);
  CHECK_EQ(to_hex(encoded(expected)), real_tls12);
}

TEST_CASE("a session of TLS 1.3, where the secret is the PSK and has an age") {
  const Session session = decoded(bytes_of(real_tls13));
  Session expected;
  expected.version = ProtocolVersion::tls1_3;
  expected.cipher_suite = CipherSuite{0x1302};
  expected.secret = SessionSecret(bytes_of(tls13_secret));
  expected.alpn = ProtocolName{"h2"};
  expected.issued_at = Instant(Seconds(0x6b0a0ef3));
  expected.ticket_age_add = 0xa94f9bbf;
  expected.max_early_data_size = 0;
  CHECK(session == expected);
  CHECK_EQ(to_hex(encoded(expected)), real_tls13);
}

TEST_CASE("a session with a client's certificates is well written, and not for stek") {
  CHECK_EQ(refusal_of(bytes_of(with_client)), Error::unsuitable);
}

// ---- What is refused ---------------------------------------------------------------------------

struct Edit {
  std::string what;
  std::string from;
  std::string to;
  Error error;
};

const Edit refused_in_tls12[] = {
    {"a flag of two", "010c", "020c", Error::malformed},
    {"a name of no bytes", "010c73686f702e6578616d706c65", "0100", Error::malformed},
    {"a name in capitals", "73686f70", "53686f70", Error::malformed},
    {"a name that ends in a dot", "706c65", "706c2e", Error::malformed},
    {"DTLS", "0303c02c", "fefdc02c", Error::unsuitable},
    {"TLS 1.1", "0303c02c", "0302c02c", Error::unsuitable},
    {"TLS 1.3 under a suite of TLS 1.2", "0303c02c", "0304c02c", Error::invalid_session},
    {"a CBC suite", "0303c02c", "0303c023", Error::unsuitable},
    {"a suite that nobody knows", "0303c02c", "0303ffff", Error::unsuitable},
    {"a suite of TLS 1.3", "0303c02c", "03031301", Error::invalid_session},
    {"a secret that is too short", "c02c3012", "c02c2f", Error::invalid_session},
    {"a secret of no bytes", "c02c30" + std::string(tls12_secret), "c02c00", Error::malformed},
    {"a secret of 49 bytes", "c02c30", "c02c3199", Error::malformed},
    {"a secret of zeros", std::string(tls12_secret), std::string(96, '0'), Error::invalid_session},
    {"extended master secret twice", "7d010000", "7d020000", Error::malformed},
    {"two clients", "7d010000", "7d010200", Error::malformed},
    {"a chain of nothing", "7d010000", "7d010100000000", Error::malformed},
    {"a chain that ends early", "7d010000", "7d01010000040000023000", Error::malformed},
    {"a chain too short for a certificate", "7d010000", "7d01010000023000", Error::malformed},
    {"a length of a chain and nothing more", "7d010000", "7d0101ffffff", Error::malformed},
    {"more data than a state has room for", "7d0100000000",
     "7d0100003fa1" + std::string(32'578, 'a'), Error::malformed},
    {"a protocol of no bytes", "7d010000", "7d01000100", Error::malformed},
    {"a time at the end", "000000006b0a", "000001006b0a", Error::invalid_session},
    {"a time past all", "000000006b0a", "800000006b0a", Error::malformed},
    {"an age", "f300000000", "f300000001", Error::malformed},
    {"a byte more", "f300000000", "f30000000000", Error::malformed},
};

TEST_CASE("what rustls would not write, or a Session cannot hold, is refused") {
  for (const Edit& edit : refused_in_tls12) {
    CAPTURE(edit.what);
    std::string hex = real_tls12;
    const auto at = hex.find(edit.from);
    REQUIRE_NE(at, std::string::npos);
    hex.replace(at, edit.from.size(), edit.to);
    CHECK_EQ(refusal_of(bytes_of(hex)), edit.error);
  }
  CHECK_EQ(refusal_of(Bytes()), Error::malformed);
}

TEST_CASE("TLS 1.3 knows no extended master secret") {
  std::string hex = real_tls13;
  hex.replace(hex.find("cc0000") + 2, 2, "01");
  CHECK_EQ(refusal_of(bytes_of(hex)), Error::invalid_session);
}

struct Change {
  std::string what;
  Reason reason;
  void (*change)(Session&);
};

const Change objected_to[] = {
    {"QUIC", Reason::transport_differs,
     [](Session& s) {
       s = test::typical_tls13_session();
       s.transport = Transport::quic;
     }},
    {"DTLS", Reason::transport_differs,
     [](Session& s) {
       s.transport = Transport::dtls;
       s.version = ProtocolVersion::dtls1_2;
     }},
    {"TLS 1.1", Reason::version_differs, [](Session& s) { s.version = ProtocolVersion::tls1_1; }},
    {"MAC-then-encrypt", Reason::suite_not_enabled,
     [](Session& s) { s.cipher_suite = CipherSuite{0xc009}; }},
    {"encrypt-then-MAC", Reason::suite_not_enabled,
     [](Session& s) {
       s.cipher_suite = CipherSuite{0xc009};
       s.encrypt_then_mac = true;
     }},
    {"AES-CCM", Reason::suite_not_enabled,
     [](Session& s) { s.cipher_suite = CipherSuite{0xc0ac}; }},
    {"no forward secrecy", Reason::suite_not_enabled,
     [](Session& s) { s.cipher_suite = CipherSuite{0x009c}; }},
    {"a client that is only a hash", Reason::identity_missing,
     [](Session& s) { s.client_identity = ClientIdentityHash{}; }},
    {"a client's chain", Reason::identity_missing,
     [](Session& s) { s.client_identity = CertificateChain{{bytes_of("3000")}}; }},
    {"a name that is only a hash", Reason::server_name_differs,
     [](Session& s) { s.server_name = hash_of(HostName::from("shop.example").value()); }},
    {"short records", Reason::max_fragment_length_differs,
     [](Session& s) { s.max_fragment_length = MaxFragmentLength::bytes_512; }},
};

TEST_CASE("a session that rustls cannot resume as what it is, is not written") {
  CHECK_FALSE(objection_of_rustls(test::typical_session()));
  CHECK_FALSE(objection_of_rustls(test::typical_tls13_session()));
  for (const Change& refused : objected_to) {
    CAPTURE(refused.what);
    Session session = test::typical_session();
    refused.change(session);
    CHECK_EQ(objection_of_rustls(session), refused.reason);
    CHECK_EQ(refusal_of(session), Error::unsuitable);
  }
}

TEST_CASE("the nine suites of rustls, and no other, are written") {
  std::size_t written = 0;
  for (unsigned n = 0; n <= 0xffff; ++n) {
    const CipherSuite suite{static_cast<std::uint16_t>(n)};
    const CipherSpec& spec = cipher_spec_of(suite);
    if (!spec.known) continue;
    Session session = spec.tls13 ? test::typical_tls13_session() : test::typical_session();
    session.cipher_suite = suite;
    Random random(n);
    session.secret = test::random_session_secret(random, secret_size(session.version, spec));
    Buffer room(rustls_size_of(session));
    if (!encode_rustls_session(room, session)) continue;
    ++written;
    CHECK(is_aead(spec.mode));
    CHECK((spec.tls13 || spec.key_exchange == KeyExchange::ecdhe));
  }
  CHECK_EQ(written, 9);
}

struct Flaw {
  std::string what;
  void (*change)(Session&);
};

const Flaw flawed[] = {
    {"no secret", [](Session& s) { s.secret = {}; }},
    {"a secret of zeros", [](Session& s) { s.secret = SessionSecret(Buffer(48)); }},
    {"an age before TLS 1.3", [](Session& s) { s.ticket_age_add = 1; }},
    {"a time before 1970", [](Session& s) { s.issued_at = Instant(Seconds(-1)); }},
    {"a time past all", [](Session& s) { s.issued_at = Instant(Seconds(1LL << 40)); }},
    {"an empty name", [](Session& s) { s.server_name = HostName(); }},
    {"an empty protocol", [](Session& s) { s.alpn = ProtocolName{}; }},
    {"empty data", [](Session& s) { s.application_data = SecretBytes(); }},
    {"more data than a state has room for",
     [](Session& s) { s.application_data = SecretBytes(Buffer(16'300)); }},
    {"truncated HMAC", [](Session& s) { s.truncated_hmac = true; }},
    {"compression", [](Session& s) { s.compression_method = 1; }},
};

TEST_CASE("what is no session is not written") {
  for (const Flaw& flaw : flawed) {
    CAPTURE(flaw.what);
    Session session = test::typical_session();
    flaw.change(session);
    CHECK_EQ(refusal_of(session), Error::invalid_session);
  }
}

TEST_CASE("a room of one byte less is too small, and stays as it was") {
  const Session session = test::typical_session();
  Buffer room(rustls_size_of(session) - 1);
  CHECK_EQ(encode_rustls_session(room, session).error(), Error::room_too_small);
  CHECK(is_zero(room));
}

// ---- Properties --------------------------------------------------------------------------------

/// What rustls keeps of it.
Session told(Session session) {
  session.authenticated_at = {};
  session.lifetime = {};
  session.context = {};
  session.extras.reset();
  if (is_tls13(session.version)) session.max_early_data_size = 0;
  return session;
}

Session random_rustls_session(Random& random) {
  constexpr auto tls12_suites =
      std::to_array<std::uint16_t>({0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9});
  Session session = test::random_session(random);
  while (session.transport != Transport::tls) session = test::random_session(random);
  const bool tls13 = is_tls13(session.version);
  if (!tls13) session.version = ProtocolVersion::tls1_2;
  session.cipher_suite =
      CipherSuite(tls13 ? static_cast<std::uint16_t>(0x1301 + test::below(random, 3))
                        : tls12_suites[test::below(random, tls12_suites.size())]);
  session.secret = test::random_session_secret(
      random, secret_size(session.version, cipher_spec_of(session.cipher_suite)));
  session.encrypt_then_mac = false;
  session.max_fragment_length = {};
  session.client_identity = {};
  session.identity_expires.reset();
  if (std::holds_alternative<HostNameHash>(session.server_name)) session.server_name = {};
  return session;
}

TEST_CASE("2,000 of 2,000 random sessions come back as what rustls keeps of them") {
  Random random(71);
  for (int i = 0; i < 2'000; ++i) {
    Session session = random_rustls_session(random);
    const Buffer bytes = encoded(session);
    const auto state = state::size_of(session, 128);
    REQUIRE(state);
    CHECK(bytes.size() < *state);
    const Session again = decoded(bytes);
    CHECK(encoded(again) == bytes);
    CHECK(again == told(std::move(session)));
  }
}

std::vector<Buffer> samples() {
  std::vector<Buffer> samples{bytes_of(real_tls12), bytes_of(real_tls13), bytes_of(with_client)};
  Random random(72);
  for (int i = 0; i < 20; ++i) {
    Session session = random_rustls_session(random);
    if (session.application_data) session.application_data = SecretBytes(Buffer(5));
    samples.push_back(encoded(session));
  }
  return samples;
}

TEST_CASE("a session with any bit turned is refused, or is another one that has these bytes") {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (Buffer& bytes : samples()) {
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const std::byte before = bytes[bit / 8];
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
      const auto session = decode_rustls_session(bytes);
      if (session) CHECK(encoded(*session) == bytes);
      ++(session ? accepted : refused);
      bytes[bit / 8] = before;
    }
  }
  MESSAGE(accepted, " were other sessions, ", refused, " were refused");
  CHECK(accepted > 1'000);
  CHECK(refused > 1'000);
}

TEST_CASE("no session cut short is one") {
  for (const Buffer& bytes : samples()) {
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      CHECK_EQ(refusal_of(Bytes(bytes).first(n)), Error::malformed);
    }
  }
}

}  // namespace
}  // namespace stek::foreign
