#include <stek/store.hpp>

#include "store/ring_file.hpp"

namespace stek {
namespace {

/// Where a link leads, so that lock and rename act on the file and not on the link.
std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_symlink(path, ignored)) return path;
  auto real = std::filesystem::canonical(path, ignored);
  return real.empty() ? path : real;
}

std::expected<KeyRing, Failure> read_ring(const std::filesystem::path& path) {
  const auto document = store::read_ring_file(path);
  if (!document) return std::unexpected(document.error());
  auto ring = keys::ring_from(*document);
  if (!ring) ring.error().message = path.string() + ": " + ring.error().message;
  return ring;
}

}  // namespace

std::expected<KeyRing, Failure> FileStore::read() {
  return read_ring(path_);
}

std::expected<void, Failure> FileStore::create(const KeyRing& ring) {
  if (auto flaw = flaw_of(ring)) return std::unexpected(*std::move(flaw));
  auto lock = store::FileLock::take(path_);
  if (!lock) return std::unexpected(std::move(lock.error()));
  std::error_code ignored;
  if (std::filesystem::symlink_status(path_, ignored).type() !=
      std::filesystem::file_type::not_found) {
    return std::unexpected(
        Failure{.error = Error::already_there,
                .message = "there is a ring, or something else, at " + path_.string() + " already",
                .hint = "rotate a ring with 'stek keys rotate', or move it away first"});
  }
  return store::replace_ring_file(path_, keys::document_of(ring));
}

std::expected<KeyRing, Failure> FileStore::update(const RingChange& change) {
  const std::filesystem::path path = resolved(path_);
  auto lock = store::FileLock::take(path);
  if (!lock) return std::unexpected(std::move(lock.error()));
  store::remove_leftover(path);
  auto ring = read_ring(path);
  if (!ring) return ring;
  const std::uint64_t generation = ring->generation;
  auto changed = change(*std::move(ring));
  if (!changed || changed->generation == generation) return changed;
  if (auto flaw = flaw_of(*changed)) return std::unexpected(*std::move(flaw));
  auto written = store::replace_ring_file(path, keys::document_of(*changed));
  if (!written) return std::unexpected(std::move(written.error()));
  return changed;
}

std::uint64_t FileStore::mark() const noexcept {
  return store::mark_of(path_);
}

}  // namespace stek
