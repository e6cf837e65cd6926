#include <array>
#include <memory>

#include <sodium.h>

#ifdef STEK_BENCH_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#include "rows.hpp"
#include "ticket/layout.hpp"

namespace bench {

using stek::Profile;

namespace {

/// Where a ticket's parts lie, and a key.
struct Sealing {
  Sealing(Profile profile, std::size_t size)
      : associated(stek::ticket::layout_of(profile).body_at()), state(size), sealed(size) {
    randombytes_buf(key.data(), key.size());
    randombytes_buf(nonce.data(), nonce.size());
    randombytes_buf(state.data(), state.size());
  }

  std::array<unsigned char, 32> key{};
  std::array<unsigned char, 24> nonce{};
  std::vector<unsigned char> associated;
  std::vector<unsigned char> state;
  std::vector<unsigned char> sealed;
  std::vector<unsigned char> opened = state;
  std::array<unsigned char, 32> tag{};
};

struct Aes256Gcm : Sealing {
  explicit Aes256Gcm(std::size_t size) : Sealing(Profile::aes256gcm, size) {
    crypto_aead_aes256gcm_beforenm(&expanded, key.data());
  }
  void seal() {
    crypto_aead_aes256gcm_encrypt_detached_afternm(
        sealed.data(), tag.data(), nullptr, state.data(), state.size(), associated.data(),
        associated.size(), nullptr, nonce.data(), &expanded);
  }
  bool open() {
    return crypto_aead_aes256gcm_decrypt_detached_afternm(
               opened.data(), nullptr, sealed.data(), sealed.size(), tag.data(), associated.data(),
               associated.size(), nonce.data(), &expanded) == 0;
  }

  alignas(16) crypto_aead_aes256gcm_state expanded{};
};

struct XChaCha20Poly1305 : Sealing {
  explicit XChaCha20Poly1305(std::size_t size) : Sealing(Profile::xchacha20poly1305, size) {}
  void seal() {
    crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
        sealed.data(), tag.data(), nullptr, state.data(), state.size(), associated.data(),
        associated.size(), nullptr, nonce.data(), key.data());
  }
  bool open() {
    return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
               opened.data(), nullptr, sealed.data(), sealed.size(), tag.data(), associated.data(),
               associated.size(), nonce.data(), key.data()) == 0;
  }
};

struct XChaCha20Hmac : Sealing {
  explicit XChaCha20Hmac(std::size_t size) : Sealing(Profile::rfc5077, size) {
    crypto_auth_hmacsha256_init(&absorbed, key.data(), key.size());
  }
  void seal() {
    crypto_stream_xchacha20_xor_ic(sealed.data(), state.data(), state.size(), nonce.data(), 0,
                                   key.data());
    mac(tag);
  }
  bool open() {
    std::array<unsigned char, 32> expected;
    mac(expected);
    crypto_stream_xchacha20_xor_ic(opened.data(), sealed.data(), sealed.size(), nonce.data(), 0,
                                   key.data());
    return crypto_verify_32(expected.data(), tag.data()) == 0;
  }
  void mac(std::array<unsigned char, 32>& out) const {
    crypto_auth_hmacsha256_state hash = absorbed;
    crypto_auth_hmacsha256_update(&hash, associated.data(), associated.size());
    crypto_auth_hmacsha256_update(&hash, sealed.data(), sealed.size());
    crypto_auth_hmacsha256_final(&hash, out.data());
  }

  crypto_auth_hmacsha256_state absorbed{};
};

#ifdef STEK_BENCH_IPSEC_MB
struct IpsecMb : Aes256Gcm {
  explicit IpsecMb(std::size_t size) : Aes256Gcm(size) {
    IMB_ARCH arch;
    init_mb_mgr_auto(manager.get(), &arch);
    IMB_AES256_GCM_PRE(manager.get(), key.data(), &keys);
    seal();
    const auto its_sealed = sealed;
    const auto its_tag = tag;
    Aes256Gcm::seal();
    require(sealed == its_sealed && tag == its_tag);
  }
  void seal() {
    IMB_AES256_GCM_ENC(manager.get(), &keys, &context, sealed.data(), state.data(), state.size(),
                       nonce.data(), associated.data(), associated.size(), tag.data(), 16);
  }
  bool open() {
    std::array<unsigned char, 16> expected;
    IMB_AES256_GCM_DEC(manager.get(), &keys, &context, opened.data(), sealed.data(), sealed.size(),
                       nonce.data(), associated.data(), associated.size(), expected.data(), 16);
    return crypto_verify_16(expected.data(), tag.data()) == 0;
  }

  std::unique_ptr<IMB_MGR, decltype([](IMB_MGR* m) { free_mb_mgr(m); })> manager{alloc_mb_mgr(0)};
  alignas(64) gcm_key_data keys{};
  gcm_context_data context{};
};
#endif

template <class Cipher>
std::shared_ptr<Cipher> checked(Profile profile, std::size_t size) {
  auto cipher = std::make_shared<Cipher>(state_size(profile, size));
  cipher->seal();
  require(cipher->open() && cipher->opened == cipher->state);
  cipher->tag[0] ^= 1;
  require(!cipher->open());
  cipher->seal();
  return cipher;
}

template <class Cipher>
void add_cipher(Rows& rows, std::string_view who, Profile profile, std::size_t size) {
  const auto cipher = checked<Cipher>(profile, size);
  const std::size_t bytes = cipher->state.size();
  add(rows, who, named(profile, "seal"), bytes, loop([cipher] { cipher->seal(); }));
  add(rows, who, named(profile, "open"), bytes, loop([cipher] { require(cipher->open()); }));
}

template <class Cipher>
void add_cold_cipher(Rows& rows, Profile profile) {
  const auto cipher = checked<Cipher>(profile, 128);
  add(rows, "libsodium", named(profile, "seal, cold"), 0, cold([cipher] { cipher->seal(); }))
      .calls = cold_calls;
  add(rows, "libsodium", named(profile, "open, cold"), 0,
      cold([cipher] { require(cipher->open()); }))
      .calls = cold_calls;
}

#ifdef STEK_BENCH_IPSEC_MB
void add_ipsec_mb(Rows& rows, std::size_t size) {
  const std::size_t sodium = rows.size() - 2;
  add_cipher<IpsecMb>(rows, "libipsec-mb", Profile::aes256gcm, size);
  rows[sodium + 2].beside = &rows[sodium];
  rows[sodium + 3].beside = &rows[sodium + 1];
}
#endif

}  // namespace

void add_bare_rows(Rows& rows, Profile profile, std::size_t size) {
  switch (profile) {
    case Profile::aes256gcm:
      add_cipher<Aes256Gcm>(rows, "libsodium", profile, size);
#ifdef STEK_BENCH_IPSEC_MB
      add_ipsec_mb(rows, size);
#endif
      return;
    case Profile::xchacha20poly1305:
      return add_cipher<XChaCha20Poly1305>(rows, "libsodium", profile, size);
    case Profile::rfc5077:
      return add_cipher<XChaCha20Hmac>(rows, "libsodium", profile, size);
  }
}

void add_cold_bare_rows(Rows& rows, Profile profile) {
  switch (profile) {
    case Profile::aes256gcm:
      return add_cold_cipher<Aes256Gcm>(rows, profile);
    case Profile::xchacha20poly1305:
      return add_cold_cipher<XChaCha20Poly1305>(rows, profile);
    case Profile::rfc5077:
      return add_cold_cipher<XChaCha20Hmac>(rows, profile);
  }
}

}  // namespace bench
