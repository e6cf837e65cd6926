#include "store/ring_url.hpp"

#include <fmt/core.h>

namespace stek {
namespace {

constexpr std::string_view file_scheme = "file";

std::unexpected<Failure> unsuitable(std::string message, std::string hint) {
  return std::unexpected(
      Failure{.error = Error::unsuitable, .message = std::move(message), .hint = std::move(hint)});
}

/// What stands before the first colon, unless it is a part of a path.
std::string_view scheme_of(std::string_view url) noexcept {
  const std::size_t end = url.find_first_of(":/");
  return end == std::string_view::npos || url[end] == '/' ? std::string_view() : url.substr(0, end);
}

}  // namespace

std::expected<FileStore, Failure> store_at(std::string_view url, FileStoreOptions options) {
  const std::string_view scheme = scheme_of(url);
  if (!scheme.empty() && scheme != file_scheme) {
    return unsuitable(fmt::format("no store has the scheme '{}:'", scheme),
                      "known is file:PATH; a path with a colon begins with ./ or /");
  }
  std::string_view path = scheme.empty() ? url : url.substr(file_scheme.size() + 1);
  if (!scheme.empty() && path.starts_with("///")) path.remove_prefix(2);
  if (path.empty() || (!scheme.empty() && path.starts_with("//"))) {
    return unsuitable(fmt::format("'{}' names no file on this machine", url),
                      "write file:ring.json or file:/var/lib/stek/ring.json");
  }
  return FileStore(path, std::move(options));
}

}  // namespace stek
