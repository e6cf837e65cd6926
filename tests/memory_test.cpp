#include "base/memory.hpp"

#include <doctest/doctest.h>

#include "in_child.hpp"

namespace stek {
namespace {

using test::may_lock_only;
using test::status_of_child;

constexpr std::size_t size = 1U << 20U;

bool kernel_has_secret_memory() {
  Granted granted{};
  void* pages = map_key_pages(size, granted, KeyMemory::secret);
  unmap_pages(pages, size);
  return granted == Granted::secret;
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

}  // namespace
}  // namespace stek
