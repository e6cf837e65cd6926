// The small client on wolfSSL 5.5. --cipher has suites by OpenSSL's names, with colons between.
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <algorithm>
#include <memory>

#include "small_client.hpp"

namespace {

using namespace small_client;

template <auto F>
struct Deleter {
  template <class T>
  void operator()(T* thing) const {
    F(thing);
  }
};
using Context = std::unique_ptr<WOLFSSL_CTX, Deleter<wolfSSL_CTX_free>>;
using Ssl = std::unique_ptr<WOLFSSL, Deleter<wolfSSL_free>>;
using Session = std::unique_ptr<WOLFSSL_SESSION, Deleter<wolfSSL_SESSION_free>>;

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

Context context_for(const Options& options) {
  Context context(wolfSSL_CTX_new(wolfTLSv1_2_client_method()));
  require(context != nullptr, "a context");
  wolfSSL_CTX_set_verify(context.get(), WOLFSSL_VERIFY_NONE, nullptr);
  if (!options.certificate.empty()) {
    require(wolfSSL_CTX_use_certificate_chain_file(context.get(), options.certificate.c_str()) ==
                    WOLFSSL_SUCCESS &&
                wolfSSL_CTX_use_PrivateKey_file(context.get(), options.key.c_str(),
                                                WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS,
            "the certificate");
  }
  return context;
}

Session read_session(const std::string& bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  Session session(wolfSSL_d2i_SSL_SESSION(nullptr, &at, static_cast<long>(bytes.size())));
  require(session != nullptr, "no session there");
  return session;
}

std::string ticket_of(WOLFSSL& ssl) {
  std::string ticket(2048, '\0');
  auto size = static_cast<unsigned>(ticket.size());
  require(wolfSSL_get_SessionTicket(&ssl, reinterpret_cast<unsigned char*>(ticket.data()), &size) ==
              WOLFSSL_SUCCESS,
          "no ticket there");
  ticket.resize(size);
  return ticket;
}

void offer_session(WOLFSSL& ssl, const Options& options) {
  const Session session = read_session(read_file(options.session_in));
  require(wolfSSL_set_session(&ssl, session.get()) == WOLFSSL_SUCCESS, "--session-in");
  if (!options.flip) return;
  std::string ticket = ticket_of(ssl);
  require(*options.flip < ticket.size(), "no such byte");
  ticket[*options.flip] ^= 1;
  require(wolfSSL_set_SessionTicket(&ssl, reinterpret_cast<const unsigned char*>(ticket.data()),
                                    static_cast<unsigned>(ticket.size())) == WOLFSSL_SUCCESS,
          "--flip");
}

Ssl client_for(WOLFSSL_CTX& context, const Options& options) {
  Ssl ssl(wolfSSL_new(&context));
  require(ssl != nullptr, "a connection");
  if (!options.cipher.empty()) {
    require(wolfSSL_set_cipher_list(ssl.get(), options.cipher.c_str()) == WOLFSSL_SUCCESS,
            "--cipher");
  }
  require(
      wolfSSL_UseSNI(ssl.get(), WOLFSSL_SNI_HOST_NAME, options.server_name.data(),
                     static_cast<unsigned short>(options.server_name.size())) == WOLFSSL_SUCCESS,
      "--server-name");
  if (options.no_ems) wolfSSL_DisableExtendedMasterSecret(ssl.get());
  wolfSSL_AllowEncryptThenMac(ssl.get(), options.no_etm ? 0 : 1);
  require(wolfSSL_UseSessionTicket(ssl.get()) == WOLFSSL_SUCCESS, "tickets");
  if (!options.session_in.empty()) offer_session(*ssl, options);
  return ssl;
}

void write_session(WOLFSSL& ssl, const std::string& path) {
  const Session session(wolfSSL_get1_session(&ssl));
  std::string bytes(65536, '\0');
  auto* at = reinterpret_cast<unsigned char*>(bytes.data());
  const int size = session == nullptr ? 0 : wolfSSL_i2d_SSL_SESSION(session.get(), &at);
  require(size > 0, "no session to keep");
  write_file(path, std::string_view(bytes).substr(0, static_cast<std::size_t>(size)));
}

Outcome converse(WOLFSSL& ssl) {
  Outcome outcome;
  outcome.completed = wolfSSL_connect(&ssl) == WOLFSSL_SUCCESS;
  WOLFSSL_ALERT_HISTORY alerts{};
  constexpr int handshake_failure = 40;
  if (wolfSSL_get_alert_history(&ssl, &alerts) == WOLFSSL_SUCCESS &&
      alerts.last_rx.code == handshake_failure) {
    outcome.alert = "handshake failure";
  }
  if (!outcome.completed) return outcome;
  outcome.resumed = wolfSSL_session_reused(&ssl) != 0;
  wolfSSL_write(&ssl, line.data(), static_cast<int>(line.size()));
  outcome.reply = read_line([&](char* room, std::size_t size) {
    return wolfSSL_read(&ssl, room, static_cast<int>(size));
  });
  wolfSSL_shutdown(&ssl);
  return outcome;
}

int run(const Options& options) {
  const Context context = context_for(options);
  const Ssl ssl = client_for(*context, options);
  const int fd = connected_socket(options.port);
  wolfSSL_set_fd(ssl.get(), fd);
  const Outcome outcome = converse(*ssl);
  if (outcome.completed && !options.session_out.empty()) write_session(*ssl, options.session_out);
  close(fd);
  return report(outcome);
}

}  // namespace

int main(int argc, char** argv) {
  return main_of(argc, argv, run);
}
