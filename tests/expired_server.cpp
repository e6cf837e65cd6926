// A server process for expired.py: it rotates a ring file, and issues and opens tickets in two
// domains, at the instants that it reads from standard input, one a line. After each it says
// "forkable" or "secret": what its keys are kept in.
//
//   expired_server RING PROFILE forkable|secret
#include <sys/prctl.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <stek/ticketer.hpp>

#include "random_sessions.hpp"

namespace stek {
namespace {

template <class T, class E>
T must(std::expected<T, E> result) {
  if (!result) {
    std::cerr << "expired_server: a step failed\n";
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// Enough that hardly one of 256 lanes is not taken.
void use(const Tickets& tickets, Instant now) {
  std::array<std::byte, 512> room;
  for (int i = 0; i < 2'000; ++i) {
    const Ticket ticket = must(tickets.issue(test::typical_session(), room, now));
    must(tickets.open(ticket.bytes, now));
  }
}

/// On this thread, and on one that ends and leaves its stack to the next.
void serve(Ticketer& ticketer, Instant now) {
  for (const char* domain : {"public", "internal"}) {
    const Tickets tickets = must(ticketer.in(domain, {}, now));
    use(tickets, now);
    std::jthread([&] { use(tickets, now); }).join();
  }
}

void rotate(FileStore& store, Instant now) {
  must(store.update([&](KeyRing ring) { return advance(std::move(ring), now); }));
}

void say_what_keys_are_in(const Ticketer& ticketer, Instant now) {
  const bool secret = ticketer.health(now).key_memory == KeyMemory::secret;
  std::cout << (secret ? "secret" : "forkable") << std::endl;
}

std::optional<Instant> next_instant() {
  std::int64_t seconds = 0;
  if (!(std::cin >> seconds)) return std::nullopt;
  return Instant(Seconds(seconds));
}

int run(const char* path, Profile profile, KeyMemory key_memory) {
  FileStore store(path);
  auto now = next_instant();
  if (!now) return 2;
  must(store.create(must(new_ring({.profile = profile}, *now))));
  Ticketer ticketer = must(Ticketer::open(store, {.key_memory = key_memory}, *now));
  for (; now; now = next_instant()) {
    rotate(store, *now);
    must(ticketer.refresh(*now));
    serve(ticketer, *now);
    say_what_keys_are_in(ticketer, *now);
  }
  return 0;
}

}  // namespace
}  // namespace stek

int main(int argc, char** argv) {
  using namespace stek;
  if (argc != 4) return 2;
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  const auto profile = profile_named(argv[2]);
  if (!profile) return 2;
  const bool secret = std::string_view(argv[3]) == "secret";
  return run(argv[1], *profile, secret ? KeyMemory::secret : KeyMemory::forkable);
}
