// The wolfSSL adapter: wolfSSL servers and mbed TLS clients in one process, over memory. Clients on
// other libraries meet such servers in tests/interop.
#include <stek/wolfssl.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <mbedtls/certs.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>

#define USE_CERT_BUFFERS_256
#define USE_CERT_BUFFERS_2048
#include <wolfssl/certs_test.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "deleter.hpp"
#include "rings.hpp"

namespace {

using namespace std::chrono_literals;
using namespace rings;
using stek::Outcome;
using stek::Reason;
using stek::wolfssl::Connection;

using Context = std::unique_ptr<WOLFSSL_CTX, Deleter<wolfSSL_CTX_free>>;
using Ssl = std::unique_ptr<WOLFSSL, Deleter<wolfSSL_free>>;

constexpr int gcm128 = MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
constexpr int gcm256 = MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
constexpr int cbc = MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256;

// ---- Two ends in memory ------------------------------------------------------------------------

// A server on wolfSSL and clients on mbed TLS: a client of wolfSSL 5.5 takes every answer to its
// ticket for a resumption, and fails when it is none.

struct Wire {
  std::string to_server;
  std::string to_client;
};

std::size_t take(std::string& in, char* bytes, std::size_t size) {
  const std::size_t n = in.copy(bytes, size);
  in.erase(0, n);
  return n;
}

void carry(WOLFSSL& server, Wire& wire) {
  wolfSSL_SSLSetIORecv(&server, [](WOLFSSL*, char* bytes, int size, void* self) {
    std::string& in = static_cast<Wire*>(self)->to_server;
    if (in.empty()) return static_cast<int>(WOLFSSL_CBIO_ERR_WANT_READ);
    return static_cast<int>(take(in, bytes, static_cast<std::size_t>(size)));
  });
  wolfSSL_SSLSetIOSend(&server, [](WOLFSSL*, char* bytes, int size, void* self) {
    static_cast<Wire*>(self)->to_client.append(bytes, static_cast<std::size_t>(size));
    return size;
  });
  wolfSSL_SetIOReadCtx(&server, &wire);
  wolfSSL_SetIOWriteCtx(&server, &wire);
}

struct ClientSession : mbedtls_ssl_session {
  ClientSession() : mbedtls_ssl_session() { mbedtls_ssl_session_init(this); }
  ~ClientSession() { mbedtls_ssl_session_free(this); }
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  [[nodiscard]] std::span<unsigned char> bytes() { return {ticket, ticket_len}; }
};
using Session = std::shared_ptr<ClientSession>;

struct Hello {
  const char* name = "shop.example";
  std::vector<int> suites{gcm128};
  bool extended_master_secret = true;
  bool encrypt_then_mac = true;
  bool certificate = false;
  bool tickets = true;
  Session session{};
};

struct Meeting {
  bool completed = false;
  bool resumed = false;   // by wolfSSL's word
  bool answered = false;  // application data went both ways
  bool issued = false;
  int suite = 0;
  stek::Verdict verdict;
  Session session = std::make_shared<ClientSession>();
};

struct Client {
  explicit Client(const Hello& hello) : suites(hello.suites) {
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    REQUIRE(mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, nullptr, 0) == 0);
    REQUIRE(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT,
                                        MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT) == 0);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_NONE);
    suites.push_back(0);
    mbedtls_ssl_conf_ciphersuites(&config, suites.data());
    mbedtls_ssl_conf_extended_master_secret(&config, hello.extended_master_secret ? 1 : 0);
    mbedtls_ssl_conf_encrypt_then_mac(&config, hello.encrypt_then_mac ? 1 : 0);
    mbedtls_ssl_conf_session_tickets(&config, hello.tickets ? 1 : 0);
    if (hello.certificate) use_certificate();
    REQUIRE(mbedtls_ssl_setup(&ssl, &config) == 0);
    if (hello.name != nullptr) REQUIRE(mbedtls_ssl_set_hostname(&ssl, hello.name) == 0);
    if (hello.session) REQUIRE(mbedtls_ssl_set_session(&ssl, hello.session.get()) == 0);
    // mbed TLS would go on with what the session has, whatever is negotiated.
    ssl.session_negotiate->encrypt_then_mac = 0;
    mbedtls_ssl_set_bio(
        &ssl, &wire,
        [](void* self, const unsigned char* bytes, std::size_t size) {
          static_cast<Wire*>(self)->to_server.append(bytes, bytes + size);
          return static_cast<int>(size);
        },
        [](void* self, unsigned char* bytes, std::size_t size) {
          std::string& in = static_cast<Wire*>(self)->to_client;
          if (in.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
          return static_cast<int>(take(in, reinterpret_cast<char*>(bytes), size));
        },
        nullptr);
  }
  ~Client() {
    mbedtls_ssl_free(&ssl);
    mbedtls_ssl_config_free(&config);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void use_certificate() {
    REQUIRE(mbedtls_x509_crt_parse(&certificate,
                                   reinterpret_cast<const unsigned char*>(mbedtls_test_cli_crt_ec),
                                   mbedtls_test_cli_crt_ec_len) == 0);
    REQUIRE(mbedtls_pk_parse_key(&key,
                                 reinterpret_cast<const unsigned char*>(mbedtls_test_cli_key_ec),
                                 mbedtls_test_cli_key_ec_len, nullptr, 0) == 0);
    REQUIRE(mbedtls_ssl_conf_own_cert(&config, &certificate, &key) == 0);
  }

  std::vector<int> suites;
  Wire wire;
  mbedtls_ssl_context ssl;
  mbedtls_ssl_config config;
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt certificate;
  mbedtls_pk_context key;
};

