// The OpenSSL adapter on the wire: servers and clients on libssl in one process, over memory.
#include <stek/openssl.hpp>

#include <thread>

#include <openssl/err.h>

#include "certificates.hpp"
#include "openssl_client.hpp"
#include "rings.hpp"

namespace {

using stek::Outcome;
using stek::Reason;
using namespace certificates;
using namespace openssl_client;
using namespace rings;

struct Tls12 {
  static constexpr int version = TLS1_2_VERSION;
};
struct Tls13 {
  static constexpr int version = TLS1_3_VERSION;
};

stek::Context context_named(std::string_view name) {
  stek::Context context{};
  std::ranges::copy(std::as_bytes(std::span(name.substr(0, context.size()))), context.begin());
  return context;
}

// ---- The server --------------------------------------------------------------------------------

const Identity& authority() {
  static const Identity made = certificates::made("authority");
  return made;
}

const Identity& server_identity() {
  static const Identity made = certificates::made("shop.example", &authority());
  return made;
}

ClientContext server_context() {
  ClientContext context(SSL_CTX_new(TLS_server_method()));
  REQUIRE(context);
  server_identity().use_in(*context);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority().certificate.get());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  REQUIRE(SSL_CTX_set_cipher_list(context.get(), (gcm + ":" + other_gcm + ":" + cbc).c_str()) == 1);
  return context;
}

