// libsodium takes unsigned char where stek has std::byte.
#pragma once

#include <type_traits>

#include <stek/bytes.hpp>

namespace stek {

template <class Range>
auto* u8(Range&& bytes) noexcept {
  using Byte = std::remove_pointer_t<decltype(bytes.data())>;
  static_assert(std::is_same_v<std::remove_const_t<Byte>, std::byte>);
  using Char = std::conditional_t<std::is_const_v<Byte>, const unsigned char, unsigned char>;
  return reinterpret_cast<Char*>(bytes.data());
}

inline unsigned char* u8(std::byte* bytes) noexcept {
  return reinterpret_cast<unsigned char*>(bytes);
}
inline const unsigned char* u8(const std::byte* bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes);
}

/// As far down the stack as calls into libsodium reach that absorb a key. It wipes its own state,
/// but not what its compression functions had on the stack: a key is a whole message block of
/// BLAKE2b.
inline constexpr std::size_t deepest_call = 2048;

/// The same for AES-GCM at work, which leaves round keys there.
inline constexpr std::size_t deepest_cipher = 512;

/// And for XChaCha20, which leaves the key of its nonce and, where it has AVX2, blocks of plaintext
/// in a frame of 1,700 bytes.
inline constexpr std::size_t deepest_stream = 3072;

}  // namespace stek
