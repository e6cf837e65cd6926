// What must hold of a ring while it rotates, from a memory of every key that it ever announced:
// a second statement of the rules, which shares no line with `src/keys`.
#pragma once

#include <map>
#include <stdexcept>

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <stek/ring.hpp>

namespace stek::test {

/// A rule that did not hold.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void must(bool holds, std::string_view rule) {
  if (!holds) [[unlikely]]
    throw Broken(std::string(rule));
}

struct Life {
  Instant announced_at;
  Instant activates_at;
  Instant retires_at;
  Instant expires_at;

  friend bool operator==(const Life&, const Life&) = default;
  [[nodiscard]] bool seals(Instant at) const { return activates_at <= at && at < retires_at; }
  [[nodiscard]] bool is_over(Instant at) const { return at >= expires_at; }
};

struct Remembered {
  std::array<std::byte, 32> secret{};
  Life first{};           ///< as first announced
  Life life{};            ///< as it is now: `first`, or earlier
  bool gone = false;      ///< out of the ring, for good
  Instant tickets_end{};  ///< the last of its tickets is refused from here on
};

struct Grave {
  KeyName name{};
  Instant until{};
};

/// What a change of the ring may do, beside announcing keys and erasing ended ones.
enum class Licence : std::uint8_t {
  none,
  future_moves,  ///< keys' instants move earlier, but no instant that has passed, and not into it
  moves,         ///< keys' instants move earlier
};

/// Who changed the ring: `clock` is what its clock showed at the true instant `now`.
struct Change {
  Instant now;
  Instant clock;
  Licence licence = Licence::none;
  std::vector<KeyName> revoked;
  bool is_due = false;  ///< there has to be a new generation
  bool may_be = false;  ///< there may be one though nothing is due
};

/// The memory of one ring.
struct History {
  Schedule schedule;
  std::map<KeyName, Remembered> ever;
  std::vector<Remembered*> held;  ///< in the ring, in its order
  std::vector<Grave> graves;
  std::uint64_t generation = 0;
  Seconds lead_of_all{};  ///< lead, and a sealing period for each further key announced early
};

inline History history_of(const Schedule& schedule) {
  History history;
  history.schedule = schedule;
  history.lead_of_all = schedule.lead + (static_cast<int>(schedule.ahead) - 1) * schedule.sealing;
  return history;
}

inline int sealing_keys(const History& history, Instant at) {
  return static_cast<int>(std::ranges::count_if(
      history.held, [&](const Remembered* key) { return key->life.seals(at); }));
}

/// Where sealing that is unbroken from `from` on ends.
inline Instant sealing_ends(const History& history, Instant from) {
  for (const Remembered* key : history.held) {
    if (key->life.seals(from)) from = key->life.retires_at;
  }
  return from;
}

/// The first instant of a rotator's clock, from `clock` on, at which it has to write.
inline Instant due_at(const History& history, Instant clock) {
  Instant due = sealing_ends(history, clock) - history.lead_of_all;
  for (const Remembered* key : history.held) {
    due = std::min(due, key->life.expires_at + history.schedule.lead);
  }
  for (const Grave& grave : history.graves) {
    due = std::min(due, grave.until + history.schedule.lead);
  }
  return std::max(due, clock);
}

