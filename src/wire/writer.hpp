// The reader's counterpart: writes into a caller's room, and fails for good where it does not fit.
#pragma once

#include <cstring>

#include "wire/big_endian.hpp"

namespace stek::wire {

class Writer {
 public:
  explicit Writer(Room room) noexcept : room_(room) {}

  [[nodiscard]] bool ok() const noexcept { return !failed_; }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

  [[gnu::always_inline]] void bytes(Bytes bytes) noexcept {
    const Room place = take(bytes.size());
    if (!bytes.empty() && place.size() == bytes.size()) [[likely]] {
      std::memcpy(place.data(), bytes.data(), bytes.size());
    }
  }

  template <std::unsigned_integral N>
  [[gnu::always_inline]] void number(N n) noexcept {
    const N in_order = big_endian(n);
    bytes(std::as_bytes(std::span(&in_order, 1)));
  }

  void zeros(std::size_t n) noexcept {
    for (std::byte& b : take(n)) b = std::byte{0};
  }

 private:
  [[gnu::always_inline]] Room take(std::size_t n) noexcept {
    if (n > room_.size() - used_) [[unlikely]] {
      failed_ = true;
      return {};
    }
    used_ += n;
    return room_.subspan(used_ - n, n);
  }

  Room room_;
  std::size_t used_ = 0;
  bool failed_ = false;
};

}  // namespace stek::wire
