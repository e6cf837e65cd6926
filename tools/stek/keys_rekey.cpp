#include <memory>

#include <fmt/core.h>

#include "keys.hpp"
#include "keys/sealed.hpp"
#include "keys_change.hpp"
#include "keys_text.hpp"
#include "output.hpp"
#include "store/ring_file.hpp"

namespace stek::tool {
namespace {

struct RekeyOptions {
  bool dry_run = false;
  bool json = false;
};

/// Of the KEK that the ring is going to be sealed under.
std::expected<keys::KekId, Complaint> id_of_first_kek(const RingOption& where) {
  const auto files = kek_files(where);
  if (!files) return std::unexpected(files.error());
  if (files->empty()) {
    return complain(Exit::usage, "no KEK to seal the ring under",
                    "name its file with --kek; '(umask 077; head -c 32 /dev/urandom > FILE)' makes "
                    "one");
  }
  auto kek = read_kek(files->front());
  if (!kek) return complain(std::move(kek.error()));
  return keys::id_of(*kek);
}

bool is_in_plain(const std::filesystem::path& path) {
  const auto blob = store::read_ring_file(path);
  return blob && !keys::is_sealed(*blob);
}

std::string describe(const RingChanged& changed, const keys::KekId& kek) {
  return fmt::format("{}sealed under KEK {}, generation {}\n",
                     changed.dry_run ? "dry run, nothing is written\n" : "", to_hex(kek),
                     changed.ring.generation);
}

wire::Json json_of(const RingChanged& changed, const keys::KekId& kek, Instant now) {
  wire::Json json = json_of(changed, now);
  json["kek"] = to_hex(kek);
  return json;
}

Result rekey(const RekeyOptions& options, const RingOption& where) {
  const auto kek = id_of_first_kek(where);
  if (!kek) return std::unexpected(kek.error());
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const bool was_in_plain = is_in_plain(store->path());
  const Instant now = system_now();
  const RingChange change = [&](KeyRing ring) { return rewritten(std::move(ring), now); };
  auto changed = change_ring(*store, change, options.dry_run, now);
  if (!changed) return complain(std::move(changed.error()));
  auto printed =
      options.json ? print_json(json_of(*changed, *kek, now)) : print(describe(*changed, *kek));
  if (was_in_plain && !options.dry_run) {
    say("warning",
        "the ring was in plain: the disk and its backups may still have its keys, until they end");
    say("hint", "'stek keys rotate --now' lets a key seal that never was in plain");
  }
  return printed;
}

}  // namespace

Job keys_rekey(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<RekeyOptions>();
  ring.rekey = true;
  app.add_flag("--take-plain", ring.take_plain, "seal a ring that is in plain");
  add_dry_run_option(app, options->dry_run);
  add_json_option(app, options->json);
  app.footer(
      "Writes the ring anew, sealed under the first --kek. Its keys stay as they are. A KEK is 32\n"
      "random bytes in a file that nobody else reads; credential:NAME is one that systemd hands\n"
      "to the unit (LoadCredentialEncrypted=). STEK_KEK names one in place of --kek.\n"
      "\n"
      "Examples, to seal a ring, and to replace a KEK, which every server is given first:\n"
      "  stek keys rekey --kek /etc/stek/kek --take-plain\n"
      "  stek keys rekey --kek /etc/stek/new-kek --kek /etc/stek/kek");
  return [options, &ring] { return rekey(*options, ring); };
}

}  // namespace stek::tool
