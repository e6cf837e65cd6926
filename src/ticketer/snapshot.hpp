// A ring as the ticket path reads it: immutable, found by name, without a secret in it.
#pragma once

#include <optional>
#include <vector>

#include <stek/ring.hpp>

#include "ticket/ticket_key.hpp"

namespace stek::ticketer {

/// What is known of a key beside its secrets.
struct KeyTimes {
  KeyName name{};
  Profile profile{};
  Instant activates_at{};
  Instant retires_at{};
  Instant expires_at{};
};

struct RingFacts {
  RingId id{};
  std::uint64_t generation = 0;
  Instant written_at{};
  Profile profile{};
  Seconds lifetime{};
};

/// One entry of a snapshot: its times, and what it seals with in each domain.
struct SnapshotKey {
  KeyTimes times;
  std::vector<const ticket::TicketKey*> by_domain;
};

class Snapshot {
 public:
  /// `keys` by `activates_at`.
  Snapshot(const RingFacts& facts, std::vector<SnapshotKey> keys);

  [[nodiscard]] const RingFacts& facts() const noexcept { return facts_; }
  [[nodiscard]] const std::vector<SnapshotKey>& keys() const noexcept { return keys_; }

  /// The key of this name, or nullptr.
  [[nodiscard]] const SnapshotKey* find(std::span<const std::byte, 16> name) const noexcept;
  /// The key that seals at `now`, or nullptr.
  [[nodiscard]] const SnapshotKey* sealing(Instant now) const noexcept;
  /// When the first of its keys has to be erased.
  [[nodiscard]] std::optional<Instant> first_end() const noexcept;

 private:
  [[nodiscard]] std::size_t slot_of(std::span<const std::byte, 16> name) const noexcept;

  RingFacts facts_;
  std::vector<SnapshotKey> keys_;
  // Open addressing over the first bytes of names: those are hashes already, and a peer can choose
  // what it looks up, not what is in the table. Holds index + 1; 0 is free. At most half full.
  std::vector<std::uint32_t> table_;
};

}  // namespace stek::ticketer
