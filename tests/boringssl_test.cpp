// The BoringSSL adapter on the wire: servers and clients on BoringSSL in one process, over memory.
// And its encoding of sessions, against BoringSSL's.
#include <stek/boringssl.hpp>

#include <atomic>
#include <thread>

#include <openssl/rsa.h>

#include "foreign/boringssl_session.hpp"

#include "boringssl_client.hpp"
#include "certificates.hpp"
#include "random_sessions.hpp"
#include "rings.hpp"

namespace {

using stek::Outcome;
using stek::Reason;
using namespace boringssl_client;
using namespace rings;
using certificates::Identity;
using certificates::made;

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

Context server_context() {
  Context context(SSL_CTX_new(TLS_method()));
  REQUIRE(context);
  server_identity().use_in(*context);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority().certificate.get());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(context.get(), 1);
  return context;
}

void demand_certificate(SSL_CTX& context) {
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

void use_suites(SSL_CTX& context, const std::string& suites) {
  REQUIRE(SSL_CTX_set_strict_cipher_list(&context, suites.c_str()) == 1);
}

Connection server_for(SSL_CTX& context) {
  Connection server(SSL_new(&context));
  REQUIRE(server);
  SSL_set_accept_state(server.get());
  SSL_set_bio(server.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  return server;
}

void note_clients(Meeting& meeting, const SSL& server) {
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(&server);
  for (std::size_t i = 0; i < sk_CRYPTO_BUFFER_num(chain); ++i) {
    const CRYPTO_BUFFER* one = sk_CRYPTO_BUFFER_value(chain, i);
    meeting.clients.emplace_back(CRYPTO_BUFFER_data(one),
                                 CRYPTO_BUFFER_data(one) + CRYPTO_BUFFER_len(one));
  }
  meeting.clients_hash = SSL_SESSION_has_peer_sha256(SSL_get_session(&server)) == 1;
}

Meeting meet(SSL_CTX& context, const Hello& hello, SSL* server = nullptr) {
  Meeting meeting;
  const Context client_context = context_for(hello);
  const Connection client = client_for(*client_context, hello, meeting);
  Connection own;
  if (server == nullptr) {
    own = server_for(context);
    server = own.get();
  }
  meeting.completed = talk(*client, *server, hello.rewrite);
  meeting.resumed = meeting.completed && SSL_session_reused(client.get()) == 1;
  meeting.server_resumed = meeting.completed && SSL_session_reused(server) == 1;
  meeting.verdict = stek::boringssl::verdict_of(*server);
  meeting.issued = stek::boringssl::issued(*server);
  if (meeting.completed) {
    meeting.suite = SSL_get_cipher_name(client.get());
    meeting.verify_result = SSL_get_verify_result(server);
    note_clients(meeting, *server);
  }
  return meeting;
}

struct Server {
  explicit Server(stek::Policy policy_ = {}, stek::boringssl::Options options_ = {},
                  stek::Profile profile = stek::Profile::rfc5077)
      : policy(std::move(policy_)), options(std::move(options_)), store(store_with_key(profile)) {
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
    REQUIRE(stek::boringssl::attach(*context, *tickets, options));
  }

  Meeting meet(const Hello& hello) const { return ::meet(*context, hello); }

  [[nodiscard]] stek::Session opened(const SSL_SESSION& session) const {
    const Message ticket = ticket_of(session);
    auto tickets = ticketer->in(domain);
    REQUIRE(tickets);
    auto opened = tickets->open(std::as_bytes(std::span(ticket)));
    REQUIRE(opened);
    return *std::move(opened);
  }

  stek::Policy policy;
  stek::boringssl::Options options;
  std::string domain = "public";
  std::unique_ptr<stek::MemoryStore> store;
  std::unique_ptr<stek::Ticketer> ticketer;
  Context context;
};

// A server and a session that a client has from it.
struct Met : Server {
  explicit Met(Hello hello, stek::Policy policy_ = {}, stek::boringssl::Options options_ = {},
               stek::Profile profile = stek::Profile::rfc5077)
      : Server(std::move(policy_), std::move(options_), profile), says(std::move(hello)) {
    Meeting first = meet(says);
    REQUIRE(first.completed);
    REQUIRE(first.issued);
    REQUIRE(first.session);
    session = std::move(first.session);
  }

  [[nodiscard]] Hello again() const {
    Hello hello = says;
    hello.session = session.get();
    return hello;
  }

  Hello says;
  Session session;
};

template <class Version>
Hello hello_of() {
  return {.highest_version = Version::version};
}

// ---- Issue and resume --------------------------------------------------------------------------

TEST_CASE_TEMPLATE(
    "a full handshake hands out a ticket, which resumes, whatever the ring's profile", Version,
    Tls12, Tls13) {
  for (const auto profile :
       {stek::Profile::rfc5077, stek::Profile::aes256gcm, stek::Profile::xchacha20poly1305}) {
    CAPTURE(name_of(profile));
    const Met server(hello_of<Version>(), {}, {}, profile);
    check_resumed(server.meet(server.again()));
  }
}

TEST_CASE_TEMPLATE("the ticket is stek's to the byte, and says what was negotiated", Version, Tls12,
                   Tls13) {
  Hello hello = hello_of<Version>();
  hello.server_name = "Shop.Example";
  const Met server(hello);
  const stek::Session session = server.opened(*server.session);
  CHECK(ticket_of(*server.session).size() == (Version::version == TLS1_2_VERSION ? 178 : 322));
  CHECK(static_cast<int>(session.version) == Version::version);
  CHECK(session.server_name == stek::ServerName(*stek::HostName::from("shop.example")));
  CHECK(session.extended_master_secret == (Version::version == TLS1_2_VERSION));
  CHECK(session.ticket_age_add.has_value() == (Version::version == TLS1_3_VERSION));
  CHECK(session.max_early_data_size.value_or(0) == 0);
  CHECK_FALSE(session.extras);
  std::array<unsigned char, 48> secret{};
  const std::size_t size =
      SSL_SESSION_get_master_key(server.session.get(), secret.data(), secret.size());
  CHECK(stek::equal_secrets(session.secret.expose(), std::as_bytes(std::span(secret).first(size))));
}

TEST_CASE_TEMPLATE("a ticket outlives the server that issued it", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  server.start();
  check_resumed(server.meet(server.again()));
}

TEST_CASE("up to TLS 1.2 a resumption brings no fresh ticket, though one is due") {
  Met server({});
  rotate(*server.store);
  REQUIRE(server.ticketer->refresh());
  const Meeting again = server.meet(server.again());
  check_resumed(again);
  CHECK(again.verdict.renew);
  CHECK_FALSE(again.issued);
  CHECK_FALSE(answers(again.server_hello, TLSEXT_TYPE_session_ticket));
}

TEST_CASE(
    "in TLS 1.3 every resumption hands out a fresh ticket, of the first handshake's instant") {
  Met server(hello_of<Tls13>());
  const auto first = server.opened(*server.session).authenticated_at;
  std::this_thread::sleep_for(1100ms);
  for (int i = 0; i < 3; ++i) {
    rotate(*server.store);
    REQUIRE(server.ticketer->refresh());
    Meeting again = server.meet(server.again());
    check_resumed(again);
    CHECK(again.issued);
    CHECK(again.new_tickets.size() == 1);
    const stek::Session renewed = server.opened(*again.session);
    CHECK(renewed.authenticated_at == first);
    CHECK(renewed.issued_at > first);
    server.session = std::move(again.session);
  }
}

TEST_CASE_TEMPLATE("the lifetime hint is that of the ticket", Version, Tls12, Tls13) {
  stek::Policy policy;
  policy.lifetime = 1234s;
  const Met server(hello_of<Version>(), policy);
  const Meeting meeting = server.meet(hello_of<Version>());
  CHECK(meeting.lifetime_hint <= 1234);
  CHECK(meeting.lifetime_hint >= 1230);
}

TEST_CASE("application data of another stack's ticket go along with a renewal") {
  Met server(hello_of<Tls13>());
  stek::Session session = server.opened(*server.session);
  const auto data = std::as_bytes(std::span("basket 7"));
  session.application_data = stek::SecretBytes(data);
  std::array<std::byte, stek::max_ticket> room;
  const auto ticket = server.ticketer->in(server.domain)->issue(session, room);
  REQUIRE(ticket);
  const auto bytes = ticket->bytes;
  REQUIRE(SSL_SESSION_set_ticket(server.session.get(),
                                 reinterpret_cast<const unsigned char*>(bytes.data()),
                                 bytes.size()) == 1);
  const Meeting again = server.meet(server.again());
  check_resumed(again);
  CHECK(server.opened(*again.session).application_data == stek::SecretBytes(data));
}

TEST_CASE("an application protocol of TLS 1.3 goes into the ticket, and may change") {
  Server server;
  const auto select = [](SSL*, const unsigned char** out, unsigned char* size,
                         const unsigned char* in, unsigned, void*) {
    *out = in + 1;
    *size = *in;
    return SSL_TLSEXT_ERR_OK;
  };
  SSL_CTX_set_alpn_select_cb(server.context.get(), select, nullptr);
  Hello hello = hello_of<Tls13>();
  hello.protocols = "\2h2";
  const Meeting first = server.meet(hello);
  CHECK(server.opened(*first.session).alpn == stek::ProtocolName{"h2"});
  hello.session = first.session.get();
  hello.protocols = "\6http/x";
  const Meeting again = server.meet(hello);
  check_resumed(again);
  CHECK(server.opened(*again.session).alpn == stek::ProtocolName{"http/x"});
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

TEST_CASE_TEMPLATE("without a key that seals no ticket is promised, and the handshake goes on",
                   Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  retire_keys(*server.store);
  REQUIRE(server.ticketer->refresh());
  const Meeting fresh = server.meet(hello_of<Version>());
  check_full_handshake(fresh, Reason::no_ticket);
  CHECK_FALSE(fresh.issued);
  CHECK(fresh.new_tickets.empty());
  const Meeting again = server.meet(server.again());
  check_resumed(again);
  CHECK_FALSE(again.issued);
  CHECK(again.new_tickets.empty());
}

TEST_CASE_TEMPLATE("a ticket of another domain is a full handshake", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  server.domain = "private";
  server.start();
  check_full_handshake(server.meet(server.again()), Reason::altered);
}

TEST_CASE_TEMPLATE("a ticket of another context is a full handshake", Version, Tls12, Tls13) {
  stek::Policy policy;
  policy.context = context_named("one");
  Met server(hello_of<Version>(), policy);
  check_resumed(server.meet(server.again()));
  server.policy.context = context_named("another");
  server.start();
  check_full_handshake(server.meet(server.again()), Reason::context_differs);
}

TEST_CASE_TEMPLATE("another server name is a full handshake, which stock BoringSSL resumes",
                   Version, Tls12, Tls13) {
  const Met server(hello_of<Version>());
  Hello hello = server.again();
  hello.server_name = "bank.example";
  const Meeting again = server.meet(hello);
  check_full_handshake(again, Reason::server_name_differs);
  CHECK(again.issued);
  hello.server_name = "SHOP.Example";
  check_resumed(server.meet(hello));

  const Context stock = server_context();
  const Meeting first = meet(*stock, hello_of<Version>());
  Hello other = hello_of<Version>();
  other.session = first.session.get();
  other.server_name = "bank.example";
  CHECK(meet(*stock, other).server_resumed);
}

TEST_CASE("12.17 EMS sealed and not offered is aborted with handshake_failure") {
  const Met server({});
  Hello hello = server.again();
  hello.rewrite = [](Message& message) {
    hide_extension(message, TLSEXT_TYPE_extended_master_secret);
  };
  const Meeting again = server.meet(hello);
  CHECK_FALSE(again.completed);
  CHECK(again.client_alert == SSL_AD_HANDSHAKE_FAILURE);
  CHECK(again.verdict.outcome == Outcome::abort);
  CHECK(name_of(again.verdict.reason) == name_of(Reason::extended_master_secret_missing));
}

// The client has sent the extension, and so does not go on.
TEST_CASE("a client without EMS is promised no ticket") {
  Server server;
  Hello hello;
  const Meeting with = server.meet(hello);
  CHECK(answers(with.server_hello, TLSEXT_TYPE_session_ticket));
  hello.rewrite = [](Message& message) {
    hide_extension(message, TLSEXT_TYPE_extended_master_secret);
  };
  const Meeting without = server.meet(hello);
  REQUIRE_FALSE(without.server_hello.empty());
  CHECK_FALSE(answers(without.server_hello, TLSEXT_TYPE_extended_master_secret));
  CHECK_FALSE(answers(without.server_hello, TLSEXT_TYPE_session_ticket));
}

TEST_CASE_TEMPLATE("an expired ticket is a full handshake", Version, Tls12, Tls13) {
  stek::Policy policy;
  policy.lifetime = 1s;
  Met server(hello_of<Version>(), policy);
  std::this_thread::sleep_for(1100ms);
  // The client would not offer it any more; somebody else does.
  SSL_SESSION_set_timeout(server.session.get(), 1000);
  const Meeting again = server.meet(server.again());
  check_full_handshake(again, Reason::ticket_expired);
  CHECK(again.issued);
}

TEST_CASE_TEMPLATE("an altered ticket is a full handshake without an alert, wherever it is altered",
                   Version, Tls12, Tls13) {
  const Met server(hello_of<Version>());
  const std::size_t bits = ticket_of(*server.session).size() * 8;
  for (std::size_t bit = 0; bit < bits; bit += 13) {
    CAPTURE(bit);
    const Session session = altered(*server.session, bit, *server.context);
    Hello hello = server.again();
    hello.session = session.get();
    const Meeting again = server.meet(hello);
    check_full_handshake(again, bit < 128 ? Reason::unknown_key : Reason::altered);
    CHECK(again.issued);
  }
}

TEST_CASE_TEMPLATE("what is no ticket at all is a full handshake without an alert", Version, Tls12,
                   Tls13) {
  const Met server(hello_of<Version>());
  for (const auto size : std::to_array<std::size_t>({1, 31, 79, 177, 178, 322, 2000, 16000})) {
    CAPTURE(size);
    const Message ticket(size, 42);
    REQUIRE(SSL_SESSION_set_ticket(server.session.get(), ticket.data(), ticket.size()) == 1);
    const Meeting meeting = server.meet(server.again());
    CHECK(meeting.completed);
    CHECK_FALSE(meeting.server_resumed);
    CHECK(meeting.client_alert == 0);
    CHECK(meeting.issued);
  }
}

TEST_CASE("12.8 a suite that is no longer offered is a full handshake") {
  const Met server({.suites = gcm + ":" + other_gcm});
  const std::string sealed = server.meet({.suites = gcm + ":" + other_gcm}).suite;
  // A client on BoringSSL offers a session whose suite it does not offer.
  Hello hello = server.again();
  hello.suites = sealed == gcm ? other_gcm : gcm;
  check_full_handshake(server.meet(hello), Reason::suite_not_offered);
}

TEST_CASE("12.9 a suite that is no longer enabled is a full handshake") {
  const Met server({});
  use_suites(*server.context, other_gcm);
  Hello hello = server.again();
  hello.suites = gcm + ":" + other_gcm;
  const Meeting again = server.meet(hello);
  check_full_handshake(again, Reason::suite_not_enabled);
  CHECK(again.issued);
}

TEST_CASE("12.10 a suite that is no longer preferred, by either side, resumes") {
  const Met server({});
  Hello hello = server.again();
  hello.suites = other_gcm + ":" + gcm;
  SUBCASE("by the client") {
    use_suites(*server.context, gcm + ":" + other_gcm);
  }
  SUBCASE("by the server") {
    SSL_CTX_set_options(server.context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
    use_suites(*server.context, other_gcm + ":" + gcm);
  }
  SUBCASE("by a server that leaves some to the client") {
    SSL_CTX_set_options(server.context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
    use_suites(*server.context, "[" + other_gcm + "|" + gcm + "]:" + rsa_gcm);
  }
  const Meeting again = server.meet(hello);
  check_resumed(again);
  CHECK(again.suite == gcm);
  // Only that one connection was told.
  hello.session = nullptr;
  CHECK(server.meet(hello).suite == other_gcm);
}

TEST_CASE("a connection has its own suites again once one is selected") {
  const Met server({});
  use_suites(*server.context, "[" + other_gcm + "|" + gcm + "]:" + rsa_gcm);
  const Connection connection = server_for(*server.context);
  Hello hello = server.again();
  hello.suites = other_gcm + ":" + gcm;
  check_resumed(meet(*server.context, hello, connection.get()));
  CHECK((SSL_get_options(connection.get()) & SSL_OP_CIPHER_SERVER_PREFERENCE) == 0);
  REQUIRE(SSL_clear(connection.get()) == 1);
  SSL_set_accept_state(connection.get());
  hello.session = nullptr;
  CHECK(meet(*server.context, hello, connection.get()).suite == other_gcm);
}

Identity rsa_identity() {
  Identity made{.certificate = certificates::Certificate(X509_new()),
                .key = certificates::PrivateKey(EVP_PKEY_new())};
  const bssl::UniquePtr<RSA> rsa(RSA_new());
  const bssl::UniquePtr<BIGNUM> exponent(BN_new());
  REQUIRE(BN_set_word(exponent.get(), RSA_F4) == 1);
  REQUIRE(RSA_generate_key_ex(rsa.get(), 2048, exponent.get(), nullptr) == 1);
  REQUIRE(EVP_PKEY_set1_RSA(made.key.get(), rsa.get()) == 1);
  X509_set_version(made.certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(made.certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.certificate.get()), 3600);
  X509_set_pubkey(made.certificate.get(), made.key.get());
  REQUIRE(X509_sign(made.certificate.get(), made.key.get(), EVP_sha256()) > 0);
  return made;
}

TEST_CASE("a sealed suite that the certificate does not suit any more is a full handshake") {
  Met server({.suites = gcm + ":" + rsa_gcm});
  server.start();
  rsa_identity().use_in(*server.context);
  const Meeting again = server.meet(server.again());
  check_full_handshake(again, Reason::suite_not_enabled);
  CHECK(again.suite == rsa_gcm);
  CHECK(again.issued);
}

// BoringSSL by itself resumes under the same suite only. It selects by the group's strength, what
// the client's hardware seems to be, and its own.
TEST_CASE("13.4 in TLS 1.3 the suite may change, and its hash may not") {
  const Met server(hello_of<Tls13>());
  const auto sealed_as = [&](std::uint16_t suite, std::size_t secret_size) {
    stek::Session session = server.opened(*server.session);
    session.cipher_suite = stek::CipherSuite{suite};
    std::array<std::byte, 48> secret;
    secret.fill(std::byte{7});
    if (secret_size != session.secret.size()) {
      session.secret = stek::SessionSecret(std::span(secret).first(secret_size));
    }
    std::array<std::byte, stek::max_ticket> room;
    const auto ticket = server.ticketer->in(server.domain)->issue(session, room);
    REQUIRE(ticket);
    const auto bytes = ticket->bytes;
    return Message(reinterpret_cast<const unsigned char*>(bytes.data()),
                   reinterpret_cast<const unsigned char*>(bytes.data()) + bytes.size());
  };
  const auto put_ticket = [&](const Message& ticket) {
    REQUIRE(SSL_SESSION_set_ticket(server.session.get(), ticket.data(), ticket.size()) == 1);
  };
  const std::uint16_t own =
      SSL_CIPHER_get_protocol_id(SSL_SESSION_get0_cipher(server.session.get()));
  REQUIRE(own == 0x1301);
  SUBCASE("another suite of the same hash resumes") {
    put_ticket(sealed_as(0x1303, 32));
    check_resumed(server.meet(server.again()));
  }
  SUBCASE("a suite of another hash is a full handshake") {
    put_ticket(sealed_as(0x1302, 48));
    const Meeting again = server.meet(server.again());
    check_full_handshake(again, Reason::hash_differs);
    CHECK(again.issued);
  }
}

TEST_CASE("a hello whose key share is not taken resumes after HelloRetryRequest") {
  const Met server(hello_of<Tls13>());
  REQUIRE(SSL_CTX_set1_curves_list(server.context.get(), "P-384") == 1);
  Hello hello = server.again();
  hello.prepare = [](SSL_CTX& context) {
    REQUIRE(SSL_CTX_set1_curves_list(&context, "X25519:P-384") == 1);
  };
  const Meeting again = server.meet(hello);
  check_resumed(again);
  CHECK(again.issued);
}

TEST_CASE("a session with what BoringSSL does not negotiate is a full handshake") {
  const Met server({});
  const auto check = [&](auto change, Reason reason) {
    stek::Session session = server.opened(*server.session);
    change(session);
    std::array<std::byte, stek::max_ticket> room;
    const auto ticket = server.ticketer->in(server.domain)->issue(session, room);
    REQUIRE(ticket);
    const auto bytes = ticket->bytes;
    REQUIRE(SSL_SESSION_set_ticket(server.session.get(),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   bytes.size()) == 1);
    check_full_handshake(server.meet(server.again()), reason);
  };
  check([](stek::Session& s) { s.max_fragment_length = stek::MaxFragmentLength::bytes_1024; },
        Reason::max_fragment_length_differs);
  check([](stek::Session& s) { s.cipher_suite = stek::CipherSuite{0xc0ac}; },  // of CCM
        Reason::suite_not_offered);
}

// ---- Client certificates -----------------------------------------------------------------------

Hello with_certificate(Hello hello, const Identity& client) {
  hello.prepare = [&client](SSL_CTX& context) {
    client.use_in(context);
    X509* issuer = authority().certificate.get();
    REQUIRE(SSL_CTX_add1_chain_cert(&context, issuer) == 1);
  };
  return hello;
}

stek::Policy policy_for_clients() {
  stek::Policy policy;
  policy.context = context_named("clients of authority");
  return policy;
}

// BoringSSL by itself: two servers with the same ticket keys and the same session id context, of
// which one demands a certificate. Without a session id context it is no different.
TEST_CASE_TEMPLATE("the way around a client certificate is real, without stek", Version, Tls12,
                   Tls13) {
  std::array<unsigned char, 48> keys;
  keys.fill(9);
  for (const std::size_t context_size : {std::size_t{0}, keys.size() - 16}) {
    CAPTURE(context_size);
    const auto stock_server = [&] {
      Context context = server_context();
      REQUIRE(SSL_CTX_set_tlsext_ticket_keys(context.get(), keys.data(), keys.size()) == 1);
      REQUIRE(SSL_CTX_set_session_id_context(context.get(), keys.data(), context_size) == 1);
      return context;
    };
    const Context open = stock_server();
    const Context closed = stock_server();
    demand_certificate(*closed);
    CHECK_FALSE(meet(*closed, hello_of<Version>()).completed);
    const Meeting first = meet(*open, hello_of<Version>());
    Hello again = hello_of<Version>();
    again.session = first.session.get();
    const Meeting bypass = meet(*closed, again);
    CHECK(bypass.server_resumed);
    CHECK(bypass.clients.empty());
  }
}

TEST_CASE_TEMPLATE("12.30 an open session does not get past the demand for a certificate", Version,
                   Tls12, Tls13) {
  const Identity client = made("client", &authority());
  const Met server(hello_of<Version>(), policy_for_clients());
  demand_certificate(*server.context);
  SUBCASE("nobody is turned away") {
    const Meeting again = server.meet(server.again());
    CHECK_FALSE(again.completed);
    CHECK(name_of(again.verdict.reason) == name_of(Reason::identity_missing));
  }
  SUBCASE("somebody shows the certificate") {
    const Meeting again = server.meet(with_certificate(server.again(), client));
    check_full_handshake(again, Reason::identity_missing);
    CHECK(again.clients.size() == 2);
  }
}

TEST_CASE_TEMPLATE("12.30 nor past a demand that is made as late as the certificate is chosen",
                   Version, Tls12, Tls13) {
  const Met server(hello_of<Version>(), policy_for_clients());
  const auto demand = [](SSL* ssl, void*) {
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return 1;
  };
  SSL_CTX_set_cert_cb(server.context.get(), demand, nullptr);
  const Meeting again = server.meet(server.again());
  CHECK_FALSE(again.completed);
  CHECK(name_of(again.verdict.reason) == name_of(Reason::identity_missing));
}

TEST_CASE_TEMPLATE("12.30 a session with a client certificate has all of its chain when it resumes",
                   Version, Tls12, Tls13) {
  const Identity client = made("client", &authority());
  Server server(policy_for_clients());
  demand_certificate(*server.context);
  Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
  REQUIRE(met.issued);
  const auto chain = met.clients;
  REQUIRE(chain.size() == 2);
  Session session = std::move(met.session);
  for (int i = 0; i < 3; ++i) {
    rotate(*server.store);
    REQUIRE(server.ticketer->refresh());
    Hello again = hello_of<Version>();
    again.session = session.get();
    Meeting next = server.meet(again);
    check_resumed(next);
    CHECK(next.issued == (Version::version == TLS1_3_VERSION));
    CHECK(next.clients == chain);
    CHECK(next.verify_result == X509_V_OK);
    if (next.session) session = std::move(next.session);
  }
}

TEST_CASE_TEMPLATE("12.30 where only a hash is kept of certificates, only a hash is sealed",
                   Version, Tls12, Tls13) {
  const Identity client = made("client", &authority());
  Server server(policy_for_clients());
  demand_certificate(*server.context);
  SSL_CTX_set_retain_only_sha256_of_client_certs(server.context.get(), 1);
  const Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
  REQUIRE(met.issued);
  const stek::Session session = server.opened(*met.session);
  CHECK(std::holds_alternative<stek::ClientIdentityHash>(session.client_identity));
  CHECK(session.identity_expires);
  Hello again = hello_of<Version>();
  again.session = met.session.get();
  const Meeting next = server.meet(again);
  check_resumed(next);
  CHECK(next.clients_hash);
  CHECK(next.clients.empty());
}

TEST_CASE_TEMPLATE("12.30 a session with a client certificate resumes under its context only",
                   Version, Tls12, Tls13) {
  const Identity client = made("client", &authority());
  Server server(policy_for_clients());
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
  SUBCASE("demanded, no promise is made") {
    demand_certificate(*server.context);
    const Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
    REQUIRE(met.completed);
    CHECK_FALSE(met.issued);
    CHECK(met.new_tickets.empty());
  }
  SUBCASE("asked for, a promise is kept without a ticket") {
    SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, nullptr);
    const Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
    REQUIRE(met.completed);
    CHECK_FALSE(met.issued);
    CHECK(met.new_tickets.size() == 1);
    if (Version::version == TLS1_2_VERSION) CHECK(met.new_tickets.front() == 0);
  }
}

TEST_CASE("in TLS 1.3 what is sent in place of a ticket opens nowhere") {
  const Identity client = made("client", &authority());
  Server server;
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, nullptr);
  const Meeting met = server.meet(with_certificate(hello_of<Tls13>(), client));
  REQUIRE(met.session);
  CHECK_FALSE(met.issued);
  CHECK_FALSE(ticket_of(*met.session).empty());
  Hello again = with_certificate(hello_of<Tls13>(), client);
  again.session = met.session.get();
  check_full_handshake(server.meet(again), Reason::ticket_length);
}

TEST_CASE_TEMPLATE("a certificate that was let through though it is not good gets no ticket",
                   Version, Tls12, Tls13) {
  const Identity stranger = made("stranger");
  Server server(policy_for_clients());
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER,
                     [](int /*good*/, X509_STORE_CTX* /*store*/) { return 1; });
  Hello hello = hello_of<Version>();
  hello.prepare = [&](SSL_CTX& context) { stranger.use_in(context); };
  const Meeting met = server.meet(hello);
  CHECK(met.completed);
  CHECK(met.verify_result != X509_V_OK);
  CHECK_FALSE(met.issued);
}

TEST_CASE_TEMPLATE("no ticket outlives the client's certificate", Version, Tls12, Tls13) {
  const Identity client = made("client", &authority(), 100);
  Server server(policy_for_clients());
  demand_certificate(*server.context);
  const Meeting met = server.meet(with_certificate(hello_of<Version>(), client));
  REQUIRE(met.issued);
  const stek::Session session = server.opened(*met.session);
  REQUIRE(session.identity_expires);
  CHECK(*session.identity_expires <= stek::system_now() + 100s);
  CHECK(*session.identity_expires > stek::system_now() + 90s);
  CHECK(session.lifetime <= 100s);
}

TEST_CASE_TEMPLATE("where a certificate is optional, an open session resumes as nobody's", Version,
                   Tls12, Tls13) {
  const std::string mine = "mine";
  Server server({}, {.session_id_context = mine});
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_id_context(server.context.get(),
                                 reinterpret_cast<const unsigned char*>(mine.data()), mine.size());
  const Meeting first = server.meet(hello_of<Version>());
  REQUIRE(first.issued);
  Hello hello = hello_of<Version>();
  hello.session = first.session.get();
  const Meeting again = server.meet(hello);
  check_resumed(again);
  CHECK(again.clients.empty());
}

TEST_CASE_TEMPLATE("who asks for certificates in no context at all resumes nothing", Version, Tls12,
                   Tls13) {
  const Met server(hello_of<Version>());
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, nullptr);
  check_full_handshake(server.meet(server.again()), Reason::context_differs);
}

// ---- The application's own
// -----------------------------------------------------------------------

TEST_CASE_TEMPLATE("virtual hosts of one SSL_CTX have their own domain and context", Version, Tls12,
                   Tls13) {
  const auto store = store_with_key();
  auto ticketer = stek::Ticketer::open(*store);
  REQUIRE(ticketer);
  const auto shop = ticketer->in("shop", context_named("shop"));
  const auto bank = ticketer->in("bank", context_named("bank"));
  REQUIRE(bank);
  stek::boringssl::Options options;
  options.host = [&](const stek::ClientHello& hello) -> const stek::Tickets* {
    if (!hello.server_name) return nullptr;
    return hello.server_name->text() == "bank.example" ? &*bank : &*shop;
  };
  const Context context = server_context();
  REQUIRE(stek::boringssl::attach(*context, *shop, options));
  Hello hello = hello_of<Version>();
  hello.server_name = "bank.example";
  const Meeting first = meet(*context, hello);
  REQUIRE(first.issued);
  hello.session = first.session.get();
  check_resumed(meet(*context, hello));
  hello.server_name = "shop.example";
  check_full_handshake(meet(*context, hello), Reason::altered);
  hello.server_name = "";
  const Meeting nowhere = meet(*context, hello);
  check_full_handshake(nowhere, Reason::no_ticket);
  CHECK(nowhere.new_tickets.empty());
}

TEST_CASE_TEMPLATE("a choice of host that throws is a full handshake without a ticket", Version,
                   Tls12, Tls13) {
  const Met server(hello_of<Version>());
  Server other({}, {.host = [](const stek::ClientHello&) -> const stek::Tickets* {
                 throw std::runtime_error("no such host");
               }});
  const Meeting meeting = other.meet(server.again());
  CHECK(meeting.completed);
  CHECK_FALSE(meeting.server_resumed);
  CHECK_FALSE(meeting.issued);
}

std::atomic<int> calls = 0;
template <ssl_select_cert_result_t result>
ssl_select_cert_result_t select_certificate(const SSL_CLIENT_HELLO*) {
  ++calls;
  return result;
}
template <int result>
int protect(const SSL_CLIENT_HELLO*) {
  ++calls;
  return result;
}

TEST_CASE_TEMPLATE("the application's callbacks are called, and may end the handshake", Version,
                   Tls12, Tls13) {
  calls = 0;
  const Met server(hello_of<Version>(), {},
                   {.select_certificate = select_certificate<ssl_select_cert_success>,
                    .dos_protection = protect<1>});
  CHECK(calls == 2);
  check_resumed(server.meet(server.again()));
  CHECK(calls == 4);
  const Server refuses({}, {.select_certificate = select_certificate<ssl_select_cert_error>});
  CHECK_FALSE(refuses.meet(hello_of<Version>()).completed);
  const Server protects({}, {.dos_protection = protect<0>});
  CHECK_FALSE(protects.meet(hello_of<Version>()).completed);
}

ssl_select_cert_result_t select_certificate_later(const SSL_CLIENT_HELLO*) {
  return ++calls % 3 == 0 ? ssl_select_cert_success : ssl_select_cert_retry;
}

TEST_CASE_TEMPLATE("the application may take its time over a hello", Version, Tls12, Tls13) {
  calls = 0;
  const Met server(hello_of<Version>(), {}, {.select_certificate = select_certificate_later});
  check_resumed(server.meet(server.again()));
  CHECK(calls == 6);
}

TEST_CASE("attaching twice, or with tickets turned off, is refused") {
  const Server server;
  const auto tickets = server.ticketer->in("public");
  const auto twice = stek::boringssl::attach(*server.context, *tickets);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().error == stek::Error::already_there);
  const Context off = server_context();
  SSL_CTX_set_options(off.get(), SSL_OP_NO_TICKET);
  const auto attached = stek::boringssl::attach(*off, *tickets);
  REQUIRE_FALSE(attached);
  CHECK(attached.error().error == stek::Error::unsuitable);
}

