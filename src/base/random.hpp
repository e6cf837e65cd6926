// Randomness. Keys and names come from the kernel's system call, nonces from the rule below.
#pragma once

#include <stek/bytes.hpp>

namespace stek {

/// Fills `room` by getrandom(2). False when the kernel gives none.
[[nodiscard]] bool system_random(Room room) noexcept;

/// True when the kernel's own generator is to be had without a system call (vDSO, Linux 6.11): it
/// survives forks and cloned machines by itself.
bool vdso_random_available() noexcept;

/// Up to this many bytes of a state are mixed into a hedged nonce: its secret and issue time among
/// them.
inline constexpr std::size_t hedge_size = 64;

/// A nonce's hedge: SipHash-2-4-128(key, first bytes of the state || time stamp), XORed onto the
/// first 16 bytes of `nonce`. A machine cloned with its generator's memory then still gives
/// different sessions different nonces.
void hedge(Room nonce, std::span<const std::byte, 16> key, Bytes state,
           std::uint64_t time_stamp) noexcept;

inline constexpr std::size_t longest_nonce = 32;

/// Random bytes ahead of use: at most 512 that ChaCha20 makes of a seed of 32, for which the system
/// call is made each time. Lives in pages that a fork wipes, zeros being an empty pool. Plain
/// bytes, so that a test can play the cloned machine.
struct NoncePool {
  std::array<std::byte, 16> hedge_key;
  std::array<std::byte, 496> bytes;
  std::size_t left;

  /// `nonce.size()` is at most `longest_nonce`.
  [[nodiscard]] bool draw(Room nonce, Bytes state, std::uint64_t time_stamp) noexcept;
  /// Anew, whatever is left. False, with nothing left: no randomness.
  [[nodiscard]] bool fill() noexcept;
};

enum class NonceRule : std::uint8_t {
  fresh,   ///< from the vDSO for this one nonce; hedged pool where there is none
  hedged,  ///< fresh, and hedged all the same
  pooled,  ///< the hedged pool even where there is a vDSO
};

/// Draws a nonce for the ticket that seals `state`. False: no randomness, so no ticket.
/// Thread-safe.
[[nodiscard]] bool draw_nonce(Room nonce, Bytes state, NonceRule rule) noexcept;

}  // namespace stek
