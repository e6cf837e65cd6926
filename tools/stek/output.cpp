#include "output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fmt/core.h>

namespace stek::tool {

Result print(std::string_view data, Exit exit) {
  while (!data.empty()) {
    const ssize_t written = write(STDOUT_FILENO, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return complain(Exit::failure, "standard output: " + std::generic_category().message(errno));
    }
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return exit;
}

Result print_json(const wire::Json& json, Exit exit) {
  auto text = json.dump(2);
  text += '\n';
  return print(std::string_view(text), exit);
}

void say(std::string_view kind, std::string_view text) {
  // Not fmt::print, which throws where standard error is closed: the exit code has to come out all
  // the same.
  const std::string line = fmt::format("stek: {}: {}\n", kind, text);
  [[maybe_unused]] const auto written = std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace stek::tool
