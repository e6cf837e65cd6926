#include "timeline_axis.hpp"

#include <array>
#include <ctime>

#include <fmt/core.h>

namespace stek::tool {
namespace {

/// From one tick to the next: seconds, or months of the calendar. None is more than three times the
/// one before it, so that of three or more steps of one size at least one is of the next.
struct Step {
  std::int64_t seconds;
  int months;
};
constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;
constexpr int year = 12;
constexpr auto steps = std::to_array<Step>({
    {1, 0},
    {2, 0},
    {5, 0},
    {10, 0},
    {15, 0},
    {30, 0},
    {minute, 0},
    {2 * minute, 0},
    {5 * minute, 0},
    {10 * minute, 0},
    {15 * minute, 0},
    {30 * minute, 0},
    {hour, 0},
    {2 * hour, 0},
    {3 * hour, 0},
    {6 * hour, 0},
    {12 * hour, 0},
    {day, 0},
    {2 * day, 0},
    {4 * day, 0},
    {7 * day, 0},
    {14 * day, 0},
    {0, 1},
    {0, 2},
    {0, 3},
    {0, 6},
    {0, year},
    {0, 2 * year},
    {0, 5 * year},
    {0, 10 * year},
    {0, 20 * year},
    {0, 50 * year},
    {0, 100 * year},
    {0, 200 * year},
    {0, 500 * year},
    {0, 1000 * year},
    {0, 2000 * year},
    {0, 5000 * year},
    {0, 10000 * year},
    {0, 20000 * year},
});

std::tm calendar(Instant at) noexcept {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm fields{};
  gmtime_r(&seconds, &fields);
  return fields;
}

/// The first of a month, counted from year 0, which may be any number.
Instant month_begins(int months) noexcept {
  std::tm fields{};
  fields.tm_year = months / year - 1900;
  fields.tm_mon = months % year;
  fields.tm_mday = 1;
  return std::chrono::time_point_cast<Seconds>(
      std::chrono::system_clock::from_time_t(timegm(&fields)));
}

int months_of(Instant at) noexcept {
  const std::tm fields = calendar(at);
  return (fields.tm_year + 1900) * year + fields.tm_mon;
}

/// Where the step that `at` lies in begins; steps of seconds are counted from 1970.
Instant step_begins(Instant at, const Step& step) noexcept {
  if (step.months != 0) return month_begins(months_of(at) / step.months * step.months);
  const std::int64_t seconds = at.time_since_epoch().count();
  return at - Seconds((seconds % step.seconds + step.seconds) % step.seconds);
}

Instant next_step(Instant begin, const Step& step) noexcept {
  if (step.months != 0) return month_begins(months_of(begin) + step.months);
  return begin + Seconds(step.seconds);
}

/// Stops at one more than `most`.
std::vector<Instant> multiples(Instant from, Instant until, const Step& step, std::size_t most) {
  std::vector<Instant> found;
  for (Instant at = step_begins(from, step); at <= until && found.size() <= most;
       at = next_step(at, step)) {
    if (at >= from) found.push_back(at);
  }
  return found;
}

constexpr auto month_names = std::to_array<std::string_view>(
    {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"});

/// With no more than the step asks for; a new day or year by its name.
std::string label_of(Instant at, const Step& step) {
  const std::tm t = calendar(at);
  const int its_year = t.tm_year + 1900;
  if (step.months >= year) return fmt::format("{}", its_year);
  if (step.months != 0) return fmt::format("{}-{:02}", its_year, t.tm_mon + 1);
  if (t.tm_hour == 0 && t.tm_min == 0 && t.tm_sec == 0) {
    return fmt::format("{} {}", month_names[static_cast<std::size_t>(t.tm_mon)], t.tm_mday);
  }
  if (step.seconds >= minute) return fmt::format("{:02}:{:02}", t.tm_hour, t.tm_min);
  return fmt::format("{:02}:{:02}:{:02}", t.tm_hour, t.tm_min, t.tm_sec);
}

}  // namespace

std::vector<Tick> ticks_between(Instant from, Instant until, std::size_t most) {
  for (const Step& step : steps) {
    const std::vector<Instant> instants = multiples(from, until, step, most);
    if (instants.size() > most) continue;
    std::vector<Tick> ticks;
    ticks.reserve(instants.size());
    for (const Instant at : instants) ticks.push_back({at, label_of(at, step)});
    return ticks;
  }
  return {};
}

}  // namespace stek::tool
