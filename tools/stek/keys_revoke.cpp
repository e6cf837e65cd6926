#include <algorithm>
#include <memory>

#include <fmt/core.h>

#include "key_name.hpp"
#include "keys.hpp"
#include "keys_change.hpp"
#include "keys_text.hpp"
#include "output.hpp"
#include "time_text.hpp"

namespace stek::tool {
namespace {

struct RevokeOptions {
  std::string name;
  bool all = false;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};

/// What is to end: one key, or all.
using Target = std::optional<KeyName>;

bool is_meant(const Target& target, const KeyName& name) {
  return !target || *target == name;
}

// ---- what it costs

/// The seconds in which tickets were issued under `key` that a client may still come with.
Seconds living_tickets_of(const Key& key, const Schedule& schedule, Instant now) {
  const Instant from = std::max(key.activates_at, now - schedule.lifetime);
  return std::max(std::min(now, key.retires_at) - from, Seconds(0));
}

/// What a revocation ends besides keys.
struct Loss {
  Seconds tickets{};         ///< of which the living ones die, by when they were issued
  std::size_t foreign = 0;   ///< keys of which nobody here knows what they sealed
  Instant known_everywhere;  ///< the last reader has it by then
};

Loss loss_of(const KeyRing& ring, const Target& target, Instant now) {
  Loss loss{.tickets = {}, .foreign = 0, .known_everywhere = now + ring.schedule.lead};
  // Two keys never seal at once, so that nothing is counted twice.
  for (const Key& key : ring.keys) {
    if (is_meant(target, key.name)) loss.tickets += living_tickets_of(key, ring.schedule, now);
  }
  loss.foreign = static_cast<std::size_t>(std::ranges::count_if(
      ring.foreign, [&](const ForeignKey& key) { return is_meant(target, key.name); }));
  return loss;
}

std::string describe(const Loss& loss, Instant now) {
  std::string text = fmt::format(
      "tickets of up to {} s die, by full handshakes and without errors\n", loss.tickets.count());
  if (loss.foreign != 0) {
    text += fmt::format("and all that {} foreign {} sealed\n", loss.foreign,
                        loss.foreign == 1 ? "key" : "keys");
  }
  return text + fmt::format("readers on this machine look every 10 s; the last has it by {}\n",
                            when(loss.known_everywhere, now));
}

/// `text` as warnings, a line each.
void warn(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    say("warning", text.substr(0, end));
    text.remove_prefix(end + 1);
  }
}

// ---- the verb

Result already_revoked(const Tombstone& tombstone, bool json, Instant now) {
  if (json) {
    return print_json(wire::Json{{"key", to_hex(tombstone.name)},
                                 {"already_revoked", true},
                                 {"revoked_at", json_of(tombstone.revoked_at)},
                                 {"now", json_of(now)}});
  }
  return print(fmt::format("key {} was revoked {}\n", to_hex(tombstone.name),
                           when(tombstone.revoked_at, now)));
}

Result print_revocation(const RingChanged& changed, const Loss& loss, bool json, Instant now) {
  if (!json) return print(describe(changed, "nothing to revoke", now) + describe(loss, now));
  wire::Json document = json_of(changed, now);
  document["tickets_lost_seconds"] = loss.tickets.count();
  document["foreign_keys_lost"] = loss.foreign;
  document["known_everywhere_at"] = json_of(loss.known_everywhere);
  return print_json(document);
}

std::expected<void, Complaint> confirm_loss(const KeyRing& seen, const Target& target,
                                            const RevokeOptions& options) {
  if (options.dry_run) return {};
  const Instant now = system_now();
  warn(describe(loss_of(seen, target, now), now));
  return confirm(options.yes, "revoke", "revoke now?", "not revoked");
}

Result revoke_target(FileStore& store, const Target& target, const KeyRing& seen,
                     const RevokeOptions& options) {
  if (auto sure = confirm_loss(seen, target, options); !sure) {
    return std::unexpected(std::move(sure.error()));
  }
  // Somebody may have taken long to answer.
  const Instant now = system_now();
  Loss loss;
  const RingChange change = [&](KeyRing ring) {
    loss = loss_of(ring, target, now);
    return target ? revoke(std::move(ring), *target, now) : revoke_all(std::move(ring), now);
  };
  auto changed = change_ring(store, change, options.dry_run, now);
  if (!changed) return complain(std::move(changed.error()));
  return print_revocation(*changed, loss, options.json, now);
}

Result revoke(const RevokeOptions& options, const RingOption& where) {
  if (options.all != options.name.empty()) {
    return complain(Exit::usage, options.all ? "--all goes without a key's name" : "no key named",
                    "'stek keys list' names the keys; --all means every one");
  }
  // Not quoted: it may be a secret.
  if (!options.all && !is_a_beginning(options.name)) {
    return complain(Exit::usage, "not a key's name, nor the beginning of one",
                    "4 to 32 hex digits in lower case, as 'stek keys list' has them");
  }
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const auto ring = store->read();
  if (!ring) return complain(ring.error());
  if (options.all) return revoke_target(*store, std::nullopt, *ring, options);
  const auto name = key_named(*ring, options.name);
  if (!name) return std::unexpected(name.error());
  const auto tombstone = std::ranges::find(ring->revoked, *name, &Tombstone::name);
  if (tombstone != ring->revoked.end())
    return already_revoked(*tombstone, options.json, system_now());
  return revoke_target(*store, *name, *ring, options);
}

}  // namespace

Job keys_revoke(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<RevokeOptions>();
  app.add_option("name", options->name, "the key's name, or its first digits, 4 at least")
      ->type_name("NAME");
  app.add_flag("--all", options->all, "every key, announced and foreign ones too");
  app.add_flag("--yes", options->yes, "do not ask");
  add_dry_run_option(app, options->dry_run);
  add_json_option(app, options->json);
  app.footer(
      "Ends a stolen key: its secret is erased, and its name kept out of the ring until the end\n"
      "that it was to have. Where it sealed, the announced key seals at once, else a new one.\n"
      "Whoever copied the ring has the announced key too: after such a theft, --all.\n"
      "Tickets that were issued under it die; their clients do full handshakes. A machine with an\n"
      "exported ring opens them until it has a new one: 'stek keys export' again for each.\n"
      "\n"
      "Examples:\n"
      "  stek keys revoke db46ef85 --dry-run\n"
      "  stek keys revoke --all --yes");
  return [options, &ring] { return revoke(*options, ring); };
}

}  // namespace stek::tool
