// What other libraries do for a ticket: each seals a session of its own that it has at hand, and
// opens the ticket again, with keys set up as its servers keep them.
#pragma once

#include <functional>
#include <string>

#include "harness.hpp"

namespace bench {

struct Peer {
  std::string who;
  std::string how;  ///< where it is not simply the library's own functions
  std::size_t state_size;
  std::size_t ticket_size;
  std::function<void()> seal;
  std::function<void()> open;                        ///< what `seal` gave last
  std::function<double()> seconds = thread_seconds;  ///< of CPU, so far
};

/// libssl's steps under its default keys, by public calls.
Peer openssl_peer();

/// mbedtls_ssl_ticket_write and mbedtls_ssl_ticket_parse.
Peer mbedtls_peer();

/// Packing and unpacking by public calls, and the cipher's steps re-created.
Peer gnutls_peer();

/// Encoding and decoding by public calls, and the cipher's steps re-created.
Peer boringssl_peer();

/// SET and GET.
Peer redis_peer();

}  // namespace bench
