// Who is reading a snapshot right now. A reader marks a slot of its own, which no other thread
// writes; a writer that has published a new snapshot waits until no slot holds the old one, and
// then may wipe it.
//
// The reader's mark has to be seen before it uses what it marked. The writer pays for that order
// with membarrier(2), so that the reader needs no fence (asymmetric hazard pointers).
#pragma once

#include <atomic>
#include <cstddef>

namespace stek::ticketer {

struct alignas(64) Slot {
  std::atomic<const void*> holds{nullptr};
};

/// This thread's place: its slot, in pages that a forked child sees empty (other threads are not in
/// the child), and its number, unique among living threads. `slot` is nullptr when there is no
/// memory for one.
struct Place {
  Slot* slot = nullptr;
  std::size_t number = 0;
  bool fences_are_cheap = false;  ///< the kernel has membarrier's private expedited command
};
const Place& take_place() noexcept;
inline const Place& this_thread() noexcept {
  constinit static thread_local const Place* place = nullptr;
  if (place == nullptr) [[unlikely]]
    place = &take_place();
  return *place;
}

/// Waits until no thread holds `old`, which `current` no longer points to.
void wait_until_released(const void* old) noexcept;

/// Holds what `current` points to, for one call.
template <class T>
class Hold {
 public:
  explicit Hold(const std::atomic<const T*>& current) noexcept : slot_(this_thread().slot) {
    if (slot_ == nullptr) return;
    const bool fences_are_cheap = this_thread().fences_are_cheap;
    do {
      held_ = current.load(std::memory_order_relaxed);
      mark(fences_are_cheap);
      // Published anew between look and mark: the writer may not have seen the mark.
    } while (current.load(std::memory_order_seq_cst) != held_);
  }
  ~Hold() {
    if (slot_ != nullptr) slot_->holds.store(nullptr, std::memory_order_release);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  /// nullptr: no memory for a slot.
  [[nodiscard]] const T* get() const noexcept { return held_; }

 private:
  void mark(bool fences_are_cheap) noexcept {
    if (fences_are_cheap) {
      slot_->holds.store(held_, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      slot_->holds.store(held_, std::memory_order_seq_cst);
    }
  }

  Slot* slot_;
  const T* held_ = nullptr;
};

}  // namespace stek::ticketer
