// --from: ticket-key files of TLS servers.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <stek/ring.hpp>

#include "complaint.hpp"

namespace stek::tool {

void add_key_file_option(CLI::App& app, std::vector<std::string>& files, const std::string& help);

/// The keys in all of `files`; one that others can read is refused.
std::expected<std::vector<ForeignKey>, Complaint> read_key_files(
    const std::vector<std::string>& files);

}  // namespace stek::tool
