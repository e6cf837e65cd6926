// Time, in whole seconds since 1970-01-01T00:00:00Z, as every record of stek carries it.
#pragma once

#include <chrono>

#include <stek/bytes.hpp>

namespace stek {

using Instant = std::chrono::sys_seconds;
using Seconds = std::chrono::seconds;

/// The system's clock. Functions whose result depends on time take `now` as an argument; only the
/// outermost calls default to this one.
Instant system_now() noexcept;

}  // namespace stek
