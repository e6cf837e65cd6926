// What BoringSSL does for a ticket, step by step after ssl_encrypt_ticket_with_cipher_ctx
// (ssl/ssl_session.cc) and decrypt_ticket_with_cipher_ctx (ssl/t1_lib.cc): AES-128-CBC, then
// HMAC-SHA-256 over the rest. Compiled against BoringSSL's headers, and nothing of stek.
#include "boringssl_tickets.hpp"

#include <array>
#include <cstring>
#include <ctime>
#include <span>

#include <openssl/bytestring.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

namespace {

constexpr std::size_t name_size = 16;
constexpr std::size_t iv_size = 16;
constexpr std::size_t mac_size = 32;

void add_bytes(CBB& session, std::span<const std::uint8_t> bytes) {
  CBB string;
  CBB_add_asn1(&session, &string, CBS_ASN1_OCTETSTRING);
  CBB_add_bytes(&string, bytes.data(), bytes.size());
}

void add_number(CBB& session, unsigned tag, std::uint64_t number) {
  CBB tagged;
  CBB_add_asn1(&session, &tagged, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | tag);
  CBB_add_asn1_uint64(&tagged, number);
}

/// What most handshakes give: only its own encoding sets all of a session.
bssl::UniquePtr<SSL_SESSION> typical_session(const SSL_CTX& context) {
  constexpr std::array<std::uint8_t, 2> ecdhe_ecdsa_with_aes_128_gcm_sha256{0xc0, 0x2b};
  constexpr std::array<std::uint8_t, 48> secret{7};
  bssl::ScopedCBB encoded;
  CBB session;
  CBB_init(encoded.get(), 256);
  CBB_add_asn1(encoded.get(), &session, CBS_ASN1_SEQUENCE);
  CBB_add_asn1_uint64(&session, 1);
  CBB_add_asn1_uint64(&session, TLS1_2_VERSION);
  add_bytes(session, ecdhe_ecdsa_with_aes_128_gcm_sha256);
  add_bytes(session, {});  // session id
  add_bytes(session, secret);
  add_number(session, 1, static_cast<std::uint64_t>(std::time(nullptr)));
  add_number(session, 2, 7200);  // timeout
  CBB_flush(encoded.get());
  return bssl::UniquePtr<SSL_SESSION>(
      SSL_SESSION_from_bytes(CBB_data(encoded.get()), CBB_len(encoded.get()), &context));
}

class Tickets {
 public:
  Tickets() {
    RAND_bytes(name_.data(), name_.size());
    RAND_bytes(cipher_key_.data(), cipher_key_.size());
    RAND_bytes(mac_key_.data(), mac_key_.size());
  }

  bool seal() {
    std::uint8_t* state = nullptr;
    if (session_ == nullptr ||
        SSL_SESSION_to_bytes_for_ticket(session_.get(), &state, &state_size_) != 1) {
      return false;
    }
    const bssl::UniquePtr<std::uint8_t> owned(state);
    bssl::ScopedEVP_CIPHER_CTX cipher;
    bssl::ScopedHMAC_CTX mac;
    std::uint8_t* const iv = ticket_.data() + name_size;
    std::uint8_t* const body = iv + iv_size;
    std::memcpy(ticket_.data(), name_.data(), name_size);
    int size = 0;
    int last = 0;
    const bool encrypted =
        RAND_bytes(iv, iv_size) == 1 &&
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_cbc(), nullptr, cipher_key_.data(), iv) == 1 &&
        set(*mac.get()) &&
        EVP_EncryptUpdate(cipher.get(), body, &size, state, static_cast<int>(state_size_)) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), body + size, &last) == 1;
    mac_at_ = name_size + iv_size + static_cast<std::size_t>(size + last);
    return encrypted && finish(*mac.get(), ticket_.data() + mac_at_);
  }

  bool open() {
    bssl::ScopedEVP_CIPHER_CTX cipher;
    bssl::ScopedHMAC_CTX mac;
    const std::uint8_t* const iv = ticket_.data() + name_size;
    std::array<std::uint8_t, mac_size> expected;
    if (std::memcmp(ticket_.data(), name_.data(), name_size) != 0 || !set(*mac.get()) ||
        EVP_DecryptInit_ex(cipher.get(), EVP_aes_128_cbc(), nullptr, cipher_key_.data(), iv) != 1 ||
        !finish(*mac.get(), expected.data()) ||
        CRYPTO_memcmp(expected.data(), ticket_.data() + mac_at_, mac_size) != 0) {
      return false;
    }
    const std::size_t body_size = mac_at_ - name_size - iv_size;
    const bssl::UniquePtr<std::uint8_t> state(
        static_cast<std::uint8_t*>(OPENSSL_malloc(body_size)));
    int size = 0;
    int last = 0;
    if (EVP_DecryptUpdate(cipher.get(), state.get(), &size, iv + iv_size,
                          static_cast<int>(body_size)) != 1 ||
        EVP_DecryptFinal_ex(cipher.get(), state.get() + size, &last) != 1) {
      return false;
    }
    const bssl::UniquePtr<SSL_SESSION> session(
        SSL_SESSION_from_bytes(state.get(), static_cast<std::size_t>(size + last), context_.get()));
    return session != nullptr;
  }

  [[nodiscard]] std::size_t state_size() const { return state_size_; }
  [[nodiscard]] std::size_t ticket_size() const { return mac_at_ + mac_size; }

 private:
  bool set(HMAC_CTX& mac) const {
    return HMAC_Init_ex(&mac, mac_key_.data(), mac_key_.size(), EVP_sha256(), nullptr) == 1;
  }
  bool finish(HMAC_CTX& mac, std::uint8_t* out) const {
    return HMAC_Update(&mac, ticket_.data(), mac_at_) == 1 && HMAC_Final(&mac, out, nullptr) == 1;
  }

  bssl::UniquePtr<SSL_CTX> context_{SSL_CTX_new(TLS_method())};
  bssl::UniquePtr<SSL_SESSION> session_ = typical_session(*context_);
  std::array<std::uint8_t, name_size> name_{};
  std::array<std::uint8_t, 16> cipher_key_{};
  std::array<std::uint8_t, 16> mac_key_{};
  std::array<std::uint8_t, 1024> ticket_{};
  std::size_t mac_at_ = 0;
  std::size_t state_size_ = 0;
};

Tickets* tickets = nullptr;

}  // namespace

[[gnu::visibility("default")]] const BoringsslTickets* boringssl_tickets() noexcept {
  tickets = new Tickets;
  if (!tickets->seal() || !tickets->open()) return nullptr;
  static BoringsslTickets made;
  made = {.state_size = tickets->state_size(),
          .ticket_size = tickets->ticket_size(),
          .seal = []() noexcept { return tickets->seal(); },
          .open = []() noexcept { return tickets->open(); }};
  return &made;
}
