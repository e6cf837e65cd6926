// Keys that are the same each time, so that an input means the same each time. seeds.py derives
// them too.
#pragma once

#include <stek/ring.hpp>

#include "base/hash.hpp"
#include "keys/names.hpp"

namespace stek::fuzz {

inline constexpr Instant now{Seconds(1'700'000'100)};

inline Bytes text_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// BLAKE2b-256(key = "stek fuzz", label).
inline StekSecret secret_for(Bytes label) {
  StekSecret secret;
  blake2b(secret.expose_room(), text_bytes("stek fuzz"), {label});
  return secret;
}

/// One that seals at `now`.
inline Key key_for(Profile profile) {
  Key key;
  key.secret = secret_for(text_bytes(name_of(profile)));
  key.name = keys::name_for(key.secret);
  key.profile = profile;
  key.announced_at = key.activates_at = now - Seconds(100);
  key.retires_at = key.activates_at + Seconds(43200);
  key.expires_at = key.retires_at + Seconds(43260);
  return key;
}

inline KeyRing ring_for(Profile profile) {
  KeyRing ring;
  ring.generation = 1;
  ring.written_at = now - Seconds(100);
  ring.schedule.profile = profile;
  ring.keys.push_back(key_for(profile));
  return ring;
}

}  // namespace stek::fuzz
