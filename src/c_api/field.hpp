// One field of a struct of stek.h, and what it is in stek: `get` reads it and says whether it is a
// value at all, `put` writes it.
#pragma once

#include <string_view>
#include <type_traits>

#include "wire/record.hpp"

namespace stek::c_api {

/// Instants and durations of the C interface are below this, so that sums of them do not overflow.
inline constexpr std::int64_t end_of_time = std::int64_t{1} << 40U;

template <class T>
  requires std::is_unsigned_v<T>
bool get(T from, T& to) noexcept {
  to = from;
  return true;
}
template <class T>
  requires std::is_unsigned_v<T>
void put(T& to, T from) noexcept {
  to = from;
}

inline bool get(std::uint8_t from, bool& to) noexcept {
  to = from != 0;
  return true;
}
inline void put(std::uint8_t& to, bool from) noexcept {
  to = from ? 1 : 0;
}

template <class Number, class Enum>
  requires std::is_same_v<std::underlying_type_t<Enum>, Number>
bool get(Number from, Enum& to) noexcept {
  to = static_cast<Enum>(from);
  return true;
}
template <class Number, class Enum>
  requires std::is_same_v<std::underlying_type_t<Enum>, Number>
void put(Number& to, Enum from) noexcept {
  to = static_cast<Number>(from);
}

inline bool get(std::int64_t from, Seconds& to) noexcept {
  to = Seconds(from);
  return from >= 0 && from < end_of_time;
}
inline void put(std::int64_t& to, Seconds from) noexcept {
  to = from.count();
}

inline bool get(std::int64_t from, Instant& to) noexcept {
  to = Instant(Seconds(from));
  return from >= 0 && from < end_of_time;
}
inline void put(std::int64_t& to, Instant from) noexcept {
  to = from.time_since_epoch().count();
}

// NOLINTBEGIN(modernize-avoid-c-arrays): C has no others.

template <std::size_t N>
bool get(const std::uint8_t (&from)[N], std::array<std::byte, N>& to) noexcept {
  std::ranges::copy(std::as_bytes(std::span(from)), to.begin());
  return true;
}
template <std::size_t N>
void put(std::uint8_t (&to)[N], const std::array<std::byte, N>& from) noexcept {
  std::ranges::copy(from, std::as_writable_bytes(std::span(to)).begin());
}

template <std::size_t N, wire::NamedBytes Named>
bool get(const std::uint8_t (&from)[N], Named& to) noexcept {
  return get(from, to.bytes);
}
template <std::size_t N, wire::NamedBytes Named>
void put(std::uint8_t (&to)[N], const Named& from) noexcept {
  put(to, from.bytes);
}

/// Cut to what fits before a zero.
template <std::size_t N>
void put_text(char (&to)[N], std::string_view text) noexcept {
  std::ranges::copy(text.substr(0, N - 1), to);
}

// NOLINTEND(modernize-avoid-c-arrays)

}  // namespace stek::c_api
