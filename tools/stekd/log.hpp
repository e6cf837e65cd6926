// What stekd tells: one line of JSON an event on standard error, and the last ones for its page.
//
//   {"time": "2026-08-01T22:00:00Z", "level": "notice", "event": "rotated", "text": "..."}
//
// Under journald each line begins with its priority. No secret, no ticket and nothing of a
// request's body is ever in one. One that cannot be written at once is counted instead, so that
// nobody waits for who reads them. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <mutex>

#include <stek/time.hpp>

#include "wire/json.hpp"

namespace stek::daemon {

/// As in syslog(3).
enum class Level : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6 };
std::string_view name_of(Level level) noexcept;

struct LoggedEvent {
  Instant at;
  Level level;
  std::string event;
  std::string text;
};

class Log {
 public:
  Log();

  /// `more` is an object of what else is known.
  void write(Level level, std::string_view event, std::string_view text,
             wire::Json more = wire::Json::object());
  void write(Level level, std::string_view event, const Failure& failure);

  /// Some of what clients cause as often as they like: at most `limit_per_second` are written; the
  /// others are counted, and the next of these that is written says how many they were.
  void limited(Level level, std::string_view event, std::string_view text, wire::Json more);
  static constexpr std::uint32_t limit_per_second = 5;

  /// The last `kept` without those that are limited, newest first.
  [[nodiscard]] std::vector<LoggedEvent> last() const;
  static constexpr std::size_t kept = 20;
  [[nodiscard]] std::uint64_t untold() const noexcept { return untold_ever_.load(); }

 private:
  bool tell(Level level, std::string_view event, std::string_view text, Instant now,
            wire::Json more);

  void leave_untold(std::uint64_t lines) noexcept;

  bool under_journald_;
  std::atomic<std::int64_t> second_{0};
  std::atomic<std::uint32_t> told_{0};
  std::atomic<std::uint64_t> untold_{0};
  std::atomic<std::uint64_t> untold_ever_{0};
  mutable std::mutex mutex_;
  std::deque<LoggedEvent> last_;
};

}  // namespace stek::daemon
