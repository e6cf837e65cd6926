// A ring in time, as values: what each key does from when to when, and what happens next.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <stek/ring.hpp>

namespace stek::tool {

/// What a key does for a while. A revoked one does nothing; its name is kept out of the ring.
enum class Part : std::uint8_t { announced, active, retired, foreign, revoked };

/// Half-open, and not empty.
struct Span {
  Part part{};
  Instant from{};
  Instant until{};
};

struct Bar {
  KeyName key{};
  std::string_view state;   ///< at `now`: a phase, "foreign" or "revoked"
  std::vector<Span> spans;  ///< one after the other, without a gap; up to 3
};

/// Of several at one instant, those that stand first here come first.
enum class Happening : std::uint8_t { rotation_due, retires, seals, expires, erased };

struct Event {
  Instant at{};
  Happening what{};
  std::optional<KeyName> key;  ///< none where a rotation is due
};

struct Timeline {
  RingId ring{};
  std::optional<std::string> domain;  ///< of an exported ring, which nobody rotates
  Instant now{};
  Instant from{};             ///< what to show: a second at least, and `now`
  Instant until{};            ///< foreign and revoked keys may go on beyond it
  std::size_t digits = 8;     ///< of a key's name in hex, that tell it from all others of the ring
  std::vector<Bar> bars;      ///< stek's keys by `activates_at`, then foreign, then revoked ones
  std::vector<Event> events;  ///< from `now` on, in their order
};

/// What `ring` does if nobody changes it. What has been due for a while happens `now`: a key that
/// ended a lead ago is erased at the rotation that is due.
Timeline timeline_of(const KeyRing& ring, Instant now);

/// The first of its events, as many as are read at a glance, and among them the rotation, if any.
std::vector<Event> next_of(const Timeline& timeline);
constexpr std::size_t most_shown = 14;

std::string short_name(const Timeline& timeline, const KeyName& key);
std::string_view name_of(Part part) noexcept;
std::string_view name_of(Happening what) noexcept;

}  // namespace stek::tool
