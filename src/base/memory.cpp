#include "base/memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace stek {
namespace {

void* map_pages(std::size_t size) noexcept {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

// glibc 2.36 has no wrapper, and not every kernel header the number, which is one for all
// architectures but alpha.
int memfd_secret() noexcept {
  constexpr long number = 447;
  return static_cast<int>(syscall(number, O_CLOEXEC));
}

void* map_shared(int file, std::size_t size) noexcept {
  if (ftruncate(file, static_cast<off_t>(size)) != 0) return nullptr;
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

void* map_secret_pages(std::size_t size) noexcept {
  const int file = memfd_secret();
  if (file < 0) return nullptr;
  void* pages = map_shared(file, size);
  close(file);
  // Secret memory is shared memory: what a child wiped would be wiped here.
  if (pages != nullptr && madvise(pages, size, MADV_DONTFORK) != 0) {
    munmap(pages, size);
    return nullptr;
  }
  return pages;
}

}  // namespace

void* map_key_pages(std::size_t size, Granted& granted, KeyMemory asked) noexcept {
  if (asked == KeyMemory::secret) {
    granted = Granted::secret;
    if (void* pages = map_secret_pages(size)) return pages;
  }
  void* pages = map_pages(size);
  if (pages == nullptr) return nullptr;
  madvise(pages, size, MADV_DONTDUMP);
  if (asked == KeyMemory::secret) madvise(pages, size, MADV_DONTFORK);
  // On fault, because a table of lanes is mostly empty.
  granted = mlock2(pages, size, MLOCK_ONFAULT) == 0 ? Granted::locked : Granted::unlocked;
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
