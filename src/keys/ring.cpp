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

ForeignKey ForeignKey::copy() const {
  return {.name = name,
          .file_size = file_size,
          .secret = secret.copy(),
          .imported_at = imported_at,
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
               .created_at = created_at,
               .written_at = written_at,
               .schedule = schedule,
               .keys = {},
               .foreign = {},
               .revoked = revoked,
               .domain = domain};
  copy.keys.reserve(keys.size());
  for (const Key& key : keys) copy.keys.push_back(key.copy());
  copy.foreign.reserve(foreign.size());
  for (const ForeignKey& key : foreign) copy.foreign.push_back(key.copy());
  return copy;
}

const Key* active_key(const KeyRing& ring, Instant now) noexcept {
  const auto found = std::ranges::find_if(
      ring.keys, [&](const Key& key) { return phase_of(key, now) == Phase::active; });
  return found == ring.keys.end() ? nullptr : &*found;
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
