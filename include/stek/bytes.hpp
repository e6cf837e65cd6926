// Bytes as spans. stek never owns a caller's buffer: inputs are `Bytes`, outputs are `Room`.
#pragma once

#if defined(_MSVC_LANG) ? _MSVC_LANG <= 202002L : __cplusplus <= 202002L
#error stek needs C++23 (g++ 12 or clang 19 with -std=c++23)
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace stek {

using Bytes = std::span<const std::byte>;

/// A caller's buffer that a function writes into. A function that fails leaves nothing of use in
/// it.
using Room = std::span<std::byte>;

}  // namespace stek
