#include "ring_option.hpp"

#include <cstdlib>

#include <fmt/core.h>

namespace stek::tool {
namespace {

constexpr std::string_view file_scheme = "file";

std::string default_url() {
  std::error_code ignored;
  const bool source_tree = std::filesystem::is_directory("keys", ignored) &&
                           std::filesystem::is_regular_file("meson.build", ignored);
  return source_tree ? "file:keys/ring.json" : "file:/var/lib/stek/ring.json";
}

std::string url_of(const RingOption& ring) {
  if (!ring.url.empty()) return ring.url;
  // The command has one thread.
  const char* environment = std::getenv("STEK_RING");  // NOLINT(concurrency-mt-unsafe)
  if (environment != nullptr && *environment != '\0') return environment;
  return default_url();
}

/// What stands before the first colon, unless it is a part of a path.
std::string_view scheme_of(std::string_view url) {
  const std::size_t end = url.find_first_of(":/");
  return end == std::string_view::npos || url[end] == '/' ? std::string_view() : url.substr(0, end);
}

}  // namespace

void add_ring_option(CLI::App& app, RingOption& ring) {
  app.add_option_function<std::string>(
         "--ring",
         [&ring](const std::string& url) {
           if (url.empty()) throw CLI::ValidationError("--ring", "names nothing");
           ring.url = url;
         },
         "where the ring lives: file:PATH, or a path")
      ->type_name("URL");
}

std::expected<FileStore, Complaint> store_named(const RingOption& ring) {
  std::string url = url_of(ring);
  const std::string_view scheme = scheme_of(url);
  if (scheme.empty()) return FileStore(std::move(url));
  if (scheme != file_scheme) {
    return complain(Exit::usage, fmt::format("no store has the scheme '{}:'", scheme),
                    "known is file:PATH; a path with a colon begins with ./ or /");
  }
  std::string path = url.substr(file_scheme.size() + 1);
  if (path.starts_with("///")) path.erase(0, 2);
  if (path.empty() || path.starts_with("//")) {
    return complain(Exit::usage, fmt::format("'{}' names no file on this machine", url),
                    "write file:ring.json or file:/var/lib/stek/ring.json");
  }
  return FileStore(std::move(path));
}

}  // namespace stek::tool
