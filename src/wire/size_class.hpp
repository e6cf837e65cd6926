// The lengths that a state may have before it is sealed. Few of them, so that a ticket's length
// tells little of what is in it: a smallest one of 112 or 128 bytes, 256, and on by powers of two
// to 16384.
#pragma once

#include <bit>
#include <cstddef>

namespace stek::wire {

inline constexpr std::size_t largest_class = 16384;
inline constexpr std::size_t second_class = 256;

/// The least class that holds `used` bytes, `smallest` being the first. 0 when none does.
constexpr std::size_t class_of(std::size_t used, std::size_t smallest) noexcept {
  if (used <= smallest) return smallest;
  if (used <= second_class) return second_class;
  return used <= largest_class ? std::bit_ceil(used) : 0;
}

constexpr bool is_class(std::size_t size, std::size_t smallest) noexcept {
  return size == class_of(size, smallest);
}

}  // namespace stek::wire
