// A server process for erasure_test: three threads issue and open tickets and then sleep, each with
// its stack and slots as they were left. It reads a ring and makes no key itself. Told "refresh
// SECONDS" on standard input, it refreshes.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <stek/ticketer.hpp>

#include "random_sessions.hpp"

namespace {

using stek::test::noon;

class SleepingThread {
 public:
  explicit SleepingThread(const stek::Tickets& tickets)
      : thread_([this, &tickets] {
          std::array<std::byte, 512> room;
          // Long enough that every one of 256 lanes is taken.
          for (int i = 0; i < 8'000; ++i) {
            const auto ticket = tickets.issue(stek::test::typical_session(), room, noon);
            if (!ticket || !tickets.open(ticket->bytes, noon)) std::abort();
          }
          served_ = true;
          served_.notify_one();
          leave_.wait(false);
        }) {
    served_.wait(false);
  }
  ~SleepingThread() {
    leave_ = true;
    leave_.notify_one();
  }
  SleepingThread(const SleepingThread&) = delete;
  SleepingThread& operator=(const SleepingThread&) = delete;

 private:
  std::atomic<bool> served_{false};
  std::atomic<bool> leave_{false};
  std::jthread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  stek::FileStore store(argv[1]);
  auto ticketer = stek::Ticketer::open(store, {}, noon);
  if (!ticketer) {
    std::cerr << ticketer.error().message << '\n';
    return 1;
  }
  const auto tickets = ticketer->in("public", {}, noon).value();
  const SleepingThread a(tickets);
  const SleepingThread b(tickets);
  const SleepingThread c(tickets);
  std::cout << "ready" << std::endl;
  std::string word;
  std::int64_t seconds = 0;
  while (std::cin >> word >> seconds) {
    const bool refreshed = ticketer->refresh(stek::Instant(stek::Seconds(seconds))).has_value();
    std::cout << (refreshed ? "refreshed" : "failed") << std::endl;
  }
  return 0;
}
