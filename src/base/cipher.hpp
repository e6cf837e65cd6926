// The ciphers of the ticket profiles. Sealing may run in place; opening never does, and leaves
// zeros on failure.
#pragma once

#include <string_view>

#include <stek/secret.hpp>

#include "base/aes256gcm.hpp"
#include "base/wipe.hpp"

namespace stek {

/// Runs the ciphers' known-answer tests, once; the answer stays. Nothing is sealed or opened with a
/// cipher that failed its test.
struct CipherTests {
  bool aes256gcm;  ///< some library has it for this CPU, and its answers were right
  bool xchacha20poly1305;
  bool xchacha20_hmac;
};
const CipherTests& cipher_tests() noexcept;

/// Where AES-256-GCM comes from on this machine: "ipsec-mb", "libsodium", or "none".
std::string_view aes256gcm_library() noexcept;

/// AES-256-GCM, its key expanded. Only where `cipher_tests().aes256gcm`.
class Aes256GcmKey {
 public:
  static constexpr std::size_t nonce_size = 12;
  static constexpr std::size_t tag_size = 16;

  Aes256GcmKey() noexcept = default;
  Aes256GcmKey(const Aes256GcmKey&) = delete;
  Aes256GcmKey& operator=(const Aes256GcmKey&) = delete;
  ~Aes256GcmKey() { wipe(state_); }

  void assign(std::span<const std::byte, 32> key) noexcept;
  /// `out.size() == plaintext.size()`; may be the same bytes.
  void seal(Room out, std::span<std::byte, tag_size> tag, Bytes plaintext, Bytes associated,
            std::span<const std::byte, nonce_size> nonce) const noexcept {
    aes256gcm_in_use->seal(state_.data(), out.data(), tag.data(), plaintext, associated,
                           nonce.data());
  }
  [[nodiscard]] bool open(Room out, Bytes ciphertext, std::span<const std::byte, tag_size> tag,
                          Bytes associated,
                          std::span<const std::byte, nonce_size> nonce) const noexcept {
    if (aes256gcm_in_use->open(state_.data(), out.data(), ciphertext, tag.data(), associated,
                               nonce.data())) {
      return true;
    }
    wipe_inline(out);
    return false;
  }

 private:
  // Left as it is: a table of these is mapped, and a lane that is never used costs no page.
  alignas(64) std::array<std::byte, aes256gcm_state_size> state_;
};

/// XChaCha20-Poly1305.
namespace xchacha20poly1305 {
inline constexpr std::size_t nonce_size = 24;
inline constexpr std::size_t tag_size = 16;

void seal(Room out, std::span<std::byte, tag_size> tag, Bytes plaintext, Bytes associated,
          std::span<const std::byte, nonce_size> nonce,
          std::span<const std::byte, 32> key) noexcept;
[[nodiscard]] bool open(Room out, Bytes ciphertext, std::span<const std::byte, tag_size> tag,
                        Bytes associated, std::span<const std::byte, nonce_size> nonce,
                        std::span<const std::byte, 32> key) noexcept;
}  // namespace xchacha20poly1305

/// XChaCha20, initial counter 0. `out` may be `in`.
void xchacha20(Room out, Bytes in, std::span<const std::byte, 24> nonce,
               std::span<const std::byte, 32> key) noexcept;

}  // namespace stek
