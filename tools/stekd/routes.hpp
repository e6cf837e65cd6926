// What the ticket sockets answer. The realm, and so the trust domain, comes from the listener and
// the peer, never from the request.
//
//   POST /v1/issue[?count=N]   a session; its ticket and lifetime hint, up to 8 tickets of it
//
//   POST /v1/resume            a ticket and a ClientHello; the verdict, and a session that resumes
//
//   POST /v1/seal              opaque bytes under a label; their ticket
//
//   POST /v1/open              a ticket under a label; the bytes
//
// Bodies are JSON (application/json), or in bytes (application/octet-stream); FORMAT.md has both,
// and the answer is in the form of the request. A ticket that does not open or resume is an answer
// like any other, with its reason, which is for the server and not for the TLS client. Problems are
// RFC 9457's. Where no key seals there is no ticket: 503, and the handshake goes on without one.
#pragma once

#include "http.hpp"
#include "log.hpp"
#include "metrics.hpp"
#include "service.hpp"

namespace stek::daemon {

inline constexpr std::size_t most_tickets = 8;

/// `metrics` and `log` hear of it.
Response answer_ticket_request(const Service& service, Metrics& metrics, Log& log,
                               const Request& request, Instant now);

}  // namespace stek::daemon
