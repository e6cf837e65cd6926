#include <algorithm>

#include <fmt/core.h>

#include <stek/ring.hpp>

#include "base/encoding.hpp"
#include "keys/cover.hpp"
#include "keys/names.hpp"

namespace stek {
namespace {

using namespace keys;

bool has(const auto& entries, const KeyName& name, auto member) {
  return std::ranges::find(entries, name, member) != entries.end();
}

Instant tombstone_ends(const Key& key, Instant /*now*/) noexcept {
  return key.expires_at;
}

/// An end of its own it has not, only the one that somebody chose who imported it: so for as long
/// as one can be chosen.
Instant tombstone_ends(const ForeignKey& key, Instant now) noexcept {
  return std::max(key.expires_at, now + longest);
}

/// Erases the keys that `ends` is true of; their tombstones stay.
template <class AnyKey>
void bury(std::vector<AnyKey>& keys, const auto& ends, Instant now, KeyRing& ring) {
  std::erase_if(keys, [&](const AnyKey& key) {
    if (!ends(key)) return false;
    ring.revoked.push_back(
        {.name = key.name, .revoked_at = now, .until = tombstone_ends(key, now)});
    return true;
  });
}

/// Since when sealing has to be covered once the active key is gone: since it began, a lead ago at
/// most. By another machine's clock that is yet to come.
Instant begun_at(const KeyRing& ring, Instant now) noexcept {
  const Key* active = active_key(ring, now);
  if (active == nullptr) return lapsed_at(ring, now);
  return std::max(active->activates_at, now - ring.schedule.lead);
}

/// Where nothing seals any more, what is announced begins there instead of later.
void begin_with_the_next(KeyRing& ring, Instant begin, Instant now) noexcept {
  if (active_key(ring, now) != nullptr) return;
  const auto next =
      std::ranges::find_if(ring.keys, [&](const Key& key) { return key.activates_at > now; });
  if (next == ring.keys.end()) return;
  move_earlier(std::span(next, ring.keys.end()), next->activates_at - now);
  next->activates_at = begin;
  next->announced_at = std::min(next->announced_at, begin);
}

/// Ends the keys that `ends` is true of, and has the next one seal.
std::expected<KeyRing, Failure> without(KeyRing ring, const auto& ends, Instant now,
                                        const FreshSecret& fresh) {
  const Instant begin = begun_at(ring, now);
  bury(ring.keys, ends, now, ring);
  bury(ring.foreign, ends, now, ring);
  drop_ended(ring, now);
  begin_with_the_next(ring, begin, now);
  auto covered = cover(ring, begin, horizon(ring.schedule, now), now, fresh);
  if (!covered) return std::unexpected(std::move(covered.error()));
  return next_generation(std::move(ring), now);
}

}  // namespace

std::expected<KeyRing, Failure> revoke(KeyRing ring, const KeyName& name, Instant now,
                                       const FreshSecret& fresh) {
  if (auto failure = refusal_to_change(ring, now)) return std::unexpected(*std::move(failure));
  if (has(ring.revoked, name, &Tombstone::name)) return ring;
  if (!has(ring.keys, name, &Key::name) && !has(ring.foreign, name, &ForeignKey::name)) {
    return std::unexpected(Failure{.error = Error::no_such_key,
                                   .message = fmt::format("the ring has no key {}", to_hex(name)),
                                   .hint = "'stek keys list' names those it has"});
  }
  return without(std::move(ring), [&](const auto& key) { return key.name == name; }, now, fresh);
}

std::expected<KeyRing, Failure> revoke_all(KeyRing ring, Instant now, const FreshSecret& fresh) {
  if (auto failure = refusal_to_change(ring, now)) return std::unexpected(*std::move(failure));
  return without(std::move(ring), [](const auto& /*key*/) { return true; }, now, fresh);
}

}  // namespace stek
