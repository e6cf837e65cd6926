// Where AES-256-GCM comes from: the same bytes from each library, at another speed.
#pragma once

#include <string_view>

#include <stek/bytes.hpp>

namespace stek {

/// An expanded key's room, for whichever library needs most; at a multiple of 64.
inline constexpr std::size_t aes256gcm_state_size = 1024;
using Aes256GcmState = std::span<std::byte, aes256gcm_state_size>;
using ConstAes256GcmState = std::span<const std::byte, aes256gcm_state_size>;

/// `seal` may run in place, `open` may leave anything in `out` when it returns false. Neither
/// leaves anything of the key on the stack; tests/canary.py looks.
struct Aes256GcmLibrary {
  std::string_view name;
  /// Whether this CPU runs it. Called once, before anything else.
  bool (*available)() noexcept;
  void (*expand)(Aes256GcmState state, std::span<const std::byte, 32> key) noexcept;
  void (*seal)(ConstAes256GcmState state, Room out, std::span<std::byte, 16> tag, Bytes plaintext,
               Bytes associated, std::span<const std::byte, 12> nonce) noexcept;
  bool (*open)(ConstAes256GcmState state, Room out, Bytes ciphertext,
               std::span<const std::byte, 16> tag, Bytes associated,
               std::span<const std::byte, 12> nonce) noexcept;
};

extern const Aes256GcmLibrary aes256gcm_sodium;
#ifdef STEK_IPSEC_MB
extern const Aes256GcmLibrary aes256gcm_ipsec_mb;
#endif

}  // namespace stek
