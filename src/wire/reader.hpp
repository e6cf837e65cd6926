// A bounded reader of the TLS presentation language (RFC 8446 section 3): big-endian numbers,
// vectors behind their length. The first read past the end makes it fail, and it stays failed; what
// it returns from then on is zero or empty, so a parser reads like a schema and asks once, at its
// end.
#pragma once

#include <cstring>

#include "wire/big_endian.hpp"

namespace stek::wire {

class Reader {
 public:
  explicit Reader(Bytes bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return !failed_; }
  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  /// Nothing failed and nothing is left.
  [[nodiscard]] bool done() const noexcept { return ok() && empty(); }
  [[nodiscard]] Bytes rest() const noexcept { return rest_; }

  [[gnu::always_inline]] Bytes bytes(std::size_t n) noexcept {
    if (n > rest_.size()) [[unlikely]] {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const Bytes taken = rest_.first(n);
    rest_ = rest_.subspan(n);
    return taken;
  }

  /// A number of as many bytes as `N` has; zero once failed.
  template <std::unsigned_integral N>
  [[gnu::always_inline]] N number() noexcept {
    std::array<std::byte, sizeof(N)> taken{};
    if (const Bytes from = bytes(sizeof(N)); !from.empty()) {
      std::memcpy(taken.data(), from.data(), sizeof(N));
    }
    return big_endian(std::bit_cast<N>(taken));
  }
  std::uint8_t u8() noexcept { return number<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return number<std::uint16_t>(); }

  /// `opaque x<min..max>` behind a length as wide as `Length`.
  template <std::unsigned_integral Length>
  Bytes vector(std::size_t min, std::size_t max) noexcept {
    const std::size_t n = number<Length>();
    if (n < min || n > max) failed_ = true;
    return bytes(n);
  }

 private:
  Bytes rest_;
  bool failed_ = false;
};

}  // namespace stek::wire
