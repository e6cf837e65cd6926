#include "ticketer/live.hpp"

#include <unistd.h>

#include <algorithm>

#include <fmt/core.h>

#include "ticket/ticket.hpp"

namespace stek::ticketer {

namespace {

Failure stayed_behind() {
  return {.error = Error::unsuitable,
          .message = "the keys are in secret memory, which a forked child does not have",
          .hint = "open a ticketer in the child, or one with KeyMemory::forkable before the fork"};
}

}  // namespace

void Counters::count(Kind kind) noexcept {
  const std::size_t number = this_thread().number;
  if (number < exclusive) {
    auto& mine = shards_[number].counts[kind];
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    shards_[exclusive].counts[kind].fetch_add(1, std::memory_order_relaxed);
  }
}

std::uint64_t Counters::total(Kind kind) const noexcept {
  std::uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.counts[kind].load(std::memory_order_relaxed);
  return sum;
}

Live::Live(RingStore& store, std::unique_ptr<RingStore> own, TicketerOptions options)
    : options_(std::move(options)),
      own_(std::move(own)),
      store_(&store),
      current_only_here_(in_secret() ? make_fork_wiped<Current>() : nullptr),
      current_(in_secret() ? current_only_here_.get() : &current_in_children_too_),
      snapshot_(std::make_unique<const Snapshot>(RingFacts{}, std::vector<SnapshotKey>{})),
      granted_(in_secret() ? Granted::secret : Granted::locked),
      locked_by_(getpid()) {
  if (current_ == nullptr) throw std::bad_alloc();
  current_->store(snapshot_.get());
}

Live::~Live() {
  if (!keys_stayed_behind()) return;
  // What is at their addresses by now is not ours to wipe.
  for (HeldKey& key : held_) {
    for (auto& pages : key.by_domain) static_cast<void>(pages.release());
  }
}

bool Live::keys_stayed_behind() const noexcept {
  return current_->load(std::memory_order_relaxed) == nullptr;
}

std::expected<void, Failure> Live::refresh(Instant now) {
  const std::scoped_lock lock(mutex_);
  return refresh_held(now);
}

std::expected<void, Failure> Live::refresh_held(Instant now) {
  next_look_.store(now.time_since_epoch().count() + look_interval, std::memory_order_relaxed);
  auto taken = read_and_take_over(now);
  if (!taken && !keys_stayed_behind()) erase_expired(now);
  last_error_ = taken ? std::string() : taken.error().message;
  return taken;
}

std::expected<void, Failure> Live::read_and_take_over(Instant now) {
  if (keys_stayed_behind()) return std::unexpected(stayed_behind());
  auto ring = read(now);
  if (!ring) return std::unexpected(std::move(ring.error()));
  return take_over(*ring, now);
}

std::expected<KeyRing, Failure> Live::read(Instant now) {
  if (own_ != nullptr) {
    return own_->update([&](KeyRing ring) { return advance(std::move(ring), now); });
  }
  // Before reading: what changes meanwhile is then seen at the next look. And so is, once more,
  // what could not be read.
  const std::uint64_t mark = store_->mark();
  auto ring = store_->read();
  if (ring) store_mark_ = mark;
  return ring;
}

std::expected<void, Failure> Live::take_over(const KeyRing& ring, Instant now) {
  const keys::RingMark mark = keys::mark_of(ring);
  if (auto failure = refusal(ring, mark)) return std::unexpected(*std::move(failure));
  if (mark_ == mark && holds_all_of(ring, now)) return {};
  auto next = missing_keys(ring, now);
  if (!next) return std::unexpected(std::move(next.error()));
  publish({.id = ring.id,
           .generation = ring.generation,
           .written_at = ring.written_at,
           .profile = ring.schedule.profile,
           .lifetime = ring.schedule.lifetime},
          *std::move(next));
  mark_ = mark;
  return {};
}

/// And nothing beside. A clock that ran ahead and came back may have had keys erased that live.
bool Live::holds_all_of(const KeyRing& ring, Instant now) const noexcept {
  const bool covers_domains = held_.empty() || held_.front().by_domain.size() == domains_.size();
  const auto is_held = [&](const Key& key) {
    return now >= key.expires_at || std::ranges::find(held_, key.name, name_of_held) != held_.end();
  };
  return covers_domains && !something_ends(now) && std::ranges::all_of(ring.keys, is_held);
}

bool Live::something_ends(Instant now) const noexcept {
  const auto first_end = snapshot_->first_end();
  return first_end && now >= *first_end;
}

std::optional<Failure> Live::refusal(const KeyRing& ring, const keys::RingMark& next) const {
  if (!ticket::profile_works(ring.schedule.profile)) {
    return Failure{
        .error = Error::cipher_unavailable,
        .message = fmt::format("the ring's profile is {}, which this machine cannot run{}",
                               name_of(ring.schedule.profile),
                               ring.schedule.profile == Profile::aes256gcm
                                   ? ": its CPU has no AES and carry-less multiplication"
                                   : ""),
        .hint =
            "for a ring that every CPU runs, move this one away, then 'stek keys init --profile "
            "xchacha20poly1305'"};
  }
  if (!mark_) return std::nullopt;
  return keys::refusal_to_follow(*mark_, next, "restart to take it over");
}

Live::HeldKey* Live::held(const KeyName& name) noexcept {
  const auto found = std::ranges::find(held_, name, name_of_held);
  return found == held_.end() ? nullptr : &*found;
}

/// A ring of one trust domain has no keys for another.
std::optional<Failure> Live::refuse_other_domains(const KeyRing& ring) const {
  if (!ring.domain) return std::nullopt;
  const auto other = std::ranges::find_if(
      domains_, [&](const std::string& domain) { return domain != *ring.domain; });
  if (other == domains_.end()) return std::nullopt;
  return Failure{.error = Error::unsuitable,
                 .message = fmt::format("the ring is of trust domain '{}' alone, not of '{}'",
                                        *ring.domain, *other),
                 .hint = "'stek keys export' makes one for the other domain"};
}

namespace {

/// Nothing where the secrets are K_dom already.
std::optional<std::string_view> derives_from(const KeyRing& ring,
                                             std::string_view domain) noexcept {
  if (ring.domain) return std::nullopt;
  return domain;
}

}  // namespace

/// The keys of `ring` at `now`, with what is derived where it is not held yet, and nothing where it
/// is.
std::expected<Live::Held, Failure> Live::missing_keys(const KeyRing& ring, Instant now) {
  if (auto failure = refuse_other_domains(ring)) return std::unexpected(*std::move(failure));
  Held next;
  next.reserve(ring.keys.size());
  for (const Key& key : ring.keys) {
    if (now >= key.expires_at) continue;
    HeldKey& entry = next.emplace_back();
    entry.times = {.name = key.name,
                   .profile = key.profile,
                   .activates_at = key.activates_at,
                   .retires_at = key.retires_at,
                   .expires_at = key.expires_at};
    entry.by_domain.resize(domains_.size());
    const HeldKey* before = held(key.name);
    for (std::size_t i = before == nullptr ? 0 : before->by_domain.size(); i < domains_.size();
         ++i) {
      Granted granted{};
      entry.by_domain[i] = ticket::make_ticket_key(key, derives_from(ring, domains_[i]), granted,
                                                   options_.key_memory);
      granted_ = std::min(granted_, granted);
      if (entry.by_domain[i] == nullptr) {
        return std::unexpected(Failure{
            .error = Error::no_memory, .message = "no memory for the ring's keys", .hint = {}});
      }
    }
  }
  return next;
}

void Live::erase_expired(Instant now) {
  if (!something_ends(now)) return;
  Held next;
  for (const HeldKey& key : held_) {
    if (now >= key.times.expires_at) continue;
    HeldKey& entry = next.emplace_back();
    entry.times = key.times;
    entry.by_domain.resize(key.by_domain.size());
  }
  publish(snapshot_->facts(), std::move(next));
}

/// Lets readers see `next`, with what is held already moved into it, and erases what is left over
/// once no reader is on it.
void Live::publish(const RingFacts& facts, Held next) {
  // All that allocates comes first: a failure leaves everything as it was.
  std::vector<SnapshotKey> seen;
  seen.reserve(next.size());
  for (const HeldKey& key : next) {
    const HeldKey* before = held(key.times.name);
    SnapshotKey& entry = seen.emplace_back();
    entry.times = key.times;
    for (std::size_t i = 0; i < key.by_domain.size(); ++i) {
      const bool fresh = key.by_domain[i] != nullptr;
      entry.by_domain.push_back(fresh ? key.by_domain[i].get() : before->by_domain[i].get());
    }
  }
  std::ranges::sort(seen, {}, [](const SnapshotKey& key) { return key.times.activates_at; });
  auto fresh = std::make_unique<const Snapshot>(facts, std::move(seen));

  for (HeldKey& key : next) take_held(key);
  current_->store(fresh.get(), std::memory_order_seq_cst);
  wait_until_released(snapshot_.get());
  snapshot_ = std::move(fresh);
  held_ = std::move(next);
}

void Live::take_held(HeldKey& key) noexcept {
  HeldKey* before = held(key.times.name);
  if (before == nullptr) return;
  for (std::size_t i = 0; i < key.by_domain.size(); ++i) {
    if (key.by_domain[i] == nullptr) key.by_domain[i] = std::move(before->by_domain[i]);
  }
}

std::expected<std::size_t, Failure> Live::domain(std::string_view name, Instant now) {
  if (name.size() > ticket::max_domain) {
    return std::unexpected(Failure{.error = Error::malformed,
                                   .message = "a trust domain's name has at most 255 bytes",
                                   .hint = {}});
  }
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(domains_, name);
  if (found != domains_.end()) return static_cast<std::size_t>(found - domains_.begin());
  domains_.emplace_back(name);
  auto taken = take_over_domain(now);
  if (!taken) return std::unexpected(std::move(taken.error()));
  return domains_.size() - 1;
}

/// Derives what the last of `domains_` needs, and forgets the domain where that fails.
std::expected<void, Failure> Live::take_over_domain(Instant now) {
  try {
    auto taken = read_and_take_over(now);
    if (!taken) domains_.pop_back();
    return taken;
  } catch (...) {
    domains_.pop_back();
    throw;
  }
}

Health Live::health(Instant now) const {
  const std::scoped_lock lock(mutex_);
  Health health{.generation = snapshot_->facts().generation,
                .written_at = snapshot_->facts().written_at,
                .seals_until = std::nullopt,
                .opens_until = std::nullopt,
                .memory_locked = granted_ >= Granted::locked && locked_by_ == getpid(),
                .key_memory = granted_ == Granted::secret ? KeyMemory::secret : KeyMemory::forkable,
                .last_error = last_error_,
                .issued = counters_.total(Counters::issued),
                .resumed = counters_.total(Counters::resumed),
                .refused = counters_.total(Counters::refused)};
  // Sealing goes on for as long as one key follows the other without a gap.
  const SnapshotKey* sealing = snapshot_->sealing(now);
  while (sealing != nullptr) {
    health.seals_until = sealing->times.retires_at;
    sealing = snapshot_->sealing(*health.seals_until);
  }
  for (const SnapshotKey& key : snapshot_->keys()) {
    if (now < key.times.expires_at) {
      health.opens_until = std::max(health.opens_until.value_or(now), key.times.expires_at);
    }
  }
  return health;
}

void Live::look(Instant now, std::int64_t due) noexcept {
  const std::int64_t next = now.time_since_epoch().count() + look_interval;
  if (!store_->local() ||
      !next_look_.compare_exchange_strong(due, next, std::memory_order_relaxed)) {
    return;
  }
  try {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    const std::uint64_t mark = store_->mark();
    const bool lapsed = snapshot_->sealing(now) == nullptr;
    if (own_ != nullptr || lapsed || something_ends(now) || mark == 0 || mark != store_mark_) {
      [[maybe_unused]] const auto told_by_health = refresh_held(now);
    }
  } catch (...) {
    // Out of memory: the ring held keeps working, and the next look tries again.
    return;
  }
}

}  // namespace stek::ticketer
