// What the admin socket answers: to root, to who runs stekd, and to those whom the configuration
// names.
//
//   GET  /v1/ring     the ring without its secrets, as 'stek keys list --json' prints it
//
//   POST /v1/rotate   does what is due; ?now: the next key seals in a lead; ?force: at once
//
//   POST /v1/revoke   {"name": "db46ef85"} (4 digits at least) or {"all": true}
//
//   GET  /healthz     the process lives
//
//   GET  /readyz      200 while a key seals, else 503; warnings in either
//
//   GET  /metrics     in Prometheus' text format
//
//   GET  /            a page for people
//
// `metrics_listen` answers the last four, to whoever asks.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "http.hpp"
#include "log.hpp"
#include "metrics.hpp"
#include "page.hpp"
#include "service.hpp"

namespace stek::daemon {

/// Something that may be wrong, for the threads that are asked about it.
class Trouble {
 public:
  /// What there was before.
  std::optional<std::string> exchange(std::optional<std::string> what);
  [[nodiscard]] std::optional<std::string> what() const;

 private:
  mutable std::mutex mutex_;
  std::optional<std::string> what_;
};

/// What threads tell each other about the ring.
struct Watch {
  std::atomic<std::int64_t> last_sync{0};  ///< seconds since 1970, of the last look that succeeded
  std::atomic<std::uint64_t> sync_failures{0};
  std::atomic<bool> unreadable{false};
  std::atomic<std::uint64_t> turn_failures{0};  ///< of stekd's own rotation
  Trouble rotation;                             ///< what stands against it
  std::atomic<bool> touched{false};             ///< the ring was changed here
};

struct Oversight {
  Service& service;
  const Metrics& metrics;
  Log& log;
  Watch& watch;
  const History& history;
  const Server& tickets;  ///< that serves the tickets
};

/// Looks at the store, and keeps `watch` up to date. The failure was told.
std::expected<void, Failure> look_at_ring(Service& service, Watch& watch, Log& log, Instant now);

Response answer_admin_request(const Oversight& oversight, const Request& request, Instant now);

/// Those that only tell: what `metrics_listen` answers.
Response answer_public_request(const Oversight& oversight, const Request& request, Instant now);

}  // namespace stek::daemon
