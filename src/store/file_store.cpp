#include <stek/store.hpp>

#include "keys/sealed.hpp"
#include "store/high_water.hpp"
#include "store/ring_file.hpp"

namespace stek {
namespace {

/// A ring, and what it was sealed under.
struct Found {
  KeyRing ring;
  const Kek* kek = nullptr;  ///< nullptr: nothing
};

std::expected<Found, Failure> opened(Bytes blob, const FileStoreOptions& options) {
  if (keys::is_sealed(blob)) {
    auto ring = keys::open_ring(blob, options.keks);
    if (!ring) return std::unexpected(std::move(ring.error()));
    return Found{.ring = *std::move(ring), .kek = keys::kek_of(blob, options.keks)};
  }
  if (options.keks.empty() || options.take_plain) {
    auto ring = keys::ring_from(blob);
    if (!ring) return std::unexpected(std::move(ring.error()));
    return Found{.ring = *std::move(ring)};
  }
  return std::unexpected(
      Failure{.error = Error::wrong_kek,
              .message = "the ring is in plain, though a KEK is given: anyone could have put it",
              .hint = "if it is yours, 'stek keys rekey --take-plain' seals it"});
}

using Memory = std::optional<store::HighWater>;

/// Nothing where nothing is to be remembered.
std::expected<Memory, Failure> hold_memory(const FileStoreOptions& options) {
  if (options.remember_in.empty()) return Memory();
  auto held = store::HighWater::hold(options.remember_in);
  if (!held) return std::unexpected(std::move(held.error()));
  return Memory(*std::move(held));
}

std::expected<void, Failure> refuse_what_does_not_follow(const Memory& memory,
                                                         const KeyRing& ring) {
  if (!memory) return {};
  if (auto refusal = memory->refusal(keys::mark_of(ring))) {
    return std::unexpected(*std::move(refusal));
  }
  return {};
}

std::expected<Found, Failure> read_at(const std::filesystem::path& path,
                                      const FileStoreOptions& options, Memory& memory) {
  const auto blob = store::read_ring_file(path);
  if (!blob) return std::unexpected(blob.error());
  auto found = opened(*blob, options);
  if (!found) {
    found.error().message = path.string() + ": " + found.error().message;
    return found;
  }
  auto follows = refuse_what_does_not_follow(memory, found->ring);
  if (follows && memory) follows = memory->raise(keys::mark_of(found->ring));
  if (!follows) return std::unexpected(std::move(follows.error()));
  return found;
}

std::expected<void, Failure> write_at(const std::filesystem::path& path, const KeyRing& ring,
                                      const Kek* kek, Memory& memory) {
  if (auto follows = refuse_what_does_not_follow(memory, ring); !follows) return follows;
  const auto blob = keys::at_rest(ring, kek);
  if (!blob) return std::unexpected(blob.error());
  if (auto written = store::replace_ring_file(path, *blob); !written) return written;
  if (!memory) return {};
  auto raised = memory->raise(keys::mark_of(ring));
  if (!raised) {
    raised.error().message =
        "the ring is in place, but what was read last is not: " + raised.error().message;
  }
  return raised;
}

const Kek* first_of(const std::vector<Kek>& keks) noexcept {
  return keks.empty() ? nullptr : &keks.front();
}

}  // namespace

std::expected<KeyRing, Failure> FileStore::read() {
  auto memory = hold_memory(options_);
  if (!memory) return std::unexpected(std::move(memory.error()));
  auto found = read_at(path_, options_, *memory);
  if (!found) return std::unexpected(std::move(found.error()));
  return std::move(found->ring);
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
  auto memory = hold_memory(options_);
  if (!memory) return std::unexpected(std::move(memory.error()));
  return write_at(path_, ring, first_of(options_.keks), *memory);
}

std::expected<KeyRing, Failure> FileStore::update(const RingChange& change) {
  const std::filesystem::path path = store::resolved(path_);
  // Nothing is locked for a ring that is not there.
  if (store::mark_of(path) == 0) return read();
  auto lock = store::FileLock::take(path);
  if (!lock) return std::unexpected(std::move(lock.error()));
  auto memory = hold_memory(options_);
  if (!memory) return std::unexpected(std::move(memory.error()));
  store::remove_leftover(path);
  auto found = read_at(path, options_, *memory);
  if (!found) return std::unexpected(std::move(found.error()));
  const bool keep_kek = found->kek != nullptr && !options_.rekey;
  const Kek* kek = keep_kek ? found->kek : first_of(options_.keks);
  const std::uint64_t generation = found->ring.generation;
  auto changed = change(std::move(found->ring));
  if (!changed || changed->generation == generation) return changed;
  if (auto flaw = flaw_of(*changed)) return std::unexpected(*std::move(flaw));
  if (auto written = write_at(path, *changed, kek, *memory); !written) {
    return std::unexpected(std::move(written.error()));
  }
  return changed;
}

std::uint64_t FileStore::mark() const noexcept {
  return store::mark_of(path_);
}

}  // namespace stek
