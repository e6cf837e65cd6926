#include "log.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstdlib>

#include <fmt/core.h>

#include "json_body.hpp"
#include "time_text.hpp"

namespace stek::daemon {

std::string_view name_of(Level level) noexcept {
  switch (level) {
    case Level::error:
      return "error";
    case Level::warning:
      return "warning";
    case Level::notice:
      return "notice";
    case Level::info:
      return "info";
  }
  return "";
}

// There are no threads yet.
Log::Log() : under_journald_(std::getenv("JOURNAL_STREAM") != nullptr) {}  // NOLINT

namespace {

/// At once: no ticket waits for who reads the log.
bool is_writable(int fd) noexcept {
  pollfd asked{.fd = fd, .events = POLLOUT, .revents = 0};
  return poll(&asked, 1, 0) != 0;
}

}  // namespace

/// Under `mutex_`: of two that saw room for a line one would wait.
bool Log::tell(Level level, std::string_view event, std::string_view text, Instant now,
               wire::Json more) {
  more["time"] = tool::utc(now);
  more["level"] = name_of(level);
  more["event"] = event;
  more["text"] = text;
  std::string line = under_journald_ ? fmt::format("<{}>", static_cast<int>(level)) : "";
  line += line_of(more);
  line += '\n';
  // In one call, so that lines stay whole. Who reads them may be gone.
  const bool written = is_writable(STDERR_FILENO) &&
                       ::write(STDERR_FILENO, line.data(), line.size()) == std::ssize(line);
  if (!written) leave_untold(1);
  return written;
}

void Log::leave_untold(std::uint64_t lines) noexcept {
  untold_.fetch_add(lines, std::memory_order_relaxed);
  untold_ever_.fetch_add(lines, std::memory_order_relaxed);
}

void Log::write(Level level, std::string_view event, std::string_view text, wire::Json more) {
  const Instant now = system_now();
  const std::scoped_lock lock(mutex_);
  tell(level, event, text, now, std::move(more));
  last_.push_front(
      {.at = now, .level = level, .event = std::string(event), .text = std::string(text)});
  if (last_.size() > kept) last_.pop_back();
}

void Log::write(Level level, std::string_view event, const Failure& failure) {
  wire::Json more = {{"error", stek::name_of(failure.error)}};
  if (!failure.hint.empty()) more["hint"] = failure.hint;
  write(level, event, failure.message, std::move(more));
}

void Log::limited(Level level, std::string_view event, std::string_view text, wire::Json more) {
  const Instant now = system_now();
  const std::int64_t second = now.time_since_epoch().count();
  if (second_.exchange(second, std::memory_order_relaxed) != second) told_.store(0);
  if (told_.fetch_add(1) >= limit_per_second) return leave_untold(1);
  const std::uint64_t untold = untold_.exchange(0);
  if (untold != 0) more["untold"] = untold;
  const std::scoped_lock lock(mutex_);
  if (!tell(level, event, text, now, std::move(more))) untold_.fetch_add(untold);
}

std::vector<LoggedEvent> Log::last() const {
  const std::scoped_lock lock(mutex_);
  return {last_.begin(), last_.end()};
}

}  // namespace stek::daemon