bool talk(WOLFSSL& server, Client& client) {
  constexpr std::string_view hello = "hello";
  constexpr std::string_view welcome = "welcome";
  std::array<char, 64> heard;
  const auto u8 = [](auto* text) { return reinterpret_cast<unsigned char*>(text); };
  const bool sent = mbedtls_ssl_write(&client.ssl, reinterpret_cast<const unsigned char*>("hello"),
                                      hello.size()) == static_cast<int>(hello.size());
  const int got = wolfSSL_read(&server, heard.data(), heard.size());
  if (!sent ||
      std::string_view(heard.data(), static_cast<std::size_t>(std::max(got, 0))) != hello) {
    return false;
  }
  wolfSSL_write(&server, welcome.data(), static_cast<int>(welcome.size()));
  const int back = mbedtls_ssl_read(&client.ssl, u8(heard.data()), heard.size());
  return std::string_view(heard.data(), static_cast<std::size_t>(std::max(back, 0))) == welcome;
}

/// Both ends until neither goes on. `meddle` is called when the client has spoken.
Meeting shake_hands(WOLFSSL& server, const Hello& hello,
                    const std::function<void(Wire&, int round)>& meddle = {}) {
  Client client(hello);
  carry(server, client.wire);
  Meeting meeting;
  int client_result = MBEDTLS_ERR_SSL_WANT_READ;
  bool server_done = false;
  for (int round = 0; round < 10; ++round) {
    if (client_result == MBEDTLS_ERR_SSL_WANT_READ) {
      client_result = mbedtls_ssl_handshake(&client.ssl);
    }
    if (meddle) meddle(client.wire, round);
    server_done = server_done || wolfSSL_accept(&server) == WOLFSSL_SUCCESS;
  }
  meeting.completed = client_result == 0 && server_done;
  if (!meeting.completed) return meeting;
  meeting.answered = talk(server, client);
  meeting.resumed = wolfSSL_session_reused(&server) != 0;
  meeting.suite = wolfSSL_get_current_cipher_suite(&server);
  REQUIRE(mbedtls_ssl_get_session(&client.ssl, meeting.session.get()) == 0);
  return meeting;
}