TEST_CASE_TEMPLATE("a connection with tickets turned off gets none, and resumes from none", Version,
                   Tls12, Tls13) {
  const Met server(hello_of<Version>());
  SSL_CTX_set_options(server.context.get(), SSL_OP_NO_TICKET);
  const Meeting again = server.meet(server.again());
  check_full_handshake(again, Reason::no_ticket);
  CHECK(again.new_tickets.empty());
}

TEST_CASE("tickets that were turned off for one handshake are on again for the next") {
  Server server;
  retire_keys(*server.store);
  REQUIRE(server.ticketer->refresh());
  const Connection connection = server_for(*server.context);
  CHECK(meet(*server.context, {}, connection.get()).new_tickets.empty());
  rotate(*server.store);
  REQUIRE(server.ticketer->refresh());
  REQUIRE(SSL_clear(connection.get()) == 1);
  SSL_set_accept_state(connection.get());
  CHECK(meet(*server.context, {}, connection.get()).issued);
}

TEST_CASE("early data is not accepted, nor offered, whatever the policy and BoringSSL say") {
  stek::Policy policy;
  policy.early_data = true;
  Server server(policy);
  SSL_CTX_set_early_data_enabled(server.context.get(), 1);
  Hello hello = hello_of<Tls13>();
  hello.prepare = [](SSL_CTX& context) { SSL_CTX_set_early_data_enabled(&context, 1); };
  const Meeting first = server.meet(hello);
  REQUIRE(first.session);
  CHECK(SSL_SESSION_early_data_capable(first.session.get()) == 0);
  hello.session = first.session.get();
  const Meeting again = server.meet(hello);
  check_resumed(again);
  CHECK(again.verdict.early_data != stek::EarlyData::accept);
}

