// The ring of one trust domain, for a machine that serves no other.
#include <memory>

#include <fmt/core.h>

#include "keys.hpp"
#include "keys/sealed.hpp"
#include "keys/succession.hpp"
#include "keys_change.hpp"
#include "output.hpp"
#include "ring_option.hpp"
#include "store/ring_file.hpp"
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

/// Where to, and sealed under what: a KEK in the environment is the ring's.
struct Target {
  std::filesystem::path path;
  std::vector<Kek> keks;
};

std::expected<Target, Complaint> target_of(const ExportOptions& options) {
  auto keks = keks_from(options.to_keks);
  if (!keks) return std::unexpected(std::move(keks.error()));
  const auto store = store_at(options.to);
  if (!store) return complain(Exit::usage, store.error().message, store.error().hint);
  return Target{.path = store::resolved(store->path()), .keks = *std::move(keks)};
}

std::unexpected<Failure> refuse(Error error, const Target& target, std::string_view what) {
  return std::unexpected(
      Failure{.error = error,
              .message = fmt::format("{} {}", target.path.string(), what),
              .hint = "name another place with --to, or move what is there away first"});
}

/// Only an earlier export of the same ring and domain gives way.
std::expected<void, Failure> may_replace(const Target& target, const KeyRing& there,
                                         const KeyRing& exported) {
  if (!there.domain) return refuse(Error::other_ring, target, "holds a ring of all domains");
  if (there.domain != exported.domain) {
    return refuse(Error::other_ring, target, "holds the ring of another domain");
  }
  const auto refusal = keys::refusal_to_follow(keys::mark_of(there), keys::mark_of(exported), {});
  if (!refusal) return {};
  if (refusal->error == Error::other_ring) {
    return refuse(Error::other_ring, target, "was exported from another ring");
  }
  return refuse(refusal->error, target,
                fmt::format("holds {} generation {}, exported would be {}",
                            there.generation == exported.generation ? "another" : "the newer",
                            there.generation, exported.generation));
}

std::expected<KeyRing, Failure> ring_at(const Target& target, Bytes blob) {
  // One in plain does no harm beside a KEK: nothing of it is kept.
  auto ring = keys::is_sealed(blob) ? keys::open_ring(blob, target.keks) : keys::ring_from(blob);
  if (ring) return ring;
  Failure& failure = ring.error();
  failure.message = fmt::format("{}: {}", target.path.string(), failure.message);
  failure.hint = failure.error == Error::wrong_kek
                     ? "name its KEK too, in a second --to-kek, or move it away first"
                     : "name another place with --to, or move what is there away first";
  return ring;
}

bool is_sealed_as_asked(const Target& target, Bytes blob) {
  if (target.keks.empty()) return !keys::is_sealed(blob);
  return keys::is_sealed(blob) && keys::open_ring(blob, std::span(target.keks).first(1));
}

/// Whether there is anything to write.
std::expected<bool, Failure> is_wanted(const Target& target, const KeyRing& exported) {
  const auto blob = store::read_ring_file(target.path);
  if (!blob && blob.error().error == Error::not_found) return true;
  if (!blob) return std::unexpected(blob.error());
  const auto there = ring_at(target, *blob);
  if (!there) return std::unexpected(there.error());
  if (auto may = may_replace(target, *there, exported); !may) {
    return std::unexpected(std::move(may.error()));
  }
  return there->generation != exported.generation || !is_sealed_as_asked(target, *blob);
}

std::expected<void, Failure> write(const Target& target, const KeyRing& exported) {
  if (auto flaw = flaw_of(exported)) return std::unexpected(*std::move(flaw));
  const auto blob = keys::at_rest(exported, target.keks.empty() ? nullptr : &target.keks.front());
  if (!blob) return std::unexpected(blob.error());
  return store::replace_ring_file(target.path, *blob);
}

/// False when it was there already. Not by an update of the store, which writes nothing at an equal
/// generation, though the KEK may be another.
std::expected<bool, Failure> put(const Target& target, const KeyRing& exported) {
  const auto lock = store::FileLock::take(target.path);
  if (!lock) return std::unexpected(lock.error());
  auto wanted = is_wanted(target, exported);
  if (!wanted || !*wanted) return wanted;
  if (auto written = write(target, exported); !written) {
    return std::unexpected(std::move(written.error()));
  }
  return true;
}

std::string describe(const ExportOptions& options, const KeyRing& exported, bool wanted) {
  if (!wanted) {
    return fmt::format("{} is there already, generation {}; nothing written", options.to,
                       exported.generation);
  }
  const std::size_t count = exported.keys.size();
  return fmt::format("{} {} {} of domain '{}', generation {}, to {}",
                     options.dry_run ? "would write" : "wrote", count, count == 1 ? "key" : "keys",
                     options.domain, exported.generation, options.to);
}

Result export_domain(const ExportOptions& options, const RingOption& where) {
  const auto ring = ring_named(where);
  if (!ring) return std::unexpected(ring.error());
  auto exported = ticket::ring_of_domain(*ring, options.domain);
  if (!exported) return complain(std::move(exported.error()));
  auto target = target_of(options);
  if (!target) return std::unexpected(std::move(target.error()));
  const auto wanted = options.dry_run ? is_wanted(*target, *exported) : put(*target, *exported);
  if (!wanted) return complain(wanted.error());
  say("note", describe(options, *exported, *wanted));
  if (target->keks.empty() && !store::on_memory(target->path)) {
    say("warning", "the exported keys are in plain on a disk; --to-kek seals them");
  }
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
  add_dry_run_option(app, options->dry_run);
  app.footer(
      "What is written opens and seals tickets of that domain and no other, and does not give\n"
      "the ring's keys back. A Ticketer reads it as any ring; nobody can rotate it. Export again\n"
      "after each rotation, as the next key has to arrive within the lead, and at once after a\n"
      "revocation: until then the machine opens tickets under the revoked key. To replace the KEK\n"
      "of an export, name both, the new one first.\n"
      "\n"
      "Examples:\n"
      "  stek keys export --domain shop --to /srv/shop/ring.json\n"
      "  stek keys export --domain shop --to /srv/shop/ring.json --to-kek /srv/shop/kek");
  return [options, &ring] { return export_domain(*options, ring); };
}

}  // namespace stek::tool
