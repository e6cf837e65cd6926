// The demo server on wolfSSL 5.5 (TLS 1.2).

#include <wolfssl/options.h>

#include <poll.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>

#include <stek/cipher_suite.hpp>
#include <stek/wolfssl.hpp>

#include "deleter.hpp"
#include "server.hpp"

namespace demo {
namespace {

using Context = std::unique_ptr<WOLFSSL_CTX, Deleter<wolfSSL_CTX_free>>;
using Connection = std::unique_ptr<WOLFSSL, Deleter<wolfSSL_free>>;

Context configured(const Options& options);
void serve_one(WOLFSSL_CTX& context, const stek::Tickets& tickets, bool encrypt_then_mac,
               Peer peer);
void report(WOLFSSL& ssl, const stek::wolfssl::Connection& tickets);
void answer(WOLFSSL& ssl, const Peer& peer);
int patiently(WOLFSSL& ssl, const Peer& peer, const std::function<int()>& step);
void require(bool good, const char* what);
std::string error_text(WOLFSSL& ssl);

}  // namespace

Serve start(const Options& options, const stek::Tickets& tickets) {
  const std::shared_ptr<WOLFSSL_CTX> context = configured(options);
  stek::wolfssl::Connection::prepare(*context, tickets);
  return [context, tickets, encrypt_then_mac = options.encrypt_then_mac](Peer peer) {
    serve_one(*context, tickets, encrypt_then_mac, peer);
  };
}

namespace {

void serve_one(WOLFSSL_CTX& context, const stek::Tickets& tickets, bool encrypt_then_mac,
               Peer peer) {
  const Connection connection(wolfSSL_new(&context));
  require(connection != nullptr, "set up a connection");
  WOLFSSL& ssl = *connection;
  require(wolfSSL_set_fd(&ssl, peer.socket) == WOLFSSL_SUCCESS, "set up a connection");
  const auto attached =
      stek::wolfssl::Connection::attach(ssl, tickets, {.encrypt_then_mac = encrypt_then_mac});
  if (!attached) return complain(attached.error());
  if (patiently(ssl, peer, [&] { return wolfSSL_accept(&ssl); }) == WOLFSSL_SUCCESS) {
    report(ssl, *attached);
    answer(ssl, peer);
    wolfSSL_shutdown(&ssl);
  } else {
    report_failure(attached->verdict(), error_text(ssl));
  }
}

void report(WOLFSSL& ssl, const stek::wolfssl::Connection& tickets) {
  const auto suite = stek::CipherSuite(wolfSSL_get_current_cipher_suite(&ssl));
  say("handshake={} reason={} renewed={} issued={} version={} suite={}",
      tickets.resumed() ? "resumed" : "full", name_of(tickets.verdict().reason),
      yes_or_no(tickets.resumed() && tickets.issued()), yes_or_no(tickets.issued()),
      wolfSSL_get_version(&ssl), stek::name_of(suite));
}

void answer(WOLFSSL& ssl, const Peer& peer) {
  const std::string line = read_line([&](std::size_t room) {
    std::string bytes(room, '\0');
    const int n = patiently(
        ssl, peer, [&] { return wolfSSL_read(&ssl, bytes.data(), static_cast<int>(room)); });
    return bytes.substr(0, static_cast<std::size_t>(std::max(n, 0)));
  });
  const std::string reply = reply_to(line, wolfSSL_session_reused(&ssl) != 0);
  patiently(ssl, peer,
            [&] { return wolfSSL_write(&ssl, reply.data(), static_cast<int>(reply.size())); });
}

// Until it is done, fails, or our patience ends.
int patiently(WOLFSSL& ssl, const Peer& peer, const std::function<int()>& step) {
  for (;;) {
    const int result = step();
    if (result > 0) return result;
    const int error = wolfSSL_get_error(&ssl, result);
    const bool reads = error == WOLFSSL_ERROR_WANT_READ;
    if (!reads && error != WOLFSSL_ERROR_WANT_WRITE) return result;
    if (!peer.wait_for(reads ? POLLIN : POLLOUT)) return -1;
  }
}

void use_certificate(WOLFSSL_CTX& context, const Options& options) {
  require(wolfSSL_CTX_use_certificate_chain_file(&context, options.certificate.c_str()) ==
              WOLFSSL_SUCCESS,
          "read the certificate");
  require(wolfSSL_CTX_use_PrivateKey_file(&context, options.key.c_str(), WOLFSSL_FILETYPE_PEM) ==
              WOLFSSL_SUCCESS,
          "read the private key");
}

struct Random : WC_RNG {
  Random() : WC_RNG() { require(wc_InitRng(this) == 0, "make a key"); }
  ~Random() { wc_FreeRng(this); }
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
};

struct Key : ecc_key {
  Key() : ecc_key() { require(wc_ecc_init(this) == 0, "make a key"); }
  ~Key() { wc_ecc_free(this); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
};

// P-256, self-signed, for a week. The key never leaves this process.
void make_certificate(WOLFSSL_CTX& context) {
  constexpr int p256_size = 32;
  Random random;
  Key key;
  require(wc_ecc_make_key_ex(&random, p256_size, &key, ECC_SECP256R1) == 0, "make a key");
  Cert draft;
  require(wc_InitCert(&draft) == 0, "make a certificate");
  draft.daysValid = 7;
  draft.sigType = CTC_SHA256wECDSA;
  constexpr std::string_view name = "localhost";
  std::ranges::copy(name, draft.subject.commonName);
  std::array<unsigned char, 4096> certificate;
  constexpr auto room = static_cast<word32>(certificate.size());
  const int body = wc_MakeCert(&draft, certificate.data(), room, nullptr, &key, &random);
  require(body > 0, "make a certificate");
  const int size =
      wc_SignCert(draft.bodySz, draft.sigType, certificate.data(), room, nullptr, &key, &random);
  require(size > 0, "sign the certificate");
  std::array<unsigned char, 256> der;
  const int der_size = wc_EccKeyToDer(&key, der.data(), static_cast<word32>(der.size()));
  require(wolfSSL_CTX_use_certificate_buffer(&context, certificate.data(), size,
                                             WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS &&
              wolfSSL_CTX_use_PrivateKey_buffer(&context, der.data(), der_size,
                                                WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS,
          "use the certificate");
  stek::wipe(std::as_writable_bytes(std::span(der)));
}

// wolfSSL has OpenSSL's names.
void restrict_suites(WOLFSSL_CTX& context, const Options& options) {
  std::istringstream names(options.cipher_suites);
  std::string list;
  for (std::string name; std::getline(names, name, ',');) {
    const auto suite = stek::suite_named(name);
    const auto number = static_cast<unsigned>(suite.value_or(stek::CipherSuite::none));
    const char* known = wolfSSL_get_cipher_name_from_suite(static_cast<unsigned char>(number >> 8U),
                                                           static_cast<unsigned char>(number));
    if (!suite || known == nullptr) throw std::runtime_error("unknown cipher suite: " + name);
    list += (list.empty() ? "" : ":") + std::string(known);
  }
  require(wolfSSL_CTX_set_cipher_list(&context, list.c_str()) == WOLFSSL_SUCCESS,
          "enable the cipher suites");
}

void demand_certificate(WOLFSSL_CTX& context, const Options& options) {
  require(wolfSSL_CTX_load_verify_locations(&context, options.client_ca.c_str(), nullptr) ==
              WOLFSSL_SUCCESS,
          "read the client CA");
  wolfSSL_CTX_set_verify(&context, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                         nullptr);
}

Context configured(const Options& options) {
  Context context(wolfSSL_CTX_new(wolfTLSv1_2_server_method()));
  require(context != nullptr, "set up TLS");
  if (options.certificate.empty()) {
    make_certificate(*context);
  } else {
    use_certificate(*context, options);
  }
  if (!options.cipher_suites.empty()) restrict_suites(*context, options);
  if (!options.client_ca.empty()) demand_certificate(*context, options);
  return context;
}

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("cannot ") + what);
}

std::string error_text(WOLFSSL& ssl) {
  std::array<char, 160> text{};
  return wolfSSL_ERR_error_string(static_cast<unsigned long>(wolfSSL_get_error(&ssl, 0)),
                                  text.data());
}

}  // namespace

}  // namespace demo
