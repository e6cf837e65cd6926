#include <algorithm>

#include <fmt/core.h>

#include <stek/ring.hpp>

#include "keys/names.hpp"

namespace stek {
namespace {

constexpr Seconds week = std::chrono::hours(24 * 7);
using keys::longest;
constexpr std::uint32_t most_ahead = 64;

}  // namespace

std::optional<std::string> flaw_of(const Schedule& schedule) {
  if (schedule.lifetime <= Seconds(0)) return "lifetime: must be at least one second";
  if (schedule.lifetime > week) {
    return fmt::format("lifetime: {} s is over the {} s that RFC 8446 section 4.6.1 allows",
                       schedule.lifetime.count(), week.count());
  }
  if (schedule.lead < Seconds(0) || schedule.skew < Seconds(0)) {
    return "lead, skew: must not be negative";
  }
  if (schedule.sealing > longest || schedule.accepting > longest || schedule.skew > longest) {
    return "sealing, accepting, skew: over 366 days";
  }
  if (schedule.sealing <= schedule.lead) {
    return fmt::format("lead: {} s is not shorter than sealing, {} s", schedule.lead.count(),
                       schedule.sealing.count());
  }
  const auto need = schedule.lifetime + schedule.skew;
  if (schedule.accepting < need) {
    return fmt::format(
        "accepting: {} s is shorter than lifetime and skew, {} s: tickets would outlive their key",
        schedule.accepting.count(), need.count());
  }
  if (schedule.ahead < 1 || schedule.ahead > most_ahead) return "ahead: must be 1 to 64";
  if (schedule.profile > Profile::rfc5077) return "profile: unknown";
  return std::nullopt;
}

Schedule nearest_possible(Schedule schedule) noexcept {
  schedule.lifetime = std::clamp(schedule.lifetime, Seconds(1), week);
  schedule.skew = std::clamp(schedule.skew, Seconds(0), longest - schedule.lifetime);
  schedule.accepting = std::clamp(schedule.accepting, schedule.lifetime + schedule.skew, longest);
  schedule.sealing = std::clamp(schedule.sealing, Seconds(1), longest);
  schedule.lead = std::max(schedule.lead, Seconds(0));
  if (schedule.lead >= schedule.sealing) schedule.lead = schedule.sealing / 2;
  schedule.ahead = std::clamp(schedule.ahead, 1U, most_ahead);
  if (schedule.profile > Profile::rfc5077) schedule.profile = Profile::xchacha20poly1305;
  return schedule;
}

}  // namespace stek
