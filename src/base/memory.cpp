#include "base/memory.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace stek {
namespace {

void* map_pages(std::size_t size) noexcept {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

}  // namespace

void* map_key_pages(std::size_t size, bool& locked) noexcept {
  void* pages = map_pages(size);
  if (pages == nullptr) return nullptr;
  madvise(pages, size, MADV_DONTDUMP);
  // On fault, because a table of lanes is mostly empty.
  locked = mlock2(pages, size, MLOCK_ONFAULT) == 0;
  return pages;
}

void* map_fork_wiped_pages(std::size_t size) noexcept {
  void* pages = map_pages(size);
  if (pages == nullptr) return nullptr;
  if (madvise(pages, size, MADV_WIPEONFORK) != 0) {
    munmap(pages, size);
    return nullptr;
  }
  madvise(pages, size, MADV_DONTDUMP);
  return pages;
}

void unmap_pages(void* pages, std::size_t size) noexcept {
  munmap(pages, size);
}

}  // namespace stek
