#include <sys/stat.h>

#include <memory>

#include <fmt/core.h>

#include "keys.hpp"
#include "keys_change.hpp"
#include "keys_text.hpp"
#include "output.hpp"
#include "store/ring_file.hpp"
#include "ticket/ticket.hpp"
#include "time_option.hpp"
#include "time_text.hpp"

namespace stek::tool {
namespace {

struct InitOptions {
  Schedule schedule;
  std::optional<Seconds> accepting;
  bool dry_run = false;
  bool json = false;
};

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

/// The flags that make a schedule possible, of those that were given otherwise or left out.
std::string flags_to_nearest(const Schedule& given, const InitOptions& options) {
  const Schedule nearest = nearest_possible(given);
  std::string flags;
  const auto add = [&](std::string_view flag, Seconds was, Seconds is) {
    if (was != is) flags += fmt::format(" {} {}", flag, text_of(is));
  };
  add("--lead", given.lead, nearest.lead);
  add("--sealing", given.sealing, nearest.sealing);
  // Left out, it follows the others.
  if (options.accepting) add("--accepting", given.accepting, nearest.accepting);
  add("--lifetime", given.lifetime, nearest.lifetime);
  add("--skew", given.skew, nearest.skew);
  if (given.ahead != nearest.ahead) flags += fmt::format(" --ahead {}", nearest.ahead);
  return flags;
}

/// A ring that is made for show: the real one will have other names.
Result print_plan(const KeyRing& ring, Instant now, bool json) {
  if (!json) return print(describe_plan(ring, now));
  wire::Json plan = json_of(ring, now);
  plan["dry_run"] = true;
  plan.erase("id");
  for (wire::Json& key : plan["keys"]) key.erase("name");
  return print_json(plan);
}

Result plan(const KeyRing& ring, const std::filesystem::path& path, Instant now, bool json) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return print_plan(ring, now, json);
  return complain(Exit::failure,
                  fmt::format("there is a ring, or something else, at {} already", path.string()),
                  "rotate a ring with 'stek keys rotate', or move it away first");
}

Result init(const InitOptions& options, const RingOption& where) {
  const Instant now = system_now();
  Schedule schedule = options.schedule;
  schedule.accepting = options.accepting.value_or(schedule.lifetime + schedule.skew);
  if (const auto flaw = flaw_of(schedule)) {
    return complain(Exit::usage, "impossible schedule: " + *flaw,
                    "nearest that works:" + flags_to_nearest(schedule, options));
  }
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  warn_of_profile(schedule.profile);
  auto ring = new_ring(schedule, now);
  if (!ring) return complain(std::move(ring.error()));
  if (options.dry_run) return plan(*ring, store->path(), now, options.json);
  if (auto made = make_folder_of(store->path()); !made) {
    return std::unexpected(std::move(made.error()));
  }
  if (auto created = store->create(*ring); !created) return complain(std::move(created.error()));
  auto printed = print_ring(*ring, now, options.json);
  warn_of_plain_ring(where, store->path());
  say("note", fmt::format("made {}; its first key seals now", store->path().string()));
  say("hint",
      "let 'stek keys run' rotate it, or 'stek keys rotate' from a timer, every few minutes");
  return printed;
}

}  // namespace

Job keys_init(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<InitOptions>();
  add_schedule(app, *options);
  add_dry_run_option(app, options->dry_run);
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

}  // namespace stek::tool
