#include "base/hash.hpp"

#include <sodium.h>

#include "base/sodium_bytes.hpp"
#include "base/wipe.hpp"

namespace stek {

void blake2b(Room out, Bytes key, std::initializer_list<Bytes> parts) noexcept {
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.empty() ? nullptr : u8(key), key.size(), out.size());
  for (const Bytes part : parts) crypto_generichash_update(&state, u8(part), part.size());
  crypto_generichash_final(&state, u8(out), out.size());
  sodium_memzero(&state, sizeof state);
  if (!key.empty()) sodium_stackzero(deepest_call);
}

void sha256(std::span<std::byte, 32> out, Bytes message) noexcept {
  crypto_hash_sha256(u8(out), u8(message), message.size());
}

std::array<std::byte, 16> siphash(std::span<const std::byte, 16> key, Bytes message) noexcept {
  static_assert(crypto_shorthash_siphashx24_BYTES == 16);
  static_assert(crypto_shorthash_siphashx24_KEYBYTES == 16);
  std::array<std::byte, 16> out;
  crypto_shorthash_siphashx24(u8(out), u8(message), message.size(), u8(key));
  return out;
}

namespace {

static_assert(sizeof(crypto_auth_hmacsha256_state) == 208);

crypto_auth_hmacsha256_state load(const std::array<std::byte, 208>& bytes) noexcept {
  crypto_auth_hmacsha256_state state;
  std::memcpy(&state, bytes.data(), sizeof state);
  return state;
}

}  // namespace

HmacSha256Key::HmacSha256Key(std::span<const std::byte, 32> key) noexcept {
  assign(key);
}

HmacSha256Key::~HmacSha256Key() {
  wipe(state_);
}

void HmacSha256Key::assign(std::span<const std::byte, 32> key) noexcept {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, u8(key), key.size());
  std::memcpy(state_.data(), &state, sizeof state);
  sodium_memzero(&state, sizeof state);
  sodium_stackzero(deepest_call);
}

void HmacSha256Key::mac(std::span<std::byte, mac_size> out, Bytes message) const noexcept {
  crypto_auth_hmacsha256_state state = load(state_);
  crypto_auth_hmacsha256_update(&state, u8(message), message.size());
  crypto_auth_hmacsha256_final(&state, u8(out));
  wipe_object(state);
}

}  // namespace stek
