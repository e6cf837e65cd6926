#include "history.hpp"

namespace stek::daemon {

namespace {
constexpr Seconds remembered(60);
}  // namespace

void History::sample(const Metrics::Totals& totals, Instant now) {
  const std::scoped_lock lock(mutex_);
  // The clock was set back.
  if (!samples_.empty() && now < samples_.back().at) samples_.clear();
  samples_.push_back({.at = now, .totals = totals});
  while (samples_.size() > 1 && samples_.front().at + remembered < now) samples_.pop_front();
}

Rates History::rates(const Metrics::Totals& totals, Instant now) const {
  const std::scoped_lock lock(mutex_);
  if (samples_.empty() || now <= samples_.front().at) return {};
  const Metrics::Totals& then = samples_.front().totals;
  const auto time = static_cast<double>((now - samples_.front().at).count());
  const auto per_second = [&](std::uint64_t before, std::uint64_t after) {
    return static_cast<double>(after - before) / time;
  };
  return {.sealed = per_second(then.sealed, totals.sealed),
          .opened = per_second(then.opened, totals.opened),
          .refused = per_second(then.refused, totals.refused),
          .requests = per_second(then.requests, totals.requests)};
}

}  // namespace stek::daemon
