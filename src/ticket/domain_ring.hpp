// What a machine that serves one trust domain is given in place of the ring.
#pragma once

#include <string_view>

#include <stek/ring.hpp>

namespace stek::ticket {

/// The ring with K_dom of `domain` in place of each STEK, same id and generation, and without
/// foreign keys. `Error::unsuitable` for a ring that is such a one already, `Error::malformed` for
/// a domain of over 255 bytes.
std::expected<KeyRing, Failure> ring_of_domain(const KeyRing& ring, std::string_view domain);

}  // namespace stek::ticket
