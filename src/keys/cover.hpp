// The steps that every change of a ring is made of.
#pragma once

#include <stek/ring.hpp>

namespace stek::keys {

/// Why nobody may change `ring` at `now`: it contradicts itself (what `flaw_of` says), it is of one
/// trust domain or the clock is past what a ring can hold (`Error::unsuitable`), or the clock is
/// before 1970 or, by more than the skew, before the ring was made (`Error::clock_behind`).
std::optional<Failure> refusal_to_change(const KeyRing& ring, Instant now);

/// Erases what ended a lead ago or more. True when there was any.
bool drop_ended(KeyRing& ring, Instant now);
/// When `drop_ended` erases something that ends at `end`.
Instant dropped_at(const Schedule& schedule, Instant end) noexcept;

/// Sealing has to be covered up to here: one lead from now, so that a key is known everywhere
/// before it seals, and a sealing period more for each further key that is to be announced early.
Instant horizon(const Schedule& schedule, Instant now) noexcept;
/// The first instant from `now` on at which no key seals.
Instant covered_until(const KeyRing& ring, Instant now) noexcept;
/// Announces keys, so that one seals at every instant from `from`, which is `now` or a lead before
/// it at most, to `until`. The number of keys that it took.
std::expected<std::size_t, Failure> cover(KeyRing& ring, Instant from, Instant until, Instant now,
                                          const FreshSecret& fresh);
/// Where `cover` begins: at `now`; but where nothing seals any more since a lead ago at most,
/// there: by another machine's clock that may be still to come.
Instant lapsed_at(const KeyRing& ring, Instant now) noexcept;

/// From `next` on, keys seal `early` sooner than they were to.
void move_earlier(std::span<Key> keys, Seconds early) noexcept;

std::expected<KeyRing, Failure> next_generation(KeyRing ring, Instant now);

}  // namespace stek::keys
