// One turn of a rotator: what `stek keys run` and stekd do whenever something is due.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <stek/store.hpp>

#include "keys/succession.hpp"

namespace stek::tool {

/// What is known of the ring while the rotator sleeps: no secret.
struct Turn {
  bool changed = false;
  Instant due;
  std::string text;
  keys::RingMark mark;  ///< of the ring as it is now
};

/// What stands against rotating a ring, such as that it is another than the one of the last turn.
using Refusal = std::function<std::optional<Failure>(const KeyRing& ring)>;

/// Does what is due, unless that is refused.
std::expected<Turn, Failure> take_turn(RingStore& store, const Refusal& refusal, Instant now);

}  // namespace stek::tool
