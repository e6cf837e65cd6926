#include <stek/ring.hpp>

#include <algorithm>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "keys/names.hpp"

namespace stek {

KeyName keys::name_for(const StekSecret& secret) noexcept {
  constexpr std::string_view label = "stek/1 name";
  KeyName name{};
  blake2b(name, secret.expose(), {std::as_bytes(std::span(label))});
  return name;
}

Key Key::copy() const {
  return {.name = name,
          .secret = secret.copy(),
          .profile = profile,
          .announced_at = announced_at,
          .activates_at = activates_at,
          .retires_at = retires_at,
          .expires_at = expires_at};
}

Phase phase_of(const Key& key, Instant now) noexcept {
  if (now >= key.expires_at) return Phase::expired;
  if (now >= key.retires_at) return Phase::retired;
  return now >= key.activates_at ? Phase::active : Phase::announced;
}

KeyRing KeyRing::copy() const {
  KeyRing copy{.id = id,
               .generation = generation,
               .written_at = written_at,
               .schedule = schedule,
               .keys = {}};
  copy.keys.reserve(keys.size());
  for (const Key& key : keys) copy.keys.push_back(key.copy());
  return copy;
}

const Key* active_key(const KeyRing& ring, Instant now) noexcept {
  const auto found = std::ranges::find_if(
      ring.keys, [&](const Key& key) { return phase_of(key, now) == Phase::active; });
  return found == ring.keys.end() ? nullptr : &*found;
}

std::optional<std::string> flaw_of(const Schedule& schedule) {
  constexpr Seconds week = std::chrono::hours(24 * 7);
  constexpr Seconds longest = std::chrono::hours(24 * 366);
  if (schedule.lifetime <= Seconds(0)) return "lifetime: must be at least one second";
  if (schedule.lifetime > week) {
    return fmt::format("lifetime: {} s is over the {} s that RFC 8446 section 4.6.1 allows",
                       schedule.lifetime.count(), week.count());
  }
  if (schedule.lead < Seconds(0) || schedule.skew < Seconds(0)) {
    return "lead, skew: must not be negative";
  }
  if (schedule.sealing > longest || schedule.accepting > longest || schedule.skew > longest) {
    return "sealing, accepting, skew: over 366 days";
  }
  if (schedule.sealing <= schedule.lead) {
    return fmt::format("lead: {} s is not shorter than sealing, {} s", schedule.lead.count(),
                       schedule.sealing.count());
  }
  const auto need = schedule.lifetime + schedule.skew;
  if (schedule.accepting < need) {
    return fmt::format(
        "accepting: {} s is shorter than lifetime and skew, {} s: tickets would outlive their key",
        schedule.accepting.count(), need.count());
  }
  if (schedule.ahead < 1 || schedule.ahead > 64) return "ahead: must be 1 to 64";
  if (schedule.profile > Profile::rfc5077) return "profile: unknown";
  return std::nullopt;
}

namespace {

Failure invalid(Error error, std::string message) {
  return {
      .error = error,
      .message = std::move(message),
      .hint = "stek did not write it so: restore the ring, or move it away, then 'stek keys init'"};
}

/// Where instants end in a document.
constexpr Instant last_instant{Seconds(std::int64_t{1} << 40U)};

std::optional<Failure> flaw_of(const Key& key, const Schedule& schedule) {
  const std::string who = "key " + to_hex(key.name);
  if (const auto weakness = weakness_of(key.secret.expose())) {
    return Failure{
        .error = Error::weak_secret,
        .message = fmt::format("{}: weak secret: {}", who, *weakness),
        .hint = "tickets under this key can be forged: move the ring away, then 'stek keys init'"};
  }
  if (key.name != keys::name_for(key.secret)) {
    return invalid(Error::invalid_ring, who + ": its name is not that of its secret");
  }
  if (key.profile != schedule.profile) {
    return invalid(Error::invalid_ring, who + ": its profile is not that of the schedule");
  }
  if (!(key.announced_at <= key.activates_at && key.activates_at < key.retires_at &&
        key.retires_at <= key.expires_at && key.announced_at >= Instant{} &&
        key.expires_at < last_instant)) {
    return invalid(Error::invalid_ring, who + ": its instants are out of order");
  }
  return std::nullopt;
}

/// By activation, one after the other: at no instant do two keys seal.
bool keys_follow_each_other(const std::vector<Key>& keys) {
  return std::ranges::adjacent_find(keys, [](const Key& a, const Key& b) {
           return a.retires_at > b.activates_at;
         }) == keys.end();
}

bool names_are_unique(const std::vector<Key>& keys) {
  std::vector<KeyName> names;
  names.reserve(keys.size());
  for (const Key& key : keys) names.push_back(key.name);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) == names.end();
}

/// No half of one secret is a half of another: keys that were cut from one piece.
bool secrets_share_no_half(const std::vector<Key>& keys) {
  std::vector<Bytes> halves;
  halves.reserve(keys.size() * 2);
  for (const Key& key : keys) {
    halves.emplace_back(key.secret.expose().first<16>());
    halves.emplace_back(key.secret.expose().last<16>());
  }
  std::ranges::sort(halves,
                    [](Bytes a, Bytes b) { return std::ranges::lexicographical_compare(a, b); });
  return std::ranges::adjacent_find(halves, equal_secrets) == halves.end();
}

}  // namespace

std::optional<Failure> flaw_of(const KeyRing& ring) {
  if (const auto flaw = flaw_of(ring.schedule)) {
    return Failure{.error = Error::invalid_schedule, .message = "schedule: " + *flaw, .hint = {}};
  }
  for (const Key& key : ring.keys) {
    if (auto flaw = flaw_of(key, ring.schedule)) return flaw;
  }
  // A name is a function of its secret, so this finds doubled secrets too.
  if (!names_are_unique(ring.keys)) return invalid(Error::invalid_ring, "a key stands twice");
  if (!secrets_share_no_half(ring.keys)) {
    return invalid(Error::weak_secret, "two keys share a part of their secrets");
  }
  if (!keys_follow_each_other(ring.keys)) {
    return invalid(Error::invalid_ring, "two keys would seal at once");
  }
  return std::nullopt;
}

namespace {

constexpr auto profile_names =
    std::to_array<std::string_view>({"aes256gcm", "xchacha20poly1305", "rfc5077"});

}  // namespace

std::string_view name_of(Profile profile) noexcept {
  return profile_names[static_cast<std::size_t>(profile)];
}

std::optional<Profile> profile_named(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(profile_names, name);
  if (found == profile_names.end()) return std::nullopt;
  return static_cast<Profile>(found - profile_names.begin());
}

std::string_view name_of(Phase phase) noexcept {
  switch (phase) {
    case Phase::announced:
      return "announced";
    case Phase::active:
      return "active";
    case Phase::retired:
      return "retired";
    case Phase::expired:
      break;
  }
  return "expired";
}

}  // namespace stek
