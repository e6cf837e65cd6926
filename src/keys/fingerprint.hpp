// What tells two rings apart.
#pragma once

#include <stek/ring.hpp>

namespace stek::keys {

using Fingerprint = std::array<std::byte, 32>;

/// A hash of everything in the ring, secrets included: two rings with the same one are the same.
Fingerprint fingerprint_of(const KeyRing& ring) noexcept;

}  // namespace stek::keys
