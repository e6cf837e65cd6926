#include "keys/flaw.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "keys/names.hpp"

namespace stek {
namespace {

std::string_view hint_for(Error error) noexcept {
  if (error == Error::weak_secret) {
    return "tickets under it can be forged: move the ring away, then 'stek keys init'";
  }
  if (error == Error::invalid_schedule) return {};
  return "stek did not write it so: restore the ring, or move it away, then 'stek keys init'";
}

std::string message_of(const keys::Flaw& flaw) {
  const auto of = [&](std::string_view kind) {
    return fmt::format("{} {}: {}", kind, to_hex(flaw.name), flaw.what);
  };
  switch (flaw.part) {
    case keys::Part::ring:
      return flaw.what;
    case keys::Part::key:
      return of("key");
    case keys::Part::foreign:
      return of("foreign key");
    case keys::Part::revoked:
      break;
  }
  return of("revoked key");
}

}  // namespace

std::optional<Failure> flaw_of(const KeyRing& ring) {
  const auto flaws = keys::flaws_of(ring);
  if (flaws.empty()) return std::nullopt;
  const keys::Flaw& first = flaws.front();
  return Failure{.error = first.error,
                 .message = message_of(first),
                 .hint = std::string(hint_for(first.error))};
}

namespace keys {
namespace {

/// Takes the flaws of one part of the ring.
class Findings {
 public:
  Findings(std::vector<Flaw>& flaws, Part part, const KeyName& name) noexcept
      : flaws_(flaws), part_(part), name_(name) {}

  void invalid(std::string what) { add(Error::invalid_ring, std::move(what)); }
  void weak(std::string what) { add(Error::weak_secret, std::move(what)); }
  void look_at_secret(Bytes secret) {
    for (const std::string_view weakness : weaknesses_of(secret)) {
      weak(fmt::format("weak secret: {}", weakness));
    }
  }

 private:
  void add(Error error, std::string what) {
    flaws_.push_back({.error = error, .part = part_, .name = name_, .what = std::move(what)});
  }

