#include <algorithm>
#include <memory>

#include <fmt/core.h>

#include "key_file_option.hpp"
#include "keys.hpp"
#include "keys/flaw.hpp"
#include "keys/sealed.hpp"
#include "keys_text.hpp"
#include "output.hpp"
#include "store/ring_file.hpp"
#include "store/secret_file.hpp"

namespace stek::tool {
namespace {

struct LintOptions {
  std::vector<std::string> from;
  bool json = false;
};

/// What was looked at, and all that is wrong with it.
struct Finding {
  std::string_view kind;  ///< KEK, ring, key, foreign or revoked
  std::string name;       ///< in hex
  std::vector<std::string> flaws;
};
using Findings = std::vector<Finding>;

// ---- looking

std::vector<std::string> flaws_at(const std::vector<keys::Flaw>& flaws, keys::Part part,
                                  const KeyName& name) {
  std::vector<std::string> its;
  for (const keys::Flaw& flaw : flaws) {
    if (flaw.part != part || flaw.name != name) continue;
    // Both halves of a server's key may fail alike.
    if (std::ranges::find(its, flaw.what) == its.end()) its.push_back(flaw.what);
  }
  return its;
}

template <class Entry>
void add(Findings& findings, std::string_view kind, keys::Part part,
         const std::vector<Entry>& entries, const std::vector<keys::Flaw>& flaws) {
  for (const Entry& entry : entries) {
    findings.push_back({kind, to_hex(entry.name), flaws_at(flaws, part, entry.name)});
  }
}

void look_at_entries(Findings& findings, const KeyRing& ring,
                     const std::vector<keys::Flaw>& flaws) {
  add(findings, "key", keys::Part::key, ring.keys, flaws);
  add(findings, "foreign", keys::Part::foreign, ring.foreign, flaws);
  add(findings, "revoked", keys::Part::revoked, ring.revoked, flaws);
}

void look_at_ring(Findings& findings, const KeyRing& ring, bool unsealed) {
  const auto flaws = keys::flaws_of(ring);
  findings.push_back({"ring", to_hex(ring.id), flaws_at(flaws, keys::Part::ring, {})});
  if (unsealed) {
    findings.back().flaws.emplace_back("in plain, though a KEK is given: anyone could have put it");
  }
  look_at_entries(findings, ring, flaws);
}

/// As the ring that holds nothing else.
void look_at_server_keys(Findings& findings, std::vector<ForeignKey> keys, Instant now) {
  KeyRing ring;
  for (ForeignKey& key : keys) {
    key.imported_at = now;
    key.expires_at = now;
  }
  ring.foreign = std::move(keys);
  look_at_entries(findings, ring, keys::flaws_of(ring));
}

std::expected<std::vector<Kek>, Complaint> look_at_keks(Findings& findings,
                                                        const RingOption& where) {
  const auto files = kek_files(where);
  if (!files) return std::unexpected(files.error());
  std::vector<Kek> keks;
  for (const std::filesystem::path& file : *files) {
    auto kek = store::read_unchecked_kek(file);
    if (!kek) return complain(std::move(kek.error()));
    Finding& finding = findings.emplace_back("KEK", to_hex(keys::id_of(*kek)));
    for (const std::string_view weakness : keys::weaknesses_of(kek->expose())) {
      finding.flaws.push_back(fmt::format("weak secret: {}", weakness));
    }
    keks.push_back(*std::move(kek));
  }
  return keks;
}

/// A weak ring is one that no store gives out: this reads the file as it is.
std::expected<void, Failure> look_at_ring_file(Findings& findings,
                                               const std::filesystem::path& path,
                                               std::span<const Kek> keks) {
  const auto blob = store::read_ring_file(path);
  if (!blob) return std::unexpected(blob.error());
  const bool sealed = keys::is_sealed(*blob);
  auto ring = sealed ? keys::open_unchecked_ring(*blob, keks) : keys::unchecked_ring_from(*blob);
  if (!ring) {
    ring.error().message = path.string() + ": " + ring.error().message;
    return std::unexpected(std::move(ring.error()));
  }
  look_at_ring(findings, *ring, !sealed && !keks.empty());
  return {};
}

std::expected<Findings, Complaint> look(const LintOptions& options, const RingOption& where) {
  Findings findings;
  if (!options.from.empty()) {
    auto keys = read_key_files(options.from);
    if (!keys) return std::unexpected(std::move(keys.error()));
    look_at_server_keys(findings, *std::move(keys), system_now());
    return findings;
  }
  const auto keks = look_at_keks(findings, where);
  if (!keks) return std::unexpected(keks.error());
  const auto path = ring_path(where);
  if (!path) return std::unexpected(path.error());
  if (auto looked = look_at_ring_file(findings, *path, *keks); !looked) {
    // A KEK may be older than its ring.
    if (keks->empty() || looked.error().error != Error::not_found) {
      return complain(std::move(looked.error()));
    }
    say("note", fmt::format("there is no ring at {}", path->string()));
  }
  return findings;
}

// ---- saying

bool is_ok(const Finding& finding) noexcept {
  return finding.flaws.empty();
}

std::string joined(const std::vector<std::string>& flaws) {
  std::string text;
  for (const std::string& flaw : flaws) text += (text.empty() ? "" : "; ") + flaw;
  return text;
}

std::string describe(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{:<7} {:<32}  {}\n", finding.kind, finding.name,
                        is_ok(finding) ? "ok" : joined(finding.flaws));
  }
  return text;
}

