#include "ticketer/outer_layout.hpp"

#include "session/state.hpp"
#include "ticket/layout.hpp"
#include "ticketer/live.hpp"

namespace stek::ticketer {

Profile OuterLayout::profile_of(const Tickets& tickets) noexcept {
  const Hold<Snapshot> hold(tickets.live_->current());
  return hold.get() == nullptr ? Profile{} : hold.get()->facts().profile;
}

std::optional<ticket::Subkey> OuterLayout::mac_key(const Tickets& tickets,
                                                   const KeyName& name) noexcept {
  const Hold<Snapshot> hold(tickets.live_->current());
  const SnapshotKey* key = hold.get() == nullptr ? nullptr : hold.get()->find(name);
  if (key == nullptr || key->times.profile != Profile::rfc5077) return std::nullopt;
  return key->by_domain[tickets.domain_]->mac_subkey();
}

void OuterLayout::narrow(Session& session, const Tickets& tickets) noexcept {
  if (is_tls13(session.version) || profile_of(tickets) != Profile::rfc5077) return;
  // 12.29. Up to TLS 1.2 a protocol is negotiated afresh, whatever it was.
  session.alpn.reset();
  const auto* name = std::get_if<HostName>(&session.server_name);
  if (name == nullptr) return;
  constexpr std::size_t narrowest = ticket::layout_of(Profile::rfc5077).smallest_state;
  const auto size = state::size_of(session, narrowest);
  if (size && *size > narrowest) session.server_name = hash_of(*name);
}

}  // namespace stek::ticketer
