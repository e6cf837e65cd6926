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

std::optional<Failure> refusal(const KeyRing& ring, Instant now) {
  if (auto flaw = flaw_of(ring)) return flaw;
  if (now < Instant{}) {
    return Failure{.error = Error::clock_behind,
                   .message = "the clock is before 1970",
                   .hint = "set the clock of this machine"};
  }
  if (ring.written_at - now <= ring.schedule.skew) return std::nullopt;
  return Failure{.error = Error::clock_behind,
                 .message = fmt::format("the clock is {} s before the ring was written",
                                        (ring.written_at - now).count()),
                 .hint =
                     "set this machine's clock; if the one that wrote the ring ran ahead, move the "
                     "ring away, then "
                     "'stek keys init'"};
}

bool drop_expired(KeyRing& ring, Instant now) {
  return std::erase_if(ring.keys, [&](const Key& key) { return now >= key.expires_at; }) != 0;
}

/// Announces keys until sealing is covered beyond `until`. True when it took any.
std::expected<bool, Failure> cover(KeyRing& ring, Instant until, Instant now,
                                   const FreshSecret& fresh) {
  bool announced = false;
  while (sealing_ends(ring) <= until) {
    auto key = fresh_key(ring.schedule, now, std::max(sealing_ends(ring), now), fresh);
    if (!key) return std::unexpected(std::move(key.error()));
    ring.keys.push_back(*std::move(key));
    announced = true;
  }
  return announced;
}

std::expected<KeyRing, Failure> next_generation(KeyRing ring, Instant now) {
  ++ring.generation;
  ring.written_at = std::max(now, ring.written_at);
  if (auto flaw = flaw_of(ring)) return std::unexpected(*std::move(flaw));
  return ring;
}

/// A key seals for a second at least: one that has only just begun ends in the next.
Instant earliest_end(const KeyRing& ring, Instant now) noexcept {
  const Key* active = active_key(ring, now);
  return active == nullptr ? now : std::max(now, active->activates_at + Seconds(1));
}

/// Ends the active key's turn and begins the next one's, which may not be announced yet; returns
/// when. What moves, moves earlier.
Instant hand_over(KeyRing& ring, Instant now) noexcept {
  const auto next = std::ranges::find_if(
      ring.keys, [&](const Key& key) { return phase_of(key, now) == Phase::announced; });
  Instant turn = earliest_end(ring, now);
  // Another machine, whose clock is ahead, may have announced it in our future.
  if (next != ring.keys.end()) turn = std::max(turn, next->announced_at);
  const Seconds early =
      next == ring.keys.end() ? Seconds(0) : std::max(next->activates_at - turn, Seconds(0));
  for (auto key = ring.keys.begin(); key != next; ++key) {
    const Seconds cut = std::max(key->retires_at - turn, Seconds(0));
    key->retires_at -= cut;
    key->expires_at -= cut;
  }
  for (auto key = next; key != ring.keys.end(); ++key) {
    key->activates_at -= early;
    key->retires_at -= early;
    key->expires_at -= early;
  }
  return turn;
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
  if (auto failure = refusal(ring, now)) return std::unexpected(*std::move(failure));
  const bool dropped = drop_expired(ring, now);
  const auto announced = cover(ring, horizon(ring.schedule, now), now, fresh);
  if (!announced) return std::unexpected(announced.error());
  if (!dropped && !*announced) return ring;
  return next_generation(std::move(ring), now);
}

std::expected<KeyRing, Failure> promote(KeyRing ring, Instant now, const FreshSecret& fresh) {
  if (auto failure = refusal(ring, now)) return std::unexpected(*std::move(failure));
  drop_expired(ring, now);
  const Instant due = horizon(ring.schedule, now);
  if (auto announced = cover(ring, due, now, fresh); !announced) {
    return std::unexpected(std::move(announced.error()));
  }
  const Instant turn = hand_over(ring, now);
  if (auto announced = cover(ring, std::max(due, turn), now, fresh); !announced) {
    return std::unexpected(std::move(announced.error()));
  }
  return next_generation(std::move(ring), now);
}

Instant next_due(const KeyRing& ring) noexcept {
  Instant due = sealing_ends(ring) - (horizon(ring.schedule, Instant{}) - Instant{});
  for (const Key& key : ring.keys) due = std::min(due, key.expires_at);
  return due;
}

}  // namespace stek
