// A ring and its keys as people and programs read them. No secret is in either.
#pragma once

#include <CLI/CLI.hpp>

#include <stek/ring.hpp>

#include "wire/json.hpp"

namespace stek::tool {

wire::Json json_of(Instant instant);
/// The public half of the ring's document, each key's phase, `now` and `next_due`.
wire::Json json_of(const KeyRing& ring, Instant now);

void add_json_option(CLI::App& app, bool& json);

}  // namespace stek::tool
