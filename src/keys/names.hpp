// What a key is called.
#pragma once

#include <stek/ring.hpp>

namespace stek::keys {

/// What a duration of a schedule, and the life of a foreign key, may be at most.
inline constexpr Seconds longest = std::chrono::hours(24 * 366);

/// Instants of a ring are before this one.
inline constexpr Instant end_of_time{Seconds(std::int64_t{1} << 40U)};

/// Of a trust domain's name, in bytes.
inline constexpr std::size_t max_domain = 255;

/// BLAKE2b-128(key = secret, "stek/1 name").
KeyName name_for(const StekSecret& secret) noexcept;

}  // namespace stek::keys
