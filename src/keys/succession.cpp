#include "keys/succession.hpp"

#include <fmt/core.h>

#include "base/encoding.hpp"

namespace stek::keys {

RingMark mark_of(const KeyRing& ring) noexcept {
  return {.id = ring.id, .generation = ring.generation, .fingerprint = fingerprint_of(ring)};
}

std::optional<Failure> refusal_to_follow(const RingMark& held, const RingMark& next,
                                         std::string_view hint) {
  if (next.id != held.id) {
    return Failure{.error = Error::other_ring,
                   .message = fmt::format("the store holds another ring, {}, than the one read "
                                          "first, {}",
                                          to_hex(next.id), to_hex(held.id)),
                   .hint = std::string(hint)};
  }
  if (next.generation < held.generation) {
    return Failure{.error = Error::rolled_back,
                   .message = fmt::format("the store holds generation {}, older than {} held here",
                                          next.generation, held.generation),
                   .hint = fmt::format("was an old copy restored? {}", hint)};
  }
  if (next.generation == held.generation && next.fingerprint != held.fingerprint) {
    return Failure{.error = Error::rolled_back,
                   .message = fmt::format("the store holds another generation {} than the one held",
                                          next.generation),
                   .hint = "two machines rotated the ring apart; let one of them write it"};
  }
  return std::nullopt;
}

}  // namespace stek::keys
