#include <mutex>

#include <stek/store.hpp>

#include "store/ring_file.hpp"

namespace stek {

struct FileStore::State {
  std::filesystem::path path;
  std::mutex mutex;
  std::optional<store::FileStamp> last_read;

  std::expected<KeyRing, Failure> read() {
    auto file = store::read_ring_file(path);
    if (!file) return std::unexpected(std::move(file.error()));
    auto ring = keys::ring_from(file->document);
    if (!ring) {
      ring.error().message = path.string() + ": " + ring.error().message;
      return ring;
    }
    const std::scoped_lock lock(mutex);
    last_read = file->stamp;
    return ring;
  }
};

FileStore::FileStore(std::filesystem::path path) : state_(std::make_unique<State>()) {
  state_->path = std::move(path);
}
FileStore::~FileStore() = default;
FileStore::FileStore(FileStore&&) noexcept = default;
FileStore& FileStore::operator=(FileStore&&) noexcept = default;

const std::filesystem::path& FileStore::path() const noexcept {
  return state_->path;
}

std::expected<KeyRing, Failure> FileStore::read() {
  return state_->read();
}

std::expected<void, Failure> FileStore::create(const KeyRing& ring) {
  auto lock = store::FileLock::take(state_->path);
  if (!lock) return std::unexpected(std::move(lock.error()));
  if (store::stamp_of(state_->path)) {
    return std::unexpected(
        Failure{.error = Error::already_there,
                .message = "there is a ring at " + state_->path.string() + " already",
                .hint = "rotate it with 'stek keys rotate', or move it away first"});
  }
  return store::replace_ring_file(state_->path, keys::document_of(ring));
}

std::expected<KeyRing, Failure> FileStore::update(const RingChange& change) {
  auto lock = store::FileLock::take(state_->path);
  if (!lock) return std::unexpected(std::move(lock.error()));
  auto ring = state_->read();
  if (!ring) return ring;
  const std::uint64_t generation = ring->generation;
  auto changed = change(*std::move(ring));
  if (!changed || changed->generation == generation) return changed;
  auto written = store::replace_ring_file(state_->path, keys::document_of(*changed));
  if (!written) return std::unexpected(std::move(written.error()));
  return changed;
}

bool FileStore::changed() {
  const auto now = store::stamp_of(state_->path);
  const std::scoped_lock lock(state_->mutex);
  return !now || now != state_->last_read;
}

}  // namespace stek
