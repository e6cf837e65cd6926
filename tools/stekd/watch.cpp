#include "watch.hpp"

#include <utility>

namespace stek::daemon {

std::optional<std::string> Trouble::exchange(std::optional<std::string> what) {
  const std::scoped_lock lock(mutex_);
  return std::exchange(what_, std::move(what));
}

std::optional<std::string> Trouble::what() const {
  const std::scoped_lock lock(mutex_);
  return what_;
}

std::expected<void, Failure> look_at_ring(Service& service, Watch& watch, Log& log, Instant now) {
  auto looked = service.ticketer->refresh(now);
  // Said once for as long as it lasts.
  const bool was_unreadable = watch.unreadable.exchange(!looked);
  if (looked) {
    watch.last_sync = now.time_since_epoch().count();
    if (was_unreadable) log.write(Level::notice, "ring_readable", "the ring can be read again");
  } else {
    watch.sync_failures.fetch_add(1);
    if (!was_unreadable) log.write(Level::error, "ring_unreadable", looked.error());
  }
  return looked;
}

}  // namespace stek::daemon
