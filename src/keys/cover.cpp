#include "keys/cover.hpp"

#include <algorithm>
#include <limits>

#include <fmt/core.h>

#include "keys/names.hpp"

namespace stek::keys {

std::optional<Failure> refusal_to_change(const KeyRing& ring, Instant now) {
  if (auto flaw = flaw_of(ring)) return flaw;
  if (ring.domain) {
    return Failure{.error = Error::unsuitable,
                   .message = "the ring was exported for one trust domain and cannot be changed",
                   .hint = "change the ring it comes from, then 'stek keys export' again"};
  }
  if (now < Instant{}) {
    return Failure{.error = Error::clock_behind,
                   .message = "the clock is before 1970",
                   .hint = "set the clock of this machine"};
  }
  if (now >= end_of_time) {
    return Failure{.error = Error::unsuitable,
                   .message = "the clock is past what a ring can hold",
                   .hint = "set the clock of this machine"};
  }
  if (ring.created_at - now <= ring.schedule.skew) return std::nullopt;
  return Failure{.error = Error::clock_behind,
                 .message = fmt::format("the clock is {} s before the ring was made",
                                        (ring.created_at - now).count()),
                 .hint =
                     "set this machine's clock; if the one that made the ring ran ahead, move the "
                     "ring away, then 'stek keys init'"};
}

Instant dropped_at(const Schedule& schedule, Instant end) noexcept {
  return end + schedule.lead;
}

bool drop_ended(KeyRing& ring, Instant now) {
  const auto ended = [&](Instant end) { return now >= dropped_at(ring.schedule, end); };
  const auto keys = std::erase_if(ring.keys, [&](const Key& k) { return ended(k.expires_at); });
  const auto foreign =
      std::erase_if(ring.foreign, [&](const ForeignKey& k) { return ended(k.expires_at); });
  const auto revoked =
      std::erase_if(ring.revoked, [&](const Tombstone& t) { return ended(t.until); });
  return keys + foreign + revoked != 0;
}

Instant horizon(const Schedule& schedule, Instant now) noexcept {
  return now + schedule.lead + (schedule.ahead - 1) * schedule.sealing;
}

Instant covered_until(const KeyRing& ring, Instant now) noexcept {
  while (const Key* key = active_key(ring, now)) now = key->retires_at;
  return now;
}

namespace {

std::unexpected<Failure> refused(Error error, std::string message, std::string hint = {}) {
  return std::unexpected(Failure{error, std::move(message), std::move(hint)});
}

std::expected<StekSecret, Failure> strong_secret(const FreshSecret& fresh) {
  auto secret = fresh();
  if (!secret) {
    return refused(secret.error(), "no new key: " + std::string(text_of(secret.error())));
  }
  if (const auto weakness = weakness_of(secret->expose())) {
    return refused(Error::weak_secret, fmt::format("a new key's secret is weak: {}", *weakness),
                   "this machine's random generator is broken; do not use it for keys");
  }
  return *std::move(secret);
}

/// Where the key that seals from `from` has to end: where the next one begins, which it may.
Instant sealing_ends(const KeyRing& ring, Instant from) noexcept {
  const auto next =
      std::ranges::find_if(ring.keys, [&](const Key& k) { return k.activates_at > from; });
  const Instant end = from + ring.schedule.sealing;
  return next == ring.keys.end() ? end : std::min(end, next->activates_at);
}

void insert(std::vector<Key>& keys, Key key) {
  const auto place = std::ranges::upper_bound(keys, key.activates_at, {}, &Key::activates_at);
  keys.insert(place, std::move(key));
}

}  // namespace

std::expected<std::size_t, Failure> cover(KeyRing& ring, Instant from, Instant until, Instant now,
                                          const FreshSecret& fresh) {
  std::size_t taken = 0;
  for (Instant at = covered_until(ring, from); at <= until; at = covered_until(ring, at)) {
    auto secret = strong_secret(fresh);
    if (!secret) return std::unexpected(std::move(secret.error()));
    const Instant retires_at = sealing_ends(ring, at);
    insert(ring.keys, Key{.name = name_for(*secret),
                          .secret = *std::move(secret),
                          .profile = ring.schedule.profile,
                          .announced_at = std::min(now, at),
                          .activates_at = at,
                          .retires_at = retires_at,
                          .expires_at = retires_at + ring.schedule.accepting});
    ++taken;
  }
  return taken;
}

Instant lapsed_at(const KeyRing& ring, Instant now) noexcept {
  if (active_key(ring, now) != nullptr) return now;
  const Instant earliest = now - ring.schedule.lead;
  Instant lapsed = now;
  for (const Key& key : ring.keys) {
    if (key.retires_at >= earliest && key.retires_at <= now) lapsed = key.retires_at;
  }
  return lapsed;
}

void move_earlier(std::span<Key> keys, Seconds early) noexcept {
  for (Key& key : keys) {
    key.activates_at -= early;
    key.retires_at -= early;
    key.expires_at -= early;
    key.announced_at = std::min(key.announced_at, key.activates_at);
  }
}

std::expected<KeyRing, Failure> next_generation(KeyRing ring, Instant now) {
  if (ring.generation == std::numeric_limits<std::uint64_t>::max()) {
    return std::unexpected(Failure{.error = Error::invalid_ring,
                                   .message = "the ring's generation cannot go up any more",
                                   .hint = "move the ring away, then 'stek keys init'"});
  }
  ++ring.generation;
  ring.written_at = now;
  if (auto flaw = flaw_of(ring)) return std::unexpected(*std::move(flaw));
  return ring;
}

}  // namespace stek::keys
