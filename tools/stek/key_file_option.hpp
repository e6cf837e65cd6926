// --from: ticket-key files of TLS servers.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <stek/ring.hpp>

#include "complaint.hpp"

namespace stek::tool {

void add_key_file_option(CLI::App& app, std::vector<std::string>& files, const std::string& help);

/// The keys in such a file, which is refused when others can read it.
std::expected<std::vector<ForeignKey>, Complaint> read_key_file(const std::string& file);

}  // namespace stek::tool
