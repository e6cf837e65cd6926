// The demo server on BoringSSL (TLS 1.2 and 1.3). It has no encrypt-then-MAC, whatever is asked
// for.

#include <poll.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stek/boringssl.hpp>

#include "server.hpp"

namespace demo {
namespace {

using Context = bssl::UniquePtr<SSL_CTX>;
using Connection = bssl::UniquePtr<SSL>;

Context configured(const Options& options);
void serve_one(SSL_CTX& context, Peer peer);
void report(const SSL& ssl);
void answer(SSL& ssl, const Peer& peer);
int patiently(SSL& ssl, const Peer& peer, const std::function<int()>& step);
void require(bool good, const char* what);
std::string error_text();

}  // namespace

Serve start(const Options& options, const stek::Tickets& tickets) {
  const std::shared_ptr<SSL_CTX> context = configured(options);
  if (const auto attached = stek::boringssl::attach(*context, tickets); !attached) {
    throw std::runtime_error(attached.error().message + "\nhint: " + attached.error().hint);
  }
  return [context](Peer peer) { serve_one(*context, peer); };
}

namespace {

void serve_one(SSL_CTX& context, Peer peer) {
  const Connection connection(SSL_new(&context));
  require(connection != nullptr, "set up a connection");
  SSL& ssl = *connection;
  require(SSL_set_fd(&ssl, peer.socket) == 1, "set up a connection");
  if (patiently(ssl, peer, [&] { return SSL_accept(&ssl); }) == 1) {
    report(ssl);
    answer(ssl, peer);
    SSL_shutdown(&ssl);
  } else {
    report_failure(stek::boringssl::verdict_of(ssl), error_text());
  }
  ERR_clear_error();
}

void report(const SSL& ssl) {
  const bool resumed = SSL_session_reused(&ssl) != 0;
  const bool issued = stek::boringssl::issued(ssl);
  say("handshake={} reason={} renewed={} issued={} version={} suite={} ems={}",
      resumed ? "resumed" : "full", name_of(stek::boringssl::verdict_of(ssl).reason),
      yes_or_no(resumed && issued), yes_or_no(issued), SSL_get_version(&ssl),
      SSL_CIPHER_standard_name(SSL_get_current_cipher(&ssl)),
      yes_or_no(SSL_get_extms_support(&ssl) == 1));
}

void answer(SSL& ssl, const Peer& peer) {
  const std::string line = read_line([&](std::size_t room) {
    std::string bytes(room, '\0');
    const int n =
        patiently(ssl, peer, [&] { return SSL_read(&ssl, bytes.data(), static_cast<int>(room)); });
    return bytes.substr(0, static_cast<std::size_t>(std::max(n, 0)));
  });
  const std::string reply = reply_to(line, SSL_session_reused(&ssl) != 0);
  patiently(ssl, peer,
            [&] { return SSL_write(&ssl, reply.data(), static_cast<int>(reply.size())); });
}

// Until it is done, fails, or our patience ends.
int patiently(SSL& ssl, const Peer& peer, const std::function<int()>& step) {
  for (;;) {
    const int result = step();
    if (result > 0) return result;
    const int error = SSL_get_error(&ssl, result);
    const bool reads = error == SSL_ERROR_WANT_READ;
    if (!reads && error != SSL_ERROR_WANT_WRITE) return result;
    if (!peer.wait_for(reads ? POLLIN : POLLOUT)) return -1;
  }
}

void use_certificate(SSL_CTX& context, const Options& options) {
  require(SSL_CTX_use_certificate_chain_file(&context, options.certificate.c_str()) == 1,
          "read the certificate");
  require(SSL_CTX_use_PrivateKey_file(&context, options.key.c_str(), SSL_FILETYPE_PEM) == 1,
          "read the private key");
}

// P-256, self-signed, for a week. The key never leaves this process.
void make_certificate(SSL_CTX& context) {
  const bssl::UniquePtr<EC_KEY> pair(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  const bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  const bssl::UniquePtr<X509> certificate(X509_new());
  require(pair != nullptr && key != nullptr && certificate != nullptr &&
              EC_KEY_generate_key(pair.get()) == 1 &&
              EVP_PKEY_set1_EC_KEY(key.get(), pair.get()) == 1,
          "make a key");
  X509& draft = *certificate;
  constexpr long day = 86400;
  std::uint64_t serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1,
          "make a serial number");
  X509_set_version(&draft, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(&draft), serial >> 1U);
  X509_gmtime_adj(X509_getm_notBefore(&draft), -day);
  X509_gmtime_adj(X509_getm_notAfter(&draft), 7 * day);
  X509_set_pubkey(&draft, key.get());
  X509_NAME* name = X509_get_subject_name(&draft);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(&draft, name);
  require(X509_sign(&draft, key.get(), EVP_sha256()) > 0, "sign the certificate");
  require(SSL_CTX_use_certificate(&context, &draft) == 1 &&
              SSL_CTX_use_PrivateKey(&context, key.get()) == 1,
          "use the certificate");
}

bool is_of_tls13(const std::string& name) {
  return name.find("_WITH_") == std::string::npos;
}

// BoringSSL takes IANA's names. Those of TLS 1.3 are always enabled.
void restrict_suites(SSL_CTX& context, const std::string& names) {
  std::string before;
  bool tls13 = false;
  std::string name;
  for (std::istringstream list(names); std::getline(list, name, ',');) {
    if (is_of_tls13(name)) {
      tls13 = true;
    } else {
      before += (before.empty() ? "" : ":") + name;
    }
  }
  SSL_CTX_set_options(&context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (before.empty()) {
    SSL_CTX_set_min_proto_version(&context, TLS1_3_VERSION);
  } else {
    require(SSL_CTX_set_strict_cipher_list(&context, before.c_str()) == 1, "enable the suites");
  }
  if (!tls13) SSL_CTX_set_max_proto_version(&context, TLS1_2_VERSION);
}

void demand_certificate(SSL_CTX& context, const std::string& authority) {
  require(SSL_CTX_load_verify_locations(&context, authority.c_str(), nullptr) == 1,
          "read the clients' certificate authority");
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

Context configured(const Options& options) {
  Context context(SSL_CTX_new(TLS_server_method()));
  require(context != nullptr, "configure TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  if (!options.cipher_suites.empty()) restrict_suites(*context, options.cipher_suites);
  if (!options.client_ca.empty()) demand_certificate(*context, options.client_ca);
  if (options.certificate.empty()) {
    make_certificate(*context);
  } else {
    use_certificate(*context, options);
  }
  return context;
}

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(fmt::format("cannot {}: {}", what, error_text()));
}

std::string error_text() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  return text == nullptr ? "no more is known" : text;
}

}  // namespace

}  // namespace demo
