// What a verb does to the keys of a ring, or would do in a dry run.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <stek/store.hpp>

#include "complaint.hpp"
#include "wire/json.hpp"

namespace stek::tool {

/// Of keys, foreign keys or tombstones; nullptr where none of them has this name.
template <class Entry>
const Entry* entry_named(const std::vector<Entry>& entries, const KeyName& name) {
  const auto found = std::ranges::find(entries, name, &Entry::name);
  return found == entries.end() ? nullptr : &*found;
}

/// What a change did to one key.
struct KeyChange {
  std::string_view what;  ///< announced, moved, sealing, retired, imported, revoked, dropped,
                          ///< forgotten
  KeyName name{};
  bool is_new = false;  ///< a key that stek made
  std::string note;
};

struct RingChanged {
  std::vector<KeyChange> changes;
  KeyRing ring;  ///< afterwards
  bool dry_run = false;
};

/// Changes the ring of `store`; in a dry run, a copy of it.
std::expected<RingChanged, Failure> change_ring(RingStore& store, const RingChange& change,
                                                bool dry_run, Instant now);

/// A line a change, `nothing` where there is none, and when the next rotation is due. A dry run
/// says that it is one, and names no new key: the real one will have another name.
std::string describe(const RingChanged& changed, std::string_view nothing, Instant now);
wire::Json json_of(const RingChanged& changed, Instant now);

void add_dry_run_option(CLI::App& app, bool& dry_run);

/// Asks `question` on the terminal, unless `yes` answers it. `flag` is what needs --yes where there
/// is no terminal, `refusal` what is said to any other answer.
std::expected<void, Complaint> confirm(bool yes, std::string_view flag, std::string_view question,
                                       std::string_view refusal);

}  // namespace stek::tool
