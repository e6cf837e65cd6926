#include <algorithm>

#include <stek/ring.hpp>

#include "base/random.hpp"
#include "keys/cover.hpp"
#include "keys/names.hpp"

namespace stek {

using namespace keys;

std::expected<StekSecret, Error> random_secret() {
  StekSecret secret;
  if (!system_random(secret.expose_room())) return std::unexpected(Error::randomness_failed);
  return secret;
}

std::expected<KeyRing, Failure> new_ring(const Schedule& schedule, Instant now,
                                         const FreshSecret& fresh) {
  KeyRing ring;
  ring.schedule = schedule;
  if (!system_random(ring.id)) {
    return std::unexpected(Failure{.error = Error::randomness_failed,
                                   .message = "no new ring: the kernel gave no random bytes",
                                   .hint = {}});
  }
  ring.created_at = now;
  return advance(std::move(ring), now, fresh);
}

std::expected<KeyRing, Failure> advance(KeyRing ring, Instant now, const FreshSecret& fresh) {
  if (auto failure = refusal_to_change(ring, now)) return std::unexpected(*std::move(failure));
  const bool dropped = drop_ended(ring, now);
  const auto announced = cover(ring, lapsed_at(ring, now), horizon(ring.schedule, now), now, fresh);
  if (!announced) return std::unexpected(announced.error());
  if (!dropped && *announced == 0) return ring;
  return next_generation(std::move(ring), now);
}

namespace {

/// Ends the active key's turn at `turn` and begins the next one's there.
void hand_over(Key& active, std::span<Key> next, Instant turn) noexcept {
  const Seconds early = next.front().activates_at - turn;
  active.retires_at -= early;
  active.expires_at -= early;
  move_earlier(next, early);
}

}  // namespace

std::expected<KeyRing, Failure> promote(KeyRing ring, Instant now, Seconds notice,
                                        const FreshSecret& fresh) {
  if (auto failure = refusal_to_change(ring, now)) return std::unexpected(*std::move(failure));
  notice = std::clamp(notice, Seconds(0), longest);
  const bool dropped = drop_ended(ring, now);
  const Instant due = horizon(ring.schedule, now);
  auto announced = cover(ring, lapsed_at(ring, now), due, now, fresh);
  if (!announced) return std::unexpected(std::move(announced.error()));
  const Instant turn_ends = active_key(ring, now)->retires_at;
  const auto next_announced = cover(ring, now, turn_ends, now, fresh);
  if (!next_announced) return std::unexpected(next_announced.error());

  const auto active = std::ranges::find(ring.keys, active_key(ring, now)->name, &Key::name);
  const std::span<Key> next(std::next(active), ring.keys.end());
  // The notice is of the new turn, however long the key itself is known: who has not read of it
  // seals with the active key until its old turn. A key seals for a second at least; and another
  // machine, whose clock is ahead, may have announced the next one in our future.
  const Instant turn = std::max(
      {now + notice, active->activates_at + Seconds(1), next.front().announced_at + notice});
  const bool sooner = turn < next.front().activates_at;
  if (sooner) hand_over(*active, next, turn);
  const auto covered = cover(ring, now, std::max(due, turn), now, fresh);
  if (!covered) return std::unexpected(covered.error());
  if (!sooner && !dropped && *announced + *next_announced + *covered == 0) return ring;
  return next_generation(std::move(ring), now);
}

std::expected<KeyRing, Failure> rewritten(KeyRing ring, Instant now) {
  if (auto failure = refusal_to_change(ring, now)) return std::unexpected(*std::move(failure));
  return next_generation(std::move(ring), now);
}

Instant next_due(const KeyRing& ring, Instant now) noexcept {
  const Instant uncovered = covered_until(ring, now);
  Instant due = uncovered - (horizon(ring.schedule, Instant{}) - Instant{});
  for (const Key& key : ring.keys) due = std::min(due, dropped_at(ring.schedule, key.expires_at));
  for (const ForeignKey& key : ring.foreign) {
    due = std::min(due, dropped_at(ring.schedule, key.expires_at));
  }
  for (const Tombstone& tombstone : ring.revoked) {
    due = std::min(due, dropped_at(ring.schedule, tombstone.until));
  }
  return std::max(due, now);
}

}  // namespace stek
