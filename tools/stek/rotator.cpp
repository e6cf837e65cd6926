#include "rotator.hpp"

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "time_text.hpp"

namespace stek::tool {
namespace {

std::string describe(const KeyRing& ring, Instant now) {
  const Key* active = active_key(ring, now);
  return fmt::format("generation {}, {}, next rotation due {}", ring.generation,
                     active == nullptr ? std::string("no key seals")
                                       : fmt::format("key {} seals until {}", to_hex(active->name),
                                                     utc(active->retires_at)),
                     when(next_due(ring, now), now));
}

std::optional<Failure> refusal_to_go_on(const std::optional<keys::RingMark>& seen,
                                        const KeyRing& held) {
  if (!seen) return std::nullopt;
  return keys::refusal_to_follow(*seen, keys::mark_of(held), "restart to take it over");
}

}  // namespace

std::expected<Turn, Failure> take_turn(RingStore& store, std::optional<keys::RingMark>& seen,
                                       Instant now) {
  std::uint64_t before = 0;
  const auto ring = store.update([&](KeyRing held) -> std::expected<KeyRing, Failure> {
    before = held.generation;
    if (auto refusal = refusal_to_go_on(seen, held)) return std::unexpected(*std::move(refusal));
    return advance(std::move(held), now);
  });
  if (!ring) return std::unexpected(ring.error());
  seen = keys::mark_of(*ring);
  return Turn{.changed = ring->generation != before,
              .due = next_due(*ring, now),
              .text = describe(*ring, now)};
}

}  // namespace stek::tool
