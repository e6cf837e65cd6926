// The reader's counterpart: writes into a caller's room, and fails for good where it does not fit.
#pragma once

#include <cstring>

#include <stek/bytes.hpp>

namespace stek::wire {

class Writer {
 public:
  explicit Writer(Room room) noexcept : room_(room) {}

  [[nodiscard]] bool ok() const noexcept { return !failed_; }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

  void bytes(Bytes bytes) noexcept {
    if (const Room place = take(bytes.size()); !bytes.empty() && place.size() == bytes.size()) {
      std::memcpy(place.data(), bytes.data(), bytes.size());
    }
  }

  void number(std::uint64_t n, std::size_t width) noexcept {
    for (std::byte& b : take(width)) b = static_cast<std::byte>(n >> (8U * --width));
  }

  void zeros(std::size_t n) noexcept {
    for (std::byte& b : take(n)) b = std::byte{0};
  }

 private:
  Room take(std::size_t n) noexcept {
    if (n > room_.size() - used_) {
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
