#include "keys_change.hpp"

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include <fmt/core.h>

#include "keys_text.hpp"
#include "output.hpp"
#include "time_text.hpp"

namespace stek::tool {
namespace {

std::vector<KeyChange> changes_between(const KeyRing& before, const KeyRing& after, Instant now);

}  // namespace

std::expected<RingChanged, Failure> change_ring(RingStore& store, const RingChange& change,
                                                bool dry_run, Instant now) {
  RingChanged changed{.changes = {}, .ring = {}, .dry_run = dry_run};
  const RingChange noted = [&](KeyRing ring) {
    const KeyRing before = ring.copy();
    auto after = change(std::move(ring));
    if (after) changed.changes = changes_between(before, *after, now);
    return after;
  };
  auto ring = dry_run ? store.read() : store.update(noted);
  if (dry_run && ring) ring = noted(*std::move(ring));
  if (!ring) return std::unexpected(std::move(ring.error()));
  changed.ring = *std::move(ring);
  return changed;
}

namespace {

bool is_as_before(const Key& key, const Key& before, Instant now) noexcept {
  return phase_of(before, now) == phase_of(key, now) && before.activates_at == key.activates_at &&
         before.retires_at == key.retires_at;
}

std::optional<KeyChange> change_of(const Key& key, const Key* before, Instant now) {
  const Phase phase = phase_of(key, now);
  const bool is_new = before == nullptr;
  if (!is_new && is_as_before(key, *before, now)) return std::nullopt;
  switch (phase) {
    case Phase::announced:
      return KeyChange{is_new ? "announced" : "moved", key.name, is_new,
                       "seals from " + when(key.activates_at, now)};
    case Phase::active:
      return KeyChange{"sealing", key.name, is_new, "until " + when(key.retires_at, now)};
    case Phase::retired:
      return KeyChange{"retired", key.name, is_new, "opens until " + when(key.expires_at, now)};
    case Phase::expired:
      break;
  }
  return std::nullopt;
}

/// What became of a key that is in the ring no more.
template <class AnyKey>
KeyChange departure_of(const AnyKey& key, const KeyRing& after, Instant now) {
  if (entry_named(after.revoked, key.name) != nullptr) {
    return {"revoked", key.name, false, "was to end " + when(key.expires_at, now)};
  }
  const std::string_view tense = key.expires_at > now ? "was to end " : "expired ";
  return {"dropped", key.name, false, std::string(tense) + when(key.expires_at, now)};
}

template <class AnyKey>
void add_departures(std::vector<KeyChange>& changes, const std::vector<AnyKey>& before,
                    const std::vector<AnyKey>& now_there, const KeyRing& after, Instant now) {
  for (const AnyKey& key : before) {
    if (entry_named(now_there, key.name) == nullptr)
      changes.push_back(departure_of(key, after, now));
  }
}

std::vector<KeyChange> changes_between(const KeyRing& before, const KeyRing& after, Instant now) {
  std::vector<KeyChange> changes;
  add_departures(changes, before.keys, after.keys, after, now);
  add_departures(changes, before.foreign, after.foreign, after, now);
  for (const Key& key : after.keys) {
    if (auto change = change_of(key, entry_named(before.keys, key.name), now)) {
      changes.push_back(*std::move(change));
    }
  }
  for (const ForeignKey& key : after.foreign) {
    if (entry_named(before.foreign, key.name) != nullptr) continue;
    changes.push_back({"imported", key.name, false, "opens until " + when(key.expires_at, now)});
  }
  for (const Tombstone& tombstone : before.revoked) {
    if (entry_named(after.revoked, tombstone.name) != nullptr) continue;
    changes.push_back(
        {"forgotten", tombstone.name, false, "revoked " + when(tombstone.revoked_at, now)});
  }
  return changes;
}

bool has_name(const KeyChange& change, const RingChanged& changed) {
  return !(changed.dry_run && change.is_new);
}

}  // namespace

std::string describe(const RingChanged& changed, std::string_view nothing, Instant now) {
  std::string text = changed.dry_run ? "dry run, nothing is written\n" : "";
  if (changed.changes.empty()) text += fmt::format("{}\n", nothing);
  for (const KeyChange& change : changed.changes) {
    text += fmt::format("{:<9} {:<32}  {}\n", change.what,
                        has_name(change, changed) ? to_hex(change.name) : "a new key", change.note);
  }
  return text + fmt::format("next rotation due {}\n", next_rotation(changed.ring, now));
}

namespace {

wire::Json json_of(const KeyChange& change, const RingChanged& changed) {
  wire::Json json = {{"change", change.what}, {"new", change.is_new}};
  if (has_name(change, changed)) json["key"] = to_hex(change.name);
  return json;
}

}  // namespace

wire::Json json_of(const RingChanged& changed, Instant now) {
  wire::Json json = {{"dry_run", changed.dry_run},
                     {"generation", changed.ring.generation},
                     {"now", json_of(now)},
                     {"next_due", json_of(next_due(changed.ring, now))}};
  wire::Json& changes = json["changes"] = wire::Json::array();
  for (const KeyChange& change : changed.changes) changes.push_back(json_of(change, changed));
  return json;
}

void add_dry_run_option(CLI::App& app, bool& dry_run) {
  app.add_flag("--dry-run", dry_run, "say what would be done, write nothing");
}

std::expected<void, Complaint> confirm(bool yes, std::string_view flag, std::string_view question,
                                       std::string_view refusal) {
  if (yes) return {};
  if (isatty(STDIN_FILENO) == 0) {
    return complain(Exit::usage,
                    fmt::format("{} needs --yes when standard input is no terminal", flag));
  }
  const std::string line = fmt::format("stek: {} [y/N] ", question);
  [[maybe_unused]] const int written = std::fputs(line.c_str(), stderr);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "yes") return {};
  return complain(Exit::failure, std::string(refusal));
}

}  // namespace stek::tool
