// How calls fill what they were given to fill.
#pragma once

#include "c_api/call.hpp"
#include "session/state.hpp"
#include "ticket/layout.hpp"

namespace stek::c_api {

/// Nothing of use is left where a call fails, whatever it fails for.
template <class... Outputs>
void zero(Outputs*... outputs) noexcept {
  ((outputs != nullptr ? void(*outputs = {}) : void()), ...);
}

/// A room that holds the ticket whichever profile the active key has.
template <class Content>
std::size_t ticket_size_of(const Content& content) noexcept {
  std::size_t most = 0;
  for (const ticket::Layout& layout : ticket::layouts) {
    const auto state = state::size_of(content, layout.smallest_state);
    if (state) most = std::max(most, *state + layout.overhead());
  }
  return most;
}

template <class Content>
stek_error deliver(const std::expected<Ticket, Error>& ticket, const Content& content,
                   std::size_t& ticket_size, std::uint32_t* lifetime_hint) noexcept {
  if (ticket) {
    ticket_size = ticket->bytes.size();
    if (lifetime_hint != nullptr) {
      *lifetime_hint = static_cast<std::uint32_t>(ticket->lifetime_hint.count());
    }
    return STEK_OK;
  }
  if (ticket.error() == Error::room_too_small) ticket_size = ticket_size_of(content);
  return number(ticket.error());
}

}  // namespace stek::c_api