  std::vector<Flaw>& flaws_;
  Part part_;
  const KeyName& name_;
};

bool is_an_instant(Instant instant) noexcept {
  return instant >= Instant{} && instant < keys::end_of_time;
}

void look_at(const Key& key, const KeyRing& ring, Findings findings) {
  findings.look_at_secret(key.secret.expose());
  // K_dom comes from the secret that the name commits to, and does not give it back.
  if (!ring.domain && key.name != name_for(key.secret)) {
    findings.invalid("its name is not that of its secret");
  }
  if (key.profile != ring.schedule.profile) {
    findings.invalid("its profile is not that of the schedule");
  }
  if (!(key.announced_at <= key.activates_at && key.activates_at < key.retires_at &&
        key.retires_at <= key.expires_at && is_an_instant(key.announced_at) &&
        is_an_instant(key.expires_at))) {
    findings.invalid("its instants are out of order");
  }
}

/// The keys of a server's key file are read by ciphers and MACs of their own: AES and HMAC keys of
/// 16 bytes each, or of 32.
std::array<Bytes, 2> halves_of(const ForeignKey& key) noexcept {
  const Bytes secret = key.secret.expose();
  return {secret.first(secret.size() / 2), secret.subspan(secret.size() / 2)};
}

bool is_named_in(Bytes secret, const KeyName& name) noexcept {
  return secret.size() >= name.size() && equal_secrets(secret.first(name.size()), name);
}

void look_at(const ForeignKey& key, Findings findings) {
  if ((key.file_size != 48 && key.file_size != 80) ||
      key.secret.size() != key.file_size - key.name.size()) {
    findings.invalid("its size is neither 48 nor 80");
  }
  for (const Bytes half : halves_of(key)) {
    findings.look_at_secret(half);
    if (is_named_in(half, key.name)) findings.weak("its secret is its own name");
  }
  if (!(is_an_instant(key.imported_at) && key.imported_at <= key.expires_at &&
        is_an_instant(key.expires_at))) {
    findings.invalid("its instants are out of order");
  }
}

void look_at(const Tombstone& tombstone, Findings findings) {
  if (is_an_instant(tombstone.revoked_at) && is_an_instant(tombstone.until)) return;
  findings.invalid("its instants are out of order");
}

void look_at_domain(const KeyRing& ring, std::vector<Flaw>& flaws) {
  if (!ring.domain || (ring.domain->size() <= max_domain && ring.foreign.empty())) return;
  flaws.push_back({Error::invalid_ring,
                   Part::ring,
                   {},
                   "a ring of one trust domain: its name is over 255 bytes, or it has foreign "
                   "keys"});
}

/// A key of whatever kind.
struct Entry {
  Part part{};
  KeyName name{};
  Bytes secret;
};

std::vector<Entry> entries_of(const KeyRing& ring) {
  std::vector<Entry> entries;
  entries.reserve(ring.keys.size() + ring.foreign.size() + ring.revoked.size());
  for (const Key& key : ring.keys) entries.push_back({Part::key, key.name, key.secret.expose()});
  for (const ForeignKey& key : ring.foreign) {
    entries.push_back({Part::foreign, key.name, key.secret.expose()});
  }
  for (const Tombstone& tombstone : ring.revoked) {
    entries.push_back({Part::revoked, tombstone.name, {}});
  }
  return entries;
}

/// Nothing stands twice, and what was revoked has not come back.
void look_at_names(std::vector<Entry> entries, std::vector<Flaw>& flaws) {
  std::ranges::sort(entries, {},
                    [](const Entry& entry) { return std::pair(entry.name, entry.part); });
  for (auto it = entries.begin(); it != entries.end();) {
    it = std::ranges::adjacent_find(it, entries.end(), {}, &Entry::name);
    if (it == entries.end()) return;
    Findings(flaws, it->part, it->name).invalid("it stands twice, or was revoked");
    it = std::ranges::find_if(it, entries.end(),
                              [name = it->name](const Entry& entry) { return entry.name != name; });
  }
}

void append_parts(std::vector<Entry>& parts, const Entry& entry) {
  constexpr std::size_t part = 16;
  for (Bytes rest = entry.secret; rest.size() >= part; rest = rest.subspan(part)) {
    parts.push_back({entry.part, entry.name, rest.first(part)});
  }
}

/// No 16 bytes of one secret are those of another, or another part of it: keys cut from one piece.
void look_for_shared_parts(const std::vector<Entry>& entries, std::vector<Flaw>& flaws) {
  std::vector<Entry> parts;
  for (const Entry& entry : entries) append_parts(parts, entry);
  std::ranges::sort(parts, [](const Entry& a, const Entry& b) {
    const auto order = std::lexicographical_compare_three_way(a.secret.begin(), a.secret.end(),
                                                              b.secret.begin(), b.secret.end());
    return order != 0 ? order < 0 : std::pair(a.part, a.name) < std::pair(b.part, b.name);
  });
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Entry& one = parts[i - 1];
    const Entry& other = parts[i];
    if (!equal_secrets(one.secret, other.secret)) continue;
    Findings(flaws, other.part, other.name)
        .weak(one.name == other.name
                  ? "a part of its secret stands in it twice"
                  : fmt::format("it shares a part of its secret with {}", to_hex(one.name)));
  }
}

/// By activation, one after the other: at no instant do two keys seal.
void look_at_order(const std::vector<Key>& keys, std::vector<Flaw>& flaws) {
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (keys[i - 1].retires_at <= keys[i].activates_at) continue;
    Findings(flaws, Part::key, keys[i].name)
        .invalid(fmt::format("it would seal while {} does", to_hex(keys[i - 1].name)));
  }
}

}  // namespace

std::vector<Flaw> flaws_of(const KeyRing& ring) {
  std::vector<Flaw> flaws;
  if (const auto flaw = stek::flaw_of(ring.schedule)) {
    flaws.push_back({Error::invalid_schedule, Part::ring, {}, "schedule: " + *flaw});
  }
  look_at_domain(ring, flaws);
  for (const Key& key : ring.keys) look_at(key, ring, {flaws, Part::key, key.name});
  for (const ForeignKey& key : ring.foreign) look_at(key, {flaws, Part::foreign, key.name});
  for (const Tombstone& tombstone : ring.revoked) {
    look_at(tombstone, {flaws, Part::revoked, tombstone.name});
  }
  const std::vector<Entry> entries = entries_of(ring);
  // A stek key's name is a function of its secret, so this finds doubled secrets too.
  look_at_names(entries, flaws);
  look_for_shared_parts(entries, flaws);
  look_at_order(ring.keys, flaws);
  return flaws;
}

}  // namespace keys
}  // namespace stek
