// stekd's page: one file that needs nothing else, for light and dark, and the rates on it.
#pragma once

#include <deque>
#include <mutex>

#include <stek/ticketer.hpp>

#include "http.hpp"
#include "log.hpp"
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

struct Page {
  const KeyRing* ring = nullptr;  ///< may be missing: it cannot be read
  Health health;
  std::vector<std::string> warnings;
  Rates rates;
  Metrics::Totals totals;
  std::vector<LoggedEvent> events;
  std::size_t connections = 0;
  Instant now;
};

/// Loads nothing, runs nothing, and a browser holds it to that (Content-Security-Policy).
Response response_of(const Page& page);

}  // namespace stek::daemon
