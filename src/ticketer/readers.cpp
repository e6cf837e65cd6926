#include "ticketer/readers.hpp"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <new>

#include "base/memory.hpp"

namespace stek::ticketer {
namespace {

/// Slots come a page at a time and are never given back to the system: a thread that ends leaves
/// its slot to the next.
struct Page {
  static constexpr std::size_t slots = 64;

  Page* next = nullptr;
  std::size_t first_number = 0;
  std::array<Slot, slots>* marks = nullptr;
  std::array<std::atomic<bool>, slots> taken{};
};

std::atomic<Page*> pages{nullptr};

Page* make_page() noexcept {
  static_assert(sizeof(std::array<Slot, Page::slots>) == 4096);
  void* room = map_fork_wiped_pages(sizeof(std::array<Slot, Page::slots>));
  if (room == nullptr) return nullptr;
  auto* page = new (std::nothrow) Page;
  if (page == nullptr) {
    unmap_pages(room, sizeof(std::array<Slot, Page::slots>));
    return nullptr;
  }
  page->marks = ::new (room) std::array<Slot, Page::slots>{};
  return page;
}

void add(Page* page) noexcept {
  // Another thread may just have made it.
  Page* head = pages.load(std::memory_order_acquire);
  do {
    page->next = head;
    page->first_number = head == nullptr ? 0 : head->first_number + Page::slots;
  } while (!pages.compare_exchange_weak(head, page, std::memory_order_release,
                                        std::memory_order_acquire));
}

struct Taken {
  Page* page = nullptr;
  std::size_t index = 0;
};

Taken take_in(Page* page) noexcept {
  for (std::size_t i = 0; i < Page::slots; ++i) {
    if (!page->taken[i].exchange(true, std::memory_order_acquire)) {
      return {.page = page, .index = i};
    }
  }
  return {};
}

Taken take() noexcept {
  for (Page* page = pages.load(std::memory_order_acquire); page != nullptr; page = page->next) {
    if (const Taken taken = take_in(page); taken.page != nullptr) return taken;
  }
  Page* page = make_page();
  if (page == nullptr) return {};
  const Taken taken = take_in(page);
  add(page);
  return taken;
}

long membarrier(int command) noexcept {
  return syscall(SYS_membarrier, command, 0, 0);
}

bool fences_are_cheap() noexcept {
  static const bool cheap = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  return cheap;
}

/// Takes a slot for the thread's life.
class Seat {
 public:
  Seat() noexcept : taken_(take()) {
    if (taken_.page == nullptr) return;
    place_ = {.slot = &(*taken_.page->marks)[taken_.index],
              .number = taken_.page->first_number + taken_.index,
              .fences_are_cheap = fences_are_cheap()};
  }
  ~Seat() {
    if (taken_.page != nullptr) {
      taken_.page->taken[taken_.index].store(false, std::memory_order_release);
    }
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  [[nodiscard]] const Place& place() const noexcept { return place_; }

 private:
  Taken taken_;
  Place place_;
};

bool any_slot_holds(const void* old) noexcept {
  for (Page* page = pages.load(std::memory_order_acquire); page != nullptr; page = page->next) {
    for (const Slot& slot : *page->marks) {
      if (slot.holds.load(std::memory_order_seq_cst) == old) return true;
    }
  }
  return false;
}

}  // namespace

const Place& take_place() noexcept {
  static thread_local const Seat seat;
  return seat.place();
}

void wait_until_released(const void* old) noexcept {
  if (fences_are_cheap() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) {
    // A child of fork may have to register for itself. A filter set up since may forbid the call:
    // then a pause, after which no processor still keeps a mark to itself.
    constexpr timespec long_past{.tv_sec = 0, .tv_nsec = 10'000'000};
    membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) nanosleep(&long_past, nullptr);
  }
  for (int spins = 0; any_slot_holds(old); ++spins) {
    if (spins < 100) {
      sched_yield();
      continue;
    }
    const timespec pause{.tv_sec = 0, .tv_nsec = 50'000};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace stek::ticketer
