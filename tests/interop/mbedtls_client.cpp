// The small client on mbed TLS 2.28. --cipher has suites by mbed TLS's names, with commas between.
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

#include <algorithm>
#include <vector>

#include "small_client.hpp"

namespace {

using namespace small_client;

void require(int result, const char* what) {
  if (result != 0) throw std::runtime_error(std::string(what) + ": " + std::to_string(-result));
}

const unsigned char* u8(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

struct Session : mbedtls_ssl_session {
  Session() : mbedtls_ssl_session() { mbedtls_ssl_session_init(this); }
  ~Session() { mbedtls_ssl_session_free(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void read(const Options& options) {
    const std::string bytes = read_file(options.session_in);
    require(mbedtls_ssl_session_load(this, u8(bytes), bytes.size()), "--session-in");
    if (!options.flip) return;
    if (*options.flip >= ticket_len) throw std::runtime_error("no such byte");
    ticket[*options.flip] ^= 1;
  }
  void write(const std::string& path) const {
    std::string bytes(65536, '\0');
    std::size_t size = 0;
    require(mbedtls_ssl_session_save(this, reinterpret_cast<unsigned char*>(bytes.data()),
                                     bytes.size(), &size),
            "no session to keep");
    write_file(path, std::string_view(bytes).substr(0, size));
  }
};

class Client {
 public:
  explicit Client(const Options& options) {
    mbedtls_ssl_init(&ssl_);
    mbedtls_ssl_config_init(&config_);
    mbedtls_entropy_init(&entropy_);
    mbedtls_ctr_drbg_init(&random_);
    mbedtls_x509_crt_init(&certificate_);
    mbedtls_pk_init(&key_);
    configure(options);
    require(mbedtls_ssl_setup(&ssl_, &config_), "set up");
    require(mbedtls_ssl_set_hostname(&ssl_, options.server_name.c_str()), "--server-name");
    if (options.session_in.empty()) return;
    Session session;
    session.read(options);
    require(mbedtls_ssl_set_session(&ssl_, &session), "--session-in");
    // mbed TLS would go on with what the session has, whatever is negotiated.
    ssl_.session_negotiate->encrypt_then_mac = MBEDTLS_SSL_ETM_DISABLED;
  }
  ~Client() {
    mbedtls_ssl_free(&ssl_);
    mbedtls_ssl_config_free(&config_);
    mbedtls_pk_free(&key_);
    mbedtls_x509_crt_free(&certificate_);
    mbedtls_ctr_drbg_free(&random_);
    mbedtls_entropy_free(&entropy_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Outcome converse(int fd) {
    mbedtls_net_context net{fd};
    mbedtls_ssl_set_bio(&ssl_, &net, mbedtls_net_send, mbedtls_net_recv, nullptr);
    Outcome outcome;
    bool full = false;
    int result = 0;
    while (result == 0 && ssl_.state != MBEDTLS_SSL_HANDSHAKE_OVER) {
      result = mbedtls_ssl_handshake_step(&ssl_);
      full |= ssl_.state == MBEDTLS_SSL_SERVER_CERTIFICATE;
    }
    outcome.completed = result == 0;
    if (result == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE &&
        ssl_.in_msg[1] == MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE) {
      outcome.alert = "handshake failure";
    }
    if (!outcome.completed) return outcome;
    outcome.resumed = !full;
    mbedtls_ssl_write(&ssl_, u8(line), line.size());
    outcome.reply = read_line([&](char* room, std::size_t size) {
      return mbedtls_ssl_read(&ssl_, reinterpret_cast<unsigned char*>(room), size);
    });
    mbedtls_ssl_close_notify(&ssl_);
    return outcome;
  }

  void write_session(const std::string& path) {
    Session session;
    require(mbedtls_ssl_get_session(&ssl_, &session), "no session to keep");
    session.write(path);
  }

 private:
  void configure(const Options& options) {
    require(mbedtls_ctr_drbg_seed(&random_, mbedtls_entropy_func, &entropy_, nullptr, 0), "seed");
    require(mbedtls_ssl_config_defaults(&config_, MBEDTLS_SSL_IS_CLIENT,
                                        MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
            "configure");
    mbedtls_ssl_conf_rng(&config_, mbedtls_ctr_drbg_random, &random_);
    mbedtls_ssl_conf_authmode(&config_, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_min_version(&config_, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
    if (options.no_ems) {
      mbedtls_ssl_conf_extended_master_secret(&config_, MBEDTLS_SSL_EXTENDED_MS_DISABLED);
    }
    if (options.no_etm) mbedtls_ssl_conf_encrypt_then_mac(&config_, MBEDTLS_SSL_ETM_DISABLED);
    if (!options.cipher.empty()) offer(options.cipher);
    if (!options.certificate.empty()) use_certificate(options);
  }

  void offer(const std::string& names) {
    std::istringstream list(names);
    for (std::string name; std::getline(list, name, ',');) {
      suites_.push_back(mbedtls_ssl_get_ciphersuite_id(name.c_str()));
    }
    suites_.push_back(0);
    mbedtls_ssl_conf_ciphersuites(&config_, suites_.data());
  }

  void use_certificate(const Options& options) {
    require(mbedtls_x509_crt_parse_file(&certificate_, options.certificate.c_str()), "--cert");
    require(mbedtls_pk_parse_keyfile(&key_, options.key.c_str(), nullptr), "--key");
    require(mbedtls_ssl_conf_own_cert(&config_, &certificate_, &key_), "the certificate");
  }

  std::vector<int> suites_;
  mbedtls_ssl_context ssl_;
  mbedtls_ssl_config config_;
  mbedtls_entropy_context entropy_;
  mbedtls_ctr_drbg_context random_;
  mbedtls_x509_crt certificate_;
  mbedtls_pk_context key_;
};

int run(const Options& options) {
  Client client(options);
  const int fd = connected_socket(options.port);
  const Outcome outcome = client.converse(fd);
  close(fd);
  if (outcome.completed && !options.session_out.empty()) client.write_session(options.session_out);
  return report(outcome);
}

}  // namespace

int main(int argc, char** argv) {
  return main_of(argc, argv, run);
}
