#include <algorithm>
#include <memory>

#include "keys.hpp"
#include "keys_change.hpp"
#include "keys_text.hpp"
#include "output.hpp"
#include "time_text.hpp"

namespace stek::tool {
namespace {

struct RotateOptions {
  bool soon = false;
  bool force = false;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};

/// What --force breaks, said before it does.
std::expected<void, Complaint> confirm_force(const RotateOptions& options) {
  say("warning",
      "out of turn: machines that have not read the new ring yet refuse tickets of those that "
      "have, with full handshakes and no errors");
  return confirm(options.yes, "--force", "rotate now?", "not rotated");
}

std::expected<KeyRing, Failure> rotated(KeyRing ring, const RotateOptions& options, Instant now) {
  const Seconds lead = ring.schedule.lead;
  if (options.force) return promote(std::move(ring), now, Seconds(0));
  return options.soon ? promote(std::move(ring), now, lead) : advance(std::move(ring), now);
}

/// When the key behind the active one begins to seal.
Instant next_seals_at(const KeyRing& ring, Instant now) noexcept {
  const auto next =
      std::ranges::find_if(ring.keys, [&](const Key& key) { return key.activates_at > now; });
  return next == ring.keys.end() ? next_due(ring, now) : next->activates_at;
}

std::string describe_rotation(const RingChanged& changed, const RotateOptions& options,
                              Instant now) {
  std::string text =
      describe(changed, options.soon ? "nothing can be sooner" : "nothing is due", now);
  if (options.soon) text += "next key seals " + when(next_seals_at(changed.ring, now), now) + "\n";
  return text;
}

wire::Json rotation_json(const RingChanged& changed, const RotateOptions& options, Instant now) {
  wire::Json json = json_of(changed, now);
  json["forced"] = options.force;
  if (options.soon) json["next_seals_at"] = json_of(next_seals_at(changed.ring, now));
  return json;
}

Result rotate(const RotateOptions& options, const RingOption& where) {
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  if (options.force && !options.dry_run) {
    if (auto sure = confirm_force(options); !sure) return std::unexpected(std::move(sure.error()));
  }
  const Instant now = system_now();
  const RingChange change = [&](KeyRing ring) { return rotated(std::move(ring), options, now); };
  auto changed = change_ring(*store, change, options.dry_run, now);
  if (!changed) return complain(std::move(changed.error()));
  return options.json ? print_json(rotation_json(*changed, options, now))
                      : print(describe_rotation(*changed, options, now));
}

}  // namespace

Job keys_rotate(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<RotateOptions>();
  CLI::Option* soon = app.add_flag("--now", options->soon,
                                   "rotate out of turn, as soon as every machine has the next key");
  CLI::Option* force =
      app.add_flag("--force", options->force, "rotate at once, though machines may lack the key");
  force->excludes(soon);
  app.add_flag("--yes", options->yes, "do not ask before --force")->needs(force);
  add_dry_run_option(app, options->dry_run);
  add_json_option(app, options->json);
  app.footer(
      "Run it from a timer, every few minutes: it announces the next key one lead before it\n"
      "seals, drops what has expired, and otherwise does nothing. --now lets the next key seal\n"
      "one lead from its announcement, and breaks nothing.\n"
      "\n"
      "Examples:\n"
      "  stek keys rotate\n"
      "  stek keys rotate --now --dry-run\n"
      "  stek keys rotate --force --yes\n"
      "\n"
      "Neither helps against a stolen key: it still opens, and so still forges, tickets until it\n"
      "expires. 'stek keys revoke' ends it.");
  return [options, &ring] { return rotate(*options, ring); };
}

}  // namespace stek::tool
