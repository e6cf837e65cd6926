// What stekd counts, in Prometheus' text format. Any thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <stek/ticketer.hpp>

#include "http.hpp"

namespace stek::daemon {

/// The ring and the process as they are when somebody asks.
struct Gauges {
  const KeyRing* ring = nullptr;  ///< may be missing: it cannot be read
  Health health;
  Instant now;
  Instant last_sync;  ///< when the ring was last looked at without failure
  std::uint64_t sync_failures = 0;
  std::uint64_t turn_failures = 0;  ///< of stekd's own rotation
  Refusals refusals;
  std::uint64_t untold_refusals = 0;
  std::size_t connections = 0;
};

class Metrics {
 public:
  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  enum class Kind : std::uint8_t { session, opaque };
  enum class Route : std::uint8_t { issue, resume, seal, open, other };

  void request(Route route, unsigned status, std::chrono::nanoseconds duration) noexcept;
  void sealed(Kind kind, std::uint64_t tickets) noexcept;
  /// `Error` is why there is no ticket.
  void not_sealed(Error error) noexcept;
  /// `Reason::resumes` for one that was opened and, if it holds a session, resumes.
  void opened(Kind kind, Reason reason) noexcept;

  [[nodiscard]] std::string text(const Gauges& gauges) const;
  /// Since the beginning, for the page.
  struct Totals {
    std::uint64_t sealed = 0;
    std::uint64_t opened = 0;
    std::uint64_t refused = 0;
    std::uint64_t requests = 0;
  };
  [[nodiscard]] Totals totals() const noexcept;

 private:
  struct Registered;
  std::unique_ptr<Registered> registered_;
};

}  // namespace stek::daemon
