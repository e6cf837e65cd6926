// All that is wrong with a ring, where `flaw_of` says the first of it.
#pragma once

#include <string>
#include <vector>

#include <stek/ring.hpp>

namespace stek::keys {

/// What a flaw is of.
enum class Part : std::uint8_t { ring, key, foreign, revoked };

struct Flaw {
  Error error{};  ///< weak_secret, invalid_ring or invalid_schedule
  Part part{};
  KeyName name{};    ///< of the key; of the ring itself, zeros
  std::string what;  ///< "its instants are out of order"
};
/// Every flaw, in the order in which `flaw_of` looks for them.
std::vector<Flaw> flaws_of(const KeyRing& ring);

/// Everything that `weakness_of` says the first of.
std::vector<std::string_view> weaknesses_of(Bytes secret);

}  // namespace stek::keys
