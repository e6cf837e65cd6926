// Counts what operator new gives. In one source file of a program.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace stek::test {
inline std::atomic<std::size_t> allocations{0};
}

// Not inlined: g++ 12 warns of a mismatch where it sees through one of the pair and not the other.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++stek::test::allocations;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
