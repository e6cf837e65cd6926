// A small TLS 1.2 server on mbed TLS whose tickets are stek's: what a server author has to write.
//
// Serves one connection after the other on loopback: handshake, one line in, one line out. Says one
// line about each on stdout. A client has five seconds for all of it. SIGTERM and SIGINT end the
// server.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <expected>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <CLI/CLI.hpp>

#include <stek/mbedtls.hpp>
#include <stek/store.hpp>
#include <stek/ticketer.hpp>

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::seconds(5);
constexpr std::size_t longest_line = 1024;

struct Options {
  std::string ring = "keys/ring.json";
  std::uint16_t port = 0;
  std::string domain = "demo";
  std::string certificate;
  std::string key;
  std::string cipher_suites;
  std::string client_ca;
  bool encrypt_then_mac = true;
};

// What of mbed TLS all connections share.
class Tls {
 public:
  Tls();
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  void configure(const Options& options);
  [[nodiscard]] const mbedtls_ssl_config& config() const { return config_; }

 private:
  void load_certificate(const Options& options);
  void make_certificate();
  void demand_certificate(const Options& options);
  void restrict_suites(const Options& options);

  mbedtls_entropy_context entropy_;
  mbedtls_ctr_drbg_context random_;
  mbedtls_x509_crt certificate_;
  mbedtls_x509_crt client_ca_;
  mbedtls_pk_context key_;
  mbedtls_ssl_config config_;
  std::vector<int> suites_;
};

// A connected client, with an end to our patience.
struct Peer {
  int socket;
  int stop;  // readable when the server is to end
  Clock::time_point deadline = Clock::now() + patience;

  [[nodiscard]] int wait_for(short event) const;
  static int receive(void* self, unsigned char* bytes, std::size_t size);
  static int send(void* self, const unsigned char* bytes, std::size_t size);
};

int run(const Options& options);
int listen_on(std::uint16_t port);
int stop_signal();
void serve(stek::Ticketer& ticketer, const stek::Tickets& tickets, const Tls& tls, int listener,
           int stop);
void serve_one(const mbedtls_ssl_config& config, const stek::Tickets& tickets, Peer peer);
void report(const mbedtls_ssl_context& ssl, const stek::mbedtls::Connection& connection);
void report_failure(int result, const stek::Verdict& verdict);
void answer(mbedtls_ssl_context& ssl, bool resumed);
std::string_view without_scheme(std::string_view ring);
void complain(const stek::Failure& failure);
void require(int result, const char* what);
std::string error_text(int result);

// One line on stdout, at once: a program may be reading it.
template <class... Parts>
void say(fmt::format_string<Parts...> format, Parts&&... parts) {
  fmt::print(format, std::forward<Parts>(parts)...);
  fmt::print("\n");
  (void)std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"a TLS 1.2 server on mbed TLS with tickets by stek"};
  app.add_option("--ring", options.ring, "ring of keys; make one with: stek keys init")
      ->capture_default_str();
  app.add_option("--port", options.port, "port on 127.0.0.1; 0 chooses one")->capture_default_str();
  app.add_option("--domain", options.domain, "trust domain of the tickets")->capture_default_str();
  auto* certificate = app.add_option("--cert", options.certificate,
                                     "certificate chain (PEM); without it one is made in memory");
  auto* key = app.add_option("--key", options.key, "private key of the certificate (PEM)");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--cipher-suite", options.cipher_suites,
                 "enable these suites only, by IANA's names with commas between, best first");
  app.add_option("--client-ca", options.client_ca,
                 "demand a client certificate, issued by this one (PEM)");
  app.add_option("--encrypt-then-mac", options.encrypt_then_mac, "on or off (RFC 7366)")
      ->default_str("on");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run(options);
} catch (const std::exception& error) {
  complain({.error = {}, .message = error.what(), .hint = {}});
  return 1;
}

