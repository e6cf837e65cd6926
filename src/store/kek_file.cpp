#include <algorithm>

#include <fmt/core.h>

#include <stek/store.hpp>

#include "base/encoding.hpp"
#include "store/secret_file.hpp"

namespace stek {
namespace {

std::unexpected<Failure> unfit(Error error, const std::filesystem::path& path,
                               std::string_view what) {
  return std::unexpected(
      Failure{.error = error,
              .message = fmt::format("KEK {}: {}", path.string(), what),
              .hint = "32 random bytes: '(umask 077; head -c 32 /dev/urandom > FILE)' makes one"});
}

/// Raw bytes, or hex digits with or without an end of line.
bool fill(Kek& kek, Bytes content) noexcept {
  if (content.size() == Kek::size) {
    std::ranges::copy(content, kek.expose_room().begin());
    return true;
  }
  std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return from_hex(kek.expose_room(), text);
}

}  // namespace

std::expected<Kek, Failure> read_kek(const std::filesystem::path& path) {
  auto kek = store::read_unchecked_kek(path);
  if (!kek) return kek;
  if (const auto weakness = weakness_of(kek->expose())) {
    return unfit(Error::weak_secret, path, fmt::format("weak: {}", *weakness));
  }
  return kek;
}

std::expected<Kek, Failure> store::read_unchecked_kek(const std::filesystem::path& path) {
  auto content = read_secret_file(path, "KEK");
  if (!content) {
    if (content.error().error == Error::not_found) {
      content.error().hint = "name the KEK's file with --kek";
    }
    return std::unexpected(std::move(content.error()));
  }
  Kek kek;
  if (!fill(kek, *content)) {
    return unfit(Error::malformed, path, "neither 32 bytes nor 64 hex digits");
  }
  return kek;
}

}  // namespace stek
