// Files with secrets that are no rings: key-encryption keys, and the key files of TLS servers.
#pragma once

#include <filesystem>
#include <string_view>

#include "keys/document.hpp"

namespace stek::store {

/// As `read_ring_file`: refuses what others can read. `what` begins the failure's message: "KEK".
std::expected<keys::Document, Failure> read_secret_file(const std::filesystem::path& path,
                                                        std::string_view what);

/// As `read_kek`, but for `weakness_of`.
std::expected<Kek, Failure> read_unchecked_kek(const std::filesystem::path& path);

}  // namespace stek::store
