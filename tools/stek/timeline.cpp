#include "timeline.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/encoding.hpp"
#include "keys/cover.hpp"

namespace stek::tool {
namespace {

/// Spans that lack their empty ones.
std::vector<Span> without_empty(std::vector<Span> spans) {
  std::erase_if(spans, [](const Span& span) { return span.from >= span.until; });
  return spans;
}

Bar bar_of(const Key& key, Instant now) {
  return {.key = key.name,
          .state = stek::name_of(phase_of(key, now)),
          .spans = without_empty({{Part::announced, key.announced_at, key.activates_at},
                                  {Part::active, key.activates_at, key.retires_at},
                                  {Part::retired, key.retires_at, key.expires_at}})};
}

Bar bar_of(const ForeignKey& key, Instant now) {
  return {.key = key.name,
          .state = now < key.expires_at ? name_of(Part::foreign) : stek::name_of(Phase::expired),
          .spans = without_empty({{Part::foreign, key.imported_at, key.expires_at}})};
}

Bar bar_of(const Tombstone& tombstone, Instant /*now*/) {
  return {.key = tombstone.name,
          .state = name_of(Part::revoked),
          .spans = without_empty({{Part::revoked, tombstone.revoked_at, tombstone.until}})};
}

std::vector<Bar> bars_of(const KeyRing& ring, Instant now) {
  std::vector<Bar> bars;
  bars.reserve(ring.keys.size() + ring.foreign.size() + ring.revoked.size());
  for (const Key& key : ring.keys) bars.push_back(bar_of(key, now));
  for (const ForeignKey& key : ring.foreign) bars.push_back(bar_of(key, now));
  for (const Tombstone& tombstone : ring.revoked) bars.push_back(bar_of(tombstone, now));
  return bars;
}

std::size_t digits_needed(const std::vector<Bar>& bars) {
  for (std::size_t digits = 8; digits < 2 * sizeof(KeyName); ++digits) {
    std::set<std::string> names;
    for (const Bar& bar : bars) names.insert(to_hex(bar.key).substr(0, digits));
    if (names.size() == bars.size()) return digits;
  }
  return 2 * sizeof(KeyName);
}

// ---- what to show

struct Window {
  Instant from;
  Instant until;

  void take_in(const Span& span) {
    from = std::min(from, span.from);
    until = std::max(until, span.until);
  }
};

bool is_steks_own(const Span& span) noexcept {
  return span.part != Part::foreign && span.part != Part::revoked;
}

/// A foreign key of a year must not squeeze keys of a day into a point: beyond half as much again
/// as those take, it is cut.
Window window_of(const std::vector<Bar>& bars, Instant now) {
  Window all{now, now};
  Window own{now, now};
  for (const Bar& bar : bars) {
    for (const Span& span : bar.spans) {
      all.take_in(span);
      if (is_steks_own(span)) own.take_in(span);
    }
  }
  const Seconds more = (own.until - own.from) / 2;
  if (more > Seconds(0)) {
    all.from = std::max(all.from, own.from - more);
    all.until = std::min(all.until, own.until + more);
  }
  all.until = std::max(all.until, all.from + Seconds(1));
  return all;
}

// ---- what happens

struct Events {
  Instant now;
  const Schedule& schedule;
  std::vector<Event> list;

  void add(const KeyName& key, Happening what, Instant at) {
    if (at > now) list.push_back({at, what, key});
  }

  void add_end(const KeyName& key, Instant end) {
    add(key, Happening::expires, end);
    add_erasure(key, end);
  }

  void add_erasure(const KeyName& key, Instant end) {
    list.push_back({std::max(keys::dropped_at(schedule, end), now), Happening::erased, key});
  }
};

std::vector<Event> events_of(const KeyRing& ring, Instant now) {
  Events events{.now = now, .schedule = ring.schedule, .list = {}};
  if (!ring.domain) {
    events.list.push_back({next_due(ring, now), Happening::rotation_due, std::nullopt});
  }
  for (const Key& key : ring.keys) {
    events.add(key.name, Happening::seals, key.activates_at);
    if (key.retires_at < key.expires_at) {
      events.add(key.name, Happening::retires, key.retires_at);
    }
    events.add_end(key.name, key.expires_at);
  }
  for (const ForeignKey& key : ring.foreign) events.add_end(key.name, key.expires_at);
  for (const Tombstone& tombstone : ring.revoked) {
    events.add_erasure(tombstone.name, tombstone.until);
  }
  std::ranges::sort(events.list, {},
                    [](const Event& event) { return std::tuple(event.at, event.what, event.key); });
  return std::move(events.list);
}

}  // namespace

Timeline timeline_of(const KeyRing& ring, Instant now) {
  std::vector<Bar> bars = bars_of(ring, now);
  const Window window = window_of(bars, now);
  const std::size_t digits = digits_needed(bars);
  return {.ring = ring.id,
          .domain = ring.domain,
          .now = now,
          .from = window.from,
          .until = window.until,
          .digits = digits,
          .bars = std::move(bars),
          .events = events_of(ring, now)};
}

std::vector<Event> next_of(const Timeline& timeline) {
  const auto& all = timeline.events;
  const auto count = std::min(all.size(), most_shown);
  std::vector<Event> next(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  const auto is_rotation = [](const Event& event) { return event.what == Happening::rotation_due; };
  const auto rotation = std::ranges::find_if(all, is_rotation);
  if (rotation != all.end() && std::ranges::none_of(next, is_rotation)) next.back() = *rotation;
  return next;
}

std::string short_name(const Timeline& timeline, const KeyName& key) {
  return to_hex(key).substr(0, timeline.digits);
}

std::string_view name_of(Part part) noexcept {
  switch (part) {
    case Part::announced:
      return "announced";
    case Part::active:
      return "active";
    case Part::retired:
      return "retired";
    case Part::foreign:
      return "foreign";
    case Part::revoked:
      break;
  }
  return "revoked";
}

std::string_view name_of(Happening what) noexcept {
  switch (what) {
    case Happening::rotation_due:
      return "rotation_due";
    case Happening::retires:
      return "retires";
    case Happening::seals:
      return "seals";
    case Happening::expires:
      return "expires";
    case Happening::erased:
      break;
  }
  return "erased";
}

}  // namespace stek::tool
