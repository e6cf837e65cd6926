#include "keys_text.hpp"

#include <fmt/core.h>

#include "domain_text.hpp"
#include "keys/cover.hpp"
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

std::string_view phase_name(const ForeignKey& key, Instant now) noexcept {
  return now < key.expires_at ? "foreign" : name_of(Phase::expired);
}

std::string_view phase_name(const Key& key, Instant now) noexcept {
  return name_of(phase_of(key, now));
}

namespace {

template <class AnyKey>
void add_phases(wire::Json& list, const std::vector<AnyKey>& keys, const Schedule& schedule,
                Instant now) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    list[i]["phase"] = phase_name(keys[i], now);
    if (now < keys[i].expires_at) continue;
    list[i]["erased_at"] = json_of(keys::dropped_at(schedule, keys[i].expires_at));
  }
}

}  // namespace

wire::Json json_of(const KeyRing& ring, Instant now) {
  wire::Json json = keys::public_json(ring);
  add_phases(json["keys"], ring.keys, ring.schedule, now);
  if (!ring.foreign.empty()) add_phases(json["foreign"], ring.foreign, ring.schedule, now);
  json["now"] = json_of(now);
  if (!ring.domain) json["next_due"] = json_of(next_due(ring, now));
  return json;
}

namespace {

std::string describe(const Schedule& schedule) {
  return fmt::format("lead {}, sealing {}, accepting {}, lifetime {}, skew {}, ahead {}",
                     text_of(schedule.lead), text_of(schedule.sealing), text_of(schedule.accepting),
                     text_of(schedule.lifetime), text_of(schedule.skew), schedule.ahead);
}

/// Nobody rotates an exported ring.
std::string outline_of(const KeyRing& ring, Instant now) {
  return fmt::format(
      "profile    {}\n"
      "schedule   {}\n"
      "{}\n",
      name_of(ring.schedule.profile), describe(ring.schedule),
      ring.domain
          ? fmt::format("domain     {}, of which it is an export", domain_text(*ring.domain))
          : fmt::format("rotation   due {}", next_rotation(ring, now)));
}

/// Of a key past its end, whose secret stays for a lead.
std::string erasure(Instant end, const Schedule& schedule, Instant now) {
  if (now < end) return {};
  const Instant at = keys::dropped_at(schedule, end);
  return fmt::format("  erased     {}\n", now < at ? when(at, now) : "at the next rotation");
}

std::string describe(const Key& key, std::string_view name, const Schedule& schedule, Instant now) {
  return fmt::format(
      "\n"
      "key {}  {}\n"
      "  announced  {}\n"
      "  activates  {}\n"
      "  retires    {}\n"
      "  expires    {}\n{}",
      name, phase_name(key, now), when(key.announced_at, now), when(key.activates_at, now),
      when(key.retires_at, now), when(key.expires_at, now), erasure(key.expires_at, schedule, now));
}

std::string describe(const ForeignKey& key, const Schedule& schedule, Instant now) {
  return fmt::format(
      "\n"
      "key {}  {}, of {} bytes\n"
      "  imported   {}\n"
      "  expires    {}\n{}",
      to_hex(key.name), phase_name(key, now), key.file_size, when(key.imported_at, now),
      when(key.expires_at, now), erasure(key.expires_at, schedule, now));
}

std::string describe(const Tombstone& tombstone, Instant now) {
  return fmt::format(
      "\n"
      "key {}  revoked\n"
      "  revoked    {}\n"
      "  kept out   until {}\n",
      to_hex(tombstone.name), when(tombstone.revoked_at, now), when(tombstone.until, now));
}

}  // namespace

std::string describe_plan(const KeyRing& ring, Instant now) {
  std::string text = "dry run, nothing is written\n" + outline_of(ring, now);
  for (const Key& key : ring.keys) text += describe(key, "to be made", ring.schedule, now);
  return text;
}

/// Due at an instant that has passed is due now.
std::string next_rotation(const KeyRing& ring, Instant now) {
  return when(next_due(ring, now), now);
}

std::string describe(const KeyRing& ring, Instant now) {
  std::string text = fmt::format(
      "ring       {}\n"
      "generation {}, written {}\n"
      "{}",
      to_hex(ring.id), ring.generation, when(ring.written_at, now), outline_of(ring, now));
  for (const Key& key : ring.keys) text += describe(key, to_hex(key.name), ring.schedule, now);
  for (const ForeignKey& key : ring.foreign) text += describe(key, ring.schedule, now);
  for (const Tombstone& tombstone : ring.revoked) text += describe(tombstone, now);
  return text;
}

void warn_where_none_seals(const KeyRing& ring, Instant now) {
  if (active_key(ring, now) != nullptr) return;
  say("warning", "no key seals, so no ticket is issued");
  say("hint", ring.domain ? "export the ring again: 'stek keys export'" : "run 'stek keys rotate'");
}

void add_json_option(CLI::App& app, bool& json) {
  app.add_flag("--json", json, "print JSON");
}

}  // namespace stek::tool
