// What tickets cost a server in a handshake: stek's adapters beside the tickets that the libraries
// bring themselves, with the same suite, certificate (P-256) and group. The server alone is timed,
// from making the connection to freeing it; clients are OpenSSL's, over memory.
#include <stek/client_hello.hpp>
#include <stek/mbedtls.hpp>
#include <stek/openssl.hpp>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl_ticket.h>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "certificates.hpp"
#include "harness.hpp"
#include "openssl_client.hpp"
#include "peers.hpp"

namespace {

using namespace bench;
using namespace openssl_client;

constexpr int rounds = 100;
constexpr int full_handshakes = 3;  // a round
constexpr int resumptions = 24;

// ---- A handshake -------------------------------------------------------------------------------

struct Handshake {
  double seconds = 0;  ///< of the server's CPU
  bool resumed = false;
  std::string hello;  ///< the client's first flight
};

std::string taken_from(BIO* bio) {
  std::array<char, 4096> piece;
  std::string taken;
  for (int n; (n = BIO_read(bio, piece.data(), piece.size())) > 0;) {
    taken.append(piece.data(), static_cast<std::size_t>(n));
  }
  return taken;
}

void give(BIO* bio, const std::string& bytes) {
  if (!bytes.empty()) BIO_write(bio, bytes.data(), static_cast<int>(bytes.size()));
}

// In TLS 1.3 tickets come behind the handshake.
void read_tickets(SSL& client) {
  char byte;
  SSL_read(&client, &byte, 1);
  ERR_clear_error();
}

template <class Connection, class Server>
Handshake shake_hands(Server& server, SSL& client) {
  Handshake handshake;
  const auto timed = [&](const auto& step) {
    const double begin = thread_seconds();
    step();
    handshake.seconds += thread_seconds() - begin;
  };
  std::optional<Connection> connection;
  timed([&] { connection.emplace(server); });
  int client_result = -1;
  while (client_result != 1 || !connection->done()) {
    client_result = SSL_do_handshake(&client);
    const std::string flight = taken_from(SSL_get_wbio(&client));
    if (handshake.hello.empty()) handshake.hello = flight;
    require(!flight.empty() || connection->done());
    connection->hear(flight);
    if (!connection->done()) timed([&] { connection->step(); });
    give(SSL_get_rbio(&client), connection->says());
  }
  read_tickets(client);
  handshake.resumed = SSL_session_reused(&client) == 1;
  timed([&] { connection.reset(); });
  return handshake;
}

// ---- Servers on OpenSSL ------------------------------------------------------------------------

const certificates::Identity& identity() {
  static const certificates::Identity made = certificates::made("shop.example");
  return made;
}

struct OpensslServer {
  explicit OpensslServer(int version) {
    identity().use_in(*context);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    require(SSL_CTX_set_cipher_list(context.get(), gcm.c_str()) == 1);
    require(SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256") == 1);
  }

  ClientContext context{SSL_CTX_new(TLS_server_method())};
};

class OpensslConnection {
 public:
  explicit OpensslConnection(OpensslServer& server) : ssl_(SSL_new(server.context.get())) {
    SSL_set_accept_state(ssl_.get());
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }
  // As after a connection that was closed in good order.
  ~OpensslConnection() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }
  OpensslConnection(const OpensslConnection&) = delete;
  OpensslConnection& operator=(const OpensslConnection&) = delete;

  void hear(const std::string& bytes) const { give(SSL_get_rbio(ssl_.get()), bytes); }
  std::string says() const { return taken_from(SSL_get_wbio(ssl_.get())); }
  void step() {
    done_ = SSL_do_handshake(ssl_.get()) == 1;
    ERR_clear_error();
  }
  [[nodiscard]] bool done() const { return done_; }

