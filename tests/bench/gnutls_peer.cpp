// What GnuTLS 3.7 does for a ticket, step by step after _gnutls_encrypt_session_ticket and
// _gnutls_decrypt_session_ticket (lib/ext/session_ticket.c): AES-256-CBC, then HMAC-SHA-1 over the
// rest. The session is that of a handshake without certificates.
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "harness.hpp"
#include "peers.hpp"

namespace bench {
namespace {

/// One end of a connection over memory.
class End {
 public:
  explicit End(unsigned flags) {
    require(gnutls_init(&session_, flags | GNUTLS_NONBLOCK) == 0);
    gnutls_handshake_set_timeout(session_, GNUTLS_INDEFINITE_TIMEOUT);
    require(gnutls_priority_set_direct(session_, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH",
                                       nullptr) == 0);
    gnutls_transport_set_ptr(session_, this);
    gnutls_transport_set_push_function(session_, push);
    gnutls_transport_set_pull_function(session_, pull);
  }
  ~End() { gnutls_deinit(session_); }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  [[nodiscard]] gnutls_session_t session() const { return session_; }
  void connect(End& peer) {
    peer_ = &peer;
    peer.peer_ = this;
  }

 private:
  static ssize_t push(gnutls_transport_ptr_t self, const void* bytes, std::size_t size) {
    static_cast<End*>(self)->peer_->in_.append(static_cast<const char*>(bytes), size);
    return static_cast<ssize_t>(size);
  }
  static ssize_t pull(gnutls_transport_ptr_t self, void* bytes, std::size_t size) {
    auto& end = *static_cast<End*>(self);
    if (end.in_.empty()) {
      gnutls_transport_set_errno(end.session_, EAGAIN);
      return -1;
    }
    size = end.in_.copy(static_cast<char*>(bytes), size);
    end.in_.erase(0, size);
    return static_cast<ssize_t>(size);
  }

  gnutls_session_t session_ = nullptr;
  End* peer_ = nullptr;
  std::string in_;
};

void shake_hands(End& client, End& server) {
  client.connect(server);
  int client_result = GNUTLS_E_AGAIN;
  int server_result = GNUTLS_E_AGAIN;
  for (int i = 0; i < 10 && (client_result != 0 || server_result != 0); ++i) {
    if (client_result != 0) client_result = gnutls_handshake(client.session());
    if (server_result != 0) server_result = gnutls_handshake(server.session());
  }
  require(client_result == 0 && server_result == 0);
}

constexpr std::size_t name_size = 16;
constexpr std::size_t iv_size = 16;
constexpr std::size_t length_size = 2;
constexpr std::size_t body_at = name_size + iv_size + length_size;
constexpr std::size_t mac_size = 20;
constexpr std::size_t block_size = 16;

class GnutlsTickets {
 public:
  GnutlsTickets() {
    require(gnutls_anon_allocate_server_credentials(&server_credentials_) == 0);
    require(gnutls_anon_allocate_client_credentials(&client_credentials_) == 0);
    gnutls_credentials_set(server_.session(), GNUTLS_CRD_ANON, server_credentials_);
    gnutls_credentials_set(client_.session(), GNUTLS_CRD_ANON, client_credentials_);
    require(gnutls_rnd(GNUTLS_RND_RANDOM, cipher_key_.data(), cipher_key_.size()) == 0);
    require(gnutls_rnd(GNUTLS_RND_RANDOM, mac_key_.data(), mac_key_.size()) == 0);
    shake_hands(client_, server_);
    seal();
    open();
  }
  ~GnutlsTickets() {
    gnutls_anon_free_client_credentials(client_credentials_);
    gnutls_anon_free_server_credentials(server_credentials_);
  }
  GnutlsTickets(const GnutlsTickets&) = delete;
  GnutlsTickets& operator=(const GnutlsTickets&) = delete;

