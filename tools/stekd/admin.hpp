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

#include "history.hpp"
#include "http.hpp"
#include "log.hpp"
#include "metrics.hpp"
#include "service.hpp"
#include "watch.hpp"

namespace stek::daemon {

struct Oversight {
  Service& service;
  const Metrics& metrics;
  Log& log;
  Watch& watch;
  const History& history;
  const Server& tickets;  ///< that serves the tickets
};

Response answer_admin_request(const Oversight& oversight, const Request& request, Instant now);

/// Those that only tell: what `metrics_listen` answers.
Response answer_public_request(const Oversight& oversight, const Request& request, Instant now);

}  // namespace stek::daemon