 private:
  Client ssl_;
  bool done_ = false;
};

// ---- Servers on mbed TLS -----------------------------------------------------------------------

struct MbedtlsServer {
  MbedtlsServer() {
    mbedtls_ssl_config_init(&config);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    mbedtls_ssl_ticket_init(&own_tickets);
    require(mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, nullptr, 0) == 0);
    take_identity();
    require(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER,
                                        MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT) == 0);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    require(mbedtls_ssl_conf_own_cert(&config, &certificate, &key) == 0);
    mbedtls_ssl_conf_ciphersuites(&config, suites.data());
  }
  ~MbedtlsServer() {
    mbedtls_ssl_ticket_free(&own_tickets);
    mbedtls_ssl_config_free(&config);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
  }
  MbedtlsServer(const MbedtlsServer&) = delete;
  MbedtlsServer& operator=(const MbedtlsServer&) = delete;

  void use_own_tickets() {
    require(mbedtls_ssl_ticket_setup(&own_tickets, mbedtls_ctr_drbg_random, &random,
                                     MBEDTLS_CIPHER_AES_256_GCM, 43'200) == 0);
    mbedtls_ssl_conf_session_tickets_cb(&config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                        &own_tickets);
  }

  static constexpr std::array<int, 2> suites{MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0};
  mbedtls_ssl_config config;
  std::optional<stek::Tickets> tickets;  ///< stek's; else its own

 private:
  void take_identity() {
    unsigned char* der = nullptr;
    const int size = i2d_X509(identity().certificate.get(), &der);
    require(mbedtls_x509_crt_parse_der(&certificate, der, static_cast<std::size_t>(size)) == 0);
    OPENSSL_free(der);
    der = nullptr;
    const int key_size = i2d_PrivateKey(identity().key.get(), &der);
    require(mbedtls_pk_parse_key(&key, der, static_cast<std::size_t>(key_size), nullptr, 0) == 0);
    OPENSSL_free(der);
  }

  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt certificate;
  mbedtls_pk_context key;
  mbedtls_ssl_ticket_context own_tickets;
};

class MbedtlsConnection {
 public:
  explicit MbedtlsConnection(const MbedtlsServer& server) {
    mbedtls_ssl_init(&ssl_);
    require(mbedtls_ssl_setup(&ssl_, &server.config) == 0);
    mbedtls_ssl_set_bio(&ssl_, this, send, receive, nullptr);
    if (!server.tickets) return;
    tickets_ = stek::mbedtls::Connection::attach(ssl_, *server.tickets).value();
  }
  ~MbedtlsConnection() {
    tickets_.reset();
    mbedtls_ssl_free(&ssl_);
  }
  MbedtlsConnection(const MbedtlsConnection&) = delete;
  MbedtlsConnection& operator=(const MbedtlsConnection&) = delete;

  void hear(const std::string& bytes) { in_ += bytes; }
  std::string says() { return std::exchange(out_, {}); }
  void step() {
    const int result = mbedtls_ssl_handshake(&ssl_);
    require(result == 0 || result == MBEDTLS_ERR_SSL_WANT_READ);
    done_ = result == 0;
  }
  [[nodiscard]] bool done() const { return done_; }

 private:
  static int receive(void* self, unsigned char* bytes, std::size_t size) {
    std::string& in = static_cast<MbedtlsConnection*>(self)->in_;
    if (in.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
    size = in.copy(reinterpret_cast<char*>(bytes), size);
    in.erase(0, size);
    return static_cast<int>(size);
  }
  static int send(void* self, const unsigned char* bytes, std::size_t size) {
    static_cast<MbedtlsConnection*>(self)->out_.append(bytes, bytes + size);
    return static_cast<int>(size);
  }

  mbedtls_ssl_context ssl_;
  std::optional<stek::mbedtls::Connection> tickets_;
  std::string in_;
  std::string out_;
  bool done_ = false;
};

// ---- Rows --------------------------------------------------------------------------------------

/// A server that is ready, with tickets of its own or stek's: shakes hands with a client.
using Server = std::function<Handshake(SSL& client)>;

Server openssl_server(int version, const stek::Tickets* tickets) {
  auto server = std::make_shared<OpensslServer>(version);
  if (tickets != nullptr) stek::openssl::attach(*server->context, *tickets).value();
  return [server](SSL& client) { return shake_hands<OpensslConnection>(*server, client); };
}

Server mbedtls_server(const stek::Tickets* tickets) {
  auto server = std::make_shared<MbedtlsServer>();
  if (tickets != nullptr) {
    server->tickets = *tickets;
  } else {
    server->use_own_tickets();
  }
  return [server](SSL& client) { return shake_hands<MbedtlsConnection>(*server, client); };
}

/// A client of one version, again and again.
class Clients {
 public:
  explicit Clients(int version) : hello_{.suites = gcm, .highest_version = version} {
    context_ = context_for(hello_);
  }

  Handshake meet(const Server& server, SSL_SESSION* session) {
    Meeting meeting;
    hello_.session = session;
    const Client client = client_for(*context_, hello_, meeting);
    const Handshake handshake = server(*client);
    require(handshake.resumed == (session != nullptr));
    last_session_.reset(SSL_get1_session(client.get()));
    SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return handshake;
  }

  /// Of the last meeting, with the ticket that it brought.
  ClientSession take_session() {
    require(!ticket_of(*last_session_).empty());
    return std::move(last_session_);
  }

 private:
  Hello hello_;
  ClientContext context_;
  ClientSession last_session_;
};

Measure handshakes_of(const Server& server, std::shared_ptr<Clients> clients,
                      std::shared_ptr<SSL_SESSION> session) {
  return [=](int calls) {
    double seconds = 0;
    for (int i = 0; i < calls; ++i) seconds += clients->meet(server, session.get()).seconds;
    return seconds;
  };
}

std::shared_ptr<SSL_SESSION> session_with(const Server& server, Clients& clients) {
  clients.meet(server, nullptr);
  return clients.take_session();
}

/// What stek does for the ticket in a hello, without its adapter.
Measure resumptions_of(const stek::Tickets& tickets, const std::string& flight) {
  const auto work = [tickets, flight] {
    const auto hello = stek::parse_client_hello(std::as_bytes(std::span(flight))).value();
    require(tickets.resume(hello).verdict.outcome == stek::Outcome::resume);
  };
  return loop(work);
}

struct Stack {
  std::string name;
  int version;
  std::function<Server(const stek::Tickets*)> server;
  stek::Profile profile;
  Peer own;
};

constexpr auto own = "own tickets";
constexpr auto ours = "stek";

std::string row_name(const Stack& stack, std::string_view what) {
  return fmt::format("{}, {}", stack.name, what);
}

void add_rows(Rows& rows, const Stack& stack, const stek::Tickets& tickets) {
  const auto add = [&](const char* who, std::string_view what, Measure measure, int calls) {
    rows.push_back({.who = who,
                    .what = row_name(stack, what),
                    .bytes = 0,
                    .measure = std::move(measure),
                    .calls = calls});
  };
  const auto clients = std::make_shared<Clients>(stack.version);
  const Server theirs = stack.server(nullptr);
  const Server mine = stack.server(&tickets);
  const auto their_session = session_with(theirs, *clients);
  const auto my_session = session_with(mine, *clients);
  const std::string hello = clients->meet(mine, my_session.get()).hello;
  add(own, "full", handshakes_of(theirs, clients, nullptr), full_handshakes);
  add(ours, "full", handshakes_of(mine, clients, nullptr), full_handshakes);
  add(own, "resumed", handshakes_of(theirs, clients, their_session), resumptions);
  add(ours, "resumed", handshakes_of(mine, clients, my_session), resumptions);
  add(own, "the ticket", loop(stack.own.open), 0);
  add(ours, "the ticket", resumptions_of(tickets, hello), 0);
}

// ---- The table ---------------------------------------------------------------------------------

nlohmann::json print_comparison(const Rows& rows, const Stack& stack, std::string_view what) {
  const std::string name = row_name(stack, what);
  const auto& theirs = row(rows, own, name).ns;
  const auto& mine = row(rows, ours, name).ns;
  const Spread ratio = spread(ratios(mine, theirs));
  const double difference = spread(differences(mine, theirs)).median;
  fmt::print("{:<30} {:>9.1f} {:>9.1f} {:>+9.1f}    {:.3f} ({:.3f} to {:.3f})\n", name,
             spread(theirs).median / 1e3, spread(mine).median / 1e3, difference / 1e3, ratio.median,
             ratio.least, ratio.most);
  return {{"what", name},
          {"difference_ns", difference},
          {"ratio", ratio.median},
          {"least", ratio.least},
          {"most", ratio.most}};
}

nlohmann::json print_share(const Rows& rows, const Stack& stack) {
  nlohmann::json shares{{"what", row_name(stack, "the ticket")}};
  fmt::print("{:<30}", row_name(stack, "the ticket"));
  for (const char* who : {own, ours}) {
    const auto& ticket = row(rows, who, row_name(stack, "the ticket")).ns;
    const auto& whole = row(rows, who, row_name(stack, "resumed")).ns;
    const double share = spread(ratios(ticket, whole)).median;
    fmt::print(" {:>6.2f} {:>5.1f} %", spread(ticket).median / 1e3, 100 * share);
    shares[who] = share;
  }
  fmt::print("\n");
  return shares;
}

void print_tables(const Rows& rows, const std::vector<Stack>& stacks, const Options& options) {
  nlohmann::json results;
  fmt::print(
      "Server's CPU for a handshake, in microseconds; medians of {} rounds, ratios (least "
      "to most)\nformed inside a round. `full` issues a ticket.\n\n",
      rows.front().ns.size());
  fmt::print("{:<30} {:>9} {:>9} {:>9}    {}\n", "", "own", "stek", "stek-own", "stek/own");
  for (const Stack& stack : stacks) {
    for (const char* what : {"full", "resumed"}) {
      results["handshakes"].push_back(print_comparison(rows, stack, what));
    }
  }
  fmt::print(
      "\nThe ticket alone, and its share of the resumption. Own: opening it ({}: {}). stek: "
      "the hello\nparsed, the ticket opened, resumption decided.\n\n",
      stacks.front().own.who, stacks.front().own.how);
  fmt::print("{:<30} {:>14} {:>14}\n", "", "own", "stek");
  for (const Stack& stack : stacks) results["shares"].push_back(print_share(rows, stack));
  write_json(options, std::move(results), rows);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = begin(argc, argv);
  const auto openssl = [](int version) {
    return [version](const stek::Tickets* tickets) { return openssl_server(version, tickets); };
  };
  const std::vector<Stack> stacks{
      {"OpenSSL 3.0 TLS 1.2", TLS1_2_VERSION, openssl(TLS1_2_VERSION), stek::Profile::rfc5077,
       openssl_peer()},
      {"OpenSSL 3.0 TLS 1.3", TLS1_3_VERSION, openssl(TLS1_3_VERSION), stek::Profile::rfc5077,
       openssl_peer()},
      {"mbed TLS 2.28 TLS 1.2", TLS1_2_VERSION, mbedtls_server, stek::Profile::xchacha20poly1305,
       mbedtls_peer()},
  };
  Rows rows;
  std::deque<stek::Ticketer> ticketers;
  for (const Stack& stack : stacks) {
    ticketers.push_back(stek::Ticketer::standalone({.profile = stack.profile}).value());
    add_rows(rows, stack, ticketers.back().in("public").value());
  }
  run(rows, rounds, options);
  print_tables(rows, stacks, options);
}
