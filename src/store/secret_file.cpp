#include "store/secret_file.hpp"

#include <fmt/core.h>

#include "store/ring_file.hpp"

namespace stek::store {
namespace {

std::string hint_for(Error error, const std::filesystem::path& path) {
  if (error != Error::exposed) return {};
  if (in_kubernetes_volume(path)) return "set 'defaultMode: 0400' of the secret's volume";
  return fmt::format("'chmod 600 {}'; if anyone may have read it, make another", path.string());
}

/// What a file of rings says of a ring, said of another secret.
Failure reworded(Failure failure, const std::filesystem::path& path, std::string_view what) {
  constexpr std::string_view ring = "ring ";
  const std::size_t place = failure.message.find(std::string(ring) + path.string());
  if (place != std::string::npos) failure.message.erase(place, ring.size());
  failure.message = fmt::format("{}: {}", what, failure.message);
  failure.hint = hint_for(failure.error, path);
  return failure;
}

}  // namespace

std::expected<keys::Document, Failure> read_secret_file(const std::filesystem::path& path,
                                                        std::string_view what) {
  auto content = read_ring_file(path);
  if (!content) return std::unexpected(reworded(std::move(content.error()), path, what));
  return content;
}

}  // namespace stek::store
