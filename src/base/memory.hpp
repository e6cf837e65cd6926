// Pages for keys and for what a fork must not copy.
#pragma once

#include <memory>
#include <new>
#include <type_traits>

#include <stek/bytes.hpp>

namespace stek {

/// Maps zeroed pages: out of core dumps, and locked against swapping as they are touched.
/// `locked` tells whether the lock was granted. nullptr when there is no memory.
void* map_key_pages(std::size_t size, bool& locked) noexcept;
/// Maps zeroed pages that a forked child sees as zeros again. nullptr when the kernel cannot.
void* map_fork_wiped_pages(std::size_t size) noexcept;
void unmap_pages(void* pages, std::size_t size) noexcept;

template <class T>
struct PagesDeleter {
  void operator()(T* object) const noexcept {
    object->~T();
    unmap_pages(object, sizeof(T));
  }
};
/// An object in pages of its own. Its destructor wipes what it holds.
template <class T>
using PagesPtr = std::unique_ptr<T, PagesDeleter<T>>;

/// Default-initialised, so that members without initialisers stay the zeros of fresh pages,
/// untouched.
template <class T>
PagesPtr<T> make_in_key_pages(bool& locked) noexcept {
  static_assert(std::is_nothrow_default_constructible_v<T>);
  void* pages = map_key_pages(sizeof(T), locked);
  return PagesPtr<T>(pages == nullptr ? nullptr : ::new (pages) T);
}

template <class T>
PagesPtr<T> make_fork_wiped() noexcept {
  static_assert(std::is_trivially_default_constructible_v<T>);
  void* pages = map_fork_wiped_pages(sizeof(T));
  return PagesPtr<T>(pages == nullptr ? nullptr : ::new (pages) T{});
}

}  // namespace stek
