// Round instants for an axis of time.
#pragma once

#include <string>
#include <vector>

#include <stek/time.hpp>

namespace stek::tool {

struct Tick {
  Instant at{};
  std::string label;  ///< "18:29:05", "18:00", "Nov 26", "2026-11" or "2027", in UTC
};
constexpr std::size_t longest_label = 8;

/// Instants in [from, until] that are round to who reads a clock and a calendar: `most` or fewer,
/// and one at least where `most` is 3 or more.
std::vector<Tick> ticks_between(Instant from, Instant until, std::size_t most);

}  // namespace stek::tool
