// One turn of a rotator: what `stek keys run` and stekd do whenever something is due.
#pragma once

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
};

/// Does what is due. `seen` is the ring of the last turn; another, or an older one, is not rotated.
std::expected<Turn, Failure> take_turn(RingStore& store, std::optional<keys::RingMark>& seen,
                                       Instant now);

}  // namespace stek::tool
