// BoringSSL's tickets, behind a C interface: its symbols clash with OpenSSL's, so they live in a
// shared object that is loaded late, and binds to what it was linked with before all else.
#pragma once

#include <cstddef>

extern "C" {

struct BoringsslTickets {
  std::size_t state_size;
  std::size_t ticket_size;
  // False: a wrong answer.
  bool (*seal)() noexcept;
  bool (*open)() noexcept;
};

/// Made once. nullptr when sealing and opening do not work.
const BoringsslTickets* boringssl_tickets() noexcept;
}
