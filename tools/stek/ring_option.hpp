// --ring, --kek and --remember: where the ring lives, what it is sealed under, and which one was
// read last.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <stek/store.hpp>

#include "complaint.hpp"

namespace stek::tool {

/// What the flags said; empty what was not given.
struct RingOption {
  std::string url;
  std::vector<std::string> keks;  ///< files, or credential:NAME; the first seals
  std::string remember;
  bool rekey = false;       ///< seals under the first KEK, whatever the ring is under
  bool take_plain = false;  ///< takes a ring in plain beside KEKs, to seal it
};

void add_ring_option(CLI::App& app, RingOption& ring);

/// The store that --ring names, else STEK_RING, else the default: file:keys/ring.json in a source
/// tree (a folder with keys/ and meson.build), file:/var/lib/stek/ring.json elsewhere. Reads the
/// KEKs; a missing ring is found by reading it.
std::expected<FileStore, Complaint> store_named(const RingOption& ring);

/// The ring in that store.
std::expected<KeyRing, Complaint> ring_named(const RingOption& ring);

/// A ring in plain, on what outlives the machine's power.
bool is_plain_on_disk(const RingOption& ring, const std::filesystem::path& path);
/// Once, where a ring in plain lies on what outlives the machine's power.
void warn_of_plain_ring(const RingOption& ring, const std::filesystem::path& path);

/// Where that store's ring lies.
std::expected<std::filesystem::path, Complaint> ring_path(const RingOption& ring);
/// The files of the KEKs that --kek names, else STEK_KEK: credential:NAME is NAME in the folder
/// that systemd hands to a unit with LoadCredential=.
std::expected<std::vector<std::filesystem::path>, Complaint> kek_files(const RingOption& ring);

/// The KEKs in the files of these names, which may be credential:NAME. A KEK given by its bytes is
/// refused, and not repeated.
std::expected<std::vector<Kek>, Complaint> keks_from(const std::vector<std::string>& names);

}  // namespace stek::tool
