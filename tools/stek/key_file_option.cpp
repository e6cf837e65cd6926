#include "key_file_option.hpp"

#include <algorithm>

#include "keys/key_file.hpp"
#include "store/secret_file.hpp"

namespace stek::tool {

void add_key_file_option(CLI::App& app, std::vector<std::string>& files, const std::string& help) {
  app.add_option("--from", files, help)->type_name("FILE");
}

namespace {

std::expected<std::vector<ForeignKey>, Complaint> read_key_file(const std::string& file) {
  const auto content = store::read_secret_file(file, "server's keys");
  if (!content) return complain(content.error());
  auto keys = keys::keys_from(*content);
  if (keys) return *std::move(keys);
  keys.error().message = file + ": " + keys.error().message;
  return complain(std::move(keys.error()));
}

}  // namespace

std::expected<std::vector<ForeignKey>, Complaint> read_key_files(
    const std::vector<std::string>& files) {
  std::vector<ForeignKey> all;
  for (const std::string& file : files) {
    auto keys = read_key_file(file);
    if (!keys) return std::unexpected(std::move(keys.error()));
    std::ranges::move(*keys, std::back_inserter(all));
  }
  return all;
}

}  // namespace stek::tool
