#include <stek/resumption.hpp>

#include <doctest/doctest.h>

#include "random_sessions.hpp"
#include "wire/writer.hpp"

namespace stek {
namespace {

using std::chrono::hours;
using test::noon;

constexpr CipherSuite gcm{0xc02b};
constexpr CipherSuite cbc{0xc009};
constexpr CipherSuite other{0xc02c};

Session stamped(Session session) {
  session.issued_at = session.authenticated_at = noon;
  session.lifetime = hours(12);
  return session;
}

/// A session, and the hello and policy under which it resumes; each test changes one thing.
struct Case {
  Session session = stamped(test::typical_session());
  ClientHello hello;
  Policy policy;
  Instant now = noon + Seconds(100);

  Case() {
    hello.legacy_version = ProtocolVersion::tls1_2;
    hello.cipher_suites = {other, session.cipher_suite};
    hello.compression_methods = {0};
    hello.server_name = HostName::from("shop.example");
    hello.extended_master_secret = true;
  }
  [[nodiscard]] Verdict verdict() const { return decide(session, hello, policy, now); }
  [[nodiscard]] Reason reason() const { return verdict().reason; }
};

struct Tls13Case : Case {
  Tls13Case() {
    session = stamped(test::typical_tls13_session());
    hello.supported_versions = {ProtocolVersion{0x3a3a}, ProtocolVersion::tls1_3,
                                ProtocolVersion::tls1_2};
    hello.cipher_suites = {CipherSuite{0x3a3a}, CipherSuite{0x1301}, gcm};
    hello.psk_key_exchange_modes = {{1}};
    hello.pre_shared_key = hello.key_share = true;
  }
};

void make_cbc(Case& c, bool sealed_etm, bool offered_etm) {
  c.session.cipher_suite = cbc;
  c.session.encrypt_then_mac = sealed_etm;
  c.hello.cipher_suites = {cbc};
  c.hello.encrypt_then_mac = offered_etm;
}

TEST_CASE("a session that fits its hello and policy resumes") {
  CHECK_EQ(Case().verdict(),
           Verdict{.outcome = Outcome::resume, .reason = Reason::resumes, .age = Seconds(100)});
  CHECK_EQ(Tls13Case().reason(), Reason::resumes);
}

TEST_CASE("5246 E.1: a version below all that are enabled aborts with protocol_version") {
  Case c;
  c.hello.legacy_version = ProtocolVersion::tls1_1;
  CHECK_EQ(c.verdict().outcome, Outcome::abort);
  CHECK_EQ(c.verdict().alert, Alert::protocol_version);
  c.hello.legacy_version = ProtocolVersion{0x0300};
  CHECK_EQ(c.verdict().alert, Alert::protocol_version);
}

TEST_CASE("5077 4: another version than the sealed one is a full handshake") {
  Case c;
  c.policy.min_version = ProtocolVersion::tls1_0;
  c.hello.legacy_version = ProtocolVersion::tls1_1;
  CHECK_EQ(c.reason(), Reason::version_differs);
  Case newer;
  newer.hello.supported_versions = {ProtocolVersion::tls1_3, ProtocolVersion::tls1_2};
  CHECK_EQ(newer.reason(), Reason::version_differs);
  newer.policy.max_version = ProtocolVersion::tls1_2;
  CHECK_EQ(newer.reason(), Reason::resumes);
}

TEST_CASE("a session of another transport is a full handshake") {
  Case c;
  c.session.transport = Transport::dtls;
  c.session.version = ProtocolVersion::dtls1_2;
  CHECK_EQ(c.reason(), Reason::transport_differs);
}

TEST_CASE("7507 3: a fallback below the highest version aborts with inappropriate_fallback") {
  Case c;
  c.hello.fallback = true;
  CHECK_EQ(c.verdict().alert, Alert::inappropriate_fallback);
  c.policy.max_version = ProtocolVersion::tls1_2;
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("5077 5.6: a ticket past its lifetime is a full handshake, to the second") {
  Case c;
  c.now = noon + hours(12) - Seconds(1);
  CHECK_EQ(c.reason(), Reason::resumes);
  c.now = noon + hours(12);
  CHECK_EQ(c.reason(), Reason::ticket_expired);
  c.now = noon + Seconds(100);
  c.policy.lifetime = Seconds(100);
  CHECK_EQ(c.reason(), Reason::ticket_expired);
}

TEST_CASE(
    "a ticket from up to the skew ahead counts as issued now; further ahead is a full handshake") {
  Case c;
  c.now = noon - Seconds(60);
  CHECK_EQ(c.reason(), Reason::resumes);
  CHECK_EQ(c.verdict().age, Seconds(0));
  c.now = noon - Seconds(61);
  CHECK_EQ(c.reason(), Reason::issued_in_future);
}

TEST_CASE(
    "9325 3.4: 24 hours after the first full handshake it is time for another, 7 days in TLS 1.3") {
  Case c;
  c.session.authenticated_at = c.now - hours(24) + Seconds(1);
  CHECK_EQ(c.reason(), Reason::resumes);
  c.session.authenticated_at -= Seconds(1);
  CHECK_EQ(c.reason(), Reason::authentication_too_old);
  Tls13Case t;
  t.session.authenticated_at = t.now - hours(24 * 7) + Seconds(1);
  CHECK_EQ(t.reason(), Reason::resumes);
  t.session.authenticated_at -= Seconds(1);
  CHECK_EQ(t.reason(), Reason::authentication_too_old);
}

TEST_CASE("a session of another context is a full handshake, none being a context too") {
  Case c;
  c.session.context[0] = std::byte{1};
  CHECK_EQ(c.reason(), Reason::context_differs);
  c.policy.context[0] = std::byte{1};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.session.context = {};
  CHECK_EQ(c.reason(), Reason::context_differs);
}

TEST_CASE("5246 F.1.4: past the end of the client's identity is a full handshake, to the second") {
  Case c;
  c.session.client_identity = ClientIdentityHash{};
  c.session.identity_expires = c.now + Seconds(1);
  CHECK_EQ(c.reason(), Reason::resumes);
  c.session.identity_expires = c.now;
  CHECK_EQ(c.reason(), Reason::identity_expired);
}

TEST_CASE("a session with a client identity never changes its server name, whatever the policy") {
  Tls13Case c;
  c.policy.tls13_any_server_name = true;
  c.hello.server_name = HostName::from("other.example");
  CHECK_EQ(c.reason(), Reason::resumes);
  c.session.client_identity = ClientIdentityHash{};
  CHECK_EQ(c.reason(), Reason::server_name_differs);
}

TEST_CASE("6066 3: another server name is a full handshake; case does not matter, absence does") {
  Case c;
  c.hello.server_name = HostName::from("SHOP.Example.");
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.server_name = HostName::from("other.example");
  CHECK_EQ(c.reason(), Reason::server_name_differs);
  c.hello.server_name.reset();
  CHECK_EQ(c.reason(), Reason::server_name_differs);
  c.session.server_name = std::monostate{};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.server_name = HostName::from("shop.example");
  CHECK_EQ(c.reason(), Reason::server_name_differs);
  c.session.server_name = hash_of(*c.hello.server_name);
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("8446 4.6.1: TLS 1.3 may change the name, only if the policy says so") {
  Tls13Case c;
  c.hello.server_name = HostName::from("other.example");
  CHECK_EQ(c.reason(), Reason::server_name_differs);
  c.policy.tls13_any_server_name = true;
  CHECK_EQ(c.reason(), Reason::resumes);
  Case old;
  old.policy.tls13_any_server_name = true;
  old.hello.server_name = HostName::from("other.example");
  CHECK_EQ(old.reason(), Reason::server_name_differs);
}

TEST_CASE(
    "5246 7.4.1.2-3: the sealed suite must be offered and enabled; preference does not matter") {
  Case c;
  c.policy.cipher_suites = {other, gcm};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.policy.cipher_suites = {other};
  CHECK_EQ(c.reason(), Reason::suite_not_enabled);
  c.hello.cipher_suites = {other};
  CHECK_EQ(c.reason(), Reason::suite_not_offered);
}

TEST_CASE("3749 2: null compression has to be offered") {
  Case c;
  c.hello.compression_methods = {1};
  CHECK_EQ(c.reason(), Reason::compression_not_offered);
}

TEST_CASE("9325 4.6: a truncated HMAC never resumes") {
  Case c;
  c.session.truncated_hmac = true;
  CHECK_EQ(c.reason(), Reason::truncated_hmac);
}

TEST_CASE(
    "6066 4: an undefined fragment length aborts with illegal_parameter, another one is a full "
    "handshake") {
  Case c;
  for (const int code : {0, 5, 255}) {
    c.hello.max_fragment_length = static_cast<std::uint8_t>(code);
    CHECK_EQ(c.verdict().alert, Alert::illegal_parameter);
  }
  c.hello.max_fragment_length = 2;
  CHECK_EQ(c.reason(), Reason::max_fragment_length_differs);
  c.session.max_fragment_length = MaxFragmentLength::bytes_1024;
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.max_fragment_length.reset();
  CHECK_EQ(c.reason(), Reason::max_fragment_length_differs);
}

TEST_CASE("7627 5.3: the four cases of the extended master secret") {
  Case c;
  c.hello.extended_master_secret = false;
  CHECK_EQ(c.verdict().outcome, Outcome::abort);
  CHECK_EQ(c.verdict().alert, Alert::handshake_failure);
  CHECK_EQ(c.reason(), Reason::extended_master_secret_missing);
  c.session.extended_master_secret = false;
  CHECK_EQ(c.verdict().outcome, Outcome::full_handshake);
  CHECK_EQ(c.reason(), Reason::extended_master_secret_absent);
  c.policy.legacy_ems = true;
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.extended_master_secret = true;
  CHECK_EQ(c.reason(), Reason::extended_master_secret_added);
}

TEST_CASE("7627 5.3: a handshake that would not be abbreviated is not aborted for it") {
  Case c;
  c.hello.extended_master_secret = false;
  c.hello.server_name = HostName::from("other.example");
  CHECK_EQ(c.verdict().outcome, Outcome::full_handshake);
}

TEST_CASE("7366 3.1: encrypt-then-MAC is kept with a CBC suite, and ignored with any other") {
  Case c;
  make_cbc(c, true, true);
  CHECK_EQ(c.reason(), Reason::resumes);
  make_cbc(c, false, false);
  CHECK_EQ(c.reason(), Reason::resumes);
  make_cbc(c, true, false);
  CHECK_EQ(c.reason(), Reason::encrypt_then_mac_missing);
  make_cbc(c, false, true);
  CHECK_EQ(c.reason(), Reason::encrypt_then_mac_added);
  Case aead;
  aead.hello.encrypt_then_mac = true;
  CHECK_EQ(aead.reason(), Reason::resumes);
}

TEST_CASE("8446 4.2.11: in TLS 1.3 the suite may change, its hash may not") {
  Tls13Case c;
  c.hello.cipher_suites = {CipherSuite{0x1303}};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.cipher_suites = {CipherSuite{0x1302}, gcm};
  CHECK_EQ(c.reason(), Reason::hash_differs);
  c.hello.cipher_suites = {CipherSuite{0x1301}};
  c.policy.cipher_suites = {CipherSuite{0x1302}};
  CHECK_EQ(c.reason(), Reason::hash_differs);
}

TEST_CASE(
    "8446 4.2.9: a PSK without modes aborts; without psk_dhe_ke and a key share it is not "
    "selected") {
  Tls13Case c;
  c.hello.psk_key_exchange_modes = {{0}};
  CHECK_EQ(c.reason(), Reason::psk_mode_unsuitable);
  c.hello.psk_key_exchange_modes = {{0, 1}};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.key_share = false;
  CHECK_EQ(c.reason(), Reason::psk_mode_unsuitable);
  c.hello.key_share = true;
  c.hello.psk_key_exchange_modes.reset();
  CHECK_EQ(c.verdict().outcome, Outcome::abort);
  CHECK_EQ(c.verdict().alert, Alert::missing_extension);
}

TEST_CASE("8446 4.2: without pre_shared_key in the hello there is nothing to select") {
  Tls13Case c;
  c.hello.pre_shared_key = false;
  CHECK_EQ(c.reason(), Reason::no_ticket);
}

TEST_CASE("a policy without a cap has no end") {
  Case c;
  c.policy.cap = c.policy.lifetime = c.policy.skew = Seconds::max();
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("8446 4.1.2: a TLS 1.3 hello with compression aborts with illegal_parameter") {
  Tls13Case c;
  c.hello.compression_methods = {0, 1};
  CHECK_EQ(c.verdict().alert, Alert::illegal_parameter);
}

TEST_CASE("a fresh ticket is due each time in TLS 1.3, and after half its life before") {
  CHECK(Tls13Case().verdict().renew);
  Case c;
  c.now = noon + hours(6) - Seconds(1);
  CHECK_FALSE(c.verdict().renew);
  c.now = noon + hours(6);
  CHECK(c.verdict().renew);
}

// A ClientHello as OpenSSL 3.0 sends it: TLS 1.2, server name "shop.example", empty ticket, EMS,
// EtM.
std::vector<std::byte> hello_message() {
  std::vector<std::byte> body(1000);
  wire::Writer out(body);
  const auto extension = [&](std::uint64_t type, std::initializer_list<int> bytes) {
    out.number(static_cast<std::uint16_t>(type));
    out.number(static_cast<std::uint16_t>(bytes.size()));
    for (const int b : bytes) out.number(static_cast<std::uint8_t>(b));
  };
  out.number(static_cast<std::uint16_t>(0x0303));
  out.zeros(32);
  out.number(std::uint8_t{4});
  out.number(0x01020304U);
  out.number(static_cast<std::uint16_t>(6));
  out.number(static_cast<std::uint16_t>(0xc02b));
  out.number(static_cast<std::uint16_t>(0x5600));
  out.number(static_cast<std::uint16_t>(0x00ff));
  out.number(std::uint8_t{1});
  out.number(std::uint8_t{0});
  const std::size_t length_at = out.used();
  out.number(static_cast<std::uint16_t>(0));
  extension(0x0a0a, {0});
  extension(0, {0, 15, 0, 0, 12, 'S', 'h', 'o', 'p', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'});
  extension(1, {2});
  extension(22, {});
  extension(23, {});
  extension(35, {1, 2, 3});
  extension(43, {4, 3, 4, 3, 3});
  extension(45, {1, 1});
  extension(51, {0, 0});
  body.resize(out.used());
  wire::Writer(Room(body).subspan(length_at))
      .number(static_cast<std::uint16_t>(body.size() - length_at - 2));
  std::vector<std::byte> message(4 + body.size());
  wire::Writer whole(message);
  whole.number(static_cast<std::uint32_t>(1U << 24U | body.size()));
  whole.bytes(body);
  return message;
}

TEST_CASE("a ClientHello gives what resumption has to know") {
  const auto hello = parse_client_hello(hello_message());
  REQUIRE(hello);
  CHECK_EQ(hello->legacy_version, ProtocolVersion::tls1_2);
  CHECK_EQ(hello->session_id.size(), 4);
  CHECK_EQ(hello->cipher_suites.size(), 3);
  CHECK(hello->fallback);
  CHECK_EQ(hello->compression_methods, std::vector<std::uint8_t>{0});
  CHECK_EQ(hello->server_name->text(), "shop.example");
  CHECK_EQ(hello->max_fragment_length, 2);
  CHECK(hello->encrypt_then_mac);
  CHECK(hello->extended_master_secret);
  CHECK_EQ(hello->session_ticket->size(), 3);
  CHECK_EQ(hello->supported_versions.size(), 2);
  CHECK_EQ(hello->psk_key_exchange_modes, std::vector<std::uint8_t>{1});
  CHECK(hello->key_share);
  CHECK_FALSE(hello->pre_shared_key);
}

TEST_CASE("every truncation of a ClientHello, and a byte too many, is malformed") {
  auto message = hello_message();
  for (std::size_t n = 0; n < message.size(); ++n) {
    CHECK_FALSE(parse_client_hello(Bytes(message).first(n)));
  }
  message.push_back(std::byte{0});
  CHECK_FALSE(parse_client_hello(message));
}

TEST_CASE("a ClientHello with every byte altered in turn never does harm") {
  auto message = hello_message();
  std::size_t parsed = 0;
  for (std::size_t at = 0; at < message.size(); ++at) {
    const std::byte before = message[at];
    for (unsigned value = 0; value < 256; ++value) {
      message[at] = static_cast<std::byte>(value);
      if (parse_client_hello(message)) ++parsed;
    }
    message[at] = before;
  }
  CHECK(parsed > 0);
}

TEST_CASE("supported_versions of an odd length is malformed") {
  auto message = hello_message();
  const auto list = std::ranges::search(
      message, std::array{std::byte{43}, std::byte{0}, std::byte{5}, std::byte{4}});
  REQUIRE(!list.empty());
  list[2] = std::byte{4};
  list[3] = std::byte{3};
  CHECK_FALSE(parse_client_hello(message));
}

TEST_CASE("8446 4.2: an extension that stands twice is malformed") {
  auto message = hello_message();
  // Turns the last extension, key_share, into a second psk_key_exchange_modes.
  message[message.size() - 5] = std::byte{45};
  CHECK_FALSE(parse_client_hello(message));
}

}  // namespace
}  // namespace stek
