// A rotator that sleeps until something is due.
#include <algorithm>
#include <csignal>
#include <memory>

#include "base/memory.hpp"
#include "keys.hpp"
#include "notify.hpp"
#include "output.hpp"
#include "rotator.hpp"

namespace stek::tool {
namespace {

struct RunOptions {
  bool allow_unlocked = false;
};

/// Before the first secret is read.
std::expected<void, Complaint> guard_memory(const RunOptions& options) {
  auto failure = guard_process_memory();
  if (!failure) return {};
  if (!options.allow_unlocked) return complain(*std::move(failure));
  say("warning", failure->message);
  return {};
}

/// Signals that the rotator waits for while it sleeps. Blocked from here on, so that none is lost
/// and none comes in the middle of a save.
sigset_t hold_signals() noexcept {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

/// The signal that came, or 0 when the time is over.
int sleep_for(Seconds duration, const sigset_t& signals) noexcept {
  const timespec time{.tv_sec = duration.count(), .tv_nsec = 0};
  const int signal = sigtimedwait(&signals, nullptr, &time);
  return signal < 0 ? 0 : signal;
}

/// A look a minute at the least: the clock may have been set, and the ring changed by others.
constexpr Seconds longest_sleep(60);
constexpr Seconds shortest_sleep(1);

Seconds until(Instant due, Instant now) noexcept {
  return std::clamp(due - now, shortest_sleep, longest_sleep);
}

void tell_status(const Turn& turn) {
  tell_service_manager("STATUS=" + turn.text + "\n");
}

/// What went wrong is said once, not once a minute; by its kind, as a message may have numbers in
/// it that change.
class Troubles {
 public:
  void met(const Failure& failure) {
    if (troubled_ && failure.error == last_) return;
    troubled_ = true;
    last_ = failure.error;
    say("error", failure.message);
    if (!failure.hint.empty()) say("hint", failure.hint);
    tell_service_manager("STATUS=not rotating: " + failure.message + "\n");
  }
  void over(const Turn& turn) {
    if (!troubled_) return;
    troubled_ = false;
    say("note", "rotating again");
    tell_status(turn);
  }

 private:
  bool troubled_ = false;
  Error last_{};
};

Result rotate_until_told_to_stop(RingStore& store, keys::RingMark seen, Instant due,
                                 const sigset_t& signals) {
  const Refusal refusal = [&seen](const KeyRing& held) {
    return keys::refusal_to_follow(seen, keys::mark_of(held), "restart to take it over");
  };
  Troubles troubles;
  for (;;) {
    const int signal = sleep_for(until(due, system_now()), signals);
    if (signal == SIGTERM || signal == SIGINT) break;
    tell_service_manager("WATCHDOG=1\n");
    const Instant now = system_now();
    const auto turn = take_turn(store, refusal, now);
    if (!turn) {
      troubles.met(turn.error());
      // What was due still is, and would be tried once a second.
      due = now + longest_sleep;
      continue;
    }
    troubles.over(*turn);
    seen = turn->mark;
    due = turn->due;
    if (!turn->changed) continue;
    say("note", turn->text);
    tell_status(*turn);
  }
  tell_service_manager("STOPPING=1\n");
  say("note", "stopped");
  return Exit::done;
}

Result run_rotator(const RunOptions& options, const RingOption& where) {
  if (auto guarded = guard_memory(options); !guarded) {
    return std::unexpected(std::move(guarded.error()));
  }
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const sigset_t signals = hold_signals();
  const Refusal none = [](const KeyRing& /*held*/) { return std::nullopt; };
  auto turn = take_turn(*store, none, system_now());
  if (!turn) return complain(std::move(turn.error()));
  warn_of_plain_ring(where, store->path());
  say("note", turn->text);
  tell_service_manager("READY=1\nSTATUS=" + turn->text + "\n");
  return rotate_until_told_to_stop(*store, turn->mark, turn->due, signals);
}

}  // namespace

Job keys_run(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<RunOptions>();
  app.add_flag("--allow-unlocked", options->allow_unlocked,
               "run though memory cannot be locked against swapping");
  app.footer(
      "Rotates when something is due, and looks once a minute besides. SIGHUP looks at once,\n"
      "SIGTERM stops. Errors are said once, and it tries again each minute. Two may run on one\n"
      "ring: each does what the other has not done. stek-keys.service is a unit for it.\n"
      "\n"
      "Examples:\n"
      "  stek keys run --ring /var/lib/stek/ring.json\n"
      "  stek keys run --kek credential:stek-kek");
  return [options, &ring] { return run_rotator(*options, ring); };
}

}  // namespace stek::tool
