// How stekd fares with its ring.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "log.hpp"
#include "service.hpp"

namespace stek::daemon {

/// Something that may be wrong, for the threads that are asked about it.
class Trouble {
 public:
  /// What there was before.
  std::optional<std::string> exchange(std::optional<std::string> what);
  [[nodiscard]] std::optional<std::string> what() const;

 private:
  mutable std::mutex mutex_;
  std::optional<std::string> what_;
};

/// What threads tell each other about the ring.
struct Watch {
  std::atomic<std::int64_t> last_sync{0};  ///< seconds since 1970, of the last look that succeeded
  std::atomic<std::uint64_t> sync_failures{0};
  std::atomic<bool> unreadable{false};
  std::atomic<std::uint64_t> turn_failures{0};  ///< of stekd's own rotation
  Trouble rotation;                             ///< what stands against it
  std::atomic<bool> touched{false};             ///< the ring was changed here
};

/// Looks at the store, and keeps `watch` up to date. The failure was told.
std::expected<void, Failure> look_at_ring(Service& service, Watch& watch, Log& log, Instant now);

}  // namespace stek::daemon
