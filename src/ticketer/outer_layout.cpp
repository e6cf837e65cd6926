#include "ticketer/outer_layout.hpp"

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

}  // namespace stek::ticketer
