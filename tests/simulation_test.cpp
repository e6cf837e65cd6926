// Years of rotation in seconds, on a clock that is only a number, against a memory of every key
// and every ticket there ever was (key_history.hpp).
//
// STEK_SIMULATION=N takes N times as many schedules, of which each goes on for up to N times as
// many keys. A failure names its seed, its schedule and its instant.
#include <cstdlib>
#include <functional>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include <stek/ticketer.hpp>

#include "base/hash.hpp"
#include "key_history.hpp"
#include "random_sessions.hpp"

namespace stek {
namespace {

using std::chrono::hours;
using test::below;
using test::Change;
using test::History;
using test::Licence;
using test::must;
using test::noon;
using test::Random;

constexpr Seconds second{1};
constexpr Seconds day = hours(24);
constexpr Seconds ten_years = 3653 * day;

#if defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

// ---- How much

std::uint64_t times() {
  const char* given = std::getenv("STEK_SIMULATION");
  return given == nullptr ? 1 : std::max(1UL, std::strtoul(given, nullptr, 10));
}

/// How many keys a rotator of one schedule's simulation may meet, each time that it runs, before
/// that ends early. The default schedule has enough for ten years.
std::uint64_t work(std::uint64_t enough) {
  return enough * times() / (sanitized ? 20 : 1);
}
constexpr std::uint64_t for_the_default = 600'000;
constexpr std::uint64_t for_a_long_one = 30'000;
constexpr std::uint64_t for_a_brief_one = 1'500;

struct Counts {
  std::uint64_t schedules = 0;
  std::uint64_t whole = 0;  ///< of them, followed to the end
  std::uint64_t instants = 0;
  std::uint64_t tickets = 0;
  std::uint64_t rotations = 0;  ///< rotators that ran, whether or not there was something to do
  std::uint64_t keys = 0;
  std::uint64_t other = 0;  ///< what else the part does
};

void print(std::string_view part, std::uint64_t seed, const Counts& n, std::string_view other) {
  fmt::print(
      "{}, seeds from {}: {} schedules, {} of them for ten years; {} instants, {} tickets, {} "
      "rotations, {} "
      "keys, {} {}{}\n",
      part, seed, n.schedules, n.whole, n.instants, n.tickets, n.rotations, n.keys, n.other, other,
      sanitized ? " (scaled down: a sanitizer is on)" : "");
}

// ---- Schedules

Seconds below(Random& random, Seconds end) {
  return end <= Seconds(0) ? Seconds(0)
                           : Seconds(below(random, static_cast<std::uint64_t>(end.count())));
}

template <class T, std::size_t n>
T one_of(Random& random, const T (&choices)[n]) {
  return choices[below(random, n)];
}

/// From five minutes to three months, each order of magnitude as likely.
Seconds random_sealing(Random& random) {
  const double exponent = std::ldexp(static_cast<double>(random() >> 11U), -53);
  return Seconds(static_cast<std::int64_t>(300.0 * std::pow(26'000.0, exponent)));
}

Schedule random_schedule(Random& random) {
  const Seconds sealing = random_sealing(random);
  const Seconds lead = one_of(random, {Seconds(0), sealing - second, sealing / 12,
                                       below(random, sealing), below(random, sealing)});
  const Seconds lifetime = second + below(random, std::min<Seconds>(7 * day, 20 * sealing));
  const Seconds skew = one_of(random, {Seconds(0), Seconds(60), below(random, Seconds(3600))});
  const Seconds longer = below(random, 2) == 0 ? Seconds(0) : below(random, sealing);
  return {.profile = static_cast<Profile>(below(random, 3)),
          .lead = lead,
          .sealing = sealing,
          .accepting = lifetime + skew + longer,
          .lifetime = lifetime,
          .skew = skew,
          .ahead =
              one_of(random, {1U, 1U, 2U, 64U, static_cast<std::uint32_t>(1 + below(random, 64))})};
}

std::string text_of(const Schedule& s) {
  return fmt::format("lead {}, sealing {}, accepting {}, lifetime {}, skew {}, ahead {}",
                     s.lead.count(), s.sealing.count(), s.accepting.count(), s.lifetime.count(),
                     s.skew.count(), s.ahead);
}

/// Secrets that are as good as random, never twice, and the same in every run.
FreshSecret counted_secrets(std::uint64_t seed) {
  return
      [seed,
       n = std::make_shared<std::atomic<std::uint64_t>>()]() -> std::expected<StekSecret, Error> {
        const std::array<std::uint64_t, 2> count{seed, ++*n};
        StekSecret secret;
        blake2b(secret.expose_room(), {}, {std::as_bytes(std::span(count))});
        return secret;
      };
}

// ---- A ring in its world

struct Rotator {
  Seconds offset{};  ///< its clock less the true one
  Instant next{};    ///< runs
};

struct World {
  Schedule schedule;
  Random random;
  FreshSecret fresh;
  Instant now = noon;
  MemoryStore store;
  KeyRing ring;  ///< as it is in the store
  History history;
  std::vector<Rotator> rotators;
  std::set<Instant> instants;  ///< to be looked at
  bool always_seals = true;    ///< nobody's clock jumped
  bool skewed_openers = true;
  std::uint64_t worked = 0;  ///< keys that rotators met
  std::uint64_t work = 0;    ///< to be done at most
  Counts counts;
};

Instant clock_of(const World& world, const Rotator& rotator) {
  return world.now + rotator.offset;
}

void look_around(World& world, Instant at) {
  for (const Seconds by : {-second, Seconds(0), second}) {
    if (at + by > world.now) world.instants.insert(at + by);
  }
}

/// Each instant of its life, and where the last of its tickets ends.
void look_at(World& world, const test::Life& life) {
  for (const Instant at : {life.announced_at, life.activates_at, life.retires_at, life.expires_at,
                           life.retires_at - second + world.schedule.lifetime}) {
    look_around(world, at);
  }
}

void take(World& world, KeyRing ring, const Change& change) {
  // Each key is looked for among all others.
  world.worked += ring.keys.size() + ring.keys.size() * ring.keys.size() / 64;
  std::vector<std::pair<test::Remembered*, test::Life>> before;
  for (test::Remembered* key : world.history.held) before.emplace_back(key, key->life);
  const std::uint64_t generation = world.history.generation;
  world.ring = std::move(ring);
  learn(world.history, world.ring, change);
  if (world.history.generation == generation) return;
  for (const test::Remembered* key : world.history.held) {
    const auto known = std::ranges::find(before, key, [](const auto& pair) { return pair.first; });
    if (known != before.end() && known->second == key->life) continue;
    if (known == before.end()) ++world.counts.keys;
    look_at(world, key->life);
  }
}

World world_of(const Schedule& schedule, std::uint64_t seed) {
  World world;
  world.schedule = schedule;
  world.random.seed(seed);
  world.fresh = counted_secrets(seed);
  world.history = test::history_of(schedule);
  KeyRing ring = new_ring(schedule, world.now, world.fresh).value();
  must(world.store.create(ring).has_value(), "a new ring has no flaw");
  take(world, std::move(ring),
       {.now = world.now, .clock = world.now, .revoked = {}, .is_due = true});
  check_rotated(world.history, world.now);
  return world;
}

// ---- What is looked at in every instant

void check_phases(const World& world) {
  for (std::size_t i = 0; i < world.ring.keys.size(); ++i) {
    const test::Life& life = world.history.held[i]->life;
    const Phase phase = phase_of(world.ring.keys[i], world.now);
    must((phase == Phase::expired) == life.is_over(world.now),
         "a key opens nothing from its end on");
    must((phase == Phase::active) == life.seals(world.now), "a key seals between its instants");
    must(!life.seals(world.now) || world.now < world.history.held[i]->first.retires_at,
         "no key seals past its first end");
  }
}

/// A ticket that is issued now, under the key that seals.
void issue(World& world) {
  const int sealing = sealing_keys(world.history, world.now);
  const Key* active = active_key(world.ring, world.now);
  must(sealing <= 1, "no two keys seal at once");
  must((active != nullptr) == (sealing == 1), "the active key is the one that seals");
  if (world.always_seals) must(sealing == 1, "a key seals at every instant");
  if (active == nullptr) return;
  test::Remembered& key = world.history.ever.at(active->name);
  must(key.life.seals(world.now), "the active key is the one that seals");
  key.tickets_end = std::max(key.tickets_end, world.now + world.schedule.lifetime);
  ++world.counts.tickets;
}

/// All tickets of a key at once: those that were issued last end last.
void check_tickets(const World& world) {
  const Seconds skew = world.skewed_openers ? world.schedule.skew : Seconds(0);
  for (std::size_t i = 0; i < world.ring.keys.size(); ++i) {
    if (world.now >= world.history.held[i]->tickets_end) continue;
    must(phase_of(world.ring.keys[i], world.now + skew) != Phase::expired,
         "no ticket is refused within its lifetime");
  }
}

void look(World& world) {
  ++world.counts.instants;
  world.worked += world.ring.keys.size() / 32;
  check_phases(world);
  check_tickets(world);
  issue(world);
}

// ---- Rotators

/// With no notice that a key may be lost: what has left the ring took no living ticket with it.
void check_nothing_lost(const World& world, const std::vector<test::Remembered*>& before) {
  if (!world.always_seals) return;
  for (const test::Remembered* key : before) {
    must(!key->gone || key->tickets_end <= world.now,
         "no key is lost while a ticket under it lives");
  }
}

bool is_refused(const World& world, Instant clock) {
  return clock < noon - world.schedule.skew;
}

RingChange advancing(World& world, Instant clock) {
  return [&world, clock](KeyRing ring) { return advance(std::move(ring), clock, world.fresh); };
}

void advance_once(World& world, Instant clock) {
  ++world.counts.rotations;
  const auto ring = world.store.update(advancing(world, clock));
  if (is_refused(world, clock)) {
    must(!ring && ring.error().error == Error::clock_behind, "a clock before the ring is refused");
    must(world.store.mark() == world.ring.generation, "what is refused changes nothing");
    return;
  }
  must(ring.has_value(), ring ? "" : ring.error().message);
  const bool due = due_at(world.history, clock) == clock;
  const auto before = world.history.held;
  take(world, ring->copy(), {.now = world.now, .clock = clock, .revoked = {}, .is_due = due});
  check_nothing_lost(world, before);
  check_rotated(world.history, clock);
}

/// Two at the same instant, in threads of their own: of their updates each sees the other's.
void advance_together(World& world, Instant clock) {
  const auto run = [&] {
    [[maybe_unused]] const auto seen = world.store.update(advancing(world, clock));
  };
  std::thread other(run);
  run();
  other.join();
  ++world.counts.rotations;
  advance_once(world, clock);
}

/// A rotator that read the ring before another one wrote it, and writes only upon what it read.
void advance_interleaved(World& world, const Rotator& rotator, const Rotator& other) {
  const std::uint64_t seen = world.store.mark();
  advance_once(world, clock_of(world, other));
  if (world.store.mark() == seen) return;
  advance_once(world, clock_of(world, rotator));
}

void run(World& world, const Rotator& rotator) {
  const Instant clock = clock_of(world, rotator);
  if (below(world.random, 500) == 0) {
    // Each of them would do what is due, so what both do is one generation.
    if (!is_refused(world, clock)) return advance_together(world, clock);
  }
  if (below(world.random, 4) == 0) {
    advance_interleaved(world, rotator, world.rotators[below(world.random, world.rotators.size())]);
  }
  advance_once(world, clock);
  if (below(world.random, 4) == 0) advance_once(world, clock);
}

/// The next run, once in each lead at least: many that find nothing to do are passed over, as is
/// what another second would not show. Often as late as can be, or just when there is something to
/// do.
Instant next_run(World& world, const Rotator& rotator) {
  const Seconds lead = world.schedule.lead;
  const Instant clock = clock_of(world, rotator);
  const Instant due = world.now + (due_at(world.history, clock) - clock);
  if (lead <= second) return std::max(due, world.now + second);
  const Seconds gap = below(world.random, 2) == 0 ? lead : second + below(world.random, lead);
  const Seconds before = one_of(world.random, {Seconds(0), second, below(world.random, lead)});
  return std::max(world.now + gap, due - before);
}

void plan(World& world, Rotator& rotator) {
  rotator.next = next_run(world, rotator);
  look_around(world, rotator.next);
}

Instant next_event(const World& world) {
  Instant next = world.instants.empty() ? Instant::max() : *world.instants.begin();
  for (const Rotator& rotator : world.rotators) next = std::min(next, rotator.next);
  return next;
}

void run_all_that_are_due(World& world) {
  std::ranges::shuffle(world.rotators, world.random);
  bool any = false;
  for (Rotator& rotator : world.rotators) {
    if (rotator.next > world.now) continue;
    run(world, rotator);
    plan(world, rotator);
    any = true;
  }
  if (any) look(world);
}

void step(World& world) {
  world.now = next_event(world);
  // With no lead the next key may be announced in the very second in which it is needed.
  if (world.instants.erase(world.now) != 0 && world.schedule.lead > Seconds(0)) look(world);
  run_all_that_are_due(world);
  if (world.schedule.lead == Seconds(0)) look(world);
}

/// Clocks up to the lead apart, the true time among them.
std::vector<Rotator> rotators_apart(World& world) {
  const Seconds lead = world.schedule.lead;
  const Seconds first = -below(world.random, lead + second);
  std::vector<Rotator> rotators{{.offset = first}, {.offset = first + lead}};
  for (auto n = below(world.random, 3); n > 0; --n) {
    rotators.push_back({.offset = first + below(world.random, lead + second)});
  }
  for (Rotator& rotator : rotators) rotator.next = world.now + below(world.random, lead);
  return rotators;
}

bool goes_on(const World& world, Instant end) {
  return world.now < end && world.worked < world.work;
}

void add(Counts& sum, const World& world, bool whole) {
  ++sum.schedules;
  sum.whole += whole ? 1U : 0U;
  sum.instants += world.counts.instants;
  sum.tickets += world.counts.tickets;
  sum.rotations += world.counts.rotations;
  sum.keys += world.counts.keys;
  sum.other += world.counts.other;
}

// ---- Parts

/// Simulates one schedule, and says where it was when a rule broke.
using Part = std::function<void(World&, Instant end)>;

struct Task {
  Schedule schedule;
  std::uint64_t seed;
  std::uint64_t work;
};

void simulate(Counts& sum, const Task& task, Instant end, const Part& part) {
  World world = world_of(task.schedule, task.seed);
  world.work = task.work;
  try {
    part(world, end);
  } catch (const test::Broken& broken) {
    FAIL(std::string(broken.what()), "; seed ", task.seed, ", ", text_of(task.schedule), "; ",
         (world.now - noon).count(), " s after the ring was made");
  }
  add(sum, world, world.now >= noon + ten_years);
}

/// The default schedule, many others, and very many for a few keys, where it matters how things
/// begin.
void simulate_all(std::string_view name, std::uint64_t seed, std::string_view other,
                  const Part& part) {
  Counts sum;
  const Instant end = noon + ten_years;
  simulate(sum, {.schedule = {}, .seed = seed, .work = work(for_the_default)}, end, part);
  const std::uint64_t long_ones = 20 * times();
  for (std::uint64_t n = 1; n <= 11 * long_ones; ++n) {
    Random random(seed + n);
    const Schedule schedule = random_schedule(random);
    REQUIRE_FALSE(flaw_of(schedule));
    const std::uint64_t enough = n <= long_ones ? for_a_long_one : for_a_brief_one;
    simulate(sum, {.schedule = schedule, .seed = seed + n, .work = work(enough)}, end, part);
  }
  print(name, seed, sum, other);
}

void rotate_late(World& world, Instant end) {
  world.rotators = rotators_apart(world);
  while (goes_on(world, end)) step(world);
}

/// Whether rotators that run in every lead can be followed through ten years in some seconds.
bool is_followed_for_ten_years(const Schedule& schedule) {
  const std::int64_t runs =
      6 * ten_years.count() / std::max<std::int64_t>(schedule.lead.count(), 1);
  const std::int64_t keys = schedule.ahead + 2 + schedule.accepting / schedule.sealing;
  return runs * (keys + keys * keys / 64) < 600'000;
}

Schedule random_schedule_for_ten_years(Random& random) {
  for (;;) {
    const Schedule schedule = random_schedule(random);
    if (is_followed_for_ten_years(schedule)) return schedule;
  }
}

TEST_CASE("A: ten years of twenty random schedules, one key seals and no ticket is refused") {
  Counts sum;
  const Instant end = noon + ten_years;
  constexpr std::uint64_t seed = 150000;
  for (std::uint64_t n = 1; n <= 20 * times(); ++n) {
    Random random(seed + n);
    simulate(sum,
             {.schedule = random_schedule_for_ten_years(random),
              .seed = seed + n,
              .work = work(5 * for_the_default)},
             end, rotate_late);
  }
  print("A, twenty of them to the end", seed, sum, "jumps");
  if (!sanitized) CHECK_EQ(sum.whole, sum.schedules);
}

TEST_CASE("A: while a rotator runs in every lead, one key seals and no ticket is refused") {
  simulate_all("A, late rotators with clocks a lead apart", 100000, "jumps", rotate_late);
}

// ---- Clocks that jump

/// When a clock is next set wrong, or right.
struct Jumps {
  Instant next;
  bool wrong = false;
};

Seconds random_jump(Random& random) {
  return below(random, 14 * day + second) - 7 * day;
}

void jump(World& world, Rotator& rotator, Jumps& jumps) {
  ++world.counts.other;
  jumps.wrong = !jumps.wrong;
  rotator.offset = jumps.wrong ? random_jump(world.random) : Seconds(0);
  const Seconds lasts = jumps.wrong ? one_of(world.random, {second, Seconds(hours(1)), 3 * day})
                                    : 5 * world.schedule.sealing;
  jumps.next = world.now + second + below(world.random, lasts);
  // Once it is right again, it runs within a lead.
  if (!jumps.wrong) rotator.next = world.now + below(world.random, world.schedule.lead + second);
}

/// Longer, now and then, than anything of the schedule lasts.
Instant run_after_a_while(World& world) {
  const Schedule& s = world.schedule;
  const Seconds everything = static_cast<int>(s.ahead) * s.sealing + s.accepting + 2 * s.lead;
  return world.now + second +
         (below(world.random, 50) == 0 ? everything + below(world.random, everything)
                                       : below(world.random, s.sealing));
}

void check_healed(World& world, const Rotator& rotator) {
  if (rotator.offset != Seconds(0)) return;
  must(sealing_ends(world.history, world.now) > world.now + world.schedule.lead,
       "a rotator whose clock is right heals the ring at once");
}

void run_with_jumps(World& world, std::vector<Jumps>& jumps) {
  for (std::size_t i = 0; i < world.rotators.size(); ++i) {
    Rotator& rotator = world.rotators[i];
    if (jumps[i].next <= world.now) jump(world, rotator, jumps[i]);
    if (rotator.next > world.now) continue;
    advance_once(world, clock_of(world, rotator));
    if (below(world.random, 4) == 0) advance_once(world, clock_of(world, rotator));
    check_healed(world, rotator);
    rotator.next = run_after_a_while(world);
    look_around(world, rotator.next);
  }
}

TEST_CASE("B: when clocks jump, nothing seals past its end, little is lost, and the ring heals") {
  simulate_all("B, clocks that jump and rotators that stand still", 200000, "jumps",
               [](World& world, Instant end) {
                 world.always_seals = false;
                 world.rotators.resize(1 + below(world.random, 3),
                                       {.offset = {}, .next = world.now});
                 std::vector<Jumps> jumps(world.rotators.size(), {.next = world.now});
                 advance_once(world, noon - world.schedule.skew - second);
                 while (goes_on(world, end)) {
                   look(world);
                   run_with_jumps(world, jumps);
                   look(world);
                   world.instants.erase(world.now);
                   world.now = next_event(world);
                   for (const Jumps& j : jumps) world.now = std::min(world.now, j.next);
                 }
               });
}

// ---- Out of turn

struct Turn {
  KeyName sealing;
  Instant latest;  ///< another key has to seal from here on
};

std::optional<Turn> turn_of(const World& world, Instant clock, Seconds notice) {
  const Key* active = active_key(world.ring, clock);
  if (active == nullptr) return std::nullopt;
  Instant begins = std::max(clock, active->activates_at + second);
  for (const Key& key : world.ring.keys) begins = std::max(begins, key.announced_at);
  return Turn{.sealing = active->name, .latest = begins + notice};
}

void promote_at(World& world, Instant clock, Seconds notice, Licence licence) {
  if (is_refused(world, clock)) return;
  ++world.counts.other;
  const auto turn = turn_of(world, clock, notice);
  const auto ring = world.store.update(
      [&](KeyRing r) { return promote(std::move(r), clock, notice, world.fresh); });
  must(ring.has_value(), ring ? "" : ring.error().message);
  const auto before = world.history.held;
  take(world, ring->copy(),
       {.now = world.now, .clock = clock, .licence = licence, .revoked = {}, .may_be = true});
  check_nothing_lost(world, before);
  check_rotated(world.history, clock);
  if (turn && turn->latest < clock + world.schedule.lead) {
    must(active_key(world.ring, turn->latest)->name != turn->sealing,
         "a promoted key takes its turn");
  }
}

/// Rotators learn of a change at their next run, and run as they did.
void plan_all(World& world) {
  for (Rotator& rotator : world.rotators) {
    rotator.next = std::min(rotator.next, world.now + below(world.random, world.schedule.lead));
    if (world.schedule.lead <= second) rotator.next = world.now;
  }
}

Instant some_time_later(World& world) {
  return world.now + second + below(world.random, 4 * world.schedule.sealing);
}

void step_until(World& world, Instant until) {
  world.instants.insert(until);
  while (world.now < until) step(world);
}

TEST_CASE("C: promoting with the lead as notice keeps every promise") {
  simulate_all("C, promotions with notice", 300000, "promotions", [](World& world, Instant end) {
    world.rotators = rotators_apart(world);
    while (goes_on(world, end)) {
      step_until(world, some_time_later(world));
      const Rotator& rotator = world.rotators[below(world.random, world.rotators.size())];
      promote_at(world, clock_of(world, rotator), world.schedule.lead, Licence::future_moves);
      plan_all(world);
      look(world);
    }
  });
}

void try_to_bring_back(World& world, const Key& revoked) {
  if (std::ranges::find(world.history.graves, revoked.name, &test::Grave::name) ==
      world.history.graves.end()) {
    return;
  }
  const auto ring = world.store.update([&](KeyRing r) -> std::expected<KeyRing, Failure> {
    r.keys.clear();
    r.keys.push_back(revoked.copy());
    ++r.generation;
    return r;
  });
  must(!ring, "a revoked key does not come back");
}

Key revoke_any(World& world) {
  ++world.counts.other;
  Key key = world.ring.keys[below(world.random, world.ring.keys.size())].copy();
  const auto ring = world.store.update(
      [&](KeyRing r) { return revoke(std::move(r), key.name, world.now, world.fresh); });
  must(ring.has_value(), ring ? "" : ring.error().message);
  const auto before = world.history.held;
  take(world, ring->copy(),
       {.now = world.now,
        .clock = world.now,
        .licence = Licence::moves,
        .revoked = {key.name},
        .is_due = true});
  check_nothing_lost(world, before);
  check_rotated(world.history, world.now);
  return key;
}

TEST_CASE("C: promoting at once and revoking leave one key that seals, and every other ticket") {
  simulate_all("C, promotions without notice and revoked keys", 400000, "of them",
               [](World& world, Instant end) {
                 world.rotators.resize(2, {.offset = {}, .next = world.now});
                 std::optional<Key> revoked;
                 while (goes_on(world, end)) {
                   step_until(world, some_time_later(world));
                   if (revoked) try_to_bring_back(world, *revoked);
                   if (below(world.random, 2) == 0) {
                     revoked = revoke_any(world);
                   } else {
                     promote_at(world, world.now,
                                below(world.random, 4) == 0 ? world.schedule.lead : Seconds(0),
                                Licence::moves);
                   }
                   plan_all(world);
                   look(world);
                 }
               });
}

// ---- Real tickets

/// A store that machines look at only when they refresh, and not on their way to a ticket.
class FarStore final : public RingStore {
 public:
  explicit FarStore(RingStore& store) : store_(store) {}
  std::expected<KeyRing, Failure> read() override { return store_.read(); }
  std::expected<void, Failure> create(const KeyRing& ring) override { return store_.create(ring); }
  std::expected<KeyRing, Failure> update(const RingChange& change) override {
    return store_.update(change);
  }
  [[nodiscard]] std::uint64_t mark() const noexcept override { return store_.mark(); }
  [[nodiscard]] bool local() const noexcept override { return false; }

 private:
  RingStore& store_;
};

/// A server of the fleet.
struct Machine {
  Seconds offset{};  ///< its clock less the true one
  Ticketer ticketer;
  Tickets tickets;
};

/// What the client keeps.
struct KeptTicket {
  std::vector<std::byte> bytes;
  KeyName name{};
  Instant issued_at{};
  Instant key_ends{};  ///< as its machine knew it
};

struct Fleet {
  World& world;
  FarStore store;
  std::vector<Machine> machines;
  Session session;
  std::multimap<Instant, std::function<void()>> agenda;
  Seconds apart{};  ///< between any two clocks
};

void at(Fleet& fleet, Instant when, std::function<void()> what) {
  fleet.agenda.emplace(std::max(when, fleet.world.now), std::move(what));
}

Machine machine_of(Fleet& fleet, Seconds offset) {
  const Instant now = fleet.world.now + offset;
  auto ticketer = Ticketer::open(fleet.store, {}, now).value();
  const Tickets tickets = ticketer.in("simulated", std::nullopt, now).value();
  return {.offset = offset, .ticketer = std::move(ticketer), .tickets = tickets};
}

Machine& any_machine(Fleet& fleet) {
  return fleet.machines[below(fleet.world.random, fleet.machines.size())];
}

/// A rotator on time: what is announced a lead before it is needed.
void rotate(Fleet& fleet) {
  World& world = fleet.world;
  advance_once(world, world.now);
  if (below(world.random, 8) == 0) {
    promote_at(world, world.now, world.schedule.lead, Licence::future_moves);
  }
  const Instant due = std::max(due_at(world.history, world.now), world.now + second);
  const Instant sooner = world.now + second + below(world.random, world.schedule.sealing);
  at(fleet, std::min(due, sooner), [&fleet] { rotate(fleet); });
}

/// Within the lead, whatever a machine's clock says.
void refresh(Fleet& fleet, Machine& machine) {
  World& world = fleet.world;
  must(machine.ticketer.refresh(world.now + machine.offset).has_value(), "a machine refreshes");
  const Seconds gap = world.schedule.lead - fleet.apart;
  const Seconds in = below(world.random, 2) == 0 ? gap : second + below(world.random, gap);
  at(fleet, world.now + in, [&] { refresh(fleet, machine); });
}

void open(Fleet& fleet, const KeptTicket& ticket) {
  const Machine& machine = any_machine(fleet);
  const Instant now = fleet.world.now;
  const Instant clock = now + machine.offset;
  const auto session = machine.tickets.open(ticket.bytes, clock);
  ++fleet.world.counts.instants;
  if (now < ticket.issued_at + fleet.world.schedule.lifetime) {
    must(session.has_value(), "no ticket is refused within its lifetime");
    must(session->issued_at == ticket.issued_at && session->secret == fleet.session.secret,
         "a ticket opens to what was sealed");
  }
  const test::Remembered& key = fleet.world.history.ever.at(ticket.name);
  if (clock >= key.first.expires_at) must(!session, "no ticket opens after its key's end");
}

void open_for_as_long_as_it_lives(Fleet& fleet, KeptTicket ticket) {
  const Instant ends = ticket.issued_at + fleet.world.schedule.lifetime;
  const Instant key_ends = ticket.key_ends;
  const auto kept = std::make_shared<const KeptTicket>(std::move(ticket));
  for (const Instant when :
       {fleet.world.now, fleet.world.now + below(fleet.world.random, fleet.world.schedule.lifetime),
        ends - second, ends, key_ends - second, key_ends, key_ends + second,
        key_ends + below(fleet.world.random, fleet.world.schedule.accepting)}) {
    at(fleet, when, [&fleet, kept] { open(fleet, *kept); });
  }
}

void issue_from(Fleet& fleet, const Machine& machine) {
  const Instant clock = fleet.world.now + machine.offset;
  std::array<std::byte, 1024> room;
  const auto ticket = machine.tickets.issue(fleet.session, room, clock);
  must(ticket.has_value(), "a machine can issue at every instant");
  must(ticket->lifetime_hint == fleet.world.schedule.lifetime, "a ticket lives for its lifetime");
  KeptTicket kept{
      .bytes = {ticket->bytes.begin(), ticket->bytes.end()}, .name = {}, .issued_at = clock};
  std::ranges::copy(ticket->bytes.first(kept.name.size()),
                    as_writable_bytes(std::span(kept.name)).begin());
  const test::Remembered& key = fleet.world.history.ever.at(kept.name);
  must(clock < key.first.retires_at, "no key seals past its first end");
  kept.key_ends = key.life.expires_at;
  ++fleet.world.counts.tickets;
  open_for_as_long_as_it_lives(fleet, std::move(kept));
}

/// At random, and around the instants at which the ring changes hands.
void issue_now_and_then(Fleet& fleet) {
  World& world = fleet.world;
  issue_from(fleet, any_machine(fleet));
  const Instant later = world.now + second + below(world.random, world.schedule.sealing / 10);
  at(fleet, std::min(later, std::max(next_event(world), world.now + second)),
     [&fleet] { issue_now_and_then(fleet); });
  world.instants.erase(world.instants.begin(), world.instants.upper_bound(world.now));
}

void run_fleet(World& world, Instant end) {
  Fleet fleet{.world = world,
              .store = FarStore(world.store),
              .machines = {},
              .session = test::typical_tls13_session(),
              .agenda = {},
              .apart = {}};
  fleet.apart = std::min(world.schedule.skew, world.schedule.lead / 2);
  for (int n = 0; n < 4; ++n) {
    fleet.machines.push_back(machine_of(fleet, -(n * fleet.apart / 3)));
  }
  for (Machine& machine : fleet.machines) refresh(fleet, machine);
  rotate(fleet);
  at(fleet, noon + fleet.apart, [&fleet] { issue_now_and_then(fleet); });
  while (goes_on(world, end)) {
    const auto next = fleet.agenda.extract(fleet.agenda.begin());
    world.now = next.key();
    next.mapped()();
  }
}

/// Other schedules than those that live as long as they like: the lead has to be some seconds.
Schedule fleet_schedule(Random& random) {
  for (;;) {
    const Schedule schedule = random_schedule(random);
    if (schedule.lead >= Seconds(10) && schedule.sealing < 20 * day) return schedule;
  }
}

TEST_CASE("D: real tickets of a fleet that refreshes within the lead open for all their lifetime") {
  Counts sum;
  constexpr std::uint64_t seed = 500000;
  simulate(sum, {.schedule = {}, .seed = seed, .work = work(for_the_default)},
           noon + (sanitized ? 10 : 60) * day, run_fleet);
  for (std::uint64_t n = 1; n <= 20 * times(); ++n) {
    Random random(seed + n);
    const Schedule schedule = fleet_schedule(random);
    constexpr int periods = sanitized ? 10 : 60;
    simulate(sum, {.schedule = schedule, .seed = seed + n, .work = work(for_the_default)},
             noon + periods * schedule.sealing, run_fleet);
  }
  print("D, real tickets (instants: at which one was opened)", seed, sum, "promotions");
}

}  // namespace
}  // namespace stek
