#include "time_text.hpp"

#include <time.h>

#include <charconv>

#include <fmt/chrono.h>

namespace stek::tool {
namespace {

struct Unit {
  char letter;
  std::string_view name;
  std::int64_t seconds;
};
constexpr auto units = std::to_array<Unit>({
    {'d', "d", 86400},
    {'h', "h", 3600},
    {'m', "min", 60},
    {'s', "s", 1},
});

/// More than any schedule takes, and little enough to add up.
constexpr std::int64_t most = std::int64_t{1} << 40U;

/// The seconds of the unit that `text` begins with, which is taken off; without a unit, one.
std::optional<std::int64_t> take_unit(std::string_view& text) noexcept {
  if (text.empty()) return 1;
  for (const Unit& unit : units) {
    if (unit.letter != text.front()) continue;
    text.remove_prefix(1);
    return unit.seconds;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Seconds> seconds_from(std::string_view text) noexcept {
  std::int64_t sum = 0;
  std::int64_t last_unit = most;
  do {
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto unit = take_unit(text);
    if (!unit || *unit >= last_unit) return std::nullopt;
    last_unit = *unit;
    sum += count * *unit;
  } while (!text.empty());
  return Seconds(sum);
}

std::optional<Instant> instant_from(const std::string& text) {
  std::tm parts{};
  const char* const end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const Instant instant{Seconds(timegm(&parts))};
  // A day that the month does not have comes out as another.
  return utc(instant) == text ? std::optional(instant) : std::nullopt;
}

std::string text_of(Seconds duration) {
  std::string text;
  std::int64_t left = duration.count();
  for (const Unit& unit : units) {
    if (left < unit.seconds) continue;
    text += fmt::format("{}{}", left / unit.seconds, unit.letter);
    left %= unit.seconds;
  }
  return text.empty() ? "0s" : text;
}

std::string utc(Instant instant) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(instant)));
}

std::string relative(Instant instant, Instant now) {
  const std::int64_t distance = std::abs((instant - now).count());
  if (distance == 0) return "now";
  std::string text;
  for (const Unit& unit : units) {
    if (distance < 2 * unit.seconds && unit.seconds != 1) continue;
    text = fmt::format("{} {}", distance / unit.seconds, unit.name);
    break;
  }
  return instant > now ? "in " + text : text + " ago";
}

std::string when(Instant instant, Instant now) {
  return utc(instant) + ", " + relative(instant, now);
}

}  // namespace stek::tool
