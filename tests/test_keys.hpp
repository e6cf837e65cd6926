// Keys for tests of the ticket path.
#pragma once

#include "base/random.hpp"
#include "keys/names.hpp"
#include "random_sessions.hpp"
#include "ticket/ticket.hpp"

namespace stek::test {

inline constexpr auto profiles =
    std::to_array({Profile::aes256gcm, Profile::xchacha20poly1305, Profile::rfc5077});

inline Key random_key(Random& random, Profile profile) {
  Key key;
  fill(random, key.secret.expose_room());
  key.name = keys::name_for(key.secret);
  key.profile = profile;
  return key;
}

inline PagesPtr<ticket::TicketKey> random_ticket_key(Random& random, Profile profile,
                                                     std::string_view domain = "public") {
  Granted granted{};
  return ticket::make_ticket_key(random_key(random, profile), domain, granted);
}

/// `state` sealed under `key`.
inline std::vector<std::byte> sealed(Bytes state, const ticket::TicketKey& key) {
  const ticket::Layout& layout = ticket::layout_of(key.profile());
  std::vector<std::byte> ticket(layout.overhead() + state.size());
  std::ranges::copy(state, ticket::body_of(ticket, layout).begin());
  if (!ticket::seal(ticket, key, NonceRule::fresh)) throw std::runtime_error("no randomness");
  return ticket;
}

/// As `sealed`, with the nonce given.
inline std::vector<std::byte> sealed_with_nonce(Bytes state, const ticket::TicketKey& key,
                                                Bytes nonce) {
  const ticket::Layout& layout = ticket::layout_of(key.profile());
  std::vector<std::byte> ticket(layout.overhead() + state.size());
  std::ranges::copy(state, ticket::body_of(ticket, layout).begin());
  ticket::seal_with_nonce(ticket, key, nonce);
  return ticket;
}

}  // namespace stek::test
