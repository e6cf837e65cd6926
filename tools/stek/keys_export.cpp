// The ring of one trust domain, for a machine that serves no other.
#include <memory>

#include <fmt/core.h>

#include "keys.hpp"
#include "keys/succession.hpp"
#include "output.hpp"
#include "ring_option.hpp"
#include "store/ring_url.hpp"
#include "ticket/domain_ring.hpp"

namespace stek::tool {
namespace {

struct ExportOptions {
  std::string domain;
  std::string to;
  std::vector<std::string> to_keks;
  bool dry_run = false;
};

/// `exported` in place of an earlier export of the same ring and domain.
std::expected<KeyRing, Failure> follow(const KeyRing& there, const KeyRing& exported) {
  constexpr std::string_view hint = "name another place with --to, or move that ring away";
  if (there.domain != exported.domain) {
    return std::unexpected(
        Failure{.error = Error::other_ring,
                .message = "at the place to export to is a ring that is not of this domain",
                .hint = std::string(hint)});
  }
  auto refusal = keys::refusal_to_follow(keys::mark_of(there), keys::mark_of(exported), hint);
  if (refusal) return std::unexpected(*std::move(refusal));
  return exported.copy();
}

/// Not as the ring's own store: a KEK in the environment is the ring's.
std::expected<FileStore, Complaint> target_of(const ExportOptions& options) {
  FileStoreOptions how;
  auto keks = keks_from(options.to_keks);
  if (!keks) return std::unexpected(std::move(keks.error()));
  how.keks = *std::move(keks);
  auto target = store_at(options.to, std::move(how));
  if (!target) return complain(Exit::usage, target.error().message, target.error().hint);
  return *std::move(target);
}

std::expected<void, Failure> put(RingStore& store, const KeyRing& exported) {
  auto created = store.create(exported);
  if (created || created.error().error != Error::already_there) return created;
  auto updated = store.update([&](const KeyRing& there) { return follow(there, exported); });
  if (!updated) return std::unexpected(std::move(updated.error()));
  return {};
}

Result export_domain(const ExportOptions& options, const RingOption& where) {
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const auto ring = store->read();
  if (!ring) return complain(ring.error());
  auto exported = ticket::ring_of_domain(*ring, options.domain);
  if (!exported) return complain(std::move(exported.error()));
  auto target = target_of(options);
  if (!target) return std::unexpected(std::move(target.error()));
  if (!options.dry_run) {
    if (auto done = put(*target, *exported); !done) return complain(std::move(done.error()));
  }
  const std::size_t count = exported->keys.size();
  say("note",
      fmt::format("{} {} {} of domain '{}', generation {}, to {}",
                  options.dry_run ? "would write" : "wrote", count, count == 1 ? "key" : "keys",
                  options.domain, exported->generation, options.to));
  return Exit::done;
}

}  // namespace

Job keys_export(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<ExportOptions>();
  app.add_option("--domain", options->domain, "the trust domain whose keys are exported")
      ->type_name("NAME")
      ->required();
  app.add_option("--to", options->to, "where to: file:PATH, or a path")
      ->type_name("URL")
      ->required();
  app.add_option("--to-kek", options->to_keks, "seal what is written under this KEK")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_flag("--dry-run", options->dry_run, "say what would be done, write nothing");
  app.footer(
      "What is written opens and seals tickets of that domain and no other, and does not give\n"
      "the ring's keys back. A Ticketer reads it as any ring; nobody can rotate it. Export again\n"
      "after each rotation: the next key has to arrive within the lead.\n"
      "\n"
      "Examples:\n"
      "  stek keys export --domain shop --to /srv/shop/ring.json");
  return [options, &ring] { return export_domain(*options, ring); };
}

}  // namespace stek::tool
