// What stekd counted in the last minute, for rates.
#pragma once

#include <deque>
#include <mutex>

#include "metrics.hpp"

namespace stek::daemon {

/// Of a second, over the last minute.
struct Rates {
  double sealed = 0;
  double opened = 0;
  double refused = 0;
  double requests = 0;
};

/// What the counters were in the last minute. Any thread.
class History {
 public:
  void sample(const Metrics::Totals& totals, Instant now);
  [[nodiscard]] Rates rates(const Metrics::Totals& totals, Instant now) const;

 private:
  struct Sample {
    Instant at;
    Metrics::Totals totals;
  };
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;
};

}  // namespace stek::daemon
