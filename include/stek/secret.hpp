// Secrets: bytes that wipe themselves, are copied only on purpose, and cannot be printed.
#pragma once

#include <algorithm>
#include <cstring>

#include <stek/bytes.hpp>

namespace stek {

/// Overwrites `room` with zeros, in a way that the compiler does not remove.
void wipe(Room room) noexcept;

/// True when both have the same length and bytes. Takes the same time whatever the bytes are.
bool equal_secrets(Bytes a, Bytes b) noexcept;

/// True when every byte is zero, in constant time too.
bool is_zero(Bytes bytes) noexcept;

/// Exactly `N` secret bytes, zero until filled. Search for `expose` to find every reader.
template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t size = N;

  Secret() noexcept = default;
  explicit Secret(std::span<const std::byte, N> bytes) noexcept {
    std::memcpy(bytes_.data(), bytes.data(), N);
  }
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.erase(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.erase();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { erase(); }

  [[nodiscard]] Secret copy() const noexcept { return Secret(expose()); }
  void erase() noexcept { wipe(bytes_); }

  [[nodiscard]] std::span<const std::byte, N> expose() const noexcept { return bytes_; }
  [[nodiscard]] std::span<std::byte, N> expose_room() noexcept { return bytes_; }

  friend bool operator==(const Secret& a, const Secret& b) noexcept {
    return equal_secrets(a.expose(), b.expose());
  }

 private:
  std::array<std::byte, N> bytes_{};
};

}  // namespace stek
