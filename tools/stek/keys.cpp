#include "keys.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include <fmt/core.h>

#include "keys_text.hpp"
#include "output.hpp"
#include "ticket/ticket.hpp"
#include "time_text.hpp"

namespace stek::tool {
namespace {

using tool::json_of;

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

// ---- init

struct InitOptions {
  Schedule schedule;
  std::optional<Seconds> accepting;
  bool json = false;
};

void add_duration(CLI::App& app, const std::string& name, const std::function<void(Seconds)>& set,
                  const std::string& otherwise, const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [name, set](const std::string& text) {
           const auto duration = seconds_from(text);
           if (!duration) {
             throw CLI::ValidationError(name, "not a duration such as 12h, 90m, 45s, 7d or 1h30m");
           }
           set(*duration);
         },
         help)
      ->type_name("TIME")
      ->default_str(otherwise);
}

void add_profile(CLI::App& app, Profile& profile) {
  app.add_option_function<std::string>(
         "--profile",
         [&profile](const std::string& name) {
           const auto known = profile_named(name);
           if (!known) {
             throw CLI::ValidationError("--profile",
                                        "known are aes256gcm, xchacha20poly1305 and rfc5077");
           }
           profile = *known;
         },
         "layout and cipher of tickets (see below)")
      ->type_name("NAME")
      ->default_str(std::string(name_of(profile)));
}

void add_schedule(CLI::App& app, InitOptions& options) {
  Schedule& schedule = options.schedule;
  const auto add = [&](const std::string& name, Seconds& duration, const std::string& help) {
    add_duration(
        app, name, [&duration](Seconds given) { duration = given; }, text_of(duration), help);
  };
  add_profile(app, schedule.profile);
  add("--lead", schedule.lead, "a key is announced this long before it seals");
  add("--sealing", schedule.sealing, "it seals for this long: the rotation period");
  add_duration(
      app, "--accepting", [&options](Seconds given) { options.accepting = given; }, "lifetime+skew",
      "and opens for this long after");
  add("--lifetime", schedule.lifetime, "of a ticket, at most 7d");
  add("--skew", schedule.skew, "between any two clocks of the fleet");
  app.add_option("--ahead", schedule.ahead, "keys announced early, for machines without a store")
      ->type_name("N")
      ->capture_default_str();
}

void warn_of_profile(Profile profile) {
  if (ticket::profile_works(profile)) return;
  say("warning", fmt::format("this machine cannot run {}; xchacha20poly1305 runs on every CPU",
                             name_of(profile)));
}

/// 0700, with all folders above it that are missing.
std::expected<void, Complaint> make_folder_of(const std::filesystem::path& path) {
  if (!path.has_parent_path()) return {};
  const mode_t before = umask(077);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  umask(before);
  if (!error) return {};
  return complain(Exit::unreachable,
                  fmt::format("cannot make {}: {}", path.parent_path().string(), error.message()),
                  "name another place with --ring");
}

Result print_ring(const KeyRing& ring, Instant now, bool json) {
  return json ? print_json(json_of(ring, now)) : print(describe(ring, now));
}

Result init(const InitOptions& options, const RingOption& where) {
  const Instant now = system_now();
  Schedule schedule = options.schedule;
  schedule.accepting = options.accepting.value_or(schedule.lifetime + schedule.skew);
  if (const auto flaw = flaw_of(schedule)) {
    return complain(Exit::usage, "impossible schedule: " + *flaw,
                    "'stek keys init --help' has the rules");
  }
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  warn_of_profile(schedule.profile);
  auto ring = new_ring(schedule, now);
  if (!ring) return complain(std::move(ring.error()));
  if (auto made = make_folder_of(store->path()); !made) {
    return std::unexpected(std::move(made.error()));
  }
  if (auto created = store->create(*ring); !created) return complain(std::move(created.error()));
  auto printed = print_ring(*ring, now, options.json);
  say("note", fmt::format("made {}; its first key seals now", store->path().string()));
  say("hint", "run 'stek keys rotate' from a timer, every few minutes: it does only what is due");
  return printed;
}

// ---- list

Result list(bool json, const RingOption& where) {
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const auto ring = store->read();
  if (!ring) return complain(ring.error());
  const Instant now = system_now();
  auto printed = print_ring(*ring, now, json);
  if (active_key(*ring, now) == nullptr) {
    say("warning", "no key seals, so no ticket is issued");
    say("hint", "run 'stek keys rotate'");
  }
  return printed;
}

// ---- rotate

struct RotateOptions {
  bool force = false;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};

/// What a rotation did to one key.
struct KeyChange {
  std::string_view what;  ///< announced, sealing, retired or dropped
  KeyName name;
  bool is_new;
  std::string note;
};

const Key* find(const KeyRing& ring, const KeyName& name) {
  const auto found = std::ranges::find(ring.keys, name, &Key::name);
  return found == ring.keys.end() ? nullptr : &*found;
}

std::optional<KeyChange> change_of(const Key& key, const Key* before, Instant now) {
  const Phase phase = phase_of(key, now);
  const bool is_new = before == nullptr;
  if (!is_new && phase_of(*before, now) == phase) return std::nullopt;
  switch (phase) {
    case Phase::announced:
      return KeyChange{"announced", key.name, is_new, "seals from " + when(key.activates_at, now)};
    case Phase::active:
      return KeyChange{"sealing", key.name, is_new, "until " + when(key.retires_at, now)};
    case Phase::retired:
      return KeyChange{"retired", key.name, is_new, "opens until " + when(key.expires_at, now)};
    case Phase::expired:
      break;
  }
  return std::nullopt;
}

std::vector<KeyChange> changes_between(const KeyRing& before, const KeyRing& after, Instant now) {
  std::vector<KeyChange> changes;
  for (const Key& key : before.keys) {
    if (find(after, key.name) != nullptr) continue;
    changes.push_back({"dropped", key.name, false, "expired " + when(key.expires_at, now)});
  }
  for (const Key& key : after.keys) {
    if (auto change = change_of(key, find(before, key.name), now)) {
      changes.push_back(*std::move(change));
    }
  }
  return changes;
}

struct Rotation {
  std::vector<KeyChange> changes;
  KeyRing ring;
};

std::expected<Rotation, Failure> rotate_in(RingStore& store, const RotateOptions& options,
                                           Instant now) {
  Rotation rotation;
  const RingChange change = [&](KeyRing ring) {
    const KeyRing before = ring.copy();
    auto after =
        options.force ? promote(std::move(ring), now, Seconds(0)) : advance(std::move(ring), now);
    if (after) rotation.changes = changes_between(before, *after, now);
    return after;
  };
  auto ring = options.dry_run ? store.read() : store.update(change);
  if (options.dry_run && ring) ring = change(*std::move(ring));
  if (!ring) return std::unexpected(std::move(ring.error()));
  rotation.ring = *std::move(ring);
  return rotation;
}

/// A dry run's new key is made for show: the real one will have another name.
bool has_name(const KeyChange& change, const RotateOptions& options) {
  return !(options.dry_run && change.is_new);
}

std::string describe(const Rotation& rotation, const RotateOptions& options, Instant now) {
  std::string text = options.dry_run ? "dry run, nothing is written\n" : "";
  if (rotation.changes.empty()) text += "nothing is due\n";
  for (const KeyChange& change : rotation.changes) {
    text += fmt::format("{:<9} {:<32}  {}\n", change.what,
                        has_name(change, options) ? to_hex(change.name) : "a new key", change.note);
  }
  return text + fmt::format("next rotation due {}\n", next_rotation(rotation.ring, now));
}

wire::Json json_of(const KeyChange& change, const RotateOptions& options) {
  wire::Json json = {{"change", change.what}, {"new", change.is_new}};
  if (has_name(change, options)) json["key"] = to_hex(change.name);
  return json;
}

wire::Json json_of(const Rotation& rotation, const RotateOptions& options, Instant now) {
  wire::Json json = {{"dry_run", options.dry_run},
                     {"forced", options.force},
                     {"generation", rotation.ring.generation},
                     {"now", json_of(now)},
                     {"next_due", json_of(next_due(rotation.ring, now))}};
  wire::Json& changes = json["changes"] = wire::Json::array();
  for (const KeyChange& change : rotation.changes) changes.push_back(json_of(change, options));
  return json;
}

/// What --force breaks, said before it does.
std::expected<void, Complaint> confirm_force(const RotateOptions& options) {
  say("warning",
      "out of turn: machines that have not read the new ring yet refuse tickets of those that "
      "have, with full handshakes and no errors");
  if (options.yes) return {};
  if (isatty(STDIN_FILENO) == 0) {
    return complain(Exit::usage, "--force needs --yes when standard input is no terminal");
  }
  [[maybe_unused]] const int written = std::fputs("stek: rotate now? [y/N] ", stderr);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "yes") return {};
  return complain(Exit::failure, "not rotated");
}

