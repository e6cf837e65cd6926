// The structs of stek.h as their callers have them, which may be shorter or longer than the ones
// known here. Nothing else looks at one.
#pragma once

#include <algorithm>
#include <cstring>

#include <stek/stek.h>
#include <stek/secret.hpp>

namespace stek::c_api {

template <class Struct>
inline constexpr std::size_t shortest = sizeof(std::size_t);
template <>
inline constexpr std::size_t shortest<stek_session> = STEK_SESSION_SHORTEST;
template <>
inline constexpr std::size_t shortest<stek_verdict> = STEK_VERDICT_SHORTEST;
template <>
inline constexpr std::size_t shortest<stek_health> = STEK_HEALTH_SHORTEST;
template <>
inline constexpr std::size_t shortest<stek_failure> = STEK_FAILURE_SHORTEST;

/// A struct in the length that is known here. Wiped, as a session has a secret.
template <class Struct>
class Whole {
 public:
  Whole() noexcept = default;
  Whole(const Whole&) = delete;
  Whole& operator=(const Whole&) = delete;
  ~Whole() { wipe(bytes()); }

  Struct& operator*() noexcept { return whole_; }
  Struct* operator->() noexcept { return &whole_; }
  [[nodiscard]] Room bytes() noexcept { return std::as_writable_bytes(std::span(&whole_, 1)); }

 private:
  Struct whole_{};
};

template <class Struct>
std::size_t size_of(const Struct* given) noexcept {
  std::size_t size = 0;
  std::memcpy(&size, given, sizeof size);
  return size;
}

/// Whether it is there and its size is within bounds: only then may it be read or written.
template <class Struct>
bool fits(const Struct* given) noexcept {
  return given != nullptr && size_of(given) >= shortest<Struct> &&
         size_of(given) <= STEK_LONGEST_STRUCT;
}

/// False when there is something that only a newer library knows.
template <class Struct>
bool load(Whole<Struct>& whole, const Struct* given) noexcept {
  const Bytes bytes(reinterpret_cast<const std::byte*>(given), size_of(given));
  const Bytes known = bytes.first(std::min(bytes.size(), sizeof(Struct)));
  std::ranges::copy(known, whole.bytes().begin());
  return is_zero(bytes.subspan(known.size()));
}

/// As much of `whole` as the caller's has room for; zeros where the caller's goes on.
template <class Struct>
void store(Struct* given, Whole<Struct>& whole) noexcept {
  const Room room(reinterpret_cast<std::byte*>(given), size_of(given));
  whole->size = room.size();
  const std::size_t known = std::min(room.size(), sizeof(Struct));
  std::ranges::copy(whole.bytes().first(known), room.begin());
  std::ranges::fill(room.subspan(known), std::byte{0});
}

/// As `store`, for a struct that has texts behind its shortest size: one that is cut ends in a
/// zero.
template <class Struct>
void store_with_texts(Struct* given, Whole<Struct>& whole) noexcept {
  const std::size_t size = size_of(given);
  if (size > shortest<Struct> && size < sizeof(Struct)) whole.bytes()[size - 1] = std::byte{0};
  store(given, whole);
}

/// Wipes all but the size.
template <class Struct>
void clear(Struct* given) noexcept {
  const Room room(reinterpret_cast<std::byte*>(given), size_of(given));
  wipe(room.subspan(sizeof(std::size_t)));
}

}  // namespace stek::c_api
