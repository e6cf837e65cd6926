// Keyed hashes, from libsodium.
#pragma once

#include <initializer_list>

#include <stek/secret.hpp>

namespace stek {

/// BLAKE2b of the concatenated parts under `key` (at most 64 bytes; may be empty); the output's
/// length is 16 to 64.
void blake2b(Room out, Bytes key, std::initializer_list<Bytes> parts) noexcept;

void sha256(std::span<std::byte, 32> out, Bytes message) noexcept;

/// SipHash-2-4-128.
std::array<std::byte, 16> siphash(std::span<const std::byte, 16> key, Bytes message) noexcept;

/// HMAC-SHA-256 with its key already absorbed: two compressions less per message.
class HmacSha256Key {
 public:
  static constexpr std::size_t mac_size = 32;

  HmacSha256Key() noexcept = default;
  explicit HmacSha256Key(std::span<const std::byte, 32> key) noexcept;
  HmacSha256Key(const HmacSha256Key&) = delete;
  HmacSha256Key& operator=(const HmacSha256Key&) = delete;
  ~HmacSha256Key();

  void assign(std::span<const std::byte, 32> key) noexcept;
  void mac(std::span<std::byte, mac_size> out, Bytes message) const noexcept;

 private:
  alignas(8) std::array<std::byte, 208> state_{};
};

}  // namespace stek
