#include <algorithm>

#include <fmt/core.h>

#include <stek/ring.hpp>

#include "base/random.hpp"
#include "keys/names.hpp"

namespace stek {

std::expected<StekSecret, Error> random_secret() {
  StekSecret secret;
  if (!system_random(secret.expose_room())) return std::unexpected(Error::randomness_failed);
  return secret;
}

namespace {

std::unexpected<Failure> refused(Error error, std::string message, std::string hint = {}) {
  return std::unexpected(Failure{error, std::move(message), std::move(hint)});
}

std::expected<Key, Failure> fresh_key(const Schedule& schedule, Instant now, Instant activates_at,
                                      const FreshSecret& fresh) {
  auto secret = fresh();
  if (!secret)
    return refused(secret.error(), "no new key: " + std::string(text_of(secret.error())));
  if (const auto weakness = weakness_of(secret->expose())) {
    return refused(Error::weak_secret, fmt::format("a new key's secret is weak: {}", *weakness),
                   "this machine's random generator is broken; do not use it for keys");
  }
  Key key;
  key.name = keys::name_for(*secret);
  key.secret = *std::move(secret);
  key.profile = schedule.profile;
  key.announced_at = now;
  key.activates_at = activates_at;
  key.retires_at = activates_at + schedule.sealing;
  key.expires_at = key.retires_at + schedule.accepting;
  return key;
}

/// Sealing has to be covered up to here: one lead from now, so that a key is known everywhere
/// before it seals, and a sealing period more for each further key that is to be announced early.
Instant horizon(const Schedule& schedule, Instant now) noexcept {
  return now + schedule.lead + (schedule.ahead - 1) * schedule.sealing;
}

Instant sealing_ends(const KeyRing& ring) noexcept {
  return ring.keys.empty() ? Instant{} : ring.keys.back().retires_at;
}

/// A key seals for a second at least: one that has only just begun ends in the next.
Instant earliest_end(const KeyRing& ring, Instant now) noexcept {
  const Key* active = active_key(ring, now);
  return active == nullptr ? now : std::max(now, active->activates_at + Seconds(1));
}

}  // namespace

std::expected<KeyRing, Failure> new_ring(const Schedule& schedule, Instant now,
                                         const FreshSecret& fresh) {
  KeyRing ring;
  ring.schedule = schedule;
  if (!system_random(ring.id)) {
    return refused(Error::randomness_failed, "no new ring: the kernel gave no random bytes");
  }
  ring.written_at = now;
  return advance(std::move(ring), now, fresh);
}

std::expected<KeyRing, Failure> advance(KeyRing ring, Instant now, const FreshSecret& fresh) {
  if (auto flaw = flaw_of(ring)) return std::unexpected(*std::move(flaw));
  if (now + ring.schedule.skew < ring.written_at) {
    return refused(Error::clock_behind,
                   fmt::format("the clock is {} s before the ring was written",
                               (ring.written_at - now).count()),
                   "set the clock of this machine, or of the one that wrote the ring");
  }
  const auto dropped =
      std::erase_if(ring.keys, [&](const Key& key) { return now >= key.expires_at; });
  bool changed = dropped != 0;
  while (sealing_ends(ring) <= horizon(ring.schedule, now)) {
    auto key = fresh_key(ring.schedule, now, std::max(sealing_ends(ring), now), fresh);
    if (!key) return std::unexpected(std::move(key.error()));
    ring.keys.push_back(*std::move(key));
    changed = true;
  }
  if (changed) {
    ++ring.generation;
    ring.written_at = std::max(now, ring.written_at);
    if (auto flaw = flaw_of(ring)) return std::unexpected(*std::move(flaw));
  }
  return ring;
}

std::expected<KeyRing, Failure> promote(KeyRing ring, Instant now, const FreshSecret& fresh) {
  auto ready = advance(std::move(ring), now, fresh);
  if (!ready) return ready;
  const auto next = std::ranges::find_if(
      ready->keys, [&](const Key& key) { return phase_of(key, now) == Phase::announced; });
  Instant turn = earliest_end(*ready, now);
  // Another machine, whose clock is ahead, may have announced it in our future.
  if (next != ready->keys.end()) turn = std::max(turn, next->announced_at);
  // What moves, moves earlier.
  const Seconds early =
      next == ready->keys.end() ? Seconds(0) : std::max(next->activates_at - turn, Seconds(0));
  for (auto key = next; key != ready->keys.end(); ++key) {
    key->activates_at -= early;
    key->retires_at -= early;
    key->expires_at -= early;
  }
  for (auto key = ready->keys.begin(); key != next; ++key) {
    if (key->retires_at <= turn) continue;
    key->retires_at = turn;
    key->expires_at = turn + ready->schedule.accepting;
  }
  ++ready->generation;
  ready->written_at = std::max(now, ready->written_at);
  // Nothing was announced: the active key ends here, so a fresh one is due.
  return advance(*std::move(ready), now, fresh);
}

Instant next_due(const KeyRing& ring) noexcept {
  Instant due = sealing_ends(ring) - (horizon(ring.schedule, Instant{}) - Instant{});
  for (const Key& key : ring.keys) due = std::min(due, key.expires_at);
  return due;
}

}  // namespace stek
