// A ring and its keys as people and programs read them. No secret is in either.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include <stek/ring.hpp>

#include "complaint.hpp"
#include "wire/json.hpp"

namespace stek::tool {

wire::Json json_of(Instant instant);
/// The public half of the ring's document, each key's phase, when an expired one is erased, `now`
/// and `next_due`, but of an exported ring, which nobody rotates.
wire::Json json_of(const KeyRing& ring, Instant now);
/// A paragraph a key, 80 columns wide.
std::string describe(const KeyRing& ring, Instant now);

/// Of a ring that a dry run made for show, without the names that the real one will not have.
std::string describe_plan(const KeyRing& ring, Instant now);

std::string_view phase_name(const Key& key, Instant now) noexcept;
/// "foreign", or "expired".
std::string_view phase_name(const ForeignKey& key, Instant now) noexcept;

/// Says so where no key seals at `now`, and what to do.
void warn_where_none_seals(const KeyRing& ring, Instant now);

/// When `rotate` has something to do next: "2026-08-01T22:00:00Z, in 11 h".
std::string next_rotation(const KeyRing& ring, Instant now);

Result print_ring(const KeyRing& ring, Instant now, bool json);

void add_json_option(CLI::App& app, bool& json);

}  // namespace stek::tool