Context server_context(WOLFSSL_METHOD* method = wolfTLSv1_2_server_method()) {
  Context context(wolfSSL_CTX_new(method));
  REQUIRE(context);
  REQUIRE(wolfSSL_CTX_use_certificate_buffer(context.get(), serv_ecc_der_256,
                                             sizeof_serv_ecc_der_256,
                                             WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS);
  REQUIRE(wolfSSL_CTX_use_PrivateKey_buffer(context.get(), ecc_key_der_256, sizeof_ecc_key_der_256,
                                            WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS);
  return context;
}

constexpr int demanded = WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;

/// And takes any.
void ask_for_certificate(WOLFSSL_CTX& context, int mode) {
  wolfSSL_CTX_set_verify(&context, mode, [](int, WOLFSSL_X509_STORE_CTX*) { return 1; });
}

Meeting meet(WOLFSSL_CTX& context, const stek::Tickets& tickets, const Hello& hello,
             stek::wolfssl::Options options = {}) {
  const Ssl server(wolfSSL_new(&context));
  REQUIRE(server);
  const auto connection = Connection::attach(*server, tickets, options);
  REQUIRE(connection);
  Meeting meeting = shake_hands(*server, hello);
  meeting.verdict = connection->verdict();
  meeting.issued = connection->issued();
  CHECK(connection->resumed() == meeting.resumed);
  return meeting;
}

struct Server {
  explicit Server(stek::TicketerOptions options = {})
      : store(store_with_key(stek::Profile::rfc5077)),
        ticketer(stek::Ticketer::open(*store, std::move(options)).value()) {
    Connection::prepare(*context, tickets());
  }

  stek::Tickets tickets(std::string_view domain = "public",
                        std::optional<stek::Context> bound = {}) {
    return ticketer.in(domain, bound).value();
  }
  Meeting meet(const Hello& hello, stek::wolfssl::Options options = {}) {
    return ::meet(*context, tickets(), hello, options);
  }

  Context context = server_context();
  std::unique_ptr<stek::MemoryStore> store;
  stek::Ticketer ticketer;
};

// A server, and a session that a client has from it.
struct Met : Server {
  explicit Met(Hello said = {}, stek::TicketerOptions options = {})
      : Server(std::move(options)), hello(std::move(said)), first(meet(hello)) {
    REQUIRE(first.completed);
    REQUIRE(first.issued);
    REQUIRE(first.session->bytes().size() == 178);
  }
  Hello again() const {
    Hello same = hello;
    same.session = first.session;
    return same;
  }

  Hello hello;
  Meeting first;
};

void check_resumed(const Meeting& meeting) {
  CHECK(meeting.completed);
  CHECK(meeting.resumed);
  CHECK(meeting.answered);
  CHECK(meeting.verdict.outcome == Outcome::resume);
}

void check_full_handshake(const Meeting& meeting, Reason reason) {
  CHECK(meeting.completed);
  CHECK_FALSE(meeting.resumed);
  CHECK(meeting.answered);
  CHECK(name_of(meeting.verdict.reason) == name_of(reason));
}

// ---- The rules ---------------------------------------------------------------------------------

TEST_CASE("a client that asks for a ticket gets one, and resumes with it") {
  Met server;
  check_full_handshake(server.first, Reason::no_ticket);
  const Meeting again = server.meet(server.again());
  check_resumed(again);
  CHECK_FALSE(again.issued);
}

TEST_CASE(
    "a ticket has 178 bytes whatever the server's name, which is sealed as its hash if long") {
  Hello hello;
  SUBCASE("none") {
    hello.name = nullptr;
  }
  SUBCASE("16 bytes") {
    hello.name = "abcdefghijk.test";
  }
  SUBCASE("17 bytes") {
    hello.name = "abcdefghijkl.test";
  }
  SUBCASE("200 bytes") {
    hello.name =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
        "test";
  }
  Met server(hello);
  check_resumed(server.meet(server.again()));
  Hello other = server.again();
  other.name = "other.example";
  check_full_handshake(server.meet(other), Reason::server_name_differs);
}

TEST_CASE("12.13 a server name that differs only in case resumes") {
  Met server;
  Hello again = server.again();
  again.name = "Shop.Example";
  check_resumed(server.meet(again));
}

TEST_CASE("a ticket outlives the server that issued it") {
  Met server;
  server.ticketer = stek::Ticketer::open(*server.store).value();
  server.context = server_context();
  Connection::prepare(*server.context, server.tickets());
  check_resumed(server.meet(server.again()));
}

TEST_CASE(
    "a ticket of a retired key resumes; a fresh one is wolfSSL's to send, and it sends none") {
  Met server;
  rotate(*server.store);
  REQUIRE(server.ticketer.refresh());
  const Meeting again = server.meet(server.again());
  check_resumed(again);
  CHECK(again.verdict.renew);
  CHECK_FALSE(again.issued);
}

TEST_CASE("a session resumes under its own suite, whatever either side prefers now") {
  Met server;
  REQUIRE(wolfSSL_CTX_set_cipher_list(
              server.context.get(),
              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256") == WOLFSSL_SUCCESS);
  Hello again = server.again();
  again.suites = {gcm256, gcm128};
  const Meeting meeting = server.meet(again);
  check_resumed(meeting);
  CHECK(meeting.suite == gcm128);
}

TEST_CASE("12.9 a session does not resume under a suite that the server's certificate is not for") {
  Met server;
  const Context rsa(wolfSSL_CTX_new(wolfTLSv1_2_server_method()));
  REQUIRE(wolfSSL_CTX_use_certificate_buffer(rsa.get(), server_cert_der_2048,
                                             sizeof_server_cert_der_2048,
                                             WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS);
  REQUIRE(wolfSSL_CTX_use_PrivateKey_buffer(rsa.get(), server_key_der_2048,
                                            sizeof_server_key_der_2048,
                                            WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS);
  Connection::prepare(*rsa, server.tickets());
  Hello again = server.again();
  again.suites = {gcm128, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256};
  check_full_handshake(meet(*rsa, server.tickets(), again), Reason::suite_not_enabled);
}

TEST_CASE("12.9 a session whose suite is no longer enabled does not resume") {
  Met server;
  REQUIRE(wolfSSL_CTX_set_cipher_list(server.context.get(), "ECDHE-ECDSA-AES256-GCM-SHA384") ==
          WOLFSSL_SUCCESS);
  Hello again = server.again();
  again.suites = {gcm256, gcm128};
  check_full_handshake(server.meet(again), Reason::suite_not_enabled);
}

TEST_CASE("12.17 an EMS session offered without EMS ends the handshake") {
  Met server;
  Hello again = server.again();
  again.extended_master_secret = false;
  const Meeting meeting = server.meet(again);
  CHECK_FALSE(meeting.completed);
  CHECK(meeting.verdict.outcome == Outcome::abort);
  CHECK(name_of(meeting.verdict.reason) == name_of(Reason::extended_master_secret_missing));
}

TEST_CASE(
    "12.18 a client without EMS gets no promise of a ticket, unless the policy is for old ones") {
  const Hello hello{.extended_master_secret = false};
  {
    Server server;
    const Meeting meeting = server.meet(hello);
    check_full_handshake(meeting, Reason::no_ticket);
    CHECK(meeting.session->bytes().empty());
  }
  Met server(hello, {.policy = {.legacy_ems = stek::LegacyEms::resume}});
  check_resumed(server.meet(server.again()));
}

TEST_CASE("12.22 a CBC session keeps encrypt-then-MAC, or MAC-then-encrypt") {
  Hello hello{.suites = {cbc}};
  SUBCASE("encrypt-then-MAC") {}
  SUBCASE("MAC-then-encrypt") {
    hello.encrypt_then_mac = false;
  }
  Met server(hello);
  check_resumed(server.meet(server.again()));
}

TEST_CASE("12.20 and changes from neither to the other") {
  Hello hello{.suites = {cbc}};
  Reason reason = Reason::encrypt_then_mac_missing;
  SUBCASE("given up") {}
  SUBCASE("added") {
    hello.encrypt_then_mac = false;
    reason = Reason::encrypt_then_mac_added;
  }
  Met server(hello);
  Hello again = server.again();
  again.encrypt_then_mac = !hello.encrypt_then_mac;
  check_full_handshake(server.meet(again), reason);
}

TEST_CASE("a server that turns encrypt-then-MAC off seals and resumes without") {
  Met server({.suites = {cbc}});
  const stek::Tickets tickets = server.tickets();
  const stek::wolfssl::Options off{.encrypt_then_mac = false};
  check_full_handshake(meet(*server.context, tickets, server.again(), off),
                       Reason::encrypt_then_mac_missing);
  const Meeting first = meet(*server.context, tickets, {.suites = {cbc}}, off);
  REQUIRE(first.issued);
  Hello again{.suites = {cbc}};
  again.session = first.session;
  check_resumed(meet(*server.context, tickets, again, off));
}

/// The client's session, with another ticket.
Session with_ticket(const Session& session, const std::vector<unsigned char>& ticket) {
  auto copy = std::make_shared<ClientSession>();
  std::vector<unsigned char> saved(4096);
  std::size_t size = 0;
  REQUIRE(mbedtls_ssl_session_save(session.get(), saved.data(), saved.size(), &size) == 0);
  REQUIRE(mbedtls_ssl_session_load(copy.get(), saved.data(), size) == 0);
  mbedtls_free(copy->ticket);
  copy->ticket = static_cast<unsigned char*>(mbedtls_calloc(1, ticket.size()));
  std::ranges::copy(ticket, copy->ticket);
  copy->ticket_len = ticket.size();
  return copy;
}

TEST_CASE("12.3 an altered ticket is a full handshake, wherever it is altered") {
  Met server;
  const auto ticket = server.first.session->bytes();
  for (std::size_t byte = 0; byte < ticket.size(); ++byte) {
    std::vector<unsigned char> altered(ticket.begin(), ticket.end());
    altered[byte] ^= 1;
    Hello again = server.again();
    again.session = with_ticket(server.first.session, altered);
    const Meeting meeting = server.meet(again);
    CAPTURE(byte);
    CHECK(meeting.completed);
    CHECK_FALSE(meeting.resumed);
    CHECK(meeting.answered);
  }
}

TEST_CASE("what is no ticket of stek is a full handshake, of any length that wolfSSL looks at") {
  Met server;
  for (std::size_t size = 1; size <= 207; ++size) {
    Hello again = server.again();
    again.session = with_ticket(server.first.session, std::vector<unsigned char>(size, 0));
    const Meeting meeting = server.meet(again);
    CAPTURE(size);
    CHECK(meeting.completed == (size <= 206));
    CHECK_FALSE(meeting.resumed);
  }
}

/// The record that is there, as records of up to `size` bytes.
std::string in_pieces(const std::string& record, std::size_t size) {
  constexpr std::size_t header = 5;
  std::string pieces;
  for (std::size_t at = header; at < record.size(); at += size) {
    const std::string piece = record.substr(at, size);
    pieces += record.substr(0, 3) + '\0' + static_cast<char>(piece.size()) + piece;
  }
  return pieces;
}

TEST_CASE("a ClientHello in many records resumes") {
  Met server;
  const Ssl ssl(wolfSSL_new(server.context.get()));
  const auto connection = Connection::attach(*ssl, server.tickets());
  REQUIRE(connection);
  const Meeting again = shake_hands(*ssl, server.again(), [](Wire& wire, int round) {
    if (round == 0) wire.to_server = in_pieces(wire.to_server, 40);
  });
  CHECK(again.completed);
  CHECK(again.answered);
  CHECK(connection->resumed());
}

TEST_CASE("a ticket of another domain, or of an expired key, is a full handshake") {
  Met server;
  SUBCASE("domain") {
    check_full_handshake(meet(*server.context, server.tickets("other"), server.again()),
                         Reason::altered);
  }
  SUBCASE("key") {
    expire_keys(*server.store);
    REQUIRE(server.ticketer.refresh());
    const Meeting meeting = server.meet(server.again());
    CHECK(meeting.completed);
    CHECK_FALSE(meeting.resumed);
  }
}

TEST_CASE("a session of one context does not resume in another") {
  Server server;
  const stek::Tickets one = server.tickets("public", stek::Context{std::byte{1}});
  const stek::Tickets two = server.tickets("public", stek::Context{std::byte{2}});
  const Meeting first = meet(*server.context, one, {});
  REQUIRE(first.issued);
  Hello again;
  again.session = first.session;
  check_full_handshake(meet(*server.context, two, again), Reason::context_differs);
  check_resumed(meet(*server.context, one, again));
}

TEST_CASE("12.33 without an active key a handshake completes, and no ticket is promised") {
  Met server;
  retire_keys(*server.store);
  REQUIRE(server.ticketer.refresh());
  const Meeting full = server.meet({});
  check_full_handshake(full, Reason::no_ticket);
  CHECK_FALSE(full.issued);
  CHECK(full.session->bytes().empty());
  check_resumed(server.meet(server.again()));
}

TEST_CASE("12.33 a key that retires after the promise: the ticket is one that nobody opens") {
  Server server;
  const Ssl ssl(wolfSSL_new(server.context.get()));
  const auto connection = Connection::attach(*ssl, server.tickets());
  REQUIRE(connection);
  const Meeting full = shake_hands(*ssl, {}, [&](Wire&, int round) {
    if (round != 1) return;
    retire_keys(*server.store);
    REQUIRE(server.ticketer.refresh());
  });
  CHECK(full.completed);
  CHECK(full.answered);
  CHECK_FALSE(connection->issued());
  CHECK(full.session->bytes().size() == 178);
  check_full_handshake(server.meet({.session = full.session}), Reason::unknown_key);
}

// wolfSSL by itself: one server that asks for nothing, then demands a certificate, under the same
// ticket keys.
TEST_CASE("the way around a client certificate is real, without stek") {
  const Context context = server_context();
  const auto meet_stock = [&](const Hello& hello) {
    const Ssl server(wolfSSL_new(context.get()));
    return shake_hands(*server, hello);
  };
  const Meeting first = meet_stock({});
  REQUIRE(first.completed);
  ask_for_certificate(*context, demanded);
  CHECK_FALSE(meet_stock({}).completed);
  CHECK(meet_stock({.session = first.session}).resumed);
}

TEST_CASE("12.30 an anonymous session does not get past the demand for a certificate") {
  Met server;
  SUBCASE("of all") {
    ask_for_certificate(*server.context, demanded);
  }
  SUBCASE("of all without a PSK") {
    ask_for_certificate(*server.context, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_EXCEPT_PSK);
  }
  const Meeting anonymous = server.meet(server.again());
  CHECK_FALSE(anonymous.completed);
  CHECK(name_of(anonymous.verdict.reason) == name_of(Reason::identity_missing));
  Hello again = server.again();
  again.certificate = true;
  check_full_handshake(server.meet(again), Reason::identity_missing);
}

constexpr stek::wolfssl::Options optional{.certificate_is_optional = true};

// wolfSSL_CTX_mutual_auth makes a demand of what only asks, and nobody can look it up.
TEST_CASE("12.30 a certificate that is asked for is demanded, unless it is said to be optional") {
  Met server;
  ask_for_certificate(*server.context, WOLFSSL_VERIFY_PEER);
  REQUIRE(wolfSSL_CTX_mutual_auth(server.context.get(), 1) == 0);
  CHECK_FALSE(server.meet({}).completed);
  const Meeting again = server.meet(server.again());
  CHECK_FALSE(again.completed);
  CHECK(name_of(again.verdict.reason) == name_of(Reason::identity_missing));
}

TEST_CASE("12.30 where a certificate is optional, a session resumes under a context only") {
  Server server;
  ask_for_certificate(*server.context, WOLFSSL_VERIFY_PEER);
  const stek::Tickets bound = server.tickets("public", stek::Context{std::byte{1}});
  const Meeting with = meet(*server.context, bound, {}, optional);
  REQUIRE(with.issued);
  check_resumed(meet(*server.context, bound, {.session = with.session}, optional));

  const Meeting without = server.meet({}, optional);
  REQUIRE(without.issued);
  check_full_handshake(server.meet({.session = without.session}, optional),
                       Reason::context_differs);
}

TEST_CASE("12.30 a session with a client certificate gets no ticket that opens") {
  Server server;
  SUBCASE("where one is required, none is promised") {
    ask_for_certificate(*server.context, demanded);
    const Meeting known = server.meet({.certificate = true});
    check_full_handshake(known, Reason::no_ticket);
    CHECK(known.session->bytes().empty());
  }
  SUBCASE("where one is optional, it is one that nobody opens") {
    ask_for_certificate(*server.context, WOLFSSL_VERIFY_PEER);
    const Meeting known = server.meet({.certificate = true}, optional);
    check_full_handshake(known, Reason::no_ticket);
    CHECK_FALSE(known.issued);
    Hello again{.certificate = true};
    again.session = known.session;
    check_full_handshake(server.meet(again, optional), Reason::unknown_key);
    CHECK(server.meet({}, optional).issued);
  }
}

// It asks for no name and no certificate.
TEST_CASE("what is in wolfSSL's own cache does not resume where stek decides") {
  const Hello hello{.tickets = false};
  const Context stock = server_context();
  const Ssl first(wolfSSL_new(stock.get()));
  const Meeting cached = shake_hands(*first, hello);
  REQUIRE(cached.completed);
  const Hello again{.name = "other.example", .tickets = false, .session = cached.session};
  ask_for_certificate(*stock, demanded);
  const Ssl second(wolfSSL_new(stock.get()));
  CHECK(shake_hands(*second, again).resumed);

  Server server;
  const Meeting full = server.meet(again);
  check_full_handshake(full, Reason::no_ticket);
  CHECK(full.session->id_len == 0);
}

/// Of each row that it has, the first session and how many there are.
std::vector<unsigned char> wolfssl_cache() {
  std::vector<unsigned char> image(static_cast<std::size_t>(wolfSSL_get_session_cache_memsize()));
  REQUIRE(wolfSSL_memsave_session_cache(image.data(), static_cast<int>(image.size())) ==
          WOLFSSL_SUCCESS);
  return image;
}

TEST_CASE("no session with a ticket of stek stays in wolfSSL's own cache") {
  const auto before = wolfssl_cache();
  Met server;
  check_resumed(server.meet(server.again()));
  CHECK((wolfssl_cache() == before));

  const Context stock = server_context();
  const Ssl ssl(wolfSSL_new(stock.get()));
  REQUIRE(shake_hands(*ssl, {}).completed);
  CHECK((wolfssl_cache() != before));
}

TEST_CASE("a connection is attached once, to a TLS server whose context was prepared") {
  Server server;
  const stek::Tickets tickets = server.tickets();
  const auto error_of = [&](WOLFSSL& ssl, const stek::Tickets& view) {
    const auto attached = Connection::attach(ssl, view);
    REQUIRE_FALSE(attached);
    CHECK_FALSE(attached.error().message.empty());
    return attached.error().error;
  };
  const Ssl ssl(wolfSSL_new(server.context.get()));
  {
    const auto first = Connection::attach(*ssl, tickets);
    REQUIRE(first);
    CHECK(error_of(*ssl, tickets) == stek::Error::already_there);
  }
  CHECK(Connection::attach(*ssl, tickets));

  const Context unprepared = server_context();
  const Ssl bare(wolfSSL_new(unprepared.get()));
  CHECK(error_of(*bare, tickets) == stek::Error::unsuitable);

  const Context clients(wolfSSL_CTX_new(wolfTLSv1_2_client_method()));
  const Ssl client(wolfSSL_new(clients.get()));
  CHECK(error_of(*client, tickets) == stek::Error::unsuitable);

  const Context newer = server_context(wolfSSLv23_server_method());
  Connection::prepare(*newer, tickets);
  const Ssl tls13(wolfSSL_new(newer.get()));
  CHECK(error_of(*tls13, tickets) == stek::Error::unsuitable);

  const auto other_ring = store_with_key(stek::Profile::aes256gcm);
  auto other = stek::Ticketer::open(*other_ring).value();
  const Ssl another(wolfSSL_new(server.context.get()));
  CHECK(error_of(*another, other.in("public").value()) == stek::Error::unsuitable);
}

TEST_CASE("a connection that was not attached completes, and its ticket opens nowhere") {
  Met server;
  const Ssl ssl(wolfSSL_new(server.context.get()));
  const Meeting meeting = shake_hands(*ssl, server.again());
  CHECK(meeting.completed);
  CHECK_FALSE(meeting.resumed);
}

TEST_CASE("a thousand handshakes, each session resumed once") {
  Server server;
  const stek::Tickets tickets = server.tickets();
  for (int i = 0; i < 500; ++i) {
    const Meeting first = meet(*server.context, tickets, {});
    REQUIRE(first.issued);
    REQUIRE(meet(*server.context, tickets, {.session = first.session}).resumed);
  }
}

TEST_CASE("four threads, one Ticketer, a ring that rotates") {
  Server server;
  std::atomic<int> resumed = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      const stek::Tickets tickets = server.tickets();
      for (int i = 0; i < 30; ++i) {
        const Meeting first = meet(*server.context, tickets, {});
        resumed += meet(*server.context, tickets, {.session = first.session}).resumed ? 1 : 0;
      }
      wc_ecc_fp_free();  // wolfSSL's cache of this thread
    });
  }
  std::thread rotator([&] {
    while (!done) {
      rotate(*server.store);
      (void)server.ticketer.refresh();
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  rotator.join();
  CHECK(resumed == 120);
}

}  // namespace
