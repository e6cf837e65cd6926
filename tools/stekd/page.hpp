// stekd's page: one file that needs nothing else, for light and dark.
#pragma once

#include <stek/ticketer.hpp>

#include "history.hpp"
#include "http.hpp"
#include "log.hpp"

namespace stek::daemon {

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
