#include <sodium.h>

#include <stek/secret.hpp>

#include "base/sodium_bytes.hpp"

namespace stek {

void wipe(Room room) noexcept {
  sodium_memzero(room.data(), room.size());
}

bool equal_secrets(Bytes a, Bytes b) noexcept {
  if (a.size() != b.size()) return false;
  if (a.empty()) return true;
  // Three times as fast as sodium_memcmp, which takes any length.
  if (a.size() == crypto_verify_32_BYTES) return crypto_verify_32(u8(a), u8(b)) == 0;
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace stek