void demand_certificate(SSL_CTX& context) {
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

Client server_for(SSL_CTX& context) {
  Client server(SSL_new(&context));
  REQUIRE(server);
  SSL_set_accept_state(server.get());
  SSL_set_bio(server.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  return server;
}

void carry(SSL& from, SSL& to) {
  std::array<char, 4096> piece;
  for (int n; (n = BIO_read(SSL_get_wbio(&from), piece.data(), piece.size())) > 0;) {
    BIO_write(SSL_get_rbio(&to), piece.data(), n);
  }
}

bool says(SSL& from, SSL& to, std::string_view word) {
  if (SSL_write(&from, word.data(), static_cast<int>(word.size())) <= 0) return false;
  carry(from, to);
  std::array<char, 64> heard{};
  const int n = SSL_read(&to, heard.data(), heard.size());
  return n > 0 && std::string_view(heard.data(), static_cast<std::size_t>(n)) == word;
}

// A handshake, and a word each way: what is said under TLS 1.3 brings the tickets along.
bool talk(SSL& client, SSL& server) {
  int client_result = -1;
  int server_result = -1;
  for (int round = 0; round < 20; ++round) {
    if (client_result != 1) client_result = SSL_do_handshake(&client);
    carry(client, server);
    if (server_result != 1) server_result = SSL_do_handshake(&server);
    carry(server, client);
  }
  ERR_clear_error();
  const bool done = client_result == 1 && server_result == 1;
  return done && says(client, server, "ping") && says(server, client, "pong");
}

Meeting meet(SSL_CTX& context, const Hello& hello) {
  Meeting meeting;
  const ClientContext client_context = context_for(hello);
  const Client client = client_for(*client_context, hello, meeting);
  const Client server = server_for(context);
  meeting.completed = talk(*client, *server);
  meeting.resumed = meeting.completed && SSL_session_reused(client.get()) == 1;
  meeting.server_resumed = meeting.completed && SSL_session_reused(server.get()) == 1;
  meeting.verdict = stek::openssl::verdict_of(*server);
  meeting.issued = stek::openssl::issued(*server);
  if (meeting.completed) {
    meeting.suite = SSL_get_cipher_name(client.get());
    meeting.session.reset(SSL_get1_session(client.get()));
    const char* name = SSL_get_servername(server.get(), TLSEXT_NAMETYPE_host_name);
    meeting.server_name = name == nullptr ? "" : name;
    meeting.extended_master_secret = SSL_get_extms_support(server.get()) == 1;
    const X509* peer = SSL_get0_peer_certificate(server.get());
    if (peer != nullptr) meeting.peer.reset(X509_dup(peer));
    meeting.verify_result = static_cast<std::uint32_t>(SSL_get_verify_result(server.get()));
  }
  SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_set_shutdown(server.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return meeting;
}

struct Server {
  explicit Server(stek::Policy policy_ = {}, stek::openssl::Options options_ = {})
      : policy(std::move(policy_)), options(std::move(options_)) {
    start();
  }

  // As a process that starts anew over the same ring.
  void start() {
    context = server_context();
    auto opened = stek::Ticketer::open(*store, {.policy = policy});
    REQUIRE(opened);
    ticketer = std::make_unique<stek::Ticketer>(*std::move(opened));
    auto tickets = ticketer->in(domain);
    REQUIRE(tickets);
    REQUIRE(stek::openssl::attach(*context, *tickets, options));
  }

  Meeting meet(const Hello& hello) const { return ::meet(*context, hello); }

  stek::Policy policy;
  stek::openssl::Options options;
  std::string domain = "public";
  std::unique_ptr<stek::MemoryStore> store = store_with_key(stek::Profile::rfc5077);
  std::unique_ptr<stek::Ticketer> ticketer;
  ClientContext context;
};

// A server and a session that a client has from it.
struct Met : Server {
  explicit Met(Hello hello, stek::Policy policy_ = {}, stek::openssl::Options options_ = {})
      : Server(std::move(policy_), std::move(options_)), says(std::move(hello)) {
    Meeting first = meet(says);
    REQUIRE(first.completed);
    REQUIRE(first.issued);
    session = std::move(first.session);
  }

  [[nodiscard]] Hello again() const {
    Hello hello = says;
    hello.session = session.get();
    return hello;
  }

  Hello says;
  ClientSession session;
};

template <class Version>
Hello hello_of() {
  return {.highest_version = Version::version};
}

// ---- Issue and resume --------------------------------------------------------------------------

TEST_CASE_TEMPLATE("a full handshake hands out a ticket, which resumes", Version, Tls12, Tls13) {
  const Met server(hello_of<Version>());
  const Meeting again = server.meet(server.again());
  check_resumed(again);
  CHECK(again.server_name == "shop.example");
  if (Version::version == TLS1_2_VERSION) CHECK(again.extended_master_secret);
}

TEST_CASE_TEMPLATE("the ticket is stek's to the byte", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  const auto ticket = ticket_of(*server.session);
  CHECK(ticket.size() == (Version::version == TLS1_2_VERSION ? 178 : 322));
  const auto tickets = server.ticketer->in("public");
  const auto session = tickets->open(std::as_bytes(std::span(ticket)));
  REQUIRE(session);
  CHECK(static_cast<int>(session->version) == Version::version);
  CHECK(session->server_name == stek::ServerName(*stek::HostName::from("shop.example")));
  CHECK(session->extended_master_secret == (Version::version == TLS1_2_VERSION));
  std::array<unsigned char, 48> secret{};
  const std::size_t size =
      SSL_SESSION_get_master_key(server.session.get(), secret.data(), secret.size());
  CHECK(
      stek::equal_secrets(session->secret.expose(), std::as_bytes(std::span(secret).first(size))));
}

TEST_CASE_TEMPLATE("a ticket outlives the server that issued it", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  server.start();
  check_resumed(server.meet(server.again()));
}

TEST_CASE("a TLS 1.2 ticket serves again, until half of its life is over") {
  stek::Policy policy;
  policy.lifetime = 4s;
  Met server({}, policy);
  const Meeting early = server.meet(server.again());
  check_resumed(early);
  CHECK_FALSE(early.issued);
  CHECK_FALSE(early.answered(extension_session_ticket));
  std::this_thread::sleep_for(2100ms);
  const Meeting late = server.meet(server.again());
  check_resumed(late);
  CHECK(late.issued);
  CHECK(late.answered(extension_session_ticket));
  CHECK(ticket_of(*late.session) != ticket_of(*server.session));
}

TEST_CASE("in TLS 1.3 every resumption hands out a fresh ticket") {
  Met server(hello_of<Tls13>());
  for (int i = 0; i < 5; ++i) {
    Meeting again = server.meet(server.again());
    check_resumed(again);
    CHECK(again.issued);
    CHECK(again.new_tickets.size() == 1);
    CHECK(ticket_of(*again.session) != ticket_of(*server.session));
    server.session = std::move(again.session);
  }
}

TEST_CASE_TEMPLATE("the lifetime hint is that of the ticket", Version, Tls12, Tls13) {
  stek::Policy policy;
  policy.lifetime = 1234s;
  Server server(policy);
  const Meeting meeting = server.meet(hello_of<Version>());
  CHECK(meeting.lifetime_hint == 1234);
}

TEST_CASE_TEMPLATE("an old key resumes and renews under the new one", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  rotate(*server.store);
  REQUIRE(server.ticketer->refresh());
  const Meeting again = server.meet(server.again());
  check_resumed(again);
  CHECK(again.issued);
  CHECK(key_name_of(*again.session) != key_name_of(*server.session));
  check_resumed(server.meet({.session = again.session.get(), .highest_version = Version::version}));
}

// wolfSSL ends a handshake that brings a longer ticket.
TEST_CASE_TEMPLATE("a long server name makes a longer ticket in TLS 1.3 alone", Version, Tls12,
                   Tls13) {
  Hello hello = hello_of<Version>();
  hello.server_name = std::string(60, 'a') + "." + std::string(60, 'b') + ".example";
  Met server(hello);
  CHECK(ticket_of(*server.session).size() == (Version::version == TLS1_3_VERSION ? 322 : 178));
  check_resumed(server.meet(server.again()));
}

// ---- What does not resume ----------------------------------------------------------------------

TEST_CASE_TEMPLATE("an expired key is a full handshake with a ticket under the next", Version,
                   Tls12, Tls13) {
  Met server(hello_of<Version>());
  expire_keys(*server.store);
  REQUIRE(server.ticketer->refresh());
  const Meeting again = server.meet(server.again());
  check_full_handshake(again, Reason::unknown_key);
  CHECK(again.issued);
}

TEST_CASE_TEMPLATE("a revoked key is a full handshake with a ticket under the next", Version, Tls12,
                   Tls13) {
  Met server(hello_of<Version>());
  rotate(*server.store);
  change(*server.store, [](stek::KeyRing& ring) { ring.keys.erase(ring.keys.begin()); });
  REQUIRE(server.ticketer->refresh());
  const Meeting again = server.meet(server.again());
  check_full_handshake(again, Reason::unknown_key);
  CHECK(again.issued);
}

TEST_CASE_TEMPLATE("without a key that seals there is no ticket, and the handshake goes on",
                   Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  retire_keys(*server.store);
  REQUIRE(server.ticketer->refresh());
  const Meeting fresh = server.meet(hello_of<Version>());
  check_full_handshake(fresh, Reason::no_ticket);
  CHECK_FALSE(fresh.issued);
  CHECK(ticket_of(*fresh.session).empty());
  const Meeting again = server.meet(server.again());
  check_resumed(again);
  CHECK_FALSE(again.issued);
}

TEST_CASE_TEMPLATE("a ticket of another domain is a full handshake", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  server.domain = "private";
  server.start();
  check_full_handshake(server.meet(server.again()), Reason::altered);
}

TEST_CASE_TEMPLATE("another server name is a full handshake, which stock OpenSSL resumes", Version,
                   Tls12, Tls13) {
  Met server(hello_of<Version>());
  Hello hello = server.again();
  hello.server_name = "bank.example";
  const Meeting again = server.meet(hello);
  check_full_handshake(again, Reason::server_name_differs);
  CHECK(again.issued);
}

TEST_CASE_TEMPLATE("a server name that differs only in case resumes", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  Hello hello = server.again();
  hello.server_name = "SHOP.Example";
  check_resumed(server.meet(hello));
}

TEST_CASE_TEMPLATE(
    "a server name in capitals gets a ticket, also where the application takes names up", Version,
    Tls12, Tls13) {
  Server server;
  int (*take_up)(SSL*, int*, void*) = [](SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; };
  SSL_CTX_callback_ctrl(server.context.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(take_up));
  Hello hello = hello_of<Version>();
  hello.server_name = "Shop.EXAMPLE";
  const Meeting first = server.meet(hello);
  REQUIRE(first.issued);
  hello.session = first.session.get();
  check_resumed(server.meet(hello));
}

TEST_CASE("12.17 EMS sealed and not offered is aborted with handshake_failure") {
  Met server({});
  Hello hello = server.again();
  hello.extended_master_secret = false;
  const Meeting again = server.meet(hello);
  CHECK_FALSE(again.completed);
  CHECK(again.client_alert == SSL_AD_HANDSHAKE_FAILURE);
  CHECK(again.verdict.outcome == Outcome::abort);
  CHECK(name_of(again.verdict.reason) == name_of(Reason::extended_master_secret_missing));
}

TEST_CASE("a server that turns EMS off does a full handshake for an EMS session, not an abort") {
  Met server({});
  SSL_CTX_set_options(server.context.get(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  const Meeting again = server.meet(server.again());
  check_full_handshake(again, Reason::extended_master_secret_missing);
}

TEST_CASE("a session without EMS gets no promise of a ticket") {
  Server server;
  const Meeting meeting = server.meet({.extended_master_secret = false});
  check_full_handshake(meeting, Reason::no_ticket);
  CHECK_FALSE(meeting.issued);
  CHECK_FALSE(meeting.answered(extension_session_ticket));
  CHECK(meeting.new_tickets.empty());
}

TEST_CASE("a server that has EMS turned off promises no ticket") {
  Server server;
  SSL_CTX_set_options(server.context.get(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  const Meeting meeting = server.meet({});
  CHECK(meeting.completed);
  CHECK_FALSE(meeting.answered(extension_session_ticket));
  CHECK(meeting.new_tickets.empty());
}

TEST_CASE("a server that has encrypt-then-MAC turned off seals none, and resumes") {
  Server server;
  SSL_CTX_set_options(server.context.get(), SSL_OP_NO_ENCRYPT_THEN_MAC);
  const Meeting first = server.meet({.suites = cbc});
  REQUIRE(first.issued);
  const auto ticket = ticket_of(*first.session);
  const auto session = server.ticketer->in("public")->open(std::as_bytes(std::span(ticket)));
  CHECK_FALSE(session->encrypt_then_mac);
  check_resumed(server.meet({.session = first.session.get(), .suites = cbc}));
}

TEST_CASE("a session without EMS that offers a ticket gets an empty one") {
  Met server({});
  Hello hello{.raw_ticket = std::vector<unsigned char>(178, 7), .extended_master_secret = false};
  const Meeting meeting = server.meet(hello);
  check_full_handshake(meeting, Reason::unknown_key);
  CHECK_FALSE(meeting.issued);
  CHECK(meeting.new_tickets == std::vector<std::size_t>{0});
}

TEST_CASE("a policy for old clients issues and resumes without EMS") {
  stek::Policy policy;
  policy.legacy_ems = stek::LegacyEms::resume;
  Met server({.extended_master_secret = false}, policy);
  check_resumed(server.meet(server.again()));
  Hello with = server.again();
  with.extended_master_secret = true;
  check_full_handshake(server.meet(with), Reason::extended_master_secret_added);
}

TEST_CASE_TEMPLATE("an expired ticket is a full handshake", Version, Tls12, Tls13) {
  stek::Policy policy;
  policy.lifetime = 1s;
  Met server(hello_of<Version>(), policy);
  std::this_thread::sleep_for(1100ms);
  Hello hello = server.again();
  // The client would not offer it any more; somebody else does.
  SSL_SESSION_set_timeout(server.session.get(), 1000);
  const Meeting again = server.meet(hello);
  check_full_handshake(again, Reason::ticket_expired);
  CHECK(again.issued);
}

TEST_CASE_TEMPLATE("an altered ticket is a full handshake without an alert, wherever it is altered",
                   Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  const std::size_t bits = ticket_of(*server.session).size() * 8;
  for (std::size_t bit = 0; bit < bits; bit += 13) {
    CAPTURE(bit);
    const ClientSession session = altered(*server.session, bit);
    Hello hello = server.again();
    hello.session = session.get();
    const Meeting again = server.meet(hello);
    check_full_handshake(again, bit < 128 ? Reason::unknown_key : Reason::altered);
    CHECK(again.issued);
  }
}

TEST_CASE("what is no ticket at all is a full handshake without an alert") {
  Server server;
  for (const auto size : std::to_array<std::size_t>(
           {1, 16, 31, 32, 33, 79, 80, 81, 177, 178, 179, 322, 2000, 30000})) {
    CAPTURE(size);
    const Meeting meeting = server.meet({.raw_ticket = std::vector<unsigned char>(size, 42)});
    CHECK(meeting.completed);
    CHECK_FALSE(meeting.server_resumed);
    CHECK(meeting.client_alert == 0);
  }
}

TEST_CASE("12.8 a suite that is no longer offered is a full handshake") {
  Met server({});
  const ClientSession session(SSL_SESSION_dup(server.session.get()));
  // A client on libssl offers no session whose suite it does not offer; one that only has the
  // ticket does.
  const Meeting again = server.meet({.suites = other_gcm, .raw_ticket = ticket_of(*session)});
  check_full_handshake(again, Reason::suite_not_offered);
}

TEST_CASE("12.9 a suite that is no longer enabled is a full handshake") {
  Met server({});
  REQUIRE(SSL_CTX_set_cipher_list(server.context.get(), other_gcm.c_str()) == 1);
  Hello hello = server.again();
  hello.suites = gcm + ":" + other_gcm;
  check_full_handshake(server.meet(hello), Reason::suite_not_enabled);
}

TEST_CASE("12.10 a suite that is no longer preferred resumes") {
  Met server({});
  SSL_CTX_set_options(server.context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  REQUIRE(SSL_CTX_set_cipher_list(server.context.get(), (other_gcm + ":" + gcm).c_str()) == 1);
  Hello hello = server.again();
  hello.suites = other_gcm + ":" + gcm;
  const Meeting again = server.meet(hello);
  check_resumed(again);
  CHECK(again.suite == gcm);
}

void use_tls13_suites(SSL_CTX& context, const char* suites) {
  REQUIRE(SSL_CTX_set_ciphersuites(&context, suites) == 1);
}

TEST_CASE("13.4 in TLS 1.3 the suite may change, and its hash may not") {
  const auto offer = [](const char* suites) {
    Hello hello = hello_of<Tls13>();
    hello.prepare = [suites](SSL_CTX& context) { use_tls13_suites(context, suites); };
    return hello;
  };
  Met server(offer("TLS_AES_128_GCM_SHA256"));
  SUBCASE("another suite of the same hash resumes") {
    use_tls13_suites(*server.context, "TLS_CHACHA20_POLY1305_SHA256");
    Hello hello = offer("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
    hello.session = server.session.get();
    check_resumed(server.meet(hello));
  }
  SUBCASE("a suite of another hash is a full handshake") {
    use_tls13_suites(*server.context, "TLS_AES_256_GCM_SHA384");
    Hello hello = offer("TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384");
    hello.session = server.session.get();
    const Meeting again = server.meet(hello);
    check_full_handshake(again, Reason::hash_differs);
    CHECK(again.issued);
  }
}

TEST_CASE("in TLS 1.3 the session has to fit the suite that OpenSSL selects, for whatever reason") {
  const char* chacha_first = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
  Hello hello = hello_of<Tls13>();
  hello.prepare = [&](SSL_CTX& context) { use_tls13_suites(context, chacha_first); };
  Server server;
  SSL_CTX_set_options(server.context.get(),
                      SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  const Meeting first = server.meet(hello);
  REQUIRE(first.suite == "TLS_CHACHA20_POLY1305_SHA256");
  hello.session = first.session.get();
  check_resumed(server.meet(hello));
}

TEST_CASE("a hello whose key share is not taken resumes after HelloRetryRequest") {
  Met server(hello_of<Tls13>());
  REQUIRE(SSL_CTX_ctrl(server.context.get(), SSL_CTRL_SET_GROUPS_LIST, 0,
                       const_cast<char*>("P-384")) == 1);
  Hello hello = server.again();
  hello.groups = "P-256:P-384";
  const Meeting again = server.meet(hello);
  check_resumed(again);
  CHECK(again.issued);
}

TEST_CASE("12.20 to 12.22 encrypt-then-MAC is kept, on a CBC suite, or the handshake is full") {
  for (const bool sealed : {false, true}) {
    for (const bool offered : {false, true}) {
      CAPTURE(sealed);
      CAPTURE(offered);
      Met server({.suites = cbc, .encrypt_then_mac = sealed});
      Hello hello = server.again();
      hello.encrypt_then_mac = offered;
      const Meeting again = server.meet(hello);
      if (sealed == offered) {
        check_resumed(again);
        CHECK(again.answered(extension_encrypt_then_mac) == sealed);
      } else {
        check_full_handshake(
            again, sealed ? Reason::encrypt_then_mac_missing : Reason::encrypt_then_mac_added);
      }
    }
  }
}

TEST_CASE("12.25 a session resumes under its maximum fragment length only") {
  Met server({.max_fragment_length = 2});
  check_resumed(server.meet(server.again()));
  Hello other = server.again();
  other.max_fragment_length = 3;
  check_full_handshake(server.meet(other), Reason::max_fragment_length_differs);
}

TEST_CASE("in TLS 1.3 the maximum fragment length is negotiated afresh") {
  Hello hello = hello_of<Tls13>();
  hello.max_fragment_length = 2;
  Met server(hello);
  for (const auto code : std::to_array<std::uint8_t>({0, 2, 3})) {
    CAPTURE(code);
    Hello again = server.again();
    again.max_fragment_length = code;
    check_resumed(server.meet(again));
  }
}

// ---- Client certificates -----------------------------------------------------------------------

Hello with_certificate(Hello hello, const Identity& client) {
  hello.prepare = [&client](SSL_CTX& context) { client.use_in(context); };
  return hello;
}

// OpenSSL by itself: two servers with the same ticket keys and the same session id context, one of
// which demands a certificate.
TEST_CASE_TEMPLATE("the way around a client certificate is real, without stek", Version, Tls12,
                   Tls13) {
  std::array<unsigned char, 80> keys;
  keys.fill(9);
  const auto stock_server = [&] {
    ClientContext context = server_context();
    REQUIRE(SSL_CTX_set_tlsext_ticket_keys(context.get(), keys.data(), keys.size()) == 1);
    REQUIRE(SSL_CTX_set_session_id_context(context.get(), keys.data(), 4) == 1);
    return context;
  };
  const ClientContext open = stock_server();
  const ClientContext closed = stock_server();
  demand_certificate(*closed);
  CHECK_FALSE(meet(*closed, hello_of<Version>()).completed);
  const Meeting first = meet(*open, hello_of<Version>());
  Hello again = hello_of<Version>();
  again.session = first.session.get();
  const Meeting bypass = meet(*closed, again);
  CHECK(bypass.server_resumed);
  CHECK(bypass.peer == nullptr);
}

TEST_CASE_TEMPLATE("12.30 an open session does not get past the demand for a certificate", Version,
                   Tls12, Tls13) {
  const Identity client = made("client", &authority());
  Met server(hello_of<Version>());
  demand_certificate(*server.context);
  SUBCASE("nobody is turned away") {
    const Meeting again = server.meet(server.again());
    CHECK_FALSE(again.completed);
    CHECK(name_of(again.verdict.reason) == name_of(Reason::identity_missing));
  }
  SUBCASE("somebody shows the certificate") {
    const Meeting again = server.meet(with_certificate(server.again(), client));
    check_full_handshake(again, Reason::identity_missing);
    CHECK(again.peer != nullptr);
  }
}

TEST_CASE_TEMPLATE(
    "12.30 a session with a client certificate has it again when it resumes, "
    "renewals included",
    Version, Tls12, Tls13) {
  const Identity client = made("client", &authority());
  stek::Policy policy;
  policy.context = context_named("clients of authority");
  Server server(policy);
  demand_certificate(*server.context);
  Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
  REQUIRE(met.issued);
  for (int i = 0; i < 3; ++i) {
    rotate(*server.store);
    REQUIRE(server.ticketer->refresh());
    Hello again = hello_of<Version>();
    again.session = met.session.get();
    Meeting next = server.meet(again);
    check_resumed(next);
    CHECK(next.issued);
    REQUIRE(next.peer);
    CHECK(X509_cmp(next.peer.get(), client.certificate.get()) == 0);
    CHECK(next.verify_result == X509_V_OK);
    met = std::move(next);
  }
}

TEST_CASE_TEMPLATE("12.30 a session with a client certificate resumes under its context only",
                   Version, Tls12, Tls13) {
  const Identity client = made("client", &authority());
  stek::Policy policy;
  policy.context = context_named("one");
  Server server(policy);
  demand_certificate(*server.context);
  const Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
  REQUIRE(met.issued);
  server.policy.context = context_named("another");
  server.start();
  Hello again = with_certificate(hello_of<Version>(), client);
  again.session = met.session.get();
  check_full_handshake(server.meet(again), Reason::context_differs);
}

TEST_CASE_TEMPLATE("a session with a client certificate and no context gets no ticket", Version,
                   Tls12, Tls13) {
  const Identity client = made("client", &authority());
  Server server;
  demand_certificate(*server.context);
  const Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
  REQUIRE(met.completed);
  CHECK_FALSE(met.issued);
  CHECK(ticket_of(*met.session).empty());
}

TEST_CASE_TEMPLATE("a certificate that was let through though it is not good gets no ticket",
                   Version, Tls12, Tls13) {
  const Identity stranger = made("stranger");
  stek::Policy policy;
  policy.context = context_named("clients of authority");
  Server server(policy);
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER,
                     [](int /*good*/, X509_STORE_CTX* /*store*/) { return 1; });
  const Meeting met = server.meet(with_certificate(hello_of<Version>(), stranger));
  CHECK(met.completed);
  CHECK(met.verify_result != X509_V_OK);
  CHECK_FALSE(met.issued);
}

TEST_CASE_TEMPLATE("no ticket outlives the client's certificate", Version, Tls12, Tls13) {
  const Identity client = made("client", &authority(), 100);
  stek::Policy policy;
  policy.context = context_named("clients of authority");
  Server server(policy);
  demand_certificate(*server.context);
  const Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
  CHECK(met.issued);
  CHECK(met.lifetime_hint > 90);
  CHECK(met.lifetime_hint <= 100);
}

TEST_CASE_TEMPLATE("where a certificate is optional, an open session resumes as nobody's", Version,
                   Tls12, Tls13) {
  const std::string mine = "mine";
  Server server({}, {.session_id_context = mine});
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_id_context(server.context.get(),
                                 reinterpret_cast<const unsigned char*>(mine.data()),
                                 static_cast<unsigned>(mine.size()));
  const Meeting first = server.meet(hello_of<Version>());
  REQUIRE(first.issued);
  Hello hello = hello_of<Version>();
  hello.session = first.session.get();
  const Meeting again = server.meet(hello);
  check_resumed(again);
  CHECK(again.peer == nullptr);
}

// OpenSSL by itself breaks such a connection off.
TEST_CASE_TEMPLATE("who asks for certificates in no context at all resumes nothing", Version, Tls12,
                   Tls13) {
  Met server(hello_of<Version>());
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, nullptr);
  check_full_handshake(server.meet(server.again()), Reason::context_differs);
}

TEST_CASE("a certificate shown on a resumed connection is sealed with its own end") {
  const Identity lasting = made("lasting", &authority(), 80000);
  const Identity brief = made("brief", &authority(), 100);
  stek::Policy policy;
  policy.context = context_named("clients of authority");
  Server server(policy);
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, nullptr);
  const Meeting first = server.meet(with_certificate(hello_of<Tls13>(), lasting));
  REQUIRE(first.issued);

  Hello hello = with_certificate(hello_of<Tls13>(), brief);
  hello.session = first.session.get();
  Meeting meeting;
  const ClientContext client_context = context_for(hello);
  SSL_CTX_set_post_handshake_auth(client_context.get(), 1);
  const Client client = client_for(*client_context, hello, meeting);
  const Client connection = server_for(*server.context);
  REQUIRE(talk(*client, *connection));
  REQUIRE(SSL_session_reused(connection.get()) == 1);
  SSL_set_verify(connection.get(), SSL_VERIFY_PEER, nullptr);
  REQUIRE(SSL_verify_client_post_handshake(connection.get()) == 1);
  REQUIRE(talk(*client, *connection));
  REQUIRE(says(*client, *connection, "again"));
  REQUIRE(says(*connection, *client, "again"));

  const ClientSession session(SSL_get1_session(client.get()));
  const auto ticket = ticket_of(*session);
  const auto opened = server.ticketer->in("public")->open(std::as_bytes(std::span(ticket)));
  REQUIRE(opened);
  REQUIRE(opened->identity_expires);
  CHECK(*opened->identity_expires <= stek::system_now() + 100s);
}

TEST_CASE_TEMPLATE("OpenSSL's own session cache keeps its hosts apart", Version, Tls12) {
  const auto set_context = [](SSL* ssl, int*, void* name) {
    const auto& text = *static_cast<const std::string*>(name);
    SSL_set_session_id_context(ssl, reinterpret_cast<const unsigned char*>(text.data()),
                               static_cast<unsigned>(text.size()));
    return SSL_CLIENT_HELLO_SUCCESS;
  };
  std::string name = "shop";
  const Server server({}, {.client_hello = set_context, .client_hello_argument = &name});
  const Meeting first = server.meet({.tickets = false});
  Hello again{.session = first.session.get(), .tickets = false};
  CHECK(server.meet(again).server_resumed);
  name = "bank";
  CHECK_FALSE(server.meet(again).server_resumed);
}

// ---- Virtual hosts, and the application's own callbacks ----------------------------------------

TEST_CASE_TEMPLATE("virtual hosts of one SSL_CTX have their own domain and context", Version, Tls12,
                   Tls13) {
  auto store = store_with_key(stek::Profile::rfc5077);
  auto ticketer = stek::Ticketer::open(*store);
  REQUIRE(ticketer);
  const auto shop = ticketer->in("shop", context_named("shop"));
  const auto bank = ticketer->in("bank", context_named("bank"));
  const ClientContext context = server_context();
  const auto host = [&](const stek::ClientHello& hello) {
    return hello.server_name && hello.server_name->text() == "bank.example" ? &*bank : &*shop;
  };
  REQUIRE(stek::openssl::attach(*context, *shop, {.host = host}));

  for (const auto& [name, tickets] : {std::pair("shop.example", &shop), {"bank.example", &bank}}) {
    Hello hello = hello_of<Version>();
    hello.server_name = name;
    const Meeting first = meet(*context, hello);
    REQUIRE(first.issued);
    const auto ticket = ticket_of(*first.session);
    const auto session = (*tickets)->open(std::as_bytes(std::span(ticket)));
    REQUIRE(session);
    CHECK(session->context == (*tickets)->policy().context);
    hello.session = first.session.get();
    check_resumed(meet(*context, hello));
    hello.server_name = hello.server_name == "shop.example" ? "bank.example" : "shop.example";
    check_full_handshake(meet(*context, hello), Reason::altered);
  }
}

TEST_CASE_TEMPLATE("a choice of host that throws is a full handshake without a ticket", Version,
                   Tls12, Tls13) {
  const Met server(hello_of<Version>(), {}, {});
  stek::openssl::Options options;
  bool broken = false;
  auto tickets = server.ticketer->in("public");
  options.host = [&](const stek::ClientHello&) {
    if (broken) throw std::runtime_error("no such host");
    return &*tickets;
  };
  const ClientContext context = server_context();
  REQUIRE(stek::openssl::attach(*context, *tickets, options));
  check_resumed(meet(*context, server.again()));
  broken = true;
  const Meeting again = meet(*context, server.again());
  CHECK(again.completed);
  CHECK_FALSE(again.server_resumed);
  CHECK_FALSE(again.issued);
}

struct Calls {
  int client_hello = 0;
  int generate = 0;
  int decrypt = 0;
  std::string restored;
};

stek::openssl::Options with_callbacks(Calls& calls) {
  stek::openssl::Options options;
  options.client_hello = [](SSL*, int*, void* argument) {
    ++static_cast<Calls*>(argument)->client_hello;
    return SSL_CLIENT_HELLO_SUCCESS;
  };
  options.client_hello_argument = &calls;
  options.generate_ticket = [](SSL* ssl, void* argument) {
    ++static_cast<Calls*>(argument)->generate;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), "mine", 4);
  };
  options.decrypt_ticket = [](SSL*, SSL_SESSION* session, const unsigned char*, std::size_t,
                              SSL_TICKET_STATUS status, void* argument) -> SSL_TICKET_RETURN {
    auto& noted = *static_cast<Calls*>(argument);
    ++noted.decrypt;
    if (session == nullptr) return SSL_TICKET_RETURN_IGNORE_RENEW;
    void* data = nullptr;
    std::size_t size = 0;
    SSL_SESSION_get0_ticket_appdata(session, &data, &size);
    noted.restored.assign(static_cast<const char*>(data), size);
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
  };
  options.ticket_argument = &calls;
  return options;
}

TEST_CASE_TEMPLATE("the application's callbacks are called, and its data come back", Version, Tls12,
                   Tls13) {
  Calls calls;
  const Met server(hello_of<Version>(), {}, with_callbacks(calls));
  CHECK(calls.client_hello == 1);
  CHECK(calls.generate >= 1);
  check_resumed(server.meet(server.again()));
  CHECK(calls.client_hello == 2);
  CHECK(calls.decrypt >= 1);
  CHECK(calls.restored == "mine");
}

TEST_CASE_TEMPLATE("the application may refuse a session, or a handshake", Version, Tls12, Tls13) {
  stek::openssl::Options options;
  SUBCASE("a session") {
    options.decrypt_ticket = [](SSL*, SSL_SESSION*, const unsigned char*, std::size_t,
                                SSL_TICKET_STATUS, void*) -> SSL_TICKET_RETURN {
      return SSL_TICKET_RETURN_IGNORE_RENEW;
    };
    const Met server(hello_of<Version>(), {}, options);
    const Meeting again = server.meet(server.again());
    CHECK(again.completed);
    CHECK_FALSE(again.server_resumed);
    CHECK(again.issued);
  }
  SUBCASE("a handshake") {
    options.client_hello = [](SSL*, int* alert, void*) {
      *alert = SSL_AD_ACCESS_DENIED;
      return SSL_CLIENT_HELLO_ERROR;
    };
    const Server server({}, options);
    const Meeting meeting = server.meet(hello_of<Version>());
    CHECK_FALSE(meeting.completed);
    CHECK(meeting.client_alert == SSL_AD_ACCESS_DENIED);
  }
}

// ---- Attaching ---------------------------------------------------------------------------------

TEST_CASE(
    "attaching twice, with tickets turned off, or over a ring of another profile is refused") {
  Server server;
  auto tickets = server.ticketer->in("public");
  SUBCASE("twice") {
    const auto again = stek::openssl::attach(*server.context, *tickets);
    REQUIRE_FALSE(again);
    CHECK(again.error().error == stek::Error::already_there);
  }
  const ClientContext context = server_context();
  SUBCASE("tickets turned off") {
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
    const auto attached = stek::openssl::attach(*context, *tickets);
    REQUIRE_FALSE(attached);
    CHECK(attached.error().error == stek::Error::unsuitable);
  }
  SUBCASE("another profile") {
    const auto other = store_with_key(stek::Profile::xchacha20poly1305);
    auto ticketer = stek::Ticketer::open(*other);
    const auto attached = stek::openssl::attach(*context, *ticketer->in("public"));
    REQUIRE_FALSE(attached);
    CHECK(attached.error().message.find("xchacha20poly1305") != std::string::npos);
    CHECK(attached.error().hint.find("--profile rfc5077") != std::string::npos);
  }
}

TEST_CASE_TEMPLATE("a connection with tickets turned off gets none, and resumes from none", Version,
                   Tls12, Tls13) {
  Met server(hello_of<Version>());
  SSL_CTX_set_options(server.context.get(), SSL_OP_NO_TICKET);
  const auto resumed = server.ticketer->health().resumed;
  const Meeting meeting = server.meet(server.again());
  check_full_handshake(meeting, Reason::no_ticket);
  CHECK_FALSE(meeting.issued);
  CHECK(server.ticketer->health().resumed == resumed);
}

TEST_CASE("a ticket asked for later counts from the handshake, not from then") {
  Server server;
  Meeting meeting;
  const Hello hello = hello_of<Tls13>();
  const ClientContext client_context = context_for(hello);
  const Client client = client_for(*client_context, hello, meeting);
  const Client connection = server_for(*server.context);
  const auto before = stek::system_now();
  REQUIRE(talk(*client, *connection));
  std::this_thread::sleep_for(2100ms);
  REQUIRE(SSL_new_session_ticket(connection.get()) == 1);
  REQUIRE(says(*connection, *client, "late"));
  const ClientSession session(SSL_get1_session(client.get()));
  const auto ticket = ticket_of(*session);
  const auto opened = server.ticketer->in("public")->open(std::as_bytes(std::span(ticket)));
  REQUIRE(opened);
  CHECK(opened->issued_at >= before + 2s);
  CHECK(opened->authenticated_at <= before + 1s);
}

// ---- Early data --------------------------------------------------------------------------------

struct EarlyAnswer {
  bool accepted = false;
  bool resumed = false;
  stek::EarlyData answer{};
};

// The client's first words, sent before it hears anything.
EarlyAnswer send_early(SSL_CTX& context, const Hello& hello) {
  Meeting meeting;
  const ClientContext client_context = context_for(hello);
  const Client client = client_for(*client_context, hello, meeting);
  const Client server = server_for(context);
  std::size_t n = 0;
  REQUIRE(SSL_write_early_data(client.get(), "early", 5, &n) == 1);
  carry(*client, *server);
  std::array<char, 64> heard{};
  const int first = SSL_read_early_data(server.get(), heard.data(), heard.size(), &n);
  EarlyAnswer answer;
  answer.accepted =
      first == SSL_READ_EARLY_DATA_SUCCESS && std::string_view(heard.data(), n) == "early";
  while (first == SSL_READ_EARLY_DATA_SUCCESS &&
         SSL_read_early_data(server.get(), heard.data(), heard.size(), &n) ==
             SSL_READ_EARLY_DATA_SUCCESS) {
  }
  REQUIRE(talk(*client, *server));
  answer.resumed = SSL_session_reused(server.get()) == 1;
  answer.answer = stek::openssl::verdict_of(*server).early_data;
  SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return answer;
}

struct EarlyServer : Server {
  explicit EarlyServer(bool accepts, stek::openssl::Options options_ = {})
      : Server({.early_data = accepts}, std::move(options_)) {
    SSL_CTX_set_max_early_data(context.get(), 1000);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_ANTI_REPLAY);
    first = meet(hello_of<Tls13>());
    REQUIRE(first.issued);
  }
  [[nodiscard]] Hello again() const {
    Hello hello = hello_of<Tls13>();
    hello.session = first.session.get();
    return hello;
  }
  Meeting first;
};

TEST_CASE("13.12 early data goes with a fresh ticket, where the policy has it") {
  const EarlyServer server(true);
  const EarlyAnswer early = send_early(*server.context, server.again());
  CHECK(early.accepted);
  CHECK(early.resumed);
  CHECK(name_of(early.answer) == name_of(stek::EarlyData::accept));
}

TEST_CASE("early data is refused where the policy has none, and the session resumes all the same") {
  const EarlyServer server(false);
  const EarlyAnswer early = send_early(*server.context, server.again());
  CHECK_FALSE(early.accepted);
  CHECK(early.resumed);
  CHECK(name_of(early.answer) == name_of(stek::EarlyData::disabled));
}

TEST_CASE("the application has the last word on early data, with the replay identity at hand") {
  stek::openssl::Options options;
  std::vector<stek::ReplayIdentity> seen;
  options.allow_early_data_argument = &seen;
  options.allow_early_data = [](SSL* ssl, void* argument) {
    auto& window = *static_cast<std::vector<stek::ReplayIdentity>*>(argument);
    const auto identity = stek::openssl::verdict_of(*ssl).replay_identity;
    REQUIRE(identity);
    if (std::ranges::find(window, *identity) != window.end()) return 0;
    window.push_back(*identity);
    return 1;
  };
  const EarlyServer server(true, options);
  CHECK(send_early(*server.context, server.again()).accepted);
  CHECK_FALSE(send_early(*server.context, server.again()).accepted);
  CHECK(seen.size() == 1);
}

TEST_CASE("early data of sessions that OpenSSL keeps itself are OpenSSL's to accept") {
  Server server;
  SSL_CTX_set_max_early_data(server.context.get(), 1000);
  const Meeting first = server.meet(hello_of<Tls13>());
  CHECK_FALSE(first.issued);
  Hello hello = hello_of<Tls13>();
  hello.session = first.session.get();
  const EarlyAnswer early = send_early(*server.context, hello);
  CHECK(early.accepted);
  CHECK(name_of(early.answer) == name_of(stek::EarlyData::none));
}

TEST_CASE("a session that OpenSSL resumes from its own cache gets no ticket") {
  Server server;
  const Meeting first = server.meet({.tickets = false});
  REQUIRE(first.completed);
  Hello again{.session = first.session.get()};
  const Meeting meeting = server.meet(again);
  CHECK(meeting.server_resumed);
  CHECK(meeting.verdict.outcome == Outcome::full_handshake);
  CHECK_FALSE(meeting.issued);
}

// ---- Many --------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("a thousand handshakes, each resuming the one before", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  for (int i = 0; i < 1000; ++i) {
    if (i % 100 == 0) {
      rotate(*server.store);
      REQUIRE(server.ticketer->refresh());
    }
    Meeting again = server.meet(server.again());
    REQUIRE(again.resumed);
    server.session = std::move(again.session);
  }
}

TEST_CASE_TEMPLATE("four threads, one SSL_CTX, a ring that rotates", Version, Tls12, Tls13) {
  Server server;
  std::atomic<int> resumed = 0;
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&] {
      ClientSession session;
      for (int i = 0; i < 50; ++i) {
        Hello hello = hello_of<Version>();
        hello.session = session.get();
        Meeting meeting = server.meet(hello);
        resumed += meeting.server_resumed ? 1 : 0;
        session = std::move(meeting.session);
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    rotate(*server.store);
    REQUIRE(server.ticketer->refresh());
    std::this_thread::sleep_for(5ms);
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(resumed == 4 * 49);
}

}  // namespace