namespace {

int run(const Options& options) {
  stek::FileStore store{without_scheme(options.ring)};
  auto ticketer = stek::Ticketer::open(store);
  if (!ticketer) {
    complain(ticketer.error());
    return 1;
  }
  auto tickets = ticketer->in(options.domain);
  if (!tickets) {
    complain(tickets.error());
    return 1;
  }
  Tls tls;
  tls.configure(options);
  const int stop = stop_signal();
  const int listener = listen_on(options.port);
  serve(*ticketer, *tickets, tls, listener, stop);
  close(listener);
  close(stop);
  return 0;
}

void serve(stek::Ticketer& ticketer, const stek::Tickets& tickets, const Tls& tls, int listener,
           int stop) {
  for (;;) {
    std::array<pollfd, 2> events{{{listener, POLLIN, 0}, {stop, POLLIN, 0}}};
    poll(events.data(), events.size(), -1);
    if (events[1].revents != 0) return;
    const int socket = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) continue;
    // Takes over a rotated ring. On failure the keys already held go on working.
    if (const auto refreshed = ticketer.refresh(); !refreshed) complain(refreshed.error());
    serve_one(tls.config(), tickets, {.socket = socket, .stop = stop});
    close(socket);
  }
}

void serve_one(const mbedtls_ssl_config& config, const stek::Tickets& tickets, Peer peer) {
  mbedtls_ssl_context ssl;
  mbedtls_ssl_init(&ssl);
  require(mbedtls_ssl_setup(&ssl, &config), "set up a connection");
  mbedtls_ssl_set_bio(&ssl, &peer, Peer::send, Peer::receive, nullptr);
  if (auto connection = stek::mbedtls::Connection::attach(ssl, tickets)) {
    if (const int result = mbedtls_ssl_handshake(&ssl); result == 0) {
      report(ssl, *connection);
      answer(ssl, connection->resumed());
      mbedtls_ssl_close_notify(&ssl);
    } else {
      report_failure(result, connection->verdict());
    }
  } else {
    complain(connection.error());
  }
  mbedtls_ssl_free(&ssl);
}

const char* yes_or_no(bool yes) {
  return yes ? "yes" : "no";
}

void report(const mbedtls_ssl_context& ssl, const stek::mbedtls::Connection& connection) {
  say("handshake={} reason={} renewed={} issued={} suite={} ems={} etm={}",
      connection.resumed() ? "resumed" : "full", name_of(connection.verdict().reason),
      yes_or_no(connection.resumed() && connection.issued()), yes_or_no(connection.issued()),
      mbedtls_ssl_get_ciphersuite(&ssl), yes_or_no(connection.extended_master_secret()),
      yes_or_no(ssl.session->encrypt_then_mac == MBEDTLS_SSL_ETM_ENABLED));
}

void report_failure(int result, const stek::Verdict& verdict) {
  if (verdict.outcome == stek::Outcome::abort) {
    say("handshake=aborted reason={} alert={}", name_of(verdict.reason), name_of(verdict.alert));
  } else {
    say("handshake=failed error=\"{}\"", error_text(result));
  }
}

