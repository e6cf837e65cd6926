// The mbed TLS adapter on the wire: an mbed TLS server and OpenSSL clients in one process, over
// memory.
#include <stek/mbedtls.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <expected>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <mbedtls/certs.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "openssl_client.hpp"
#include "rings.hpp"

namespace {

using namespace std::chrono_literals;
using stek::Outcome;
using stek::Reason;
using namespace openssl_client;
using namespace rings;

void use_test_certificate(SSL_CTX& context) {
  const std::unique_ptr<BIO, Deleter<BIO_free>> certificate(
      BIO_new_mem_buf(mbedtls_test_cli_crt_ec, -1));
  const std::unique_ptr<BIO, Deleter<BIO_free>> key(BIO_new_mem_buf(mbedtls_test_cli_key_ec, -1));
  const std::unique_ptr<X509, Deleter<X509_free>> x509(
      PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  const std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> pkey(
      PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  REQUIRE(SSL_CTX_use_certificate(&context, x509.get()) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey(&context, pkey.get()) == 1);
}

// ---- The mbed TLS server -----------------------------------------------------------------------

// Both directions of a connection, as the server sees them.
struct Wire {
  std::string in;
  std::string out;

  static int receive(void* self, unsigned char* bytes, std::size_t size) {
    auto& wire = *static_cast<Wire*>(self);
    if (wire.in.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
    size = std::min(size, wire.in.size());
    std::copy_n(wire.in.begin(), size, bytes);
    wire.in.erase(0, size);
    return static_cast<int>(size);
  }
  static int send(void* self, const unsigned char* bytes, std::size_t size) {
    static_cast<Wire*>(self)->out.append(bytes, bytes + size);
    return static_cast<int>(size);
  }
};

struct Config : mbedtls_ssl_config {
  Config() : mbedtls_ssl_config() {
    mbedtls_ssl_config_init(this);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_x509_crt_init(&authorities);
    mbedtls_pk_init(&key);
    REQUIRE(mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, nullptr, 0) == 0);
    parse(certificate, mbedtls_test_srv_crt_ec, mbedtls_test_srv_crt_ec_len);
    parse(authorities, mbedtls_test_cas_pem, mbedtls_test_cas_pem_len);
    REQUIRE(mbedtls_pk_parse_key(&key,
                                 reinterpret_cast<const unsigned char*>(mbedtls_test_srv_key_ec),
                                 mbedtls_test_srv_key_ec_len, nullptr, 0) == 0);
    REQUIRE(mbedtls_ssl_config_defaults(this, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT) == 0);
    mbedtls_ssl_conf_rng(this, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_min_version(this, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_ca_chain(this, &authorities, nullptr);
    REQUIRE(mbedtls_ssl_conf_own_cert(this, &certificate, &key) == 0);
  }
  ~Config() {
    mbedtls_ssl_config_free(this);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&authorities);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
  }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  static void parse(mbedtls_x509_crt& chain, const char* pem, std::size_t size) {
    REQUIRE(mbedtls_x509_crt_parse(&chain, reinterpret_cast<const unsigned char*>(pem), size) == 0);
  }

  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt certificate;
  mbedtls_x509_crt authorities;
  mbedtls_pk_context key;
};

struct StockConnection {
  explicit StockConnection(const mbedtls_ssl_config& config) {
    mbedtls_ssl_init(&ssl);
    REQUIRE(mbedtls_ssl_setup(&ssl, &config) == 0);
    mbedtls_ssl_set_bio(&ssl, &wire, Wire::send, Wire::receive, nullptr);
  }
  ~StockConnection() { mbedtls_ssl_free(&ssl); }
  StockConnection(const StockConnection&) = delete;
  StockConnection& operator=(const StockConnection&) = delete;

  Wire wire;
  mbedtls_ssl_context ssl;
};

// One mbed TLS connection with its tickets, good for many handshakes.
struct Connection : StockConnection {
  Connection(const mbedtls_ssl_config& config, stek::Ticketer& ticketer,
             std::string_view domain = "public")
      : StockConnection(config) {
    auto view = ticketer.in(domain);
    REQUIRE(view);
    auto attached = stek::mbedtls::Connection::attach(ssl, *view);
    REQUIRE(attached);
    tickets = std::make_unique<stek::mbedtls::Connection>(*std::move(attached));
  }

  void reset() {
    wire = {};
    REQUIRE(mbedtls_ssl_session_reset(&ssl) == 0);
  }

  std::unique_ptr<stek::mbedtls::Connection> tickets;
};

void carry(SSL& client, Wire& wire) {
  std::array<char, 4096> piece;
  for (int n; (n = BIO_read(SSL_get_wbio(&client), piece.data(), piece.size())) > 0;) {
    wire.in.append(piece.data(), static_cast<std::size_t>(n));
  }
  if (!wire.out.empty()) {
    BIO_write(SSL_get_rbio(&client), wire.out.data(), static_cast<int>(wire.out.size()));
    wire.out.clear();
  }
}

bool wants_more(int result) {
  return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
}

void shake_hands(SSL& client, StockConnection& server, Meeting& meeting) {
  int server_result = MBEDTLS_ERR_SSL_WANT_READ;
  int client_result = -1;
  for (int round = 0; round < 20; ++round) {
    if (client_result != 1) client_result = SSL_do_handshake(&client);
    carry(client, server.wire);
    if (wants_more(server_result)) server_result = mbedtls_ssl_handshake(&server.ssl);
    carry(client, server.wire);
  }
  meeting.completed = client_result == 1 && server_result == 0;
  ERR_clear_error();
}

Meeting meet(Connection& server, const Hello& hello) {
  Meeting meeting;
  const ClientContext context = context_for(hello);
  const Client client = client_for(*context, hello, meeting);
  shake_hands(*client, server, meeting);
  meeting.resumed = meeting.completed && SSL_session_reused(client.get()) == 1;
  meeting.verdict = server.tickets->verdict();
  meeting.issued = server.tickets->issued();
  meeting.extended_master_secret = server.tickets->extended_master_secret();
  if (meeting.completed) {
    meeting.suite = SSL_get_cipher_name(client.get());
    meeting.session.reset(SSL_get1_session(client.get()));
    meeting.verify_result = mbedtls_ssl_get_verify_result(&server.ssl);
    meeting.server_resumed = server.tickets->resumed();
  }
  SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return meeting;
}

struct Server {
  explicit Server(stek::Policy policy = {}) : ticketer(open(*store, policy)) {}

  static stek::Ticketer open(stek::RingStore& store, const stek::Policy& policy = {}) {
    auto opened = stek::Ticketer::open(store, {.policy = policy});
    REQUIRE(opened);
    return *std::move(opened);
  }

  Meeting meet(const Hello& hello, std::string_view domain = "public") {
    Connection connection(config, ticketer, domain);
    return ::meet(connection, hello);
  }

  void restart() { ticketer = open(*store); }

  Config config;
  std::unique_ptr<stek::MemoryStore> store = store_with_key();
  stek::Ticketer ticketer;
};

// A server and a session that a client has from it.
struct Met : Server {
  explicit Met(Hello hello = {}, stek::Policy policy = {}) : Server(policy) {
    Meeting first = meet(hello);
    REQUIRE(first.completed);
    REQUIRE(first.issued);
    session = std::move(first.session);
  }

  Hello again() const {
    Hello hello;
    hello.session = session.get();
    return hello;
  }

  ClientSession session;
};

// ---- The rules ---------------------------------------------------------------------------------

TEST_CASE("12.2 RFC 5077 3.2: a client that asks for a ticket gets one in a full handshake") {
  Server server;
  const Meeting meeting = server.meet({});
  check_full_handshake(meeting, Reason::no_ticket);
  CHECK(meeting.issued);
  CHECK(meeting.extended_master_secret);
  CHECK(meeting.answered(extension_session_ticket));
  REQUIRE(meeting.new_tickets.size() == 1);
  CHECK(meeting.new_tickets[0] == ticket_of(*meeting.session).size());
  CHECK(meeting.lifetime_hint > 0);
  CHECK(meeting.lifetime_hint <= 604800);
}

TEST_CASE("12.1 RFC 5077 3.2: a client that does not ask for a ticket gets none") {
  Server server;
  const Meeting meeting = server.meet({.tickets = false});
  check_full_handshake(meeting, Reason::no_ticket);
  CHECK_FALSE(meeting.issued);
  CHECK_FALSE(meeting.answered(extension_session_ticket));
  CHECK(meeting.new_tickets.empty());
}

TEST_CASE("a ticket resumes its session, with EMS and without a new ticket") {
  Met server;
  const Meeting meeting = server.meet(server.again());
  check_resumed(meeting);
  CHECK(meeting.answered(extension_extended_master_secret));
  CHECK_FALSE(meeting.answered(extension_session_ticket));
  CHECK(meeting.new_tickets.empty());
  CHECK_FALSE(meeting.verdict.renew);
  CHECK_FALSE(meeting.issued);
  CHECK(meeting.verify_result == MBEDTLS_X509_BADCERT_SKIP_VERIFY);
}

TEST_CASE("a long server name makes a longer ticket, but not in a ring that wolfSSL may share") {
  Hello hello;
  hello.server_name = std::string(60, 'a') + "." + std::string(60, 'b') + ".example";
  for (const auto& [profile, size] :
       {std::pair(stek::Profile::xchacha20poly1305, 16U + 24 + 256 + 16),
        std::pair(stek::Profile::rfc5077, 178U)}) {
    Server server;
    server.store = store_with_key(profile);
    server.restart();
    const Meeting first = server.meet(hello);
    CHECK(ticket_of(*first.session).size() == size);
    hello.session = first.session.get();
    check_resumed(server.meet(hello));
    hello.session = nullptr;
  }
}

TEST_CASE("a ticket outlives the server that issued it") {
  Met server;
  server.restart();
  check_resumed(server.meet(server.again()));
}

TEST_CASE("a client that offers TLS 1.3 as well resumes its TLS 1.2 session") {
  Met server({.highest_version = TLS1_3_VERSION});
  Hello hello = server.again();
  hello.highest_version = TLS1_3_VERSION;
  check_resumed(server.meet(hello));
}

TEST_CASE("a client that falls back to the server's own highest version resumes") {
  Met server;
  Hello hello = server.again();
  hello.fallback = true;
  check_resumed(server.meet(hello));
}

TEST_CASE("a session of an old version resumes in it, where server and policy allow that version") {
  const std::string old_suite = "ECDHE-ECDSA-AES128-SHA";
  stek::Policy policy;
  policy.min_version = stek::ProtocolVersion::tls1_0;
  Server server(policy);
  mbedtls_ssl_conf_min_version(&server.config, MBEDTLS_SSL_MAJOR_VERSION_3,
                               MBEDTLS_SSL_MINOR_VERSION_1);
  mbedtls_ssl_conf_max_version(&server.config, MBEDTLS_SSL_MAJOR_VERSION_3,
                               MBEDTLS_SSL_MINOR_VERSION_2);
  const Meeting first = server.meet({.suites = old_suite});
  REQUIRE(first.issued);
  const Hello again{.session = first.session.get(), .suites = old_suite};
  check_resumed(server.meet(again));

  SUBCASE("and is a full handshake, as mbed TLS would have it, where only the policy does not") {
    server.ticketer = Server::open(*server.store);
    Hello without_ems{.session = first.session.get(), .suites = old_suite};
    without_ems.extended_master_secret = false;
    check_full_handshake(server.meet(again), Reason::version_unsupported);
    check_full_handshake(server.meet(without_ems), Reason::version_unsupported);
  }
  SUBCASE("and not in another") {
    mbedtls_ssl_conf_max_version(&server.config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
    check_full_handshake(server.meet({.raw_ticket = ticket_of(*first.session)}),
                         Reason::version_differs);
  }
}

TEST_CASE("an EMS session offered without EMS is aborted with handshake_failure") {
  Met server;
  Hello hello = server.again();
  hello.extended_master_secret = false;
  const Meeting meeting = server.meet(hello);
  CHECK_FALSE(meeting.completed);
  CHECK(meeting.client_alert == SSL_AD_HANDSHAKE_FAILURE);
  CHECK(meeting.verdict.outcome == Outcome::abort);
  CHECK(name_of(meeting.verdict.reason) == name_of(Reason::extended_master_secret_missing));
}

TEST_CASE("a session without EMS gets no promise of a ticket") {
  Server server;
  const Meeting meeting = server.meet({.extended_master_secret = false});
  check_full_handshake(meeting, Reason::no_ticket);
  CHECK_FALSE(meeting.extended_master_secret);
  CHECK_FALSE(meeting.answered(extension_session_ticket));
  CHECK(meeting.new_tickets.empty());
}

TEST_CASE("a policy for old clients issues and resumes without EMS") {
  stek::Policy policy;
  policy.legacy_ems = stek::LegacyEms::resume;
  Met server({.extended_master_secret = false}, policy);
  Hello hello = server.again();
  hello.extended_master_secret = false;
  check_resumed(server.meet(hello));

  SUBCASE("but a session without EMS does not resume with EMS") {
    check_full_handshake(server.meet(server.again()), Reason::extended_master_secret_added);
  }
  SUBCASE("also for a client that offers EMS to a server that has it turned off") {
    mbedtls_ssl_conf_extended_master_secret(&server.config, MBEDTLS_SSL_EXTENDED_MS_DISABLED);
    const Meeting meeting = server.meet(server.again());
    check_resumed(meeting);
    CHECK_FALSE(meeting.answered(extension_extended_master_secret));
  }
}

TEST_CASE("a server that turns EMS off does a full handshake for an EMS session, not an abort") {
  Met server;
  mbedtls_ssl_conf_extended_master_secret(&server.config, MBEDTLS_SSL_EXTENDED_MS_DISABLED);
  check_full_handshake(server.meet(server.again()), Reason::extended_master_secret_missing);
}

TEST_CASE("encrypt-then-MAC is kept in a resumed session") {
  Met server({.suites = cbc});
  const Meeting meeting = server.meet(server.again());
  check_resumed(meeting);
  CHECK(meeting.suite == cbc);
  CHECK(meeting.answered(extension_encrypt_then_mac));
}

TEST_CASE("MAC-then-encrypt is kept in a resumed session") {
  Met server({.suites = cbc, .encrypt_then_mac = false});
  Hello hello = server.again();
  hello.encrypt_then_mac = false;
  const Meeting meeting = server.meet(hello);
  check_resumed(meeting);
  CHECK(meeting.suite == cbc);
  CHECK_FALSE(meeting.answered(extension_encrypt_then_mac));
}

TEST_CASE("a session with encrypt-then-MAC does not resume without") {
  Met server({.suites = cbc});
  Hello hello = server.again();
  hello.encrypt_then_mac = false;
  check_full_handshake(server.meet(hello), Reason::encrypt_then_mac_missing);

  SUBCASE("nor when the server has turned it off") {
    mbedtls_ssl_conf_encrypt_then_mac(&server.config, MBEDTLS_SSL_ETM_DISABLED);
    check_full_handshake(server.meet(server.again()), Reason::encrypt_then_mac_missing);
  }
}

TEST_CASE("a session without encrypt-then-MAC does not resume with") {
  Met server({.suites = cbc, .encrypt_then_mac = false});
  const Meeting meeting = server.meet(server.again());
  check_full_handshake(meeting, Reason::encrypt_then_mac_added);

  SUBCASE("but does when the server does not answer it") {
    mbedtls_ssl_conf_encrypt_then_mac(&server.config, MBEDTLS_SSL_ETM_DISABLED);
    check_resumed(server.meet(server.again()));
  }
}

TEST_CASE("a session under an AEAD suite resumes whatever is said about encrypt-then-MAC") {
  Met server({.suites = gcm});
  Hello hello = server.again();
  check_resumed(server.meet(hello));
  hello.encrypt_then_mac = false;
  check_resumed(server.meet(hello));
}

TEST_CASE("a session does not resume under another server name") {
  Met server;
  Hello hello = server.again();
  hello.server_name = "bank.example";
  check_full_handshake(server.meet(hello), Reason::server_name_differs);
  hello.server_name = "";
  check_full_handshake(server.meet(hello), Reason::server_name_differs);
}

TEST_CASE("a server name that differs only in case resumes") {
  Met server;
  Hello hello = server.again();
  hello.server_name = "Shop.EXAMPLE";
  check_resumed(server.meet(hello));
}

TEST_CASE("a session without a server name resumes without one") {
  Met server({.server_name = ""});
  Hello hello = server.again();
  check_full_handshake(server.meet(hello), Reason::server_name_differs);
  hello.server_name = "";
  check_resumed(server.meet(hello));
}

TEST_CASE("a session whose suite is not offered does not resume") {
  Met server({.suites = gcm});
  Hello hello = server.again();
  hello.suites = cbc;
  const Meeting meeting = server.meet(hello);
  check_full_handshake(meeting, Reason::suite_not_offered);
  CHECK(meeting.suite == cbc);
}

TEST_CASE("a session whose suite the server no longer enables does not resume") {
  Met server({.suites = gcm});
  const std::array<int, 2> only_cbc{MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, 0};
  mbedtls_ssl_conf_ciphersuites(&server.config, only_cbc.data());
  const Meeting meeting = server.meet(server.again());
  check_full_handshake(meeting, Reason::suite_not_enabled);
  CHECK(meeting.suite == cbc);
}

TEST_CASE("a session resumes under its own suite, whatever either side prefers now") {
  Met server({.suites = gcm});
  Hello hello = server.again();
  hello.suites = other_gcm + ":" + gcm + ":" + cbc;
  CHECK(server.meet({.suites = hello.suites}).suite == other_gcm);
  const Meeting meeting = server.meet(hello);
  check_resumed(meeting);
  CHECK(meeting.suite == gcm);
}

TEST_CASE("a session resumes though its suite could no longer be negotiated, for want of a curve") {
  Met server({.suites = gcm});
  mbedtls_x509_crt rsa;
  mbedtls_x509_crt_init(&rsa);
  mbedtls_pk_context rsa_key;
  mbedtls_pk_init(&rsa_key);
  Config::parse(rsa, mbedtls_test_srv_crt_rsa, mbedtls_test_srv_crt_rsa_len);
  REQUIRE(mbedtls_pk_parse_key(&rsa_key,
                               reinterpret_cast<const unsigned char*>(mbedtls_test_srv_key_rsa),
                               mbedtls_test_srv_key_rsa_len, nullptr, 0) == 0);
  REQUIRE(mbedtls_ssl_conf_own_cert(&server.config, &rsa, &rsa_key) == 0);
  const std::array<mbedtls_ecp_group_id, 2> p256{MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_NONE};
  mbedtls_ssl_conf_curves(&server.config, p256.data());

  Hello hello = server.again();
  hello.groups = "P-521";
  hello.suites = gcm + ":AES128-SHA256";
  CHECK(server.meet({.suites = hello.suites, .groups = hello.groups}).suite == "AES128-SHA256");
  const Meeting meeting = server.meet(hello);
  check_resumed(meeting);
  CHECK(meeting.suite == gcm);
  mbedtls_pk_free(&rsa_key);
  mbedtls_x509_crt_free(&rsa);
}

TEST_CASE("a session resumes under its maximum fragment length only") {
  Met server({.max_fragment_length = TLSEXT_max_fragment_length_1024});
  Hello hello = server.again();
  check_full_handshake(server.meet(hello), Reason::max_fragment_length_differs);
  hello.max_fragment_length = TLSEXT_max_fragment_length_1024;
  check_resumed(server.meet(hello));
}

TEST_CASE("an altered ticket is a full handshake without an alert, wherever it is altered") {
  Met server;
  const std::size_t size = ticket_of(*server.session).size();
  for (const std::size_t byte : {0UL, 15UL, 16UL, size / 2, size - 1}) {
    CAPTURE(byte);
    const ClientSession changed = altered(*server.session, byte * 8);
    Hello hello = server.again();
    hello.session = changed.get();
    const Meeting meeting = server.meet(hello);
    check_full_handshake(meeting, byte < 16 ? Reason::unknown_key : Reason::altered);
    CHECK(meeting.issued);
  }
}

TEST_CASE("12.28 RFC 6066 3: a resumed handshake answers no server_name") {
  Met server;
  const Meeting meeting = server.meet(server.again());
  check_resumed(meeting);
  constexpr int server_name = 0;
  CHECK_FALSE(meeting.answered(server_name));
}

TEST_CASE("12.31 RFC 5077 3.4: whoever resumes hears the session id that it sent, empty or not") {
  Met server;
  const Meeting meeting = server.meet(server.again());
  check_resumed(meeting);
  CHECK(meeting.offered_id.size() == 32);
  CHECK(meeting.echoed_id == meeting.offered_id);

  std::array<unsigned char, 3> own{1, 2, 3};
  for (const unsigned size : {3U, 0U}) {
    CAPTURE(size);
    REQUIRE(SSL_SESSION_set1_id(server.session.get(), own.data(), size) == 1);
    const Meeting again = server.meet(server.again());
    CHECK(again.verdict.outcome == Outcome::resume);
    CHECK(again.offered_id.size() == size);
    CHECK(again.echoed_id == again.offered_id);
  }
}

TEST_CASE("12.36 RFC 5077 3.3: a client whose Finished is wrong gets no ticket") {
  Server server;
  Connection connection(server.config, server.ticketer);
  Meeting meeting;
  const ClientContext context = context_for({});
  const Client client = client_for(*context, {}, meeting);
  std::size_t flights = 0;
  for (int round = 0; round < 4; ++round) {
    SSL_do_handshake(client.get());
    const std::size_t before = connection.wire.in.size();
    carry(*client, connection.wire);
    if (connection.wire.in.size() > before && ++flights == 2) connection.wire.in.back() ^= 1;
    mbedtls_ssl_handshake(&connection.ssl);
    carry(*client, connection.wire);
  }
  ERR_clear_error();
  CHECK(flights == 2);
  CHECK(connection.ssl.state == MBEDTLS_SSL_CLIENT_FINISHED);
  CHECK_FALSE(connection.tickets->issued());
  CHECK(meeting.new_tickets.empty());
}

TEST_CASE("12.37 RFC 5077 5.1: a stolen ticket with a wrong secret leaves it valid (claim 7)") {
  Met server;
  const ClientSession thief = stolen(*server.session);
  const Meeting theft = server.meet({.session = thief.get()});
  CHECK_FALSE(theft.completed);
  CHECK(theft.verdict.outcome == Outcome::resume);
  check_resumed(server.meet(server.again()));
}

TEST_CASE("a resumption that fails is seen to fail, at both ends (claim 12)") {
  Met server;
  server.store = store_with_key();
  server.restart();
  const Meeting meeting = server.meet(server.again());
  CHECK(meeting.completed);
  CHECK_FALSE(meeting.resumed);
  CHECK_FALSE(meeting.server_resumed);
}

TEST_CASE("a ticket value chosen by the client is never issued back (claim 9)") {
  Server server;
  const std::vector<unsigned char> chosen(178, 0x5a);
  const Meeting meeting = server.meet({.raw_ticket = chosen});
  CHECK(meeting.issued);
  const auto issued = ticket_of(*meeting.session);
  CHECK(issued.size() == meeting.new_tickets.front());
  CHECK(issued != chosen);
  CHECK(std::ranges::search(issued, std::span(chosen).first(8)).empty());
}

TEST_CASE("what is no ticket at all is a full handshake without an alert") {
  Server server;
  for (const std::size_t size : {1U, 16U, 47U, 178U, 4000U}) {
    CAPTURE(size);
    const Meeting meeting = server.meet({.raw_ticket = std::vector<unsigned char>(size, 0x5a)});
    CHECK(meeting.completed);
    CHECK_FALSE(meeting.resumed);
    CHECK(meeting.client_alert == 0);
    CHECK(meeting.verdict.outcome == Outcome::full_handshake);
    CHECK(meeting.verdict.reason != Reason::no_ticket);
    CHECK(meeting.issued);
  }
}

TEST_CASE("a ticket of another domain is a full handshake") {
  Met server;
  check_full_handshake(server.meet(server.again(), "internal"), Reason::altered);
}

TEST_CASE(
    "12.32 RFC 5077 3.3: after a rotation the old ticket resumes and is renewed under the new "
    "key") {
  Met server;
  rotate(*server.store);
  REQUIRE(server.ticketer.refresh());
  const Meeting meeting = server.meet(server.again());
  check_resumed(meeting);
  CHECK(meeting.verdict.renew);
  CHECK(meeting.issued);
  CHECK(meeting.answered(extension_session_ticket));
  CHECK(meeting.new_tickets.size() == 1);
  CHECK(key_name_of(*meeting.session) != key_name_of(*server.session));

  Hello hello = server.again();
  hello.session = meeting.session.get();
  const Meeting next = server.meet(hello);
  check_resumed(next);
  CHECK_FALSE(next.verdict.renew);
  CHECK(next.new_tickets.empty());
}

TEST_CASE("a renewed ticket keeps the instant of the first full handshake, suite, name and flags") {
  Met server({.suites = cbc});
  auto view = server.ticketer.in("public");
  REQUIRE(view);
  const auto opened = [&](const SSL_SESSION& session) {
    const auto ticket = ticket_of(session);
    auto inside = view->open(std::as_bytes(std::span(ticket)));
    REQUIRE(inside);
    return *std::move(inside);
  };
  stek::Session first = opened(*server.session);
  CHECK(first.version == stek::ProtocolVersion::tls1_2);
  CHECK(first.extended_master_secret);
  CHECK(first.encrypt_then_mac);
  REQUIRE(std::holds_alternative<stek::HostName>(first.server_name));
  CHECK(std::get<stek::HostName>(first.server_name).text() == "shop.example");

  // A ticket of 20 minutes ago for the same session, as the client could carry it.
  stek::Session older = first.copy();
  older.authenticated_at = stek::system_now() - 30min;
  std::array<std::byte, stek::max_ticket> room;
  const auto ticket = view->issue(older, room, stek::system_now() - 20min);
  REQUIRE(ticket);
  const auto was = ticket_of(*server.session);
  REQUIRE(ticket->bytes.size() == was.size());
  unsigned char* der = nullptr;
  const int size = i2d_SSL_SESSION(server.session.get(), &der);
  auto* at = std::search(der, der + size, was.begin(), was.end());
  std::ranges::copy(ticket->bytes, std::as_writable_bytes(std::span(at, was.size())).begin());
  const unsigned char* read = der;
  const ClientSession carried(d2i_SSL_SESSION(nullptr, &read, size));
  OPENSSL_free(der);

  rotate(*server.store);
  REQUIRE(server.ticketer.refresh());
  Hello hello = server.again();
  hello.session = carried.get();
  const Meeting meeting = server.meet(hello);
  check_resumed(meeting);
  const stek::Session renewed = opened(*meeting.session);
  CHECK(renewed.authenticated_at == older.authenticated_at);
  CHECK(renewed.issued_at > stek::system_now() - 1min);
  CHECK(renewed.cipher_suite == first.cipher_suite);
  CHECK(renewed.encrypt_then_mac);
  CHECK(renewed.extended_master_secret);
  CHECK(renewed.server_name == first.server_name);
  CHECK(renewed.secret == first.secret);
}

TEST_CASE("a ticket whose key has expired is a full handshake without an alert, and a new ticket") {
  Met server;
  expire_keys(*server.store);
  REQUIRE(server.ticketer.refresh());
  const Meeting meeting = server.meet(server.again());
  CHECK(meeting.completed);
  CHECK_FALSE(meeting.resumed);
  CHECK(meeting.client_alert == 0);
  CHECK(meeting.verdict.outcome == Outcome::full_handshake);
  CHECK((meeting.verdict.reason == Reason::key_expired ||
         meeting.verdict.reason == Reason::unknown_key));
  CHECK(meeting.issued);
  CHECK(key_name_of(*meeting.session) != key_name_of(*server.session));
}

TEST_CASE(
    "12.33 RFC 5077 3.3: without an active key a handshake completes without a ticket, and old "
    "ones resume") {
  Met server;
  retire_keys(*server.store);
  REQUIRE(server.ticketer.refresh());

  const Meeting full = server.meet({});
  check_full_handshake(full, Reason::no_ticket);
  CHECK_FALSE(full.issued);
  REQUIRE(full.new_tickets.size() <= 1);
  for (const std::size_t size : full.new_tickets) CHECK(size == 0);
  CHECK(full.lifetime_hint == 0);
  CHECK(ticket_of(*full.session).empty());

  const Meeting resumed = server.meet(server.again());
  check_resumed(resumed);
  CHECK_FALSE(resumed.issued);
  CHECK(ticket_of(*resumed.session) == ticket_of(*server.session));
}

// mbed TLS by itself: one server that asks for nothing, then demands a certificate, under the same
// ticket keys.
struct StockServer {
  StockServer() {
    mbedtls_ssl_ticket_init(&keys);
    REQUIRE(mbedtls_ssl_ticket_setup(&keys, mbedtls_ctr_drbg_random, &config.random,
                                     MBEDTLS_CIPHER_AES_256_GCM, 3600) == 0);
    mbedtls_ssl_conf_session_tickets_cb(&config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                        &keys);
  }
  ~StockServer() { mbedtls_ssl_ticket_free(&keys); }
  StockServer(const StockServer&) = delete;
  StockServer& operator=(const StockServer&) = delete;

  Meeting meet(const Hello& hello) {
    Meeting meeting;
    StockConnection server(config);
    const ClientContext context = context_for(hello);
    const Client client = client_for(*context, hello, meeting);
    shake_hands(*client, server, meeting);
    meeting.resumed = meeting.completed && SSL_session_reused(client.get()) == 1;
    meeting.session.reset(SSL_get1_session(client.get()));
    SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return meeting;
  }

  Config config;
  mbedtls_ssl_ticket_context keys;
};

TEST_CASE("the way around a client certificate is real, without stek") {
  StockServer server;
  const Meeting first = server.meet({});
  REQUIRE(first.completed);
  mbedtls_ssl_conf_authmode(&server.config, MBEDTLS_SSL_VERIFY_REQUIRED);
  CHECK_FALSE(server.meet({}).completed);
  CHECK(server.meet({.session = first.session.get()}).resumed);
}

TEST_CASE("12.30 a session with a client certificate gets no ticket (claim 8)") {
  Server server;
  mbedtls_ssl_conf_authmode(&server.config, MBEDTLS_SSL_VERIFY_OPTIONAL);
  const Meeting known = server.meet({.prepare = use_test_certificate});
  check_full_handshake(known, Reason::no_ticket);
  CHECK_FALSE(known.issued);
  CHECK(ticket_of(*known.session).empty());

  const Meeting anonymous = server.meet({});
  CHECK(anonymous.issued);
  SUBCASE("and an anonymous one resumes as one without a certificate") {
    const Meeting again = server.meet({.session = anonymous.session.get()});
    check_resumed(again);
    CHECK(again.verify_result == MBEDTLS_X509_BADCERT_MISSING);
  }
  SUBCASE("and an anonymous one does not resume where a certificate is required") {
    mbedtls_ssl_conf_authmode(&server.config, MBEDTLS_SSL_VERIFY_REQUIRED);
    const Meeting again =
        server.meet({.session = anonymous.session.get(), .prepare = use_test_certificate});
    CHECK_FALSE(again.resumed);
    CHECK(name_of(again.verdict.reason) == name_of(Reason::identity_missing));
  }
  SUBCASE("not even when only the server name brings that requirement") {
    mbedtls_ssl_conf_authmode(&server.config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_sni(
        &server.config,
        [](void*, mbedtls_ssl_context* ssl, const unsigned char*, std::size_t) {
          mbedtls_ssl_set_hs_authmode(ssl, MBEDTLS_SSL_VERIFY_REQUIRED);
          return 0;
        },
        nullptr);
    const Meeting again = server.meet({.session = anonymous.session.get()});
    CHECK_FALSE(again.completed);
    CHECK(name_of(again.verdict.reason) == name_of(Reason::identity_missing));
  }
}

TEST_CASE("the user's own server-name callback is called as before") {
  Met server;
  std::string seen;
  mbedtls_ssl_conf_sni(
      &server.config,
      [](void* text, mbedtls_ssl_context*, const unsigned char* name, std::size_t size) {
        static_cast<std::string*>(text)->assign(name, name + size);
        return 0;
      },
      &seen);
  check_resumed(server.meet(server.again()));
  CHECK(seen == "shop.example");
}

TEST_CASE("one connection serves many handshakes, and nothing of one leaks into the next") {
  Met server;
  Connection connection(server.config, server.ticketer);
  const auto next = [&](const Hello& hello) {
    connection.reset();
    return meet(connection, hello);
  };
  Hello without_ems = server.again();
  without_ems.extended_master_secret = false;

  check_full_handshake(next({}), Reason::no_ticket);
  const Meeting resumed = next(server.again());
  check_resumed(resumed);
  CHECK_FALSE(resumed.issued);
  const Meeting nameless = next({.server_name = "", .suites = cbc});
  check_full_handshake(nameless, Reason::no_ticket);
  check_resumed(next({.session = nameless.session.get(), .server_name = "", .suites = cbc}));
  CHECK(next(without_ems).client_alert == SSL_AD_HANDSHAKE_FAILURE);
  check_full_handshake(next({}), Reason::no_ticket);
  CHECK(next(without_ems).client_alert == SSL_AD_HANDSHAKE_FAILURE);
  check_full_handshake(next({.tickets = false}), Reason::no_ticket);
  CHECK(next(without_ems).client_alert == SSL_AD_HANDSHAKE_FAILURE);
  check_resumed(next(server.again()));

  rotate(*server.store);
  REQUIRE(server.ticketer.refresh());
  CHECK(next(server.again()).new_tickets.size() == 1);
  CHECK(next({.tickets = false}).new_tickets.empty());
}

TEST_CASE("a session that mbed TLS resumes from its own cache gets no ticket") {
  Server server;
  mbedtls_ssl_cache_context cache;
  mbedtls_ssl_cache_init(&cache);
  mbedtls_ssl_conf_session_cache(&server.config, &cache, mbedtls_ssl_cache_get,
                                 mbedtls_ssl_cache_set);
  const Meeting first = server.meet({.tickets = false});
  REQUIRE(first.completed);
  const Meeting again = server.meet({.session = first.session.get()});
  CHECK(again.resumed);
  CHECK_FALSE(again.server_resumed);
  CHECK_FALSE(again.issued);
  mbedtls_ssl_cache_free(&cache);
}

TEST_CASE("a renegotiation after a resumption is a full handshake with a ticket of its own") {
  Met server;
  mbedtls_ssl_conf_renegotiation(&server.config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
  Connection connection(server.config, server.ticketer);
  Meeting meeting;
  const Hello hello = server.again();
  const ClientContext context = context_for(hello);
  const Client client = client_for(*context, hello, meeting);
  shake_hands(*client, connection, meeting);
  REQUIRE(meeting.completed);
  REQUIRE(connection.tickets->resumed());

  SUBCASE("that offers no ticket") {
    REQUIRE(SSL_renegotiate(client.get()) == 1);
  }
  SUBCASE("that offers the ticket again") {
    REQUIRE(SSL_renegotiate_abbreviated(client.get()) == 1);
  }
  meeting = {};
  int client_result = -1;
  std::array<unsigned char, 16> nothing;
  for (int round = 0; round < 20; ++round) {
    if (client_result != 1) client_result = SSL_do_handshake(client.get());
    carry(*client, connection.wire);
    mbedtls_ssl_read(&connection.ssl, nothing.data(), nothing.size());
    carry(*client, connection.wire);
  }
  CHECK(client_result == 1);
  CHECK(SSL_session_reused(client.get()) == 0);
  CHECK_FALSE(connection.tickets->resumed());
  CHECK(name_of(connection.tickets->verdict().reason) == name_of(Reason::no_ticket));
  CHECK(connection.tickets->issued());
  SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

// mbed TLS's own client sends the ticket after extended master secret and encrypt-then-MAC;
// OpenSSL's sends it before them.
TEST_CASE("the order of the ClientHello's extensions does not matter") {
  Server server;
  Config config;
  mbedtls_ssl_conf_endpoint(&config, MBEDTLS_SSL_IS_CLIENT);
  mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_NONE);
  mbedtls_ssl_conf_session_tickets(&config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
  const std::array<int, 2> only_cbc{MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, 0};
  mbedtls_ssl_conf_ciphersuites(&config, only_cbc.data());
  mbedtls_ssl_session session;
  mbedtls_ssl_session_init(&session);

  const auto meet_mbedtls = [&](bool offers_session) {
    Connection connection(server.config, server.ticketer);
    mbedtls_ssl_context client;
    mbedtls_ssl_init(&client);
    REQUIRE(mbedtls_ssl_setup(&client, &config) == 0);
    REQUIRE(mbedtls_ssl_set_hostname(&client, "shop.example") == 0);
    if (offers_session) REQUIRE(mbedtls_ssl_set_session(&client, &session) == 0);
    Wire wire;
    mbedtls_ssl_set_bio(&client, &wire, Wire::send, Wire::receive, nullptr);
    bool done = false;
    for (int round = 0; round < 20 && !done; ++round) {
      const int ours = mbedtls_ssl_handshake(&client);
      connection.wire.in += std::exchange(wire.out, {});
      const int theirs = mbedtls_ssl_handshake(&connection.ssl);
      wire.in += std::exchange(connection.wire.out, {});
      done = ours == 0 && theirs == 0;
    }
    if (done) REQUIRE(mbedtls_ssl_get_session(&client, &session) == 0);
    const int etm = done ? client.session->encrypt_then_mac : -1;
    mbedtls_ssl_free(&client);
    return std::tuple(done, connection.tickets->resumed(), etm);
  };

  CHECK(meet_mbedtls(false) == std::tuple(true, false, MBEDTLS_SSL_ETM_ENABLED));
  CHECK(meet_mbedtls(true) == std::tuple(true, true, MBEDTLS_SSL_ETM_ENABLED));

  // A ticket that is refused late leaves what the hello negotiated.
  mbedtls_ssl_conf_authmode(&server.config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_verify(
      &server.config,
      [](void*, mbedtls_x509_crt*, int, std::uint32_t* flags) {
        *flags = 0;
        return 0;
      },
      nullptr);
  CHECK(meet_mbedtls(true) == std::tuple(true, false, MBEDTLS_SSL_ETM_ENABLED));
  mbedtls_ssl_conf_authmode(&server.config, MBEDTLS_SSL_VERIFY_NONE);
  CHECK(meet_mbedtls(false) == std::tuple(true, false, MBEDTLS_SSL_ETM_ENABLED));
  mbedtls_ssl_conf_extended_master_secret(&config, MBEDTLS_SSL_EXTENDED_MS_DISABLED);
  CHECK(std::get<0>(meet_mbedtls(true)) == false);
  mbedtls_ssl_session_free(&session);
}

TEST_CASE("a connection is attached once, to a TLS server that is set up") {
  Server server;
  auto view = server.ticketer.in("public");
  REQUIRE(view);
  const auto error_of = [&](mbedtls_ssl_context& ssl) {
    auto attached = stek::mbedtls::Connection::attach(ssl, *view);
    REQUIRE_FALSE(attached);
    CHECK_FALSE(attached.error().message.empty());
    return attached.error().error;
  };
  mbedtls_ssl_context bare;
  mbedtls_ssl_init(&bare);
  CHECK(error_of(bare) == stek::Error::unsuitable);

  Connection connection(server.config, server.ticketer);
  CHECK(error_of(connection.ssl) == stek::Error::already_there);

  Config client;
  mbedtls_ssl_conf_endpoint(&client, MBEDTLS_SSL_IS_CLIENT);
  REQUIRE(mbedtls_ssl_setup(&bare, &client) == 0);
  error_of(bare);
  CHECK(bare.conf == &client);
  mbedtls_ssl_free(&bare);
}

TEST_CASE("a connection gives its configuration back when it ends") {
  Server server;
  mbedtls_ssl_context ssl;
  mbedtls_ssl_init(&ssl);
  REQUIRE(mbedtls_ssl_setup(&ssl, &server.config) == 0);
  auto view = server.ticketer.in("public");
  REQUIRE(view);
  {
    auto first = stek::mbedtls::Connection::attach(ssl, *view);
    REQUIRE(first);
    const stek::mbedtls::Connection moved = *std::move(first);
    CHECK(ssl.conf != &server.config);
  }
  CHECK(ssl.conf == &server.config);
  mbedtls_ssl_free(&ssl);
}

TEST_CASE("a thousand handshakes, each resuming the one before") {
  Met server;
  for (int i = 0; i < 1000; ++i) {
    if (i % 100 == 0) {
      rotate(*server.store);
      REQUIRE(server.ticketer.refresh());
    }
    Meeting meeting = server.meet(server.again());
    REQUIRE(meeting.resumed);
    if (meeting.issued) server.session = std::move(meeting.session);
  }
}

TEST_CASE("four threads, one Ticketer, a ring that rotates") {
  Server server;
  std::atomic<int> resumed = 0;
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&] {
      const Config config;
      ClientSession session;
      for (int i = 0; i < 50; ++i) {
        Connection connection(config, server.ticketer);
        Meeting meeting = meet(connection, {.session = session.get()});
        resumed += meeting.server_resumed ? 1 : 0;
        session = std::move(meeting.session);
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    rotate(*server.store);
    REQUIRE(server.ticketer.refresh());
    std::this_thread::sleep_for(5ms);
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(resumed == 4 * 49);
}

}  // namespace