// ---- BoringSSL's encoding ----------------------------------------------------------------------

using stek::foreign::BoringsslSession;
using stek::test::Random;
using Buffer = std::vector<std::byte>;

Buffer encoded(const BoringsslSession& session) {
  Buffer der(size_of(session), std::byte{0xa5});
  const auto used = encode_boringssl_session(der, session);
  REQUIRE(used);
  REQUIRE_EQ(*used, der.size());
  return der;
}

Session read_by_boringssl(stek::Bytes der, const SSL_CTX& context) {
  Session session(SSL_SESSION_from_bytes(reinterpret_cast<const unsigned char*>(der.data()),
                                         der.size(), &context));
  REQUIRE(session);
  return session;
}

Buffer written_by_boringssl(const SSL_SESSION& session) {
  unsigned char* der = nullptr;
  std::size_t size = 0;
  REQUIRE(SSL_SESSION_to_bytes_for_ticket(&session, &der, &size) == 1);
  const bssl::UniquePtr<unsigned char> owned(der);
  const auto bytes = std::as_bytes(std::span(der, size));
  return {bytes.begin(), bytes.end()};
}

Buffer der_of(const Identity& identity) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(identity.certificate.get(), &der);
  REQUIRE(size > 0);
  const bssl::UniquePtr<unsigned char> owned(der);
  const auto bytes = std::as_bytes(std::span(der, static_cast<std::size_t>(size)));
  return {bytes.begin(), bytes.end()};
}

