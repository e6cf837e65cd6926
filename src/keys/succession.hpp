// Whether a ring may follow the one that was read before it: rollback and substitution.
#pragma once

#include "keys/fingerprint.hpp"

namespace stek::keys {

/// What a reader remembers of the ring it holds.
struct RingMark {
  RingId id{};
  std::uint64_t generation = 0;
  Fingerprint fingerprint{};

  friend bool operator==(const RingMark&, const RingMark&) = default;
};
RingMark mark_of(const KeyRing& ring) noexcept;

/// `Error::other_ring` for another ring, `Error::rolled_back` for an older generation than the one
/// held or other bytes under the same one. `hint` says how to accept it all the same.
std::optional<Failure> refusal_to_follow(const RingMark& held, const RingMark& next,
                                         std::string_view hint);

}  // namespace stek::keys
