#include "key_file_option.hpp"

#include "keys/key_file.hpp"
#include "store/secret_file.hpp"

namespace stek::tool {

void add_key_file_option(CLI::App& app, std::vector<std::string>& files, const std::string& help) {
  app.add_option("--from", files, help)->type_name("FILE");
}

std::expected<std::vector<ForeignKey>, Complaint> read_key_file(const std::string& file) {
  const auto content = store::read_secret_file(file, "server's keys");
  if (!content) return complain(content.error());
  auto keys = keys::keys_from(*content);
  if (keys) return *std::move(keys);
  keys.error().message = file + ": " + keys.error().message;
  return complain(std::move(keys.error()));
}

}  // namespace stek::tool
