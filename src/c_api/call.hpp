// What every call of stek.h is made of: handles, arguments looked at, nothing thrown.
#pragma once

#include <limits>
#include <memory>

#include <stek/stek.h>
#include <stek/ticketer.hpp>

#include "c_api/field.hpp"
#include "c_api/numbers.hpp"

namespace stek::c_api {

/// A ticketer, and the store that it reads, which does not move.
struct Held {
  std::optional<FileStore> store;
  std::optional<Ticketer> ticketer;
};

}  // namespace stek::c_api

// A view holds on to what it needs: languages that collect garbage close handles in any order.
struct stek_ticketer {
  std::shared_ptr<stek::c_api::Held> held;
};
struct stek_tickets {
  std::shared_ptr<stek::c_api::Held> held;
  stek::Tickets tickets;
};

namespace stek::c_api {

inline constexpr std::size_t largest = std::numeric_limits<std::ptrdiff_t>::max();

inline std::optional<Bytes> bytes_from(const void* bytes, std::size_t size) noexcept {
  if (size > largest || (bytes == nullptr && size != 0)) return std::nullopt;
  return Bytes(static_cast<const std::byte*>(bytes), size);
}

/// No room, and no size of it, is a room of no bytes.
inline std::optional<Room> room_from(void* room, const std::size_t* size) noexcept {
  if (room == nullptr && (size == nullptr || *size == 0)) return Room();
  if (room == nullptr || size == nullptr || *size > largest) return std::nullopt;
  return Room(static_cast<std::byte*>(room), *size);
}

inline std::optional<Instant> instant_from(std::int64_t now) noexcept {
  if (now == STEK_NOW) return system_now();
  if (now < 0 || now >= end_of_time) return std::nullopt;
  return Instant(Seconds(now));
}

inline stek_error number(Error error) noexcept {
  return static_cast<stek_error>(number_of(error));
}

/// Nothing but std::bad_alloc is thrown below, and nothing at all may be thrown above.
template <class Call>
stek_error guarded(const Call& call) noexcept {
  try {
    return call();
  } catch (...) {
    return STEK_NO_MEMORY;
  }
}

}  // namespace stek::c_api
