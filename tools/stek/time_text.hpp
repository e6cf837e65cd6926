// Durations and instants as people write and read them.
#pragma once

#include <optional>
#include <string>

#include <stek/time.hpp>

namespace stek::tool {

/// "12h", "90m", "45s", "7d", "1h30m", or plain seconds. Nothing for any other text.
std::optional<Seconds> seconds_from(std::string_view text) noexcept;

/// "2026-08-01T22:00:00Z", as `utc` writes it. Nothing for any other text.
std::optional<Instant> instant_from(const std::string& text);

/// "12h1m": in the form that `seconds_from` reads. Not for negative ones.
std::string text_of(Seconds duration);

/// "2026-08-01T22:00:00Z" (RFC 3339).
std::string utc(Instant instant);

/// "in 11 h", "3 min ago", "now": in the largest unit of which there are two.
std::string relative(Instant instant, Instant now);

/// "2026-08-01T22:00:00Z, in 11 h".
std::string when(Instant instant, Instant now);

}  // namespace stek::tool
