#include <memory>

#include "key_file_option.hpp"
#include "keys.hpp"
#include "keys/names.hpp"
#include "keys_change.hpp"
#include "keys_text.hpp"
#include "output.hpp"
#include "time_option.hpp"
#include "time_text.hpp"

namespace stek::tool {
namespace {

struct ImportOptions {
  std::vector<std::string> from;
  std::optional<Seconds> lives;
  std::optional<Instant> until;
  bool dry_run = false;
  bool json = false;
};

std::vector<ForeignKey> stamped(const std::vector<ForeignKey>& keys, Instant now, Instant end) {
  std::vector<ForeignKey> stamped;
  stamped.reserve(keys.size());
  for (const ForeignKey& key : keys) {
    stamped.push_back(key.copy());
    stamped.back().imported_at = now;
    stamped.back().expires_at = end;
  }
  return stamped;
}

Instant end_of(const ImportOptions& options, const Schedule& schedule, Instant now) {
  return options.until.value_or(now + options.lives.value_or(schedule.accepting));
}

std::optional<std::string> flaw_of(const ImportOptions& options, Instant now) {
  if (options.from.empty()) return "no file named: --from FILE...";
  const Seconds life = options.until ? *options.until - now : options.lives.value_or(Seconds(1));
  if (life <= Seconds(0)) return "the keys would have ended already";
  if (life > keys::longest) return "the keys would live for over 366 days";
  return std::nullopt;
}

Result import(const ImportOptions& options, const RingOption& where) {
  const Instant now = system_now();
  if (auto flaw = flaw_of(options, now)) return complain(Exit::usage, *std::move(flaw));
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const auto keys = read_key_files(options.from);
  if (!keys) return std::unexpected(keys.error());
  const RingChange change = [&](KeyRing ring) {
    auto taken = stamped(*keys, now, end_of(options, ring.schedule, now));
    return import_keys(std::move(ring), std::move(taken), now);
  };
  auto changed = change_ring(*store, change, options.dry_run, now);
  if (!changed) return complain(std::move(changed.error()));
  return options.json ? print_json(json_of(*changed, now))
                      : print(describe(*changed, "all of them are in the ring already", now));
}

void add_until(CLI::App& app, ImportOptions& options, CLI::Option* lives) {
  app.add_option_function<std::string>(
         "--until",
         [&options](const std::string& text) {
           options.until = instant_from(text);
           if (!options.until) {
             throw CLI::ValidationError("--until", "not an instant such as 2026-08-01T22:00:00Z");
           }
         },
         "they stay until then")
      ->type_name("INSTANT")
      ->excludes(lives);
}

}  // namespace

Job keys_import(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<ImportOptions>();
  add_key_file_option(app, options->from, "ticket-key files of a TLS server");
  CLI::Option* lives = add_duration(
      app, "--for", [options](Seconds given) { options->lives = given; }, "accepting",
      "they stay for this long from now");
  add_until(app, *options, lives);
  add_dry_run_option(app, options->dry_run);
  add_json_option(app, options->json);
  app.footer(
      "Takes the keys of nginx, HAProxy, Apache and the like into the ring as foreign keys, which\n"
      "it keeps as they came until they end, and which never seal: keys of 48 or 80 bytes, one\n"
      "after the other, as they are, in hex, or a line of base64 each. A key that is there\n"
      "already stays as it is. A weak one is refused; 'stek keys lint --from FILE' says all that\n"
      "is wrong with a file.\n"
      "\n"
      "Examples:\n"
      "  stek keys import --from /etc/nginx/ticket.key /etc/nginx/old-ticket.key\n"
      "  stek keys import --from /etc/haproxy/tls-ticket-keys --for 24h");
  return [options, &ring] { return import(*options, ring); };
}

}  // namespace stek::tool
