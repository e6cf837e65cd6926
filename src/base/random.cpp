#include "base/random.hpp"

#include <dlfcn.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "base/hash.hpp"
#include "base/memory.hpp"
#include "base/sodium_bytes.hpp"
#include "base/wipe.hpp"

namespace stek {

bool system_random(Room room) noexcept {
  while (!room.empty()) {
    const ssize_t got = getrandom(room.data(), room.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    room = room.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

void hedge(Room nonce, std::span<const std::byte, 16> key, Bytes state,
           std::uint64_t time_stamp) noexcept {
  std::array<std::byte, hedge_size + sizeof time_stamp> message{};
  const Bytes mixed_in = state.first(std::min(state.size(), hedge_size));
  if (!mixed_in.empty()) std::memcpy(message.data(), mixed_in.data(), mixed_in.size());
  std::memcpy(message.data() + hedge_size, &time_stamp, sizeof time_stamp);
  const auto mixed = siphash(key, message);
  wipe_object(message);
  const std::size_t n = std::min(nonce.size(), mixed.size());
  std::array<std::byte, 16> hedged{};
  std::memcpy(hedged.data(), nonce.data(), n);
  for (std::size_t i = 0; i < hedged.size(); ++i) hedged[i] ^= mixed[i];
  std::memcpy(nonce.data(), hedged.data(), n);
}

// The kernel takes five times as long over these bytes as over a seed for them.
bool NoncePool::fill() noexcept {
  static_assert(sizeof hedge_key + sizeof bytes == 512);
  std::array<std::byte, randombytes_SEEDBYTES> seed;
  left = 0;
  if (!system_random(seed)) return false;
  const Room all = std::as_writable_bytes(std::span(this, 1)).first<512>();
  randombytes_buf_deterministic(u8(all), all.size(), u8(seed));
  wipe_object(seed);
  sodium_stackzero(deepest_stream);
  left = bytes.size();
  return true;
}

bool NoncePool::draw(Room nonce, Bytes state, std::uint64_t time_stamp) noexcept {
  if (left < nonce.size() && !fill()) return false;
  left -= nonce.size();
  std::memcpy(nonce.data(), bytes.data() + left, nonce.size());
  hedge(nonce, hedge_key, state, time_stamp);
  return true;
}

namespace {

std::uint64_t time_stamp() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
#endif
}

// The kernel's interface, which glibc 2.36 does not know: include/uapi/linux/random.h and
// lib/vdso/getrandom.c of Linux 6.11.
struct VgetrandomParams {
  std::uint32_t size_of_opaque_state;
  std::uint32_t mmap_prot;
  std::uint32_t mmap_flags;
  std::array<std::uint32_t, 13> reserved;
};
using Vgetrandom = ssize_t (*)(void* buffer, std::size_t size, unsigned flags, void* state,
                               std::size_t state_size);

struct Vdso {
  Vgetrandom getrandom = nullptr;
  VgetrandomParams params{};
};

Vdso find_vdso() noexcept {
  void* vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (vdso == nullptr) return {};
  Vdso found;
  found.getrandom = reinterpret_cast<Vgetrandom>(dlsym(vdso, "__vdso_getrandom"));
  // All ones as the state's size asks for the parameters.
  if (found.getrandom == nullptr ||
      found.getrandom(nullptr, 0, 0, &found.params, ~std::size_t{0}) != 0 ||
      found.params.size_of_opaque_state == 0 || found.params.size_of_opaque_state > 4096) {
    return {};
  }
  return found;
}

const Vdso& vdso() noexcept {
  static const Vdso found = find_vdso();
  return found;
}

/// What a thread keeps to draw nonces; made at its first draw.
struct ThreadRandomness {
  void* vdso_state = nullptr;
  PagesPtr<NoncePool> pool;

  ThreadRandomness() noexcept {
    if (vdso().getrandom == nullptr) return;
    void* pages = mmap(nullptr, 4096, static_cast<int>(vdso().params.mmap_prot),
                       static_cast<int>(vdso().params.mmap_flags), -1, 0);
    if (pages != MAP_FAILED) vdso_state = pages;
  }
  ~ThreadRandomness() {
    if (vdso_state != nullptr) munmap(vdso_state, 4096);
  }
  ThreadRandomness(const ThreadRandomness&) = delete;
  ThreadRandomness& operator=(const ThreadRandomness&) = delete;
};

ThreadRandomness& this_thread() noexcept {
  static thread_local ThreadRandomness randomness;
  return randomness;
}

bool draw_from_vdso(Room room, void* state) noexcept {
  const auto& [getrandom, params] = vdso();
  return getrandom != nullptr &&
         getrandom(room.data(), room.size(), 0, state, params.size_of_opaque_state) ==
             static_cast<ssize_t>(room.size());
}

/// With the hedge's key in the same draw: a call costs as much as its bytes.
bool draw_hedged(Room nonce, Bytes state, void* vdso_state) noexcept {
  struct {
    std::array<std::byte, 16> hedge_key;
    std::array<std::byte, longest_nonce> nonce;
  } drawn;
  const Room bytes = std::as_writable_bytes(std::span(&drawn, 1));
  if (!draw_from_vdso(bytes.first(sizeof drawn.hedge_key + nonce.size()), vdso_state)) return false;
  std::memcpy(nonce.data(), drawn.nonce.data(), nonce.size());
  hedge(nonce, drawn.hedge_key, state, time_stamp());
  wipe_object(drawn);
  return true;
}

}  // namespace

bool vdso_random_available() noexcept {
  return vdso().getrandom != nullptr;
}

bool draw_nonce(Room nonce, Bytes state, NonceRule rule) noexcept {
  ThreadRandomness& mine = this_thread();
  if (rule != NonceRule::pooled && mine.vdso_state != nullptr) {
    return rule == NonceRule::hedged ? draw_hedged(nonce, state, mine.vdso_state)
                                     : draw_from_vdso(nonce, mine.vdso_state);
  }
  if (mine.pool == nullptr) mine.pool = make_fork_wiped<NoncePool>();
  if (mine.pool != nullptr) return mine.pool->draw(nonce, state, time_stamp());
  // A kernel that cannot wipe pages on fork (before 4.14) is asked each time.
  return system_random(nonce);
}

}  // namespace stek