void answer(mbedtls_ssl_context& ssl, bool resumed) {
  std::array<unsigned char, longest_line> bytes;
  std::string line;
  while (line.find('\n') == std::string::npos && line.size() < longest_line) {
    const int n = mbedtls_ssl_read(&ssl, bytes.data(), bytes.size());
    if (n <= 0) return;
    line.append(bytes.data(), bytes.data() + n);
  }
  line = (resumed ? "welcome back, you said: " : "welcome, you said: ") +
         line.substr(0, line.find('\n')) + "\n";
  const std::string_view reply = line;
  for (std::size_t sent = 0; sent < reply.size();) {
    const auto* rest = reinterpret_cast<const unsigned char*>(reply.data() + sent);
    const int n = mbedtls_ssl_write(&ssl, rest, reply.size() - sent);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

Tls::Tls() {
  mbedtls_entropy_init(&entropy_);
  mbedtls_ctr_drbg_init(&random_);
  mbedtls_x509_crt_init(&certificate_);
  mbedtls_x509_crt_init(&client_ca_);
  mbedtls_pk_init(&key_);
  mbedtls_ssl_config_init(&config_);
}

Tls::~Tls() {
  mbedtls_ssl_config_free(&config_);
  mbedtls_pk_free(&key_);
  mbedtls_x509_crt_free(&client_ca_);
  mbedtls_x509_crt_free(&certificate_);
  mbedtls_ctr_drbg_free(&random_);
  mbedtls_entropy_free(&entropy_);
}

void Tls::configure(const Options& options) {
  require(mbedtls_ctr_drbg_seed(&random_, mbedtls_entropy_func, &entropy_, nullptr, 0),
          "gather randomness");
  require(mbedtls_ssl_config_defaults(&config_, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                      MBEDTLS_SSL_PRESET_DEFAULT),
          "configure TLS");
  mbedtls_ssl_conf_rng(&config_, mbedtls_ctr_drbg_random, &random_);
  mbedtls_ssl_conf_min_version(&config_, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_encrypt_then_mac(
      &config_, options.encrypt_then_mac ? MBEDTLS_SSL_ETM_ENABLED : MBEDTLS_SSL_ETM_DISABLED);
  if (!options.cipher_suites.empty()) restrict_suites(options);
  if (!options.client_ca.empty()) demand_certificate(options);
  if (options.certificate.empty()) {
    make_certificate();
  } else {
    load_certificate(options);
  }
  require(mbedtls_ssl_conf_own_cert(&config_, &certificate_, &key_), "use the certificate");
}

void Tls::load_certificate(const Options& options) {
  require(mbedtls_x509_crt_parse_file(&certificate_, options.certificate.c_str()),
          "read the certificate");
  require(mbedtls_pk_parse_keyfile(&key_, options.key.c_str(), nullptr), "read the private key");
}

std::string x509_time(std::time_t at) {
  std::array<char, 15> text{};
  std::tm parts{};
  const bool known = gmtime_r(&at, &parts) != nullptr &&
                     std::strftime(text.data(), text.size(), "%Y%m%d%H%M%S", &parts) != 0;
  if (!known) throw std::runtime_error("the clock is out of the calendar");
  return text.data();
}

// P-256, self-signed, for a week. The key never leaves this process.
void Tls::make_certificate() {
  require(mbedtls_pk_setup(&key_, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), "make a key");
  require(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key_),
                              mbedtls_ctr_drbg_random, &random_),
          "make a key");
  mbedtls_mpi serial;
  mbedtls_mpi_init(&serial);
  require(mbedtls_mpi_fill_random(&serial, 16, mbedtls_ctr_drbg_random, &random_),
          "make a serial number");
  mbedtls_x509write_cert draft;
  mbedtls_x509write_crt_init(&draft);
  mbedtls_x509write_crt_set_version(&draft, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(&draft, MBEDTLS_MD_SHA256);
  mbedtls_x509write_crt_set_subject_key(&draft, &key_);
  mbedtls_x509write_crt_set_issuer_key(&draft, &key_);
  require(mbedtls_x509write_crt_set_subject_name(&draft, "CN=localhost"), "name the certificate");
  require(mbedtls_x509write_crt_set_issuer_name(&draft, "CN=localhost"), "name the certificate");
  require(mbedtls_x509write_crt_set_serial(&draft, &serial), "number the certificate");
  const std::time_t now = std::time(nullptr);
  constexpr std::time_t day = 86400;
  require(mbedtls_x509write_crt_set_validity(&draft, x509_time(now - day).c_str(),
                                             x509_time(now + (7 * day)).c_str()),
          "date the certificate");
  std::array<unsigned char, 2048> der;
  const int size =
      mbedtls_x509write_crt_der(&draft, der.data(), der.size(), mbedtls_ctr_drbg_random, &random_);
  require(std::min(size, 0), "sign the certificate");
  // mbed TLS writes DER at the end of the buffer.
  require(mbedtls_x509_crt_parse_der(&certificate_, der.data() + der.size() - size,
                                     static_cast<std::size_t>(size)),
          "read the certificate");
  mbedtls_x509write_crt_free(&draft);
  mbedtls_mpi_free(&serial);
}

int suite_named(std::string name) {
  std::ranges::replace(name, '_', '-');
  const int suite = mbedtls_ssl_get_ciphersuite_id(name.c_str());
  if (suite == 0) throw std::runtime_error("mbed TLS knows no suite " + name);
  return suite;
}

void Tls::restrict_suites(const Options& options) {
  std::string name;
  for (std::istringstream names(options.cipher_suites); std::getline(names, name, ',');) {
    suites_.push_back(suite_named(name));
  }
  suites_.push_back(0);
  mbedtls_ssl_conf_ciphersuites(&config_, suites_.data());
}

void Tls::demand_certificate(const Options& options) {
  require(mbedtls_x509_crt_parse_file(&client_ca_, options.client_ca.c_str()),
          "read the clients' certificate authority");
  mbedtls_ssl_conf_ca_chain(&config_, &client_ca_, nullptr);
  mbedtls_ssl_conf_authmode(&config_, MBEDTLS_SSL_VERIFY_REQUIRED);
}

// Zero when `event` has come; else an mbed TLS error.
int Peer::wait_for(short event) const {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  std::array<pollfd, 2> events{{{socket, event, 0}, {stop, POLLIN, 0}}};
  const int n = poll(events.data(), events.size(), static_cast<int>(std::max<long>(left, 0)));
  if (n < 0 && errno == EINTR) return wait_for(event);
  return n > 0 && events[1].revents == 0 ? 0 : MBEDTLS_ERR_SSL_TIMEOUT;
}

int Peer::receive(void* self, unsigned char* bytes, std::size_t size) {
  const auto& peer = *static_cast<Peer*>(self);
  for (;;) {
    if (const int failure = peer.wait_for(POLLIN)) return failure;
    const ssize_t n = recv(peer.socket, bytes, size, 0);
    if (n >= 0) return static_cast<int>(n);
    if (errno != EAGAIN && errno != EINTR) return MBEDTLS_ERR_SSL_CONN_EOF;
  }
}

int Peer::send(void* self, const unsigned char* bytes, std::size_t size) {
  const auto& peer = *static_cast<Peer*>(self);
  for (;;) {
    if (const int failure = peer.wait_for(POLLOUT)) return failure;
    const ssize_t n = ::send(peer.socket, bytes, size, MSG_NOSIGNAL);
    if (n >= 0) return static_cast<int>(n);
    if (errno != EAGAIN && errno != EINTR) return MBEDTLS_ERR_SSL_CONN_EOF;
  }
}

std::string system_error_text(std::string_view what) {
  return fmt::format("{}: {}", what, std::generic_category().message(errno));
}

int listen_on(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) throw std::runtime_error(system_error_text("no socket"));
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, generic, &size) != 0) {
    throw std::runtime_error(system_error_text(fmt::format("cannot listen on port {}", port)));
  }
  say("listening on 127.0.0.1:{}", ntohs(address.sin_port));
  return listener;
}

int stop_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

std::string_view without_scheme(std::string_view ring) {
  constexpr std::string_view scheme = "file:";
  return ring.starts_with(scheme) ? ring.substr(scheme.size()) : ring;
}

void complain(const stek::Failure& failure) {
  fmt::print(stderr, "demo-server: {}\n", failure.message);
  if (!failure.hint.empty()) fmt::print(stderr, "hint: {}\n", failure.hint);
}

void require(int result, const char* what) {
  if (result != 0) throw std::runtime_error(fmt::format("cannot {}: {}", what, error_text(result)));
}

std::string error_text(int result) {
  std::array<char, 128> text{};
  mbedtls_strerror(result, text.data(), text.size());
  return text.data();
}

}  // namespace
