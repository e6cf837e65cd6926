#include <stek/store.hpp>

#include "keys/sealed.hpp"
#include "store/high_water.hpp"
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

std::expected<KeyRing, Failure> ring_in(Bytes blob, const FileStoreOptions& options) {
  if (keys::is_sealed(blob)) return keys::open_ring(blob, options.keks);
  if (options.keks.empty() || options.take_plain) return keys::ring_from(blob);
  return std::unexpected(
      Failure{.error = Error::wrong_kek,
              .message = "the ring is in plain, though a KEK is given: anyone could have put it",
              .hint = "if it is yours, 'stek keys rekey --take-plain' seals it"});
}

}  // namespace

std::expected<KeyRing, Failure> FileStore::read_at(const std::filesystem::path& path) const {
  const auto blob = store::read_ring_file(path);
  if (!blob) return std::unexpected(blob.error());
  auto ring = ring_in(*blob, options_);
  if (!ring) {
    ring.error().message = path.string() + ": " + ring.error().message;
    return ring;
  }
  if (options_.remember_in.empty()) return ring;
  auto follows = store::remember(options_.remember_in, keys::mark_of(*ring));
  if (!follows) return std::unexpected(std::move(follows.error()));
  return ring;
}

std::expected<void, Failure> FileStore::write_at(const std::filesystem::path& path,
                                                 const KeyRing& ring) const {
  auto blob = options_.keks.empty()
                  ? std::expected<keys::Document, Failure>(keys::document_of(ring))
                  : keys::seal_ring(ring, options_.keks.front());
  if (!blob) return std::unexpected(std::move(blob.error()));
  if (auto written = store::replace_ring_file(path, *blob); !written) return written;
  if (options_.remember_in.empty()) return {};
  return store::remember(options_.remember_in, keys::mark_of(ring));
}

std::expected<KeyRing, Failure> FileStore::read() {
  return read_at(path_);
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
  return write_at(path_, ring);
}

std::expected<KeyRing, Failure> FileStore::update(const RingChange& change) {
  const std::filesystem::path path = resolved(path_);
  auto lock = store::FileLock::take(path);
  if (!lock) return std::unexpected(std::move(lock.error()));
  store::remove_leftover(path);
  auto ring = read_at(path);
  if (!ring) return ring;
  const std::uint64_t generation = ring->generation;
  auto changed = change(*std::move(ring));
  if (!changed || changed->generation == generation) return changed;
  if (auto flaw = flaw_of(*changed)) return std::unexpected(*std::move(flaw));
  auto written = write_at(path, *changed);
  if (!written) return std::unexpected(std::move(written.error()));
  return changed;
}

std::uint64_t FileStore::mark() const noexcept {
  return store::mark_of(path_);
}

}  // namespace stek
