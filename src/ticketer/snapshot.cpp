#include "ticketer/snapshot.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace stek::ticketer {

Snapshot::Snapshot(const RingFacts& facts, std::vector<SnapshotKey> keys)
    : facts_(facts), keys_(std::move(keys)), table_(std::bit_ceil((2 * keys_.size()) + 1)) {
  for (std::uint32_t i = 0; i < keys_.size(); ++i) {
    std::size_t slot = slot_of(keys_[i].times.name);
    while (table_[slot] != 0) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = i + 1;
  }
}

std::size_t Snapshot::slot_of(std::span<const std::byte, 16> name) const noexcept {
  std::uint64_t hash = 0;
  std::memcpy(&hash, name.data(), sizeof hash);
  return hash & (table_.size() - 1);
}

const SnapshotKey* Snapshot::find(std::span<const std::byte, 16> name) const noexcept {
  for (std::size_t slot = slot_of(name);; slot = (slot + 1) & (table_.size() - 1)) {
    const std::uint32_t entry = table_[slot];
    if (entry == 0) return nullptr;
    const SnapshotKey& key = keys_[entry - 1];
    if (std::memcmp(key.times.name.data(), name.data(), name.size()) == 0) return &key;
  }
}

const SnapshotKey* Snapshot::sealing(Instant now) const noexcept {
  const auto after = std::ranges::upper_bound(
      keys_, now, {}, [](const SnapshotKey& key) { return key.times.activates_at; });
  if (after == keys_.begin()) return nullptr;
  const SnapshotKey& key = *std::prev(after);
  return now < key.times.retires_at ? &key : nullptr;
}

std::optional<Instant> Snapshot::first_end() const noexcept {
  if (keys_.empty()) return std::nullopt;
  return std::ranges::min(keys_, {}, [](const SnapshotKey& key) { return key.times.expires_at; })
      .times.expires_at;
}

}  // namespace stek::ticketer
