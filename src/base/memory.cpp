#include "base/memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

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

/// All that this process has mapped, touched or not: what mlockall(2) holds against the limit.
std::size_t mapped_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::string in_kib(std::size_t bytes) {
  return std::to_string((bytes + 1023) / 1024) + " KiB";
}

std::string lock_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? "any amount" : in_kib(limit.rlim_cur);
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

std::optional<Failure> guard_process_memory() {
  // Both: what is not dumpable leaves no core in a pipe either, and the limit outlives execve.
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return std::nullopt;
  return memory_unlocked(mapped_bytes());
}

Failure memory_unlocked(std::size_t needed) {
  return {.error = Error::memory_unlocked,
          .message = "memory cannot be locked against swapping: RLIMIT_MEMLOCK allows " +
                     lock_limit() + ", and " + in_kib(needed) + " are needed",
          .hint =
              "set 'LimitMEMLOCK=infinity' in the systemd unit; give a container the capability "
              "CAP_IPC_LOCK or '--ulimit memlock=-1'; or accept that keys may be swapped, with "
              "--allow-unlocked"};
}

}  // namespace stek
