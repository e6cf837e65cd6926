// --ring: where the ring lives.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include <stek/store.hpp>

#include "complaint.hpp"

namespace stek::tool {

/// What --ring said; empty when it was not given.
struct RingOption {
  std::string url;
};

void add_ring_option(CLI::App& app, RingOption& ring);

/// The store that --ring names, else STEK_RING, else the default: file:keys/ring.json in a source
/// tree (a folder with keys/ and meson.build), file:/var/lib/stek/ring.json elsewhere. Looks at
/// nothing but names; a missing ring is found by reading it.
std::expected<FileStore, Complaint> store_named(const RingOption& ring);

}  // namespace stek::tool