Result rotate(const RotateOptions& options, const RingOption& where) {
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  if (options.force && !options.dry_run) {
    if (auto sure = confirm_force(options); !sure) return std::unexpected(std::move(sure.error()));
  }
  const Instant now = system_now();
  auto rotation = rotate_in(*store, options, now);
  if (!rotation) return complain(std::move(rotation.error()));
  return options.json ? print_json(json_of(*rotation, options, now))
                      : print(describe(*rotation, options, now));
}

}  // namespace

Job keys_init(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<InitOptions>();
  add_schedule(app, *options);
  add_json_option(app, options->json);
  app.footer(
      "Profiles: xchacha20poly1305 runs on any CPU; aes256gcm is faster where every machine\n"
      "has AES instructions; rfc5077 has the outer layout that some TLS libraries insist on.\n"
      "Rules: lead < sealing; accepting >= lifetime + skew; lifetime <= 7d.\n"
      "\n"
      "Examples:\n"
      "  stek keys init\n"
      "  stek keys init --ring /etc/stek/ring.json --profile aes256gcm --sealing 6h");
  return [options, &ring] { return init(*options, ring); };
}

Job keys_list(CLI::App& app, RingOption& ring) {
  const auto json = std::make_shared<bool>(false);
  add_json_option(app, *json);
  app.footer(
      "A key is announced (opens), then active (seals and opens), then retired (opens), then\n"
      "expired (erased at the next rotation). Instants are in UTC. No secret is printed.");
  return [json, &ring] { return list(*json, ring); };
}

Job keys_rotate(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<RotateOptions>();
  CLI::Option* force = app.add_flag("--force", options->force,
                                    "rotate now, out of turn: the next key seals at once");
  app.add_flag("--yes", options->yes, "do not ask before --force")->needs(force);
  app.add_flag("--dry-run", options->dry_run, "say what would be done, write nothing");
  add_json_option(app, options->json);
  app.footer(
      "Run it from a timer, every few minutes: it announces the next key one lead before it\n"
      "seals, drops what has expired, and otherwise does nothing.\n"
      "\n"
      "Examples:\n"
      "  stek keys rotate\n"
      "  stek keys rotate --force --yes\n"
      "\n"
      "--force does not help against a stolen key: it still opens, and so still forges, tickets\n"
      "until it expires. Make a new ring instead.");
  return [options, &ring] { return rotate(*options, ring); };
}

}  // namespace stek::tool
