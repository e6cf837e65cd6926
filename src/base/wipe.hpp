// Wiping what is on the stack of every ticket's path.
#pragma once

#include <cstring>
#include <type_traits>
#include <utility>

#include <stek/bytes.hpp>

namespace stek {

/// As `wipe`, without a call.
[[gnu::always_inline]] inline void wipe_inline(Room room) noexcept {
  std::memset(room.data(), 0, room.size());
  // To the compiler, somebody reads it after this.
  asm volatile("" : : "r"(room.data()) : "memory");
}

/// The same for an object. In pieces that become vector stores, where g++ would rather repeat one
/// of eight bytes, which takes several times as long.
template <class T>
  requires std::is_trivially_copyable_v<T>
[[gnu::always_inline]] inline void wipe_object(T& object) noexcept {
  constexpr std::size_t piece = 32;
  const std::span<std::byte, sizeof(T)> bytes = std::as_writable_bytes(std::span<T, 1>(&object, 1));
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    (wipe_inline(bytes.template subspan<i * piece, piece>()), ...);
  }(std::make_index_sequence<sizeof(T) / piece>());
  wipe_inline(bytes.template last<sizeof(T) % piece>());
}

}  // namespace stek
