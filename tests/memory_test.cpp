#include "base/memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <array>
#include <csignal>
#include <fstream>

#include <doctest/doctest.h>

#include "base/cipher.hpp"
#include "in_child.hpp"

namespace stek {
namespace {

using test::may_lock_only;
using test::status_of_child;

constexpr std::size_t size = 1U << 20U;

/// Of /proc/self/status, in KiB.
std::size_t own(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t value = 0;
    if (word == field && status >> value) return value;
  }
  return 0;
}

bool kernel_has_secret_memory() {
  Granted granted{};
  void* pages = map_key_pages(size, granted, KeyMemory::secret);
  unmap_pages(pages, size);
  return granted == Granted::secret;
}

/// Whether `needle` is in what calls before this one had of the stack.
[[gnu::noinline]] bool is_left_on_the_stack(Bytes needle) {
  constexpr std::size_t depth = 16384;
  static std::array<std::byte, depth> image;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto* below = reinterpret_cast<const volatile std::byte*>(here - depth);
  for (std::size_t i = 0; i < depth; ++i) image[i] = below[i];
  return !std::ranges::search(image, needle).empty();
}

// libsodium's ChaCha20 has blocks of it in its frame, where the CPU has AVX2.
TEST_CASE("a cipher leaves nothing of a plaintext or of a key on the stack") {
  static std::array<std::byte, 128> plaintext;
  static std::array<std::byte, 128> room;
  static std::array<std::byte, 16> tag;
  static std::array<std::byte, 24> nonce;
  static std::array<std::byte, 32> key;
  for (std::size_t i = 0; i < plaintext.size(); ++i) plaintext[i] = static_cast<std::byte>(i + 1);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(200 - i);
  const auto check_stack = [&] {
    for (std::size_t at = 0; at < plaintext.size(); at += 16) {
      CHECK_FALSE(is_left_on_the_stack(Bytes(plaintext).subspan(at, 16)));
    }
    CHECK_FALSE(is_left_on_the_stack(Bytes(key).first(16)));
  };
  for (const std::size_t length : {112U, 128U}) {
    const Bytes in = Bytes(plaintext).first(length);
    const Room out = Room(room).first(length);
    xchacha20poly1305::seal(out, tag, in, {}, nonce, key);
    check_stack();
    REQUIRE(xchacha20poly1305::open(out, Bytes(out), tag, {}, nonce, key));
    check_stack();
    xchacha20(out, in, nonce, key);
    check_stack();
  }
}

TEST_CASE("key pages of either kind are zeroed, and hold what is written") {
  for (const KeyMemory kind : {KeyMemory::forkable, KeyMemory::secret}) {
    Granted granted{};
    auto* bytes = static_cast<char*>(map_key_pages(size, granted, kind));
    REQUIRE(bytes != nullptr);
    CHECK_EQ(bytes[size / 2], '\0');
    bytes[size / 2] = 'k';
    CHECK_EQ(bytes[size / 2], 'k');
    CHECK_EQ(granted == Granted::secret, kind == KeyMemory::secret && kernel_has_secret_memory());
    unmap_pages(bytes, size);
  }
}

TEST_CASE("key pages that may not be locked are had all the same, and say so") {
  for (const KeyMemory kind : {KeyMemory::forkable, KeyMemory::secret}) {
    CHECK_EQ(status_of_child([&] {
               Granted granted = Granted::secret;
               return may_lock_only(0) && map_key_pages(size, granted, kind) != nullptr &&
                      granted == Granted::unlocked;
             }),
             0);
  }
}

TEST_CASE("a forked child has forkable pages, and nothing where secret ones were") {
  Granted granted{};
  auto* forkable = static_cast<volatile char*>(map_key_pages(size, granted, KeyMemory::forkable));
  auto* secret = static_cast<volatile char*>(map_key_pages(size, granted, KeyMemory::secret));
  *forkable = 'f';
  *secret = 's';
  CHECK_EQ(status_of_child([&] { return *forkable == 'f'; }), 0);
  CHECK_EQ(WTERMSIG(status_of_child([&] { return *secret == 's'; })), SIGSEGV);
  CHECK_EQ(*secret, 's');
}

TEST_CASE("unlocked memory is told with the limit, the need, and what to do about it") {
  CHECK_EQ(status_of_child([] {
             const bool limited = may_lock_only(64 << 10);
             const Failure failure = memory_unlocked(5000);
             return limited && failure.error == Error::memory_unlocked &&
                    failure.message ==
                        "memory cannot be locked against swapping: RLIMIT_MEMLOCK allows 64 KiB, "
                        "and 5 KiB are needed";
           }),
           0);
  const std::string hint = memory_unlocked(1).hint;
  for (const char* way :
       {"LimitMEMLOCK=", "CAP_IPC_LOCK", "--ulimit memlock=-1", "--allow-unlocked"}) {
    CHECK_NE(hint.find(way), std::string::npos);
  }
}

TEST_CASE("a process that may not lock its memory hears it, and is guarded otherwise") {
  CHECK_EQ(status_of_child([] {
             if (!may_lock_only(0)) return false;
             // Changing the user has closed the process already.
             prctl(PR_SET_DUMPABLE, 1);
             const auto failure = guard_process_memory();
             rlimit core{.rlim_cur = 1, .rlim_max = 1};
             getrlimit(RLIMIT_CORE, &core);
             return failure && failure->error == Error::memory_unlocked &&
                    failure->message.find("RLIMIT_MEMLOCK allows 0 KiB") != std::string::npos &&
                    prctl(PR_GET_DUMPABLE) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
           }),
           0);
}

TEST_CASE("a guarded process has all of its memory locked, and what it maps later") {
  if (status_of_child([] { return mlockall(MCL_CURRENT | MCL_ONFAULT) == 0; }) != 0) {
    MESSAGE("skipped: this user may not lock that much");
    return;
  }
  CHECK_EQ(status_of_child([] {
             if (guard_process_memory()) return false;
             const std::size_t before = own("VmLck:");
             void* later =
                 mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             return before > 0 && later != MAP_FAILED && own("VmLck:") == before + size / 1024;
           }),
           0);
}

/// A child that sleeps, guarded or not, under a user of no privilege.
pid_t sleeper(bool guarded) {
  std::array<int, 2> ready{};
  REQUIRE_EQ(pipe(ready.data()), 0);
  const pid_t child = test::fork_to_end_alone();
  if (child == 0) {
    const rlimit core{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &core);
    if (chdir("/tmp") != 0 || !may_lock_only(0)) _exit(1);
    prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (guarded) guard_process_memory();
    if (write(ready[1], "", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  REQUIRE_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  return child;
}

bool same_user_reads(pid_t pid) {
  return status_of_child([&] {
           return may_lock_only(0) &&
                  open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY) >= 0;
         }) == 0;
}

TEST_CASE("a guarded process shows its memory to nobody of the same user, and leaves no core") {
  const pid_t open_one = sleeper(false);
  CHECK(same_user_reads(open_one));
  kill(open_one, SIGKILL);
  waitpid(open_one, nullptr, 0);

  const pid_t guarded = sleeper(true);
  CHECK_FALSE(same_user_reads(guarded));
  kill(guarded, SIGABRT);
  int status = 0;
  waitpid(guarded, &status, 0);
  CHECK_EQ(WTERMSIG(status), SIGABRT);
  CHECK_FALSE(WCOREDUMP(status));
}

}  // namespace
}  // namespace stek