namespace history {

inline Life life_of(const Key& key) {
  return {key.announced_at, key.activates_at, key.retires_at, key.expires_at};
}

inline bool is_buried(const History& history, const KeyName& name) {
  return std::ranges::find(history.graves, name, &Grave::name) != history.graves.end();
}

inline void check_announced(const Schedule& schedule, const Life& life, const Change& change) {
  must(life.announced_at == std::min(change.clock, life.activates_at),
       "a key is announced when the rotator's clock says");
  must(life.activates_at >= change.clock - schedule.lead || change.licence != Licence::none,
       "no key is announced for more than a lead ago");
  must(life.retires_at > life.activates_at, "a key seals for a second at least");
  must(life.retires_at - life.activates_at <= schedule.sealing,
       "a key seals for no longer than it is to");
  must(life.expires_at - life.retires_at == schedule.accepting,
       "a key opens for as long as it is to");
}

inline void check_move(Instant before, Instant after, const Change& change) {
  must(after <= before, "an instant never moves later");
  if (after == before) return;
  must(change.licence != Licence::none, "an instant moves only when a key is promoted or revoked");
  must(change.licence == Licence::moves || after >= change.now,
       "what has passed is not written anew");
}

inline void check_life(const Life& before, const Life& after, const Change& change) {
  check_move(before.activates_at, after.activates_at, change);
  check_move(before.retires_at, after.retires_at, change);
  check_move(before.expires_at, after.expires_at, change);
  must(after.announced_at == std::min(before.announced_at, after.activates_at),
       "the announcement is never dated anew");
  must(after.activates_at < after.retires_at && after.retires_at <= after.expires_at,
       "a life's instants stand in order");
}

inline Remembered& learn_key(History& history, const Key& key, const Change& change) {
  const auto [found, is_new] = history.ever.try_emplace(key.name);
  Remembered& known = found->second;
  const Life life = life_of(key);
  if (is_new) {
    check_announced(history.schedule, life, change);
    std::ranges::copy(key.secret.expose(), known.secret.begin());
    known.first = life;
  } else {
    must(!known.gone, "a key that is gone never comes back");
    must(equal_secrets(known.secret, key.secret.expose()), "a name never has another secret");
    check_life(known.life, life, change);
  }
  known.life = life;
  return known;
}

inline void learn_keys(History& history, const KeyRing& ring, const Change& change) {
  history.held.clear();
  for (const Key& key : ring.keys) {
    must(!is_buried(history, key.name), "a revoked key stays away");
    Remembered& known = learn_key(history, key, change);
    must(std::ranges::find(history.held, &known) == history.held.end(), "no key stands twice");
    must(history.held.empty() || history.held.back()->life.retires_at <= known.life.activates_at,
         "one key seals after the other");
    history.held.push_back(&known);
  }
}

/// With no tickets that live: `tickets_live` says whether any may be lost with an ended key.
inline void let_go(const History& history, Remembered& key, const Change& change) {
  const Instant end = key.life.expires_at + history.schedule.lead;
  must(change.clock >= end, "a key stays until its end is a lead ago");
  key.gone = true;
}

inline void bury(History& history, const Change& change) {
  for (const KeyName& name : change.revoked) {
    Remembered& key = history.ever.at(name);
    key.gone = true;
    key.tickets_end = Instant{};
    history.graves.push_back({.name = name, .until = key.life.expires_at});
  }
}

inline void check_graves(History& history, const KeyRing& ring, const Change& change) {
  std::erase_if(history.graves, [&](const Grave& grave) {
    return change.clock >= grave.until + history.schedule.lead;
  });
  must(ring.revoked.size() == history.graves.size(),
       "a tombstone stands until a lead after the end that its key was to have");
  for (const Grave& grave : history.graves) {
    const auto stone = std::ranges::find(ring.revoked, grave.name, &Tombstone::name);
    must(stone != ring.revoked.end() && stone->until == grave.until,
         "a tombstone says when its key was to end");
  }
}

inline void check_generation(History& history, const KeyRing& ring, const Change& change) {
  const std::uint64_t step = ring.generation - history.generation;
  must(step <= 1, "a change is one generation");
  if (change.is_due) must(step == 1, "a rotator does what is due");
  if (!change.is_due && !change.may_be) must(step == 0, "a rotator does nothing before it is due");
  history.generation = ring.generation;
}

}  // namespace history

/// Compares `ring` with what is remembered, and remembers what is new in it.
inline void learn(History& history, const KeyRing& ring, const Change& change) {
  const std::vector<Remembered*> before = history.held;
  history::check_generation(history, ring, change);
  history::bury(history, change);
  history::check_graves(history, ring, change);
  history::learn_keys(history, ring, change);
  for (Remembered* key : before) {
    const bool stays = std::ranges::find(history.held, key) != history.held.end();
    if (!stays && !key->gone) history::let_go(history, *key, change);
  }
}

/// What a rotator owes, of which the clock showed `clock`: covered by exactly one key at every
/// instant from then to the end of the lead, and nothing kept that ended a lead ago.
inline void check_rotated(const History& history, Instant clock) {
  must(sealing_ends(history, clock) > clock + history.lead_of_all,
       "the next key is announced a lead before it is needed");
  for (const Remembered* key : history.held) {
    must(clock < key->life.expires_at + history.schedule.lead,
         "a key that ended a lead ago is erased");
  }
}

}  // namespace stek::test
