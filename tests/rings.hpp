// Rings for tests that meet a server: one key, and what may happen to it.
#pragma once

#include <functional>
#include <memory>

#include <doctest/doctest.h>

#include <stek/store.hpp>

namespace rings {

using namespace std::chrono_literals;

inline stek::Key key_made(const stek::Schedule& schedule, stek::Instant activates,
                          stek::Instant retires, stek::Instant expires) {
  auto ring = stek::new_ring(schedule, activates);
  REQUIRE(ring);
  stek::Key key = std::move(ring->keys.front());
  key.announced_at = activates;
  key.activates_at = activates;
  key.retires_at = retires;
  key.expires_at = expires;
  return key;
}

// A store with one key that seals from an hour ago to an hour from now.
inline std::unique_ptr<stek::MemoryStore> store_with_key(
    stek::Profile profile = stek::Profile::xchacha20poly1305) {
  const auto now = stek::system_now();
  auto ring = stek::new_ring({.profile = profile}, now - 1h);
  REQUIRE(ring);
  ring->keys.clear();
  ring->keys.push_back(key_made(ring->schedule, now - 1h, now + 1h, now + 20h));
  auto store = std::make_unique<stek::MemoryStore>();
  REQUIRE(store->create(*ring));
  return store;
}

inline void change(stek::RingStore& store, const std::function<void(stek::KeyRing&)>& edit) {
  REQUIRE(store.update([&](stek::KeyRing ring) -> std::expected<stek::KeyRing, stek::Failure> {
    edit(ring);
    ++ring.generation;
    ring.written_at = stek::system_now();
    return ring;
  }));
}

inline void retire_keys(stek::RingStore& store) {
  change(store, [](stek::KeyRing& ring) {
    for (stek::Key& key : ring.keys) key.retires_at = stek::system_now();
  });
}

// Any number of times a second, though instants are whole seconds.
inline void rotate(stek::RingStore& store) {
  change(store, [](stek::KeyRing& ring) {
    const auto now = stek::system_now();
    for (stek::Key& key : ring.keys) {
      key.announced_at -= 1s;
      key.activates_at -= 1s;
      key.retires_at = std::min(key.retires_at - 1s, now);
    }
    ring.keys.push_back(key_made(ring.schedule, now, now + 1h, now + 20h));
  });
}

inline void expire_keys(stek::RingStore& store) {
  change(store, [](stek::KeyRing& ring) {
    const auto now = stek::system_now();
    for (stek::Key& key : ring.keys) {
      key.retires_at = now - 2s;
      key.expires_at = now - 1s;
    }
    ring.keys.push_back(key_made(ring.schedule, now - 2s, now + 1h, now + 20h));
  });
}

}  // namespace rings