  void seal() {
    gnutls_datum_t state{};
    require(gnutls_session_get_data2(server_.session(), &state) == 0);
    state_size_ = state.size;
    const std::size_t body_size = (state.size + block_size - 1) / block_size * block_size;
    ticket_ = std::unique_ptr<unsigned char[]>(new unsigned char[body_at + body_size + mac_size]());
    mac_at_ = body_at + body_size;
    unsigned char* const iv = ticket_.get() + name_size;
    unsigned char* const body = ticket_.get() + body_at;
    std::memcpy(ticket_.get(), name_.data(), name_size);
    require(gnutls_rnd(GNUTLS_RND_NONCE, iv, iv_size) == 0);
    std::memcpy(body, state.data, state.size);
    const gnutls_cipher_hd_t cipher = new_cipher(iv);
    require(gnutls_cipher_encrypt(cipher, body, body_size) == 0);
    gnutls_cipher_deinit(cipher);
    ticket_[body_at - 2] = static_cast<unsigned char>(body_size >> 8U);
    ticket_[body_at - 1] = static_cast<unsigned char>(body_size);
    mac(ticket_.get() + mac_at_);
    gnutls_free(state.data);
  }

  void open() {
    std::array<unsigned char, mac_size> expected;
    mac(expected.data());
    require(gnutls_memcmp(expected.data(), ticket_.get() + mac_at_, mac_size) == 0);
    const std::size_t body_size = mac_at_ - body_at;
    gnutls_datum_t state{.data = static_cast<unsigned char*>(gnutls_malloc(body_size)),
                         .size = static_cast<unsigned>(body_size)};
    std::memcpy(state.data, ticket_.get() + body_at, body_size);
    const gnutls_cipher_hd_t cipher = new_cipher(ticket_.get() + name_size);
    require(gnutls_cipher_decrypt(cipher, state.data, state.size) == 0);
    gnutls_cipher_deinit(cipher);
    require(gnutls_session_set_data(restored_.session(), state.data, state_size_) == 0);
    gnutls_free(state.data);
  }

  [[nodiscard]] std::size_t state_size() const { return state_size_; }
  [[nodiscard]] std::size_t ticket_size() const { return mac_at_ + mac_size; }

 private:
  gnutls_cipher_hd_t new_cipher(unsigned char* iv) {
    const gnutls_datum_t key{.data = cipher_key_.data(), .size = sizeof cipher_key_};
    const gnutls_datum_t start{.data = iv, .size = iv_size};
    gnutls_cipher_hd_t cipher = nullptr;
    require(gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_CBC, &key, &start) == 0);
    return cipher;
  }
  void mac(unsigned char* out) const {
    gnutls_hmac_hd_t hmac = nullptr;
    require(gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA1, mac_key_.data(), mac_key_.size()) == 0);
    require(gnutls_hmac(hmac, ticket_.get(), mac_at_) == 0);
    gnutls_hmac_deinit(hmac, out);
  }

  gnutls_anon_server_credentials_t server_credentials_ = nullptr;
  gnutls_anon_client_credentials_t client_credentials_ = nullptr;
  End client_{GNUTLS_CLIENT};
  End server_{GNUTLS_SERVER};
  End restored_{GNUTLS_SERVER};
  std::array<unsigned char, name_size> name_{7};
  std::array<unsigned char, 32> cipher_key_{};
  std::array<unsigned char, 16> mac_key_{};
  std::unique_ptr<unsigned char[]> ticket_;
  std::size_t mac_at_ = 0;
  std::size_t state_size_ = 0;
};

}  // namespace

Peer gnutls_peer() {
  auto tickets = std::make_shared<GnutlsTickets>();
  return {.who = "GnuTLS 3.7",
          .how = "re-created",
          .state_size = tickets->state_size(),
          .ticket_size = tickets->ticket_size(),
          .seal = [tickets] { tickets->seal(); },
          .open = [tickets] { tickets->open(); }};
}

}  // namespace bench