wire::Json json_of(const Findings& findings) {
  wire::Json json = {{"ok", std::ranges::all_of(findings, is_ok)}};
  wire::Json& list = json["looked_at"] = wire::Json::array();
  for (const Finding& finding : findings) {
    wire::Json& entry = list.emplace_back(
        wire::Json{{"kind", finding.kind}, {"name", finding.name}, {"ok", is_ok(finding)}});
    wire::Json& flaws = entry["flaws"] = wire::Json::array();
    for (const std::string& flaw : finding.flaws) flaws.push_back(flaw);
  }
  return json;
}

void advise(const Findings& findings, const LintOptions& options) {
  const auto wrong = [&](std::string_view kind) {
    return std::ranges::any_of(findings, [&](const Finding& finding) {
      return !is_ok(finding) && (kind.empty() || finding.kind == kind);
    });
  };
  if (wrong("KEK")) {
    say("hint",
        "who guesses the KEK has the ring: make another, move the ring away, 'stek keys init'");
  } else if (wrong("") && !options.from.empty()) {
    say("hint",
        "tickets under such a key can be forged: take it out of the server, and make another with "
        "'head -c 80 /dev/urandom'");
  } else if (wrong("")) {
    say("hint",
        "no server takes this ring: restore one that is good, or move it away, then 'stek keys "
        "init'");
  }
}

Result lint(const LintOptions& options, const RingOption& where) {
  const auto findings = look(options, where);
  if (!findings) return std::unexpected(findings.error());
  const Exit exit = std::ranges::all_of(*findings, is_ok) ? Exit::done : Exit::failure;
  auto printed =
      options.json ? print_json(json_of(*findings), exit) : print(describe(*findings), exit);
  advise(*findings, options);
  return printed;
}

}  // namespace

Job keys_lint(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<LintOptions>();
  add_key_file_option(app, options->from, "look at ticket-key files of a TLS server instead");
  add_json_option(app, options->json);
  app.footer(
      "Says of every key whether it is random and in order, and what is wrong if not: a secret\n"
      "that is zero, counts, repeats itself, is text or published, is part of another, a name of\n"
      "another secret, instants that contradict each other. With --kek, of the KEK too. Several\n"
      "files are looked at as one, so that a key that two of them hold shows. Exit code 1 when\n"
      "something is wrong. No secret is printed.\n"
      "\n"
      "Examples:\n"
      "  stek keys lint\n"
      "  stek keys lint --from /etc/nginx/ticket.key");
  return [options, &ring] { return lint(*options, ring); };
}

}  // namespace stek::tool
