#include "keys_text.hpp"

#include <fmt/core.h>

#include "keys/document.hpp"
#include "output.hpp"
#include "time_text.hpp"

namespace stek::tool {

Result print_ring(const KeyRing& ring, Instant now, bool json) {
  return json ? print_json(json_of(ring, now)) : print(describe(ring, now));
}

wire::Json json_of(Instant instant) {
  return wire::JsonForm<Instant>::put(instant);
}

wire::Json json_of(const KeyRing& ring, Instant now) {
  wire::Json json = keys::public_json(ring);
  for (std::size_t i = 0; i < ring.keys.size(); ++i) {
    json["keys"][i]["phase"] = name_of(phase_of(ring.keys[i], now));
  }
  json["now"] = json_of(now);
  json["next_due"] = json_of(next_due(ring, now));
  return json;
}

namespace {

std::string describe(const Schedule& schedule) {
  return fmt::format("lead {}, sealing {}, accepting {}, lifetime {}, skew {}, ahead {}",
                     text_of(schedule.lead), text_of(schedule.sealing), text_of(schedule.accepting),
                     text_of(schedule.lifetime), text_of(schedule.skew), schedule.ahead);
}

std::string describe(const Key& key, Instant now) {
  return fmt::format(
      "\n"
      "key {}  {}\n"
      "  announced  {}\n"
      "  activates  {}\n"
      "  retires    {}\n"
      "  expires    {}\n",
      to_hex(key.name), name_of(phase_of(key, now)), when(key.announced_at, now),
      when(key.activates_at, now), when(key.retires_at, now), when(key.expires_at, now));
}

}  // namespace

/// Due at an instant that has passed is due now.
std::string next_rotation(const KeyRing& ring, Instant now) {
  return when(next_due(ring, now), now);
}

std::string describe(const KeyRing& ring, Instant now) {
  std::string text = fmt::format(
      "ring       {}\n"
      "generation {}, written {}\n"
      "profile    {}\n"
      "schedule   {}\n"
      "rotation   due {}\n",
      to_hex(ring.id), ring.generation, when(ring.written_at, now), name_of(ring.schedule.profile),
      describe(ring.schedule), next_rotation(ring, now));
  for (const Key& key : ring.keys) text += describe(key, now);
  return text;
}

void add_json_option(CLI::App& app, bool& json) {
  app.add_flag("--json", json, "print JSON");
}

}  // namespace stek::tool
