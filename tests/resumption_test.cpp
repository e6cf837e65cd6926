// Each rule of the page in <stek/resumption.hpp>, under its number.
#include <stek/resumption.hpp>

#include <doctest/doctest.h>

#include "base/encoding.hpp"
#include "random_sessions.hpp"

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
    hello.supported_versions = {
        {ProtocolVersion{0x3a3a}, ProtocolVersion::tls1_3, ProtocolVersion::tls1_2}};
    hello.cipher_suites = {CipherSuite{0x3a3a}, CipherSuite{0x1301}, gcm};
    hello.psk_key_exchange_modes = {{1}};
    hello.psk_identities = {{.identity = {std::byte{1}}, .obfuscated_ticket_age = 0}};
    hello.key_share = true;
  }
};

void make_cbc(Case& c, bool sealed_etm, bool offered_etm) {
  c.session.cipher_suite = cbc;
  c.session.encrypt_then_mac = sealed_etm;
  c.hello.cipher_suites = {cbc};
  c.hello.encrypt_then_mac = offered_etm;
}

Session with_identity(Session session, Instant expires) {
  session.client_identity = ClientIdentityHash{};
  session.identity_expires = expires;
  return session;
}

void check_abort(const Verdict& verdict, Alert alert, Reason reason) {
  CHECK_EQ(verdict.outcome, Outcome::abort);
  CHECK_EQ(verdict.alert, alert);
  CHECK_EQ(verdict.reason, reason);
}

void check_full(const Verdict& verdict, Reason reason) {
  CHECK_EQ(verdict.outcome, Outcome::full_handshake);
  CHECK_EQ(verdict.alert, Alert::none);
  CHECK_EQ(verdict.reason, reason);
}

TEST_CASE("a session that fits its hello and policy resumes") {
  CHECK_EQ(Case().verdict(), Verdict{.outcome = Outcome::resume,
                                     .reason = Reason::resumes,
                                     .age = Seconds(100),
                                     .cipher_suite = gcm});
  CHECK_EQ(Tls13Case().reason(), Reason::resumes);
}

// ---- TLS up to 1.2: the hello

TEST_CASE("12.6 RFC 5246 E.1: a version below all that are enabled aborts with protocol_version") {
  Case c;
  for (const auto version : {ProtocolVersion::tls1_1, ProtocolVersion{0x0300}}) {
    c.hello.legacy_version = version;
    check_abort(c.verdict(), Alert::protocol_version, Reason::version_unsupported);
  }
  c.hello.supported_versions = {{ProtocolVersion{0x7f1c}}};
  check_abort(c.verdict(), Alert::protocol_version, Reason::version_unsupported);
}

