// Seal and open: a state's bytes to a ticket and back, under one key. Nothing here knows what a
// state means, what time it is, or how long a key lives.
#pragma once

#include "base/random.hpp"
#include "ticket/layout.hpp"
#include "ticket/ticket_key.hpp"

namespace stek::ticket {

/// Whether this machine runs the profile's cipher, and the cipher has passed its known-answer test.
bool profile_works(Profile profile) noexcept;

/// Where the state goes before `seal`, in a ticket of `layout.overhead()` bytes more.
inline Room body_of(Room ticket, const Layout& layout) noexcept {
  return ticket.subspan(layout.body_at(), ticket.size() - layout.overhead());
}

/// Seals in place: the state lies in `body_of(ticket)`, everything else is written. False, with
/// `ticket` wiped: no randomness.
[[nodiscard]] bool seal(Room ticket, const TicketKey& key, NonceRule rule) noexcept;

/// As `seal`, with the nonce given: for known answers.
void seal_with_nonce(Room ticket, const TicketKey& key, Bytes nonce) noexcept;

/// Opens into `state`, of exactly `layout.state_size(ticket.size())` bytes. False, with `state`
/// zeroed, for any bytes but those that `seal` gave under this key. Never in place.
[[nodiscard]] bool open(Room state, Bytes ticket, const TicketKey& key) noexcept;

}  // namespace stek::ticket
