#include <memory>

#include "keys.hpp"
#include "keys_change.hpp"
#include "keys_text.hpp"
#include "output.hpp"

namespace stek::tool {
namespace {

struct RotateOptions {
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

Result rotate(const RotateOptions& options, const RingOption& where) {
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  if (options.force && !options.dry_run) {
    if (auto sure = confirm_force(options); !sure) return std::unexpected(std::move(sure.error()));
  }
  const Instant now = system_now();
  const RingChange change = [&](KeyRing ring) {
    return options.force ? promote(std::move(ring), now, Seconds(0))
                         : advance(std::move(ring), now);
  };
  auto changed = change_ring(*store, change, options.dry_run, now);
  if (!changed) return complain(std::move(changed.error()));
  if (!options.json) return print(describe(*changed, "nothing is due", now));
  wire::Json json = json_of(*changed, now);
  json["forced"] = options.force;
  return print_json(json);
}

}  // namespace

Job keys_rotate(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<RotateOptions>();
  CLI::Option* force = app.add_flag("--force", options->force,
                                    "rotate now, out of turn: the next key seals at once");
  app.add_flag("--yes", options->yes, "do not ask before --force")->needs(force);
  add_dry_run_option(app, options->dry_run);
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
