// Where AES-256-GCM comes from: the same bytes from each library, at another speed.
#pragma once

#include <string_view>

#include <stek/bytes.hpp>

namespace stek {

/// An expanded key's room, for whichever library needs most; at a multiple of 64.
inline constexpr std::size_t aes256gcm_state_size = 1024;

/// Bare pointers, so that a call costs no more than the library's own. A key has 32 bytes, a nonce
/// 12, a tag 16. `seal` may run in place, `open` may leave anything in `out` when it returns false.
/// Neither leaves anything of the key on the stack; tests/canary.py looks.
struct Aes256GcmLibrary {
  std::string_view name;
  /// Whether this CPU runs it. Called once, before anything else.
  bool (*available)() noexcept;
  void (*expand)(std::byte* state, const std::byte* key) noexcept;
  void (*seal)(const std::byte* state, std::byte* out, std::byte* tag, Bytes plaintext,
               Bytes associated, const std::byte* nonce) noexcept;
  bool (*open)(const std::byte* state, std::byte* out, Bytes ciphertext, const std::byte* tag,
               Bytes associated, const std::byte* nonce) noexcept;
};

/// That which passed its test: set before the first key is expanded, and then for good.
extern const Aes256GcmLibrary* aes256gcm_in_use;

extern const Aes256GcmLibrary aes256gcm_sodium;
#ifdef STEK_IPSEC_MB
extern const Aes256GcmLibrary aes256gcm_ipsec_mb;
#endif

}  // namespace stek
