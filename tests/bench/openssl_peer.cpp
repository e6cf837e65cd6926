// What libssl 3.0 does for a ticket under its default keys, step by step after
// construct_stateless_ticket (ssl/statem/statem_srvr.c) and tls_decrypt_ticket (ssl/t1_lib.c).
#include <array>
#include <cstring>
#include <ctime>
#include <memory>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "deleter.hpp"
#include "harness.hpp"
#include "openssl_client.hpp"
#include "peers.hpp"

namespace bench {
namespace {

using openssl_client::ClientContext;
using openssl_client::ClientSession;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Deleter<EVP_CIPHER_CTX_free>>;
using Mac = std::unique_ptr<EVP_MAC_CTX, Deleter<EVP_MAC_CTX_free>>;

constexpr std::size_t name_size = 16;
constexpr std::size_t iv_size = 16;
constexpr std::size_t key_size = 32;
constexpr std::size_t mac_size = 32;

/// What most handshakes give.
ClientSession typical_session() {
  const ClientContext context(SSL_CTX_new(TLS_server_method()));
  const std::unique_ptr<SSL, Deleter<SSL_free>> ssl(SSL_new(context.get()));
  ClientSession session(SSL_SESSION_new());
  const std::array<unsigned char, 48> secret{7};
  constexpr std::array<unsigned char, 2> ecdhe_ecdsa_with_aes_128_gcm_sha256{0xc0, 0x2b};
  const SSL_CIPHER* suite = SSL_CIPHER_find(ssl.get(), ecdhe_ecdsa_with_aes_128_gcm_sha256.data());
  require(SSL_SESSION_set1_master_key(session.get(), secret.data(), secret.size()) == 1);
  require(SSL_SESSION_set_protocol_version(session.get(), TLS1_2_VERSION) == 1);
  require(SSL_SESSION_set_cipher(session.get(), suite) == 1);
  require(SSL_SESSION_set1_hostname(session.get(), "shop.example") == 1);
  require(SSL_SESSION_set_time(session.get(), std::time(nullptr)) != 0);
  require(SSL_SESSION_set_timeout(session.get(), 7200) == 1);
  return session;
}

class OpensslTickets {
 public:
  OpensslTickets() {
    require(RAND_bytes(name_.data(), name_size) == 1);
    require(RAND_bytes(cipher_key_.data(), key_size) == 1);
    require(RAND_bytes(mac_key_.data(), key_size) == 1);
    seal();
    open();
  }

  void seal() {
    const int full_size = i2d_SSL_SESSION(session_.get(), nullptr);
    auto* const state =
        static_cast<unsigned char*>(OPENSSL_malloc(static_cast<std::size_t>(full_size)));
    const Cipher cipher(EVP_CIPHER_CTX_new());
    const Mac mac = new_mac();
    unsigned char* end = state;
    i2d_SSL_SESSION(session_.get(), &end);

    // Once more, without the session id.
    const unsigned char* read = state;
    const ClientSession copy(d2i_SSL_SESSION(nullptr, &read, full_size));
    require(SSL_SESSION_set1_id(copy.get(), nullptr, 0) == 1);
    state_size_ = i2d_SSL_SESSION(copy.get(), nullptr);
    end = state;
    i2d_SSL_SESSION(copy.get(), &end);

    unsigned char* const iv = ticket_.data() + name_size;
    require(RAND_bytes(iv, iv_size) == 1);
    set(*cipher, iv, true);
    set(*mac);
    std::memcpy(ticket_.data(), name_.data(), name_size);
    int size = 0;
    int last = 0;
    unsigned char* const body = iv + iv_size;
    require(EVP_EncryptUpdate(cipher.get(), body, &size, state, state_size_) == 1);
    require(EVP_EncryptFinal(cipher.get(), body + size, &last) == 1);
    mac_at_ = name_size + iv_size + static_cast<std::size_t>(size + last);
    finish(*mac, ticket_.data() + mac_at_);
    OPENSSL_free(state);
  }

  void open() {
    const Mac mac = new_mac();
    const Cipher cipher(EVP_CIPHER_CTX_new());
    require(std::memcmp(ticket_.data(), name_.data(), name_size) == 0);
    const unsigned char* const iv = ticket_.data() + name_size;
    set(*mac);
    set(*cipher, iv, false);
    std::array<unsigned char, mac_size> expected;
    finish(*mac, expected.data());
    require(CRYPTO_memcmp(expected.data(), ticket_.data() + mac_at_, mac_size) == 0);

    const std::size_t body_size = mac_at_ - name_size - iv_size;
    auto* const state = static_cast<unsigned char*>(OPENSSL_malloc(body_size));
    int size = 0;
    int last = 0;
    require(EVP_DecryptUpdate(cipher.get(), state, &size, iv + iv_size,
                              static_cast<int>(body_size)) == 1);
    require(EVP_DecryptFinal(cipher.get(), state + size, &last) == 1);
    const unsigned char* read = state;
    const ClientSession session(d2i_SSL_SESSION(nullptr, &read, size + last));
    require(session != nullptr);
    OPENSSL_free(state);
  }

  [[nodiscard]] std::size_t state_size() const { return static_cast<std::size_t>(state_size_); }
  [[nodiscard]] std::size_t ticket_size() const { return mac_at_ + mac_size; }

 private:
  static Mac new_mac() {
    EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    Mac mac(EVP_MAC_CTX_new(hmac));
    EVP_MAC_free(hmac);
    return mac;
  }

  void set(EVP_MAC_CTX& mac) const {
    std::array<char, 7> digest{"SHA256"};
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    require(EVP_MAC_init(&mac, mac_key_.data(), mac_key_.size(), parameters.data()) == 1);
  }

  void set(EVP_CIPHER_CTX& context, const unsigned char* iv, bool seals) const {
    EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
    require(EVP_CipherInit_ex(&context, cipher, nullptr, cipher_key_.data(), iv, seals ? 1 : 0) ==
            1);
    EVP_CIPHER_free(cipher);
  }

  void finish(EVP_MAC_CTX& mac, unsigned char* out) const {
    std::size_t size = 0;
    require(EVP_MAC_update(&mac, ticket_.data(), mac_at_) == 1);
    require(EVP_MAC_final(&mac, out, &size, mac_size) == 1);
  }

  ClientSession session_ = typical_session();
  std::array<unsigned char, name_size> name_{};
  std::array<unsigned char, key_size> cipher_key_{};
  std::array<unsigned char, key_size> mac_key_{};
  std::array<unsigned char, 512> ticket_{};
  std::size_t mac_at_ = 0;
  int state_size_ = 0;
};

}  // namespace

Peer openssl_peer() {
  auto tickets = std::make_shared<OpensslTickets>();
  return {.who = "OpenSSL 3.0",
          .how = "re-created",
          .state_size = tickets->state_size(),
          .ticket_size = tickets->ticket_size(),
          .seal = [tickets] { tickets->seal(); },
          .open = [tickets] { tickets->open(); }};
}

}  // namespace bench
