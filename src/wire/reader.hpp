// A bounded reader of the TLS presentation language (RFC 8446 section 3): big-endian numbers,
// vectors behind their length. The first read past the end makes it fail, and it stays failed; what
// it returns from then on is zero or empty, so a parser reads like a schema and asks once, at its
// end.
#pragma once

#include <stek/bytes.hpp>

namespace stek::wire {

class Reader {
 public:
  explicit Reader(Bytes bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return !failed_; }
  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  /// Nothing failed and nothing is left.
  [[nodiscard]] bool done() const noexcept { return ok() && empty(); }
  [[nodiscard]] Bytes rest() const noexcept { return rest_; }

  Bytes bytes(std::size_t n) noexcept {
    if (n > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const Bytes taken = rest_.first(n);
    rest_ = rest_.subspan(n);
    return taken;
  }

  std::uint64_t number(std::size_t width) noexcept {
    std::uint64_t n = 0;
    for (const std::byte b : bytes(width)) n = n << 8U | std::to_integer<std::uint64_t>(b);
    return n;
  }
  std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u24() noexcept { return static_cast<std::uint32_t>(number(3)); }

  /// `opaque x<min..max>` behind a length of `width` bytes.
  Bytes vector(std::size_t width, std::size_t min, std::size_t max) noexcept {
    const std::size_t n = number(width);
    if (n < min || n > max) failed_ = true;
    return bytes(n);
  }

 private:
  Bytes rest_;
  bool failed_ = false;
};

}  // namespace stek::wire
