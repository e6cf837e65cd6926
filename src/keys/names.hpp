// What a key is called.
#pragma once

#include <stek/ring.hpp>

namespace stek::keys {

/// BLAKE2b-128(key = secret, "stek/1 name").
KeyName name_for(const StekSecret& secret) noexcept;

}  // namespace stek::keys