bool known_to_boringssl(const stek::Session& session) {
  return session.transport != stek::Transport::quic &&
         session.version != stek::ProtocolVersion::dtls1_3 &&
         SSL_get_cipher_by_value(static_cast<std::uint16_t>(session.cipher_suite)) != nullptr;
}

/// As test::random_session gives it, in what BoringSSL can say.
stek::Session random_session(Random& random) {
  stek::Session session = stek::test::random_session(random);
  while (!known_to_boringssl(session)) session = stek::test::random_session(random);
  if (auto* chain = std::get_if<stek::CertificateChain>(&session.client_identity)) {
    chain->certificates.assign(1 + stek::test::below(random, 3), der_of(authority()));
    chain->certificates.front() = der_of(server_identity());
  }
  return session;
}

BoringsslSession random_boringssl_session(Random& random) {
  using stek::test::below;
  using stek::test::random_bytes;
  BoringsslSession session;
  session.session = random_session(random);
  session.session_id_context =
      stek::foreign::OpensslId::from(random_bytes(random, below(random, 33))).value();
  session.verify_result = static_cast<std::uint32_t>(below(random, 90));
  session.peer_signature_algorithm = static_cast<std::uint16_t>(below(random, 0x900));
  if (below(random, 2) == 0) {
    session.auth_timeout = session.session.lifetime + stek::Seconds(1 + below(random, 9999));
  }
  if (session.session.alpn && below(random, 2) == 0) {
    session.local_application_settings = {{random_bytes(random, below(random, 20))}};
    session.peer_application_settings = {{random_bytes(random, below(random, 20))}};
  }
  return session;
}

