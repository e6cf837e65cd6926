// What the family of OpenSSL names sessions by, and what it binds them to.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include <stek/bytes.hpp>

namespace stek::foreign {

/// A session id, or a session id context: at most 32 bytes, held inline.
class OpensslId {
 public:
  static constexpr std::size_t max_size = 32;

  /// Nothing when `bytes` are more.
  static std::optional<OpensslId> from(Bytes bytes) noexcept {
    if (bytes.size() > max_size) return std::nullopt;
    OpensslId id;
    std::ranges::copy(bytes, id.bytes_.begin());
    id.size_ = static_cast<std::uint8_t>(bytes.size());
    return id;
  }

  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(bytes_).first(size_); }
  friend bool operator==(const OpensslId& a, const OpensslId& b) noexcept {
    return std::ranges::equal(a.bytes(), b.bytes());
  }

 private:
  std::array<std::byte, max_size> bytes_{};
  std::uint8_t size_ = 0;
};

}  // namespace stek::foreign
