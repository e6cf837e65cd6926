// Network byte order.
#pragma once

#include <bit>
#include <concepts>

#include <stek/bytes.hpp>

namespace stek::wire {

/// `n` with its bytes in network order, or back.
template <std::unsigned_integral N>
constexpr N big_endian(N n) noexcept {
  return std::endian::native == std::endian::big ? n : std::byteswap(n);
}

}  // namespace stek::wire