TEST_CASE("12.7 RFC 7507 3: a fallback below the highest version aborts, and at it does not") {
  Case c;
  c.hello.fallback = true;
  check_abort(c.verdict(), Alert::inappropriate_fallback, Reason::inappropriate_fallback);
  c.policy.max_version = ProtocolVersion::tls1_2;
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("12.24 RFC 6066 4: a maximum fragment length not from 1 to 4 aborts") {
  Case c;
  for (const int code : {0, 5, 255}) {
    c.hello.max_fragment_length = static_cast<std::uint8_t>(code);
    check_abort(c.verdict(), Alert::illegal_parameter, Reason::max_fragment_length_invalid);
  }
}

TEST_CASE("12.29 RFC 7301 3.2: no application protocol in common aborts; another one does not") {
  Case c;
  c.hello.application_protocols = {{"h2"}, {"http/1.1"}};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.policy.application_protocols = {{"imap"}};
  check_abort(c.verdict(), Alert::no_application_protocol, Reason::no_application_protocol);
  c.session.alpn = {{"h2"}};
  c.policy.application_protocols = {{"imap"}, {"http/1.1"}};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.application_protocols.clear();
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("what stands against the hello comes before what stands against the ticket") {
  Case c;
  c.now = noon + hours(24 * 30);
  c.hello.legacy_version = ProtocolVersion::tls1_1;
  CHECK_EQ(c.reason(), Reason::version_unsupported);
  CHECK_EQ(decide_hello(c.hello, c.policy)->reason, Reason::version_unsupported);
}

// ---- TLS up to 1.2: the ticket

TEST_CASE("12.5 RFC 5077 4: another version than the sealed one is a full handshake") {
  Case c;
  c.policy.min_version = ProtocolVersion::tls1_0;
  c.hello.legacy_version = ProtocolVersion::tls1_1;
  check_full(c.verdict(), Reason::version_differs);
  Case newer;
  newer.hello.supported_versions = {{ProtocolVersion::tls1_3, ProtocolVersion::tls1_2}};
  check_full(newer.verdict(), Reason::version_differs);
  newer.policy.max_version = ProtocolVersion::tls1_2;
  CHECK_EQ(newer.reason(), Reason::resumes);
}

TEST_CASE("12.5 a session of another transport is a full handshake") {
  Case c;
  c.session.transport = Transport::dtls;
  c.session.version = ProtocolVersion::dtls1_2;
  check_full(c.verdict(), Reason::transport_differs);
}

TEST_CASE("12.4 RFC 5077 5.6: a ticket past its lifetime is a full handshake, to the second") {
  Case c;
  c.now = noon + hours(12) - Seconds(1);
  CHECK_EQ(c.reason(), Reason::resumes);
  c.now = noon + hours(12);
  check_full(c.verdict(), Reason::ticket_expired);
}

TEST_CASE("12.4 RFC 5077 5.6: a policy can shorten the lifetime of tickets that are out") {
  Case c;
  c.policy.lifetime = Seconds(101);
  CHECK_EQ(c.reason(), Reason::resumes);
  c.policy.lifetime = Seconds(100);
  check_full(c.verdict(), Reason::ticket_expired);
}

TEST_CASE("12.4 a ticket from up to the skew ahead counts as issued now, no further") {
  Case c;
  c.now = noon - Seconds(60);
  CHECK_EQ(c.reason(), Reason::resumes);
  CHECK_EQ(c.verdict().age, Seconds(0));
  c.now = noon - Seconds(61);
  check_full(c.verdict(), Reason::issued_in_future);
}

TEST_CASE("12.30 RFC 5077 4: a session without an identity never satisfies who requires one") {
  Case c;
  Tls13Case t;
  for (Case* each : {&c, static_cast<Case*>(&t)}) {
    each->policy.require_client_identity = true;
    check_full(each->verdict(), Reason::identity_missing);
    each->session = with_identity(each->session.copy(), each->now + hours(1));
    CHECK_EQ(each->reason(), Reason::resumes);
  }
}

TEST_CASE("12.30 RFC 5246 F.1.4: past the end of the client's identity, to the second") {
  Case c;
  c.session = with_identity(c.session.copy(), c.now + Seconds(1));
  CHECK_EQ(c.reason(), Reason::resumes);
  c.session.identity_expires = c.now;
  check_full(c.verdict(), Reason::identity_expired);
}

TEST_CASE("12.30 a session of another context is a full handshake, none being a context too") {
  Case c;
  c.session.context[0] = std::byte{1};
  check_full(c.verdict(), Reason::context_differs);
  c.policy.context[0] = std::byte{1};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.session.context = {};
  check_full(c.verdict(), Reason::context_differs);
}

TEST_CASE("12.12 RFC 6066 3: another server name is a full handshake") {
  Case c;
  for (const auto* name : {"other.example", "hop.example", "shop.example.net", "x.shop.example"}) {
    c.hello.server_name = HostName::from(name);
    check_full(c.verdict(), Reason::server_name_differs);
  }
}

TEST_CASE("12.12 a name that is sealed as its hash compares as well") {
  Case c;
  c.session.server_name = hash_of(*c.hello.server_name);
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.server_name = HostName::from("other.example");
  check_full(c.verdict(), Reason::server_name_differs);
  c.hello.server_name.reset();
  check_full(c.verdict(), Reason::server_name_differs);
}

TEST_CASE("12.13 RFC 6066 3: a case-only change of the server name resumes (claim 6)") {
  Case c;
  for (const auto* name : {"SHOP.EXAMPLE", "Shop.Example", "shop.example."}) {
    c.hello.server_name = HostName::from(name);
    CHECK_EQ(c.reason(), Reason::resumes);
  }
}

TEST_CASE("12.14 a server name on one side only is a full handshake, on neither it resumes") {
  Case c;
  c.hello.server_name.reset();
  check_full(c.verdict(), Reason::server_name_differs);
  c.session.server_name = std::monostate{};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.server_name = HostName::from("shop.example");
  check_full(c.verdict(), Reason::server_name_differs);
}

TEST_CASE("12.8 RFC 5246 7.4.1.2: a suite that is no longer offered is a full handshake") {
  Case c;
  c.hello.cipher_suites = {other};
  check_full(c.verdict(), Reason::suite_not_offered);
}

TEST_CASE("12.9 RFC 5246 7.4.1.3: a suite that is no longer enabled is a full handshake") {
  Case c;
  c.policy.cipher_suites = {other};
  check_full(c.verdict(), Reason::suite_not_enabled);
}

TEST_CASE("12.10 RFC 5246 7.4.1.3: a suite preferred now does not matter; the sealed one stays") {
  Case c;
  c.policy.cipher_suites = {other, gcm};
  CHECK_EQ(c.reason(), Reason::resumes);
  CHECK_EQ(c.verdict().cipher_suite, gcm);
}

TEST_CASE("12.11 RFC 5246 7.4.1.2: null compression has to be offered, and none else sealed") {
  Case c;
  c.hello.compression_methods = {1};
  check_full(c.verdict(), Reason::compression_not_offered);
  c.hello.compression_methods = {1, 0};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.session.compression_method = 1;
  check_full(c.verdict(), Reason::compression_not_offered);
}

TEST_CASE("12.26 RFC 9325 4.6: a truncated HMAC never resumes, nor does offering it matter") {
  Case c;
  c.hello.truncated_hmac = true;
  CHECK_EQ(c.reason(), Reason::resumes);
  c.session.truncated_hmac = true;
  check_full(c.verdict(), Reason::truncated_hmac);
}

TEST_CASE("12.25 RFC 6066 4: another maximum fragment length, or none, is a full handshake") {
  Case c;
  c.hello.max_fragment_length = 2;
  check_full(c.verdict(), Reason::max_fragment_length_differs);
  c.session.max_fragment_length = MaxFragmentLength::bytes_1024;
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.max_fragment_length = 3;
  check_full(c.verdict(), Reason::max_fragment_length_differs);
  c.hello.max_fragment_length.reset();
  check_full(c.verdict(), Reason::max_fragment_length_differs);
}

TEST_CASE("12.23 RFC 7366 3: encrypt-then-MAC is of no account without a CBC suite") {
  Case c;
  c.hello.encrypt_then_mac = true;
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("12.20 RFC 7366 3.1: encrypt-then-MAC never falls back to MAC-then-encrypt") {
  Case c;
  make_cbc(c, true, false);
  check_full(c.verdict(), Reason::encrypt_then_mac_missing);
}

TEST_CASE("12.21 RFC 7366 3.1: MAC-then-encrypt is upgraded by a full handshake") {
  Case c;
  make_cbc(c, false, true);
  check_full(c.verdict(), Reason::encrypt_then_mac_added);
}

TEST_CASE("12.22 RFC 7366 3.1: encrypt-then-MAC on both sides, or on neither, resumes") {
  Case c;
  make_cbc(c, true, true);
  CHECK_EQ(c.reason(), Reason::resumes);
  make_cbc(c, false, false);
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("12.16 RFC 7627 5.3: EMS not sealed and offered is a full handshake (claim 1)") {
  Case c;
  c.session.extended_master_secret = false;
  for (const auto rule : {LegacyEms::full_handshake, LegacyEms::abort, LegacyEms::resume}) {
    c.policy.legacy_ems = rule;
    check_full(c.verdict(), Reason::extended_master_secret_added);
  }
}

TEST_CASE("12.17 RFC 7627 5.3: EMS sealed and not offered aborts (claim 1)") {
  Case c;
  c.hello.extended_master_secret = false;
  for (const auto rule : {LegacyEms::full_handshake, LegacyEms::abort, LegacyEms::resume}) {
    c.policy.legacy_ems = rule;
    check_abort(c.verdict(), Alert::handshake_failure, Reason::extended_master_secret_missing);
  }
}

TEST_CASE("12.17 a handshake that would not be abbreviated is not aborted for it") {
  Case c;
  c.hello.extended_master_secret = false;
  c.hello.server_name = HostName::from("other.example");
  check_full(c.verdict(), Reason::server_name_differs);
}

TEST_CASE("12.18 RFC 7627 5.3: EMS on neither side is what the policy says (claim 1)") {
  Case c;
  c.session.extended_master_secret = c.hello.extended_master_secret = false;
  check_full(c.verdict(), Reason::extended_master_secret_absent);
  c.policy.legacy_ems = LegacyEms::abort;
  check_abort(c.verdict(), Alert::handshake_failure, Reason::extended_master_secret_absent);
  c.policy.legacy_ems = LegacyEms::resume;
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("12.19 RFC 7627 5.3: EMS on both sides resumes (claim 1)") {
  for (const auto rule : {LegacyEms::full_handshake, LegacyEms::abort, LegacyEms::resume}) {
    Case c;
    c.policy.legacy_ems = rule;
    CHECK_EQ(c.reason(), Reason::resumes);
  }
}

TEST_CASE("12.27 RFC 5246 7.4.1.4.1: a dropped curve or signature algorithm resumes (claim 5)") {
  Case c;
  c.session.extras = Extras{.named_group = 23,
                            .heartbeat_mode = HeartbeatMode::peer_allowed_to_send,
                            .signature_algorithms = {0x0403},
                            .supported_groups = {23, 24},
                            .ec_point_formats = {0},
                            .ffdhe_groups = {256}};
  c.hello.supported_groups = {29};
  c.hello.signature_algorithms = {0x0804};
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("a fresh ticket is due after half its life") {
  Case c;
  c.now = noon + hours(6) - Seconds(1);
  CHECK_FALSE(c.verdict().renew);
  c.now = noon + hours(6);
  CHECK(c.verdict().renew);
}

// ---- TLS 1.3: the hello

TEST_CASE("13.9 RFC 8446 4.1.2: compression in TLS 1.3 aborts; EMS and EtM are of no account") {
  Tls13Case c;
  c.hello.extended_master_secret = c.hello.encrypt_then_mac = false;
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.extended_master_secret = c.hello.encrypt_then_mac = true;
  CHECK_EQ(c.reason(), Reason::resumes);
  for (const auto& methods : {std::vector<std::uint8_t>{0, 1}, {1}, {0, 0}}) {
    c.hello.compression_methods = methods;
    check_abort(c.verdict(), Alert::illegal_parameter, Reason::compression_offered);
  }
}

TEST_CASE("13.1 RFC 8446 4.2.11: pre_shared_key that is not the last extension aborts") {
  Tls13Case c;
  c.hello.pre_shared_key_last = false;
  check_abort(c.verdict(), Alert::illegal_parameter, Reason::pre_shared_key_not_last);
  c.policy.max_version = ProtocolVersion::tls1_2;
  CHECK_NE(c.verdict().outcome, Outcome::abort);
}

TEST_CASE("13.2 RFC 8446 4.2.9: a PSK without psk_key_exchange_modes aborts") {
  Tls13Case c;
  c.hello.psk_key_exchange_modes.reset();
  check_abort(c.verdict(), Alert::missing_extension, Reason::psk_modes_missing);
  c.hello.psk_identities.clear();
  check_full(c.verdict(), Reason::no_ticket);
}

// ---- TLS 1.3: each ticket

TEST_CASE("13.7 RFC 8446 4.6.1: TLS 1.3 may change the name, only if the policy says so") {
  Tls13Case c;
  c.hello.server_name = HostName::from("other.example");
  check_full(c.verdict(), Reason::server_name_differs);
  c.policy.tls13_any_server_name = true;
  CHECK_EQ(c.reason(), Reason::resumes);
  Case old;
  old.policy.tls13_any_server_name = true;
  old.hello.server_name = HostName::from("other.example");
  check_full(old.verdict(), Reason::server_name_differs);
}

TEST_CASE("13.7 a session with a client identity never changes its name, whatever the policy") {
  Tls13Case c;
  c.policy.tls13_any_server_name = true;
  c.hello.server_name = HostName::from("other.example");
  c.session = with_identity(c.session.copy(), c.now + hours(1));
  check_full(c.verdict(), Reason::server_name_differs);
}

TEST_CASE("13.4 RFC 8446 4.2.11: in TLS 1.3 the suite may change, its hash may not") {
  Tls13Case c;
  c.hello.cipher_suites = {CipherSuite{0x1303}};
  CHECK_EQ(c.reason(), Reason::resumes);
  CHECK_EQ(c.verdict().cipher_suite, CipherSuite{0x1303});
  c.hello.cipher_suites = {CipherSuite{0x1302}, gcm};
  check_full(c.verdict(), Reason::hash_differs);
  c.hello.cipher_suites = {CipherSuite{0x1301}};
  c.policy.cipher_suites = {CipherSuite{0x1302}};
  check_full(c.verdict(), Reason::hash_differs);
}

TEST_CASE("13.4 the suite is the best of ours with that hash, else the client's best") {
  Tls13Case c;
  c.hello.cipher_suites = {CipherSuite{0x1302}, CipherSuite{0x1303}, CipherSuite{0x1301}};
  CHECK_EQ(c.verdict().cipher_suite, CipherSuite{0x1303});
  c.policy.cipher_suites = {CipherSuite{0x1302}, CipherSuite{0x1301}, CipherSuite{0x1303}};
  CHECK_EQ(c.verdict().cipher_suite, CipherSuite{0x1301});
}

TEST_CASE("13.5 RFC 8446 4.2.9: without psk_dhe_ke and a key share no PSK is selected") {
  Tls13Case c;
  c.hello.psk_key_exchange_modes = {{0}};
  check_full(c.verdict(), Reason::psk_mode_unsuitable);
  c.hello.psk_key_exchange_modes = {{0, 1}};
  CHECK_EQ(c.reason(), Reason::resumes);
  c.hello.key_share = false;
  check_full(c.verdict(), Reason::psk_mode_unsuitable);
}

// ---- TLS 1.3: early data

struct EarlyDataCase : Tls13Case {
  EarlyDataCase() {
    hello.early_data = policy.early_data = true;
    session.max_early_data_size = 16384;
    session.alpn.reset();
    hello.cipher_suites = {session.cipher_suite};
    client_says(std::chrono::seconds(100));
  }
  void client_says(std::chrono::milliseconds age) {
    hello.psk_identities.front().obfuscated_ticket_age =
        static_cast<std::uint32_t>(age.count()) + *session.ticket_age_add;
  }
  [[nodiscard]] EarlyData answer(std::size_t identity = 0) const {
    const Verdict verdict = decide(session, hello, policy, now, identity);
    CHECK_EQ(verdict.outcome, Outcome::resume);
    CHECK_EQ(verdict.replay_identity.has_value(), verdict.early_data == EarlyData::accept);
    return verdict.early_data;
  }
};

TEST_CASE("13.12 RFC 8446 4.2.10: early data needs policy, ticket, first identity and suite") {
  EarlyDataCase c;
  CHECK_EQ(c.answer(), EarlyData::accept);
  CHECK_EQ(c.answer(1), EarlyData::not_first_identity);
  c.hello.early_data = false;
  CHECK_EQ(c.answer(), EarlyData::none);
  c = {};
  c.policy = {};
  CHECK_EQ(c.answer(), EarlyData::disabled);
  c = {};
  c.session.max_early_data_size = 0;
  CHECK_EQ(c.answer(), EarlyData::not_in_ticket);
  c = {};
  c.hello.cipher_suites = {CipherSuite{0x1303}};
  CHECK_EQ(c.answer(), EarlyData::suite_differs);
}

TEST_CASE("13.12 early data said to one server name is not for another") {
  EarlyDataCase c;
  c.policy.tls13_any_server_name = true;
  CHECK_EQ(c.answer(), EarlyData::accept);
  c.hello.server_name = HostName::from("other.example");
  CHECK_EQ(c.answer(), EarlyData::server_name_differs);
}

TEST_CASE("13.12 what does not resume has no early data") {
  EarlyDataCase c;
  c.now = noon + hours(12);
  CHECK_EQ(c.verdict().early_data, EarlyData::none);
  CHECK_FALSE(c.verdict().replay_identity.has_value());
}

TEST_CASE("13.8 RFC 8446 4.2.10: another application protocol resumes without its early data") {
  EarlyDataCase c;
  c.policy.application_protocols = {{"h2"}, {"http/1.1"}};
  c.hello.application_protocols = {{"http/1.1"}, {"h2"}};
  CHECK_EQ(c.answer(), EarlyData::application_protocol_differs);
  c.session.alpn = {{"http/1.1"}};
  CHECK_EQ(c.answer(), EarlyData::application_protocol_differs);
  c.session.alpn = {{"h2"}};
  CHECK_EQ(c.answer(), EarlyData::accept);
  c.hello.application_protocols.clear();
  CHECK_EQ(c.answer(), EarlyData::application_protocol_differs);
}

TEST_CASE("13.11 RFC 8446 8.3: early data only when both see the same age, to the millisecond") {
  using std::chrono::milliseconds;
  EarlyDataCase c;
  for (const int away : {-10'000, -9'999, 9'999, 10'000}) {
    c.client_says(milliseconds(100'000 + away));
    CHECK_EQ(c.answer(), EarlyData::accept);
  }
  for (const int away : {-10'001, 10'001, 1'000'000}) {
    c.client_says(milliseconds(100'000 + away));
    CHECK_EQ(c.answer(), EarlyData::not_fresh);
  }
  c.policy.early_data_window = Seconds::max();
  CHECK_EQ(c.answer(), EarlyData::accept);
  c.policy.early_data_window = Seconds(0);
  c.client_says(milliseconds(100'000));
  CHECK_EQ(c.answer(), EarlyData::accept);
}

TEST_CASE("13.11 RFC 8446 4.2.11.1: the age is obfuscated modulo 2^32") {
  EarlyDataCase c;
  for (const std::uint32_t age_add : {0U, 1U, 0x80000000U, 0xffffffffU}) {
    c.session.ticket_age_add = age_add;
    c.client_says(std::chrono::seconds(100));
    CHECK_EQ(c.answer(), EarlyData::accept);
  }
}

TEST_CASE("13.11 without early data the age is not compared") {
  EarlyDataCase c;
  c.hello.early_data = false;
  c.client_says(hours(24));
  CHECK_EQ(c.answer(), EarlyData::none);
}

TEST_CASE("a replay identity is of the PSK alone, and is BLAKE2b-128(PSK, \"stek/1 replay\")") {
  EarlyDataCase c;
  const auto first = c.verdict().replay_identity;
  CHECK_EQ(first, replay_identity_of(c.session));
  c.session.issued_at += Seconds(1);
  c.session.max_early_data_size = 1;
  CHECK_EQ(c.verdict().replay_identity, first);
  c.session.secret = SessionSecret(std::vector(32, std::byte{0x42}));
  CHECK_NE(c.verdict().replay_identity, first);
  // Python: hashlib.blake2b(b"stek/1 replay", key=bytes([0x42]) * 32, digest_size=16).hexdigest()
  CHECK_EQ(to_hex(replay_identity_of(c.session)), "56657d1edc9a126ff6789422658d5a09");
}

// ---- Issuing

TEST_CASE("12.35 13.18 RFC 9325 3.4: no renewal past the cap since the first full handshake") {
  Case c;
  c.session.authenticated_at = c.now - hours(24) + Seconds(1);
  CHECK_EQ(c.reason(), Reason::resumes);
  CHECK_FALSE(refusal_to_issue(c.session, c.policy, c.now));
  c.session.authenticated_at -= Seconds(1);
  check_full(c.verdict(), Reason::authentication_too_old);
  CHECK_EQ(refusal_to_issue(c.session, c.policy, c.now), Error::authentication_too_old);
  Tls13Case t;
  t.session.authenticated_at = t.now - hours(24 * 7) + Seconds(1);
  CHECK_EQ(t.reason(), Reason::resumes);
  CHECK_FALSE(refusal_to_issue(t.session, t.policy, t.now));
  t.session.authenticated_at -= Seconds(1);
  check_full(t.verdict(), Reason::authentication_too_old);
  CHECK_EQ(refusal_to_issue(t.session, t.policy, t.now), Error::authentication_too_old);
}

TEST_CASE("13.16 RFC 8446 C.4: a fresh ticket is due on every TLS 1.3 connection") {
  CHECK(Tls13Case().verdict().renew);
}

TEST_CASE("12.30 a session without an identity is not sealed where one is required") {
  Case c;
  c.policy.require_client_identity = true;
  c.policy.context[0] = std::byte{1};
  CHECK_EQ(refusal_to_issue(c.session, c.policy, c.now), Error::identity_missing);
  c.session = with_identity(c.session.copy(), c.now + hours(1));
  CHECK_FALSE(refusal_to_issue(c.session, c.policy, c.now));
}

TEST_CASE("a policy without a cap has no end") {
  Case c;
  c.policy.cap = c.policy.lifetime = c.policy.skew = Seconds::max();
  CHECK_EQ(c.reason(), Reason::resumes);
}

TEST_CASE("every verdict has a name, and every refusal a line for people and an RFC") {
  for (int n = 1; n <= static_cast<int>(last_reason); ++n) {
    const auto reason = static_cast<Reason>(n);
    CHECK_NE(name_of(reason), "unknown");
    CHECK_FALSE(text_of(reason).empty());
    CHECK(rfc_of(reason).starts_with("RFC "));
  }
  CHECK(rfc_of(Reason::resumes).empty());
}

TEST_CASE("DTLS counts its versions down, and decides as TLS does") {
  Case c;
  c.session.transport = c.hello.transport = Transport::dtls;
  c.session.version = c.hello.legacy_version = ProtocolVersion::dtls1_2;
  CHECK_EQ(c.reason(), Reason::resumes);
  CHECK_EQ(negotiated_version(c.hello, c.policy), ProtocolVersion::dtls1_2);
  c.hello.legacy_version = ProtocolVersion::dtls1_0;
  check_abort(c.verdict(), Alert::protocol_version, Reason::version_unsupported);
  c.policy.min_version = ProtocolVersion::tls1_1;
  check_full(c.verdict(), Reason::version_differs);
  CHECK_EQ(negotiated_version(c.hello, c.policy), ProtocolVersion::dtls1_0);
}

}  // namespace
}  // namespace stek
