#include "ring_option.hpp"

#include <cstdlib>

#include "store/ring_url.hpp"

namespace stek::tool {
namespace {

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
  auto store = store_at(url_of(ring));
  if (!store) {
    return complain(Exit::usage, std::move(store.error().message), std::move(store.error().hint));
  }
  return *std::move(store);
}

}  // namespace stek::tool
