#include <algorithm>

#include <fmt/core.h>

#include <stek/ring.hpp>

#include "base/encoding.hpp"
#include "keys/names.hpp"

namespace stek {
namespace {

Failure invalid(std::string message) {
  return {
      .error = Error::invalid_ring,
      .message = std::move(message),
      .hint = "stek did not write it so: restore the ring, or move it away, then 'stek keys init'"};
}

Failure weak(std::string message) {
  return {.error = Error::weak_secret,
          .message = std::move(message),
          .hint = "tickets under it can be forged: move the ring away, then 'stek keys init'"};
}

/// Where instants end in a document.
constexpr Instant last_instant{Seconds(std::int64_t{1} << 40U)};

bool is_an_instant(Instant instant) noexcept {
  return instant >= Instant{} && instant < last_instant;
}

std::optional<Failure> flaw_of(const Key& key, const KeyRing& ring) {
  const std::string who = "key " + to_hex(key.name);
  if (const auto weakness = weakness_of(key.secret.expose())) {
    return weak(fmt::format("{}: weak secret: {}", who, *weakness));
  }
  // K_dom comes from the secret that the name commits to, and does not give it back.
  if (!ring.domain && key.name != keys::name_for(key.secret)) {
    return invalid(who + ": its name is not that of its secret");
  }
  if (key.profile != ring.schedule.profile) {
    return invalid(who + ": its profile is not that of the schedule");
  }
  if (!(key.announced_at <= key.activates_at && key.activates_at < key.retires_at &&
        key.retires_at <= key.expires_at && is_an_instant(key.announced_at) &&
        is_an_instant(key.expires_at))) {
    return invalid(who + ": its instants are out of order");
  }
  return std::nullopt;
}

/// The keys of a server's key file are read by ciphers and MACs of their own: AES and HMAC keys of
/// 16 bytes each, or of 32.
std::array<Bytes, 2> halves_of(const ForeignKey& key) noexcept {
  const Bytes secret = key.secret.expose();
  return {secret.first(secret.size() / 2), secret.subspan(secret.size() / 2)};
}

std::optional<Failure> flaw_of(const ForeignKey& key) {
  const std::string who = "foreign key " + to_hex(key.name);
  if ((key.file_size != 48 && key.file_size != 80) ||
      key.secret.size() != key.file_size - key.name.size()) {
    return invalid(who + ": its size is neither 48 nor 80");
  }
  for (const Bytes half : halves_of(key)) {
    if (const auto weakness = weakness_of(half)) {
      return weak(fmt::format("{}: weak secret: {}", who, *weakness));
    }
    if (equal_secrets(half.first(key.name.size()), key.name)) {
      return weak(who + ": its secret is its own name");
    }
  }
  if (!(is_an_instant(key.imported_at) && key.imported_at <= key.expires_at &&
        is_an_instant(key.expires_at))) {
    return invalid(who + ": its instants are out of order");
  }
  return std::nullopt;
}

std::optional<Failure> flaw_of(const Tombstone& tombstone) {
  if (is_an_instant(tombstone.revoked_at) && is_an_instant(tombstone.until)) return std::nullopt;
  return invalid(
      fmt::format("revoked key {}: its instants are out of order", to_hex(tombstone.name)));
}

/// By activation, one after the other: at no instant do two keys seal.
bool keys_follow_each_other(const std::vector<Key>& keys) {
  return std::ranges::adjacent_find(keys, [](const Key& a, const Key& b) {
           return a.retires_at > b.activates_at;
         }) == keys.end();
}

/// Nothing stands twice, and what was revoked has not come back.
bool names_are_unique(const KeyRing& ring) {
  std::vector<KeyName> names;
  names.reserve(ring.keys.size() + ring.foreign.size() + ring.revoked.size());
  for (const Key& key : ring.keys) names.push_back(key.name);
  for (const ForeignKey& key : ring.foreign) names.push_back(key.name);
  for (const Tombstone& tombstone : ring.revoked) names.push_back(tombstone.name);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) == names.end();
}

void append_parts(std::vector<Bytes>& parts, Bytes secret) {
  constexpr std::size_t part = 16;
  for (; secret.size() >= part; secret = secret.subspan(part)) parts.push_back(secret.first(part));
}

/// No 16 bytes of one secret are those of another, or another part of it: keys cut from one piece.
bool secrets_share_nothing(const KeyRing& ring) {
  std::vector<Bytes> parts;
  for (const Key& key : ring.keys) append_parts(parts, key.secret.expose());
  for (const ForeignKey& key : ring.foreign) append_parts(parts, key.secret.expose());
  std::ranges::sort(parts,
                    [](Bytes a, Bytes b) { return std::ranges::lexicographical_compare(a, b); });
  return std::ranges::adjacent_find(parts, equal_secrets) == parts.end();
}

template <class Entry, class... Context>
std::optional<Failure> first_flaw(const std::vector<Entry>& entries, const Context&... context) {
  for (const Entry& entry : entries) {
    if (auto flaw = flaw_of(entry, context...)) return flaw;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Failure> flaw_of(const KeyRing& ring) {
  if (const auto flaw = flaw_of(ring.schedule)) {
    return Failure{.error = Error::invalid_schedule, .message = "schedule: " + *flaw, .hint = {}};
  }
  if (ring.domain && (ring.domain->size() > keys::max_domain || !ring.foreign.empty())) {
    return invalid(
        "a ring of one trust domain: its name is over 255 bytes, or it has foreign keys");
  }
  if (auto flaw = first_flaw(ring.keys, ring)) return flaw;
  if (auto flaw = first_flaw(ring.foreign)) return flaw;
  if (auto flaw = first_flaw(ring.revoked)) return flaw;
  // A stek key's name is a function of its secret, so this finds doubled secrets too.
  if (!names_are_unique(ring)) return invalid("a key stands twice, or was revoked");
  if (!secrets_share_nothing(ring)) return weak("two keys share a part of their secrets");
  if (!keys_follow_each_other(ring.keys)) return invalid("two keys would seal at once");
  return std::nullopt;
}

}  // namespace stek
