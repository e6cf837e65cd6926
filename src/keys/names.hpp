// What a key is called.
#pragma once

#include <stek/ring.hpp>

namespace stek::keys {

/// Of a trust domain's name, in bytes.
inline constexpr std::size_t max_domain = 255;

/// BLAKE2b-128(key = secret, "stek/1 name").
KeyName name_for(const StekSecret& secret) noexcept;

}  // namespace stek::keys
