#include <mutex>

#include <stek/store.hpp>

namespace stek {

struct MemoryStore::State {
  std::mutex mutex;
  std::optional<KeyRing> ring;
};

MemoryStore::MemoryStore() : state_(std::make_unique<State>()) {}
MemoryStore::~MemoryStore() = default;
MemoryStore::MemoryStore(MemoryStore&&) noexcept = default;
MemoryStore& MemoryStore::operator=(MemoryStore&&) noexcept = default;

namespace {

std::unexpected<Failure> nothing_there() {
  return std::unexpected(
      Failure{.error = Error::not_found, .message = "there is no ring in memory", .hint = {}});
}

}  // namespace

std::expected<KeyRing, Failure> MemoryStore::read() {
  const std::scoped_lock lock(state_->mutex);
  if (!state_->ring) return nothing_there();
  return state_->ring->copy();
}

std::expected<void, Failure> MemoryStore::create(const KeyRing& ring) {
  const std::scoped_lock lock(state_->mutex);
  if (state_->ring) {
    return std::unexpected(Failure{
        .error = Error::already_there, .message = "there is a ring in memory already", .hint = {}});
  }
  if (auto flaw = flaw_of(ring)) return std::unexpected(*std::move(flaw));
  state_->ring = ring.copy();
  return {};
}

std::expected<KeyRing, Failure> MemoryStore::update(const RingChange& change) {
  const std::scoped_lock lock(state_->mutex);
  if (!state_->ring) return nothing_there();
  auto changed = change(state_->ring->copy());
  if (!changed || changed->generation == state_->ring->generation) return changed;
  if (auto flaw = flaw_of(*changed)) return std::unexpected(*std::move(flaw));
  state_->ring = changed->copy();
  return changed;
}

std::uint64_t MemoryStore::mark() const noexcept {
  const std::scoped_lock lock(state_->mutex);
  return state_->ring ? state_->ring->generation : 0;
}

}  // namespace stek
