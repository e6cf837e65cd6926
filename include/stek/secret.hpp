// Secrets: bytes that wipe themselves, are copied only on purpose, and cannot be printed.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include <stek/bytes.hpp>

namespace stek {

/// Overwrites `room` with zeros, in a way that the compiler does not remove.
void wipe(Room room) noexcept;

/// True when both have the same length and bytes. Takes the same time whatever the bytes are.
bool equal_secrets(Bytes a, Bytes b) noexcept;

/// True when every byte is zero, in constant time too: a word at a time, and without a loop where
/// the compiler knows how many there are.
inline bool is_zero(Bytes bytes) noexcept {
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  std::uint64_t any = 0;
  for (std::uint64_t word = 0; end - at >= std::ptrdiff_t{sizeof word}; at += sizeof word) {
    std::memcpy(&word, at, sizeof word);
    any |= word;
  }
  for (; at != end; ++at) any |= std::to_integer<std::uint64_t>(*at);
  return any == 0;
}

/// Exactly `N` secret bytes, zero until filled. Search for `expose` to find every reader.
template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t size = N;

  // Were it constexpr, g++ would make each object that holds one by zeros for all of it, and a
  // Session is large.
  Secret() noexcept {}  // NOLINT(modernize-use-equals-default)
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

/// Wipes what it frees.
template <class T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() noexcept = default;
  template <class U>
  explicit(false) WipingAllocator(const WipingAllocator<U>& /*other*/) noexcept {}

  T* allocate(std::size_t n) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(::operator new(n * sizeof(T)));
  }
  void deallocate(T* p, std::size_t n) noexcept {
    wipe(Room(reinterpret_cast<std::byte*>(p), n * sizeof(T)));
    ::operator delete(p);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) noexcept { return true; }
};

/// Any number of secret bytes, on the heap: as Secret otherwise.
class SecretBytes {
 public:
  SecretBytes() noexcept = default;
  /// Throws std::bad_alloc.
  explicit SecretBytes(Bytes bytes) : bytes_(bytes.begin(), bytes.end()) {}
  SecretBytes(SecretBytes&&) noexcept = default;
  SecretBytes& operator=(SecretBytes&&) noexcept = default;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() = default;

  [[nodiscard]] SecretBytes copy() const { return SecretBytes(expose()); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] Bytes expose() const noexcept { return bytes_; }

  friend bool operator==(const SecretBytes& a, const SecretBytes& b) noexcept {
    return equal_secrets(a.expose(), b.expose());
  }

 private:
  std::vector<std::byte, WipingAllocator<std::byte>> bytes_;
};

}  // namespace stek
