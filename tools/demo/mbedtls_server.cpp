// The demo server on mbed TLS 2.28 (TLS 1.2).

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include <stek/mbedtls.hpp>

#include "server.hpp"

namespace demo {
namespace {

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

void serve_one(const Tls& tls, const stek::Tickets& tickets, Peer peer);
void report(const mbedtls_ssl_context& ssl, const stek::mbedtls::Connection& connection);
void answer(mbedtls_ssl_context& ssl, bool resumed);
int receive(void* peer, unsigned char* bytes, std::size_t size);
int send(void* peer, const unsigned char* bytes, std::size_t size);
void require(int result, const char* what);
std::string error_text(int result);

}  // namespace

Serve start(const Options& options, const stek::Tickets& tickets) {
  const auto tls = std::make_shared<Tls>();
  tls->configure(options);
  return [tls, tickets](Peer peer) { serve_one(*tls, tickets, peer); };
}

namespace {

// With a ticket of stek, or without.
void serve_one(const Tls& tls, const stek::Tickets& tickets, Peer peer) {
  mbedtls_ssl_context ssl;
  mbedtls_ssl_init(&ssl);
  require(mbedtls_ssl_setup(&ssl, &tls.config()), "set up a connection");
  mbedtls_ssl_set_bio(&ssl, &peer, send, receive, nullptr);
  if (auto connection = stek::mbedtls::Connection::attach(ssl, tickets)) {
    if (const int result = mbedtls_ssl_handshake(&ssl); result == 0) {
      report(ssl, *connection);
      answer(ssl, connection->resumed());
      mbedtls_ssl_close_notify(&ssl);
    } else {
      report_failure(connection->verdict(), error_text(result));
    }
  } else {
    complain(connection.error());
  }
  mbedtls_ssl_free(&ssl);
}

void report(const mbedtls_ssl_context& ssl, const stek::mbedtls::Connection& connection) {
  std::string suite = mbedtls_ssl_get_ciphersuite(&ssl);
  std::ranges::replace(suite, '-', '_');
  say("handshake={} reason={} renewed={} issued={} version={} suite={} ems={} etm={}",
      connection.resumed() ? "resumed" : "full", name_of(connection.verdict().reason),
      yes_or_no(connection.resumed() && connection.issued()), yes_or_no(connection.issued()),
      mbedtls_ssl_get_version(&ssl), suite, yes_or_no(connection.extended_master_secret()),
      yes_or_no(ssl.session->encrypt_then_mac == MBEDTLS_SSL_ETM_ENABLED));
}

void answer(mbedtls_ssl_context& ssl, bool resumed) {
  const std::string line = read_line([&](std::size_t room) {
    std::string bytes(room, '\0');
    const int n = mbedtls_ssl_read(&ssl, reinterpret_cast<unsigned char*>(bytes.data()), room);
    return bytes.substr(0, static_cast<std::size_t>(std::max(n, 0)));
  });
  const std::string reply = reply_to(line, resumed);
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

int receive(void* peer, unsigned char* bytes, std::size_t size) {
  const auto& from = *static_cast<Peer*>(peer);
  for (;;) {
    if (!from.wait_for(POLLIN)) return MBEDTLS_ERR_SSL_TIMEOUT;
    const ssize_t n = recv(from.socket, bytes, size, 0);
    if (n >= 0) return static_cast<int>(n);
    if (errno != EAGAIN && errno != EINTR) return MBEDTLS_ERR_SSL_CONN_EOF;
  }
}

int send(void* peer, const unsigned char* bytes, std::size_t size) {
  const auto& to = *static_cast<Peer*>(peer);
  for (;;) {
    if (!to.wait_for(POLLOUT)) return MBEDTLS_ERR_SSL_TIMEOUT;
    const ssize_t n = ::send(to.socket, bytes, size, MSG_NOSIGNAL);
    if (n >= 0) return static_cast<int>(n);
    if (errno != EAGAIN && errno != EINTR) return MBEDTLS_ERR_SSL_CONN_EOF;
  }
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

}  // namespace demo
