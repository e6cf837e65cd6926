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

}  // namespace

std::expected<Turn, Failure> take_turn(RingStore& store, const Refusal& refusal, Instant now) {
  std::uint64_t before = 0;
  const auto ring = store.update([&](KeyRing held) -> std::expected<KeyRing, Failure> {
    before = held.generation;
    if (auto refused = refusal(held)) return std::unexpected(*std::move(refused));
    return advance(std::move(held), now);
  });
  if (!ring) return std::unexpected(ring.error());
  return Turn{.changed = ring->generation != before,
              .due = next_due(*ring, now),
              .text = describe(*ring, now),
              .mark = keys::mark_of(*ring)};
}

}  // namespace stek::tool