/// What DER tells of a session.
BoringsslSession told(BoringsslSession told) {
  stek::Session& session = told.session;
  session.encrypt_then_mac = false;
  session.max_fragment_length = {};
  session.authenticated_at = {};
  session.context = {};
  session.identity_expires.reset();
  session.server_name = {};
  session.application_data.reset();
  const auto extras = std::exchange(session.extras, std::nullopt);
  if (extras && extras->named_group.value_or(0) != 0) {
    session.extras = stek::Extras();
    session.extras->named_group = extras->named_group;
  }
  return told;
}

TEST_CASE("BoringSSL reads what is written, and writes the same bytes") {
  Random random(71);
  const Context context(SSL_CTX_new(TLS_method()));
  for (int i = 0; i < 2'000; ++i) {
    BoringsslSession session = random_boringssl_session(random);
    const Buffer der = encoded(session);
    const Session theirs = read_by_boringssl(der, *context);
    CHECK_EQ(SSL_SESSION_get_protocol_version(theirs.get()),
             static_cast<int>(session.session.version));
    CHECK_EQ(SSL_SESSION_get_timeout(theirs.get()), session.session.lifetime.count());
    CHECK(written_by_boringssl(*theirs) == der);
    const auto decoded = stek::foreign::decode_boringssl_session(der);
    REQUIRE(decoded);
    CHECK(*decoded == told(std::move(session)));
  }
}

// ---- For long ----------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("a thousand handshakes, most of them resuming", Version, Tls12, Tls13) {
  Met server(hello_of<Version>());
  for (int i = 0; i < 1000; ++i) {
    if (i % 100 == 0) {
      rotate(*server.store);
      REQUIRE(server.ticketer->refresh());
    }
    const bool anew = i % 50 == 49;
    Meeting again = server.meet(anew ? server.says : server.again());
    REQUIRE(again.completed);
    REQUIRE(again.resumed != anew);
    if (again.session) server.session = std::move(again.session);
  }
}

TEST_CASE_TEMPLATE("four threads, one SSL_CTX, a ring that rotates", Version, Tls12, Tls13) {
  Server server;
  std::atomic<int> resumed = 0;
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&] {
      Session session;
      for (int i = 0; i < 50; ++i) {
        Hello hello = hello_of<Version>();
        hello.session = session.get();
        Meeting meeting = server.meet(hello);
        resumed += meeting.server_resumed ? 1 : 0;
        if (meeting.session) session = std::move(meeting.session);
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
