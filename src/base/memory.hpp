// Pages for keys and for what a fork must not copy, and what guards all of a process.
#pragma once

#include <memory>
#include <new>
#include <optional>
#include <type_traits>

#include <stek/error.hpp>
#include <stek/key_memory.hpp>

namespace stek {

/// What the kernel gave for key pages, least first. `secret` is locked too.
enum class Granted : std::uint8_t { unlocked, locked, secret };

/// Maps zeroed pages, out of core dumps; locked, and secret where that was asked for, as far as the
/// kernel grants it. Where secret memory was asked for, a forked child has nothing at their place.
/// nullptr when there is no memory.
void* map_key_pages(std::size_t size, Granted& granted, KeyMemory asked) noexcept;
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
PagesPtr<T> make_in_key_pages(Granted& granted, KeyMemory asked = KeyMemory::forkable) noexcept {
  static_assert(std::is_nothrow_default_constructible_v<T>);
  void* pages = map_key_pages(sizeof(T), granted, asked);
  return PagesPtr<T>(pages == nullptr ? nullptr : ::new (pages) T);
}

template <class T>
PagesPtr<T> make_fork_wiped() noexcept {
  static_assert(std::is_nothrow_default_constructible_v<T> && std::is_trivially_destructible_v<T>);
  void* pages = map_fork_wiped_pages(sizeof(T));
  return PagesPtr<T>(pages == nullptr ? nullptr : ::new (pages) T{});
}

/// For commands, before they hold a secret: no core dumps, nobody of the same user in /proc/PID/mem
/// or with a debugger, and all memory locked as it is touched, now and later. Fails only where
/// locking is refused, with `Error::memory_unlocked`, and the rest holds then too. Below an
/// unlimited RLIMIT_MEMLOCK, what the process maps later may be refused: threads, for one.
std::optional<Failure> guard_process_memory();

/// What to tell people when `needed` bytes could not be locked.
Failure memory_unlocked(std::size_t needed);

}  // namespace stek
