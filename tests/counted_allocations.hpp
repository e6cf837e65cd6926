// Counts what operator new gives. In one source file of a program.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace stek::test {
inline std::atomic<std::size_t> allocations{0};
}

void* operator new(std::size_t size) {
  ++stek::test::allocations;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
