// libsodium's AES-256-GCM: any CPU with AES and carry-less multiplication.
#include <sodium.h>

#include "base/aes256gcm.hpp"
#include "base/sodium_bytes.hpp"

namespace stek {
namespace {

using State = crypto_aead_aes256gcm_state;
static_assert(sizeof(State) <= aes256gcm_state_size);

State* state_in(std::byte* bytes) noexcept {
  return reinterpret_cast<State*>(bytes);
}
const State* state_in(const std::byte* bytes) noexcept {
  return reinterpret_cast<const State*>(bytes);
}

bool available() noexcept {
  return crypto_aead_aes256gcm_is_available() == 1;
}

void expand(std::byte* state, const std::byte* key) noexcept {
  crypto_aead_aes256gcm_beforenm(state_in(state), u8(key));
  sodium_stackzero(deepest_call);
}

void seal(const std::byte* state, std::byte* out, std::byte* tag, Bytes plaintext, Bytes associated,
          const std::byte* nonce) noexcept {
  crypto_aead_aes256gcm_encrypt_detached_afternm(
      u8(out), u8(tag), nullptr, u8(plaintext), plaintext.size(), u8(associated), associated.size(),
      nullptr, u8(nonce), state_in(state));
  sodium_stackzero(deepest_cipher);
}

bool open(const std::byte* state, std::byte* out, Bytes ciphertext, const std::byte* tag,
          Bytes associated, const std::byte* nonce) noexcept {
  const bool opened = crypto_aead_aes256gcm_decrypt_detached_afternm(
                          u8(out), nullptr, u8(ciphertext), ciphertext.size(), u8(tag),
                          u8(associated), associated.size(), u8(nonce), state_in(state)) == 0;
  sodium_stackzero(deepest_cipher);
  return opened;
}

}  // namespace

const Aes256GcmLibrary aes256gcm_sodium{
    .name = "libsodium", .available = available, .expand = expand, .seal = seal, .open = open};

}  // namespace stek
