// The living half of a Ticketer: takes rings over, keeps what is derived from them, erases what has
// ended.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <string>

#include <stek/ticketer.hpp>

#include "base/random.hpp"
#include "keys/succession.hpp"
#include "ticketer/readers.hpp"
#include "ticketer/snapshot.hpp"

namespace stek::ticketer {

/// Counts without a cache line that two threads write, up to `exclusive` threads.
class Counters {
 public:
  enum Kind : std::uint8_t { issued, resumed, refused, kinds };

  void count(Kind kind) noexcept;
  [[nodiscard]] std::uint64_t total(Kind kind) const noexcept;

 private:
  static constexpr std::size_t exclusive = 63;
  struct alignas(64) Shard {
    std::array<std::atomic<std::uint64_t>, kinds> counts{};
  };
  std::array<Shard, exclusive + 1> shards_;
};

class Live {
 public:
  using Current = std::atomic<const Snapshot*>;

  /// `store` is borrowed, or owned when `own` holds it: then the ring is rotated here.
  Live(RingStore& store, std::unique_ptr<RingStore> own, TicketerOptions options);
  ~Live();
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  std::expected<void, Failure> refresh(Instant now);
  /// The domain's number, for `Tickets`.
  std::expected<std::size_t, Failure> domain(std::string_view name, Instant now);
  [[nodiscard]] Health health(Instant now) const;
  [[nodiscard]] const Policy& policy() const noexcept { return options_.policy; }

  // The ticket path.
  [[nodiscard]] const Current& current() const noexcept { return *current_; }
  [[nodiscard]] NonceRule nonce_rule() const noexcept {
    return options_.hedge ? NonceRule::hedged : NonceRule::fresh;
  }
  /// Refreshes from a local store, now and then, by one caller at a time.
  void look_if_due(Instant now) noexcept {
    const std::int64_t due = next_look_.load(std::memory_order_relaxed);
    const std::int64_t ahead = due - now.time_since_epoch().count();
    // A clock that was set back far must not stop the looking.
    if (ahead <= 0 || ahead > look_interval) [[unlikely]]
      look(now, due);
  }
  void count(Counters::Kind kind) noexcept { counters_.count(kind); }

 private:
  struct HeldKey {
    KeyTimes times;
    std::vector<PagesPtr<ticket::TicketKey>> by_domain;
  };
  using Held = std::vector<HeldKey>;
  static KeyName name_of_held(const HeldKey& key) noexcept { return key.times.name; }
  static constexpr std::int64_t look_interval = 10;

  void look(Instant now, std::int64_t due) noexcept;

  [[nodiscard]] bool in_secret() const noexcept { return options_.key_memory == KeyMemory::secret; }
  /// True in a forked child, with the keys in secret memory.
  [[nodiscard]] bool keys_stayed_behind() const noexcept;

  // Each with the mutex held.
  std::expected<void, Failure> refresh_held(Instant now);
  std::expected<void, Failure> read_and_take_over(Instant now);
  std::expected<KeyRing, Failure> read(Instant now);
  std::optional<Failure> refusal(const KeyRing& ring, const keys::RingMark& next) const;
  [[nodiscard]] bool holds_all_of(const KeyRing& ring, Instant now) const noexcept;
  [[nodiscard]] bool something_ends(Instant now) const noexcept;
  std::expected<void, Failure> take_over(const KeyRing& ring, Instant now);
  std::optional<Failure> refuse_other_domains(const KeyRing& ring) const;
  std::expected<Held, Failure> missing_keys(const KeyRing& ring, Instant now);
  void erase_expired(Instant now);
  void publish(const RingFacts& facts, Held next);
  void take_held(HeldKey& key) noexcept;
  std::expected<void, Failure> take_over_domain(Instant now);
  [[nodiscard]] HeldKey* held(const KeyName& name) noexcept;

  TicketerOptions options_;
  std::unique_ptr<RingStore> own_;
  RingStore* store_;

  // What every ticket reads, on a line of its own: where it lies otherwise costs a ticket up to 11
  // ns.
  alignas(64) Current current_in_children_too_;
  // Null in a forked child, which has no secret memory: no reader gets to it there.
  PagesPtr<Current> current_only_here_;
  Current* current_;
  std::atomic<std::int64_t> next_look_{0};
  Counters counters_;

  mutable std::mutex mutex_;  // all below; never taken on the ticket path but by who looks
  std::unique_ptr<const Snapshot> snapshot_;
  Held held_;
  std::vector<std::string> domains_;
  std::optional<keys::RingMark> mark_;  // of the ring held
  std::uint64_t store_mark_ = 0;        // of the store, before it was read last
  Granted granted_;                     // for all key memory
  pid_t locked_by_;                     // a forked child does not inherit locked memory
  std::string last_error_;
};

}  // namespace stek::ticketer
