// libsodium's AES-256-GCM: any CPU with AES and carry-less multiplication.
#include <sodium.h>

#include "base/aes256gcm.hpp"
#include "base/sodium_bytes.hpp"

namespace stek {
namespace {

using State = crypto_aead_aes256gcm_state;
static_assert(sizeof(State) <= aes256gcm_state_size);

State* state_in(Aes256GcmState bytes) noexcept {
  return reinterpret_cast<State*>(bytes.data());
}
const State* state_in(ConstAes256GcmState bytes) noexcept {
  return reinterpret_cast<const State*>(bytes.data());
}

bool available() noexcept {
  return crypto_aead_aes256gcm_is_available() == 1;
}

void expand(Aes256GcmState state, std::span<const std::byte, 32> key) noexcept {
  crypto_aead_aes256gcm_beforenm(state_in(state), u8(key));
  sodium_stackzero(deepest_call);
}

void seal(ConstAes256GcmState state, Room out, std::span<std::byte, 16> tag, Bytes plaintext,
          Bytes associated, std::span<const std::byte, 12> nonce) noexcept {
  crypto_aead_aes256gcm_encrypt_detached_afternm(
      u8(out), u8(tag), nullptr, u8(plaintext), plaintext.size(), u8(associated), associated.size(),
      nullptr, u8(nonce), state_in(state));
  sodium_stackzero(deepest_cipher);
}

bool open(ConstAes256GcmState state, Room out, Bytes ciphertext, std::span<const std::byte, 16> tag,
          Bytes associated, std::span<const std::byte, 12> nonce) noexcept {
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
