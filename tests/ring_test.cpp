#include <stek/ring.hpp>

#include <doctest/doctest.h>

#include "base/hash.hpp"
#include "keys/document.hpp"
#include "keys/fingerprint.hpp"
#include "keys/flaw.hpp"
#include "keys/names.hpp"
#include "keys/sealed.hpp"
#include "random_sessions.hpp"

namespace stek {
namespace {

using std::chrono::hours;
using test::noon;

/// Secrets that are as good as random and the same in every run.
FreshSecret counted_secrets() {
  return [n = 0U]() mutable -> std::expected<StekSecret, Error> {
    StekSecret secret;
    const std::array<std::byte, 4> count{static_cast<std::byte>(n >> 8U), static_cast<std::byte>(n),
                                         std::byte{1}, std::byte{2}};
    ++n;
    blake2b(secret.expose_room(), {}, {Bytes(count)});
    return secret;
  };
}

KeyRing ring_at(Instant now, const Schedule& schedule = {}) {
  return new_ring(schedule, now, counted_secrets()).value();
}

TEST_CASE("a new ring has one key, which seals from now") {
  const KeyRing ring = ring_at(noon);
  REQUIRE_EQ(ring.keys.size(), 1);
  CHECK_EQ(ring.generation, 1);
  CHECK_EQ(active_key(ring, noon), &ring.keys[0]);
  CHECK_FALSE(flaw_of(ring));
}

TEST_CASE("a phase begins at its instant and ends before the next one's") {
  const Key key = ring_at(noon).keys[0].copy();
  CHECK_EQ(phase_of(key, key.activates_at - Seconds(1)), Phase::announced);
  CHECK_EQ(phase_of(key, key.activates_at), Phase::active);
  CHECK_EQ(phase_of(key, key.retires_at - Seconds(1)), Phase::active);
  CHECK_EQ(phase_of(key, key.retires_at), Phase::retired);
  CHECK_EQ(phase_of(key, key.expires_at - Seconds(1)), Phase::retired);
  CHECK_EQ(phase_of(key, key.expires_at), Phase::expired);
}

TEST_CASE("the next key is announced one lead before the active one retires, and not sooner") {
  const auto fresh = counted_secrets();
  const KeyRing ring = new_ring({}, noon, fresh).value();
  const Instant due = noon + hours(12) - hours(1);
  CHECK_EQ(next_due(ring, noon), due);
  CHECK_EQ(advance(ring.copy(), due - Seconds(1), fresh)->keys.size(), 1);
  const KeyRing next = advance(ring.copy(), due, fresh).value();
  REQUIRE_EQ(next.keys.size(), 2);
  CHECK_EQ(next.generation, 2);
  CHECK_EQ(phase_of(next.keys[1], due), Phase::announced);
  CHECK_EQ(next.keys[1].activates_at, next.keys[0].retires_at);
}

TEST_CASE("advancing twice at one instant is advancing once") {
  const auto fresh = counted_secrets();
  KeyRing ring = new_ring({}, noon, fresh).value();
  for (Instant now = noon; now < noon + hours(100); now += Seconds(1799)) {
    const KeyRing once = advance(ring.copy(), now, fresh).value();
    const KeyRing twice = advance(once.copy(), now, fresh).value();
    CHECK(keys::fingerprint_of(once) == keys::fingerprint_of(twice));
    ring = once.copy();
  }
}

TEST_CASE(
    "over a year of rotation one key seals at every instant, and opens as long as was promised") {
  const auto fresh = counted_secrets();
  const Schedule schedule;
  KeyRing ring = new_ring(schedule, noon, fresh).value();
  for (Instant now = noon; now < noon + hours(24 * 365); now += Seconds(1200)) {
    ring = advance(std::move(ring), now, fresh).value();
    const Key* active = active_key(ring, now);
    REQUIRE(active);
    CHECK(active->expires_at >= now + schedule.lifetime + schedule.skew);
    CHECK(ring.keys.size() <= 3);
    for (const Key& key : ring.keys) CHECK(now < key.expires_at + schedule.lead);
  }
  CHECK(ring.generation > 365 * 2);
}

TEST_CASE("instants of a key never change once it is announced") {
  const auto fresh = counted_secrets();
  KeyRing ring = new_ring({}, noon, fresh).value();
  std::vector<Key> seen;
  for (Instant now = noon; now < noon + hours(200); now += Seconds(3000)) {
    ring = advance(std::move(ring), now, fresh).value();
    for (const Key& key : ring.keys) {
      const auto before = std::ranges::find(seen, key.name, &Key::name);
      if (before == seen.end()) {
        seen.push_back(key.copy());
        continue;
      }
      CHECK(before->activates_at == key.activates_at);
      CHECK(before->retires_at == key.retires_at);
      CHECK(before->expires_at == key.expires_at);
    }
  }
  CHECK(seen.size() > 15);
}

TEST_CASE("a rotator that comes after everything has ended makes a key that seals at once") {
  const auto fresh = counted_secrets();
  const KeyRing old = new_ring({}, noon, fresh).value();
  const Instant late = noon + hours(1000);
  const KeyRing ring = advance(old.copy(), late, fresh).value();
  REQUIRE(active_key(ring, late));
  CHECK_EQ(active_key(ring, late)->activates_at, late);
  CHECK_EQ(ring.keys.size(), 1);
}

TEST_CASE("a schedule can announce several keys ahead") {
  const KeyRing ring = ring_at(noon, {.ahead = 4});
  CHECK_EQ(ring.keys.size(), 4);
  CHECK_FALSE(flaw_of(ring));
  CHECK(active_key(ring, noon + hours(47)));
}

TEST_CASE("promoting seals with the next key at once, and the old one opens what it sealed") {
  const auto fresh = counted_secrets();
  for (const Seconds after : {Seconds(hours(1)), Seconds(hours(11)) + Seconds(1800)}) {
    const Instant now = noon + after;
    const KeyRing before = advance(new_ring({}, noon, fresh).value(), now, fresh).value();
    const KeyRing ring = promote(before.copy(), now, Seconds(0), fresh).value();
    CHECK_FALSE(flaw_of(ring));
    CHECK_NE(active_key(ring, now)->name, active_key(before, now)->name);
    CHECK_EQ(phase_of(ring.keys[0], now), Phase::retired);
    CHECK_EQ(ring.keys[0].expires_at, now + ring.schedule.accepting);
    if (before.keys.size() > 1) CHECK_EQ(active_key(ring, now)->name, before.keys[1].name);
    CHECK(ring.generation > before.generation);
  }
}

TEST_CASE("the notice of a promotion counts from now, however long the next key is announced") {
  const auto fresh = counted_secrets();
  const KeyRing before = new_ring({.ahead = 3}, noon, fresh).value();
  const Instant now = noon + hours(3);
  const KeyRing ring = promote(before.copy(), now, hours(1), fresh).value();
  CHECK_EQ(active_key(ring, now + hours(1) - Seconds(1))->name, before.keys[0].name);
  CHECK_EQ(active_key(ring, now + hours(1))->name, before.keys[1].name);
  CHECK_EQ(ring.keys[0].expires_at, now + hours(1) + ring.schedule.accepting);
}

TEST_CASE("a promotion by a clock a lead behind, with the lead as notice, changes nothing past") {
  const auto fresh = counted_secrets();
  const KeyRing before = new_ring({.ahead = 3}, noon, fresh).value();
  const Instant now = before.keys[1].activates_at + Seconds(60);
  const KeyRing ring = promote(before.copy(), now - hours(1), hours(1), fresh).value();
  CHECK_EQ(ring.keys[0].retires_at, before.keys[0].retires_at);
  CHECK_EQ(ring.keys[0].expires_at, before.keys[0].expires_at);
}

TEST_CASE("promoting in the second in which a key began hands over in the next") {
  const auto fresh = counted_secrets();
  const KeyRing ring = promote(new_ring({}, noon, fresh).value(), noon, Seconds(0), fresh).value();
  CHECK_EQ(ring.keys.size(), 2);
  CHECK_EQ(active_key(ring, noon), &ring.keys[0]);
  CHECK_EQ(active_key(ring, noon + Seconds(1)), &ring.keys[1]);
}

TEST_CASE("promoting leaves no gap, even with no lead") {
  const auto fresh = counted_secrets();
  const Schedule schedule{.lead = Seconds(0)};
  const KeyRing ring =
      promote(new_ring(schedule, noon, fresh).value(), noon, Seconds(0), fresh).value();
  for (const int after : {0, 1, 60}) CHECK(active_key(ring, noon + Seconds(after)));
}

TEST_CASE("a change is one generation, whatever it does") {
  const auto fresh = counted_secrets();
  const KeyRing first = new_ring({}, noon, fresh).value();
  CHECK_EQ(promote(first.copy(), noon + hours(1), Seconds(0), fresh)->generation, 2);
  CHECK_EQ(advance(first.copy(), noon + hours(30), fresh)->generation, 2);
}

TEST_CASE("a clock before 1970 or past what a document holds makes no ring") {
  CHECK_EQ(new_ring({}, Instant(Seconds(-5)), counted_secrets()).error().error,
           Error::clock_behind);
  CHECK_EQ(new_ring({}, Instant(Seconds(1LL << 40)), counted_secrets()).error().error,
           Error::unsuitable);
}

TEST_CASE("promoting again and again never lets a key live longer than it was to") {
  const auto fresh = counted_secrets();
  KeyRing ring = new_ring({.ahead = 3}, noon, fresh).value();
  for (int i = 0; i < 50; ++i) {
    const KeyRing before = ring.copy();
    const Instant now = noon + Seconds(i / 2);
    ring = promote(std::move(ring), now, Seconds(0), fresh).value();
    CHECK(active_key(ring, now));
    for (const Key& key : before.keys) {
      const auto after = std::ranges::find(ring.keys, key.name, &Key::name);
      REQUIRE(after != ring.keys.end());
      CHECK(after->retires_at <= key.retires_at);
      CHECK(after->expires_at <= key.expires_at);
      CHECK(after->activates_at <= key.activates_at);
    }
  }
}

TEST_CASE("a clock before the ring was made rotates nothing") {
  const KeyRing ring = ring_at(noon);
  const auto refused = advance(ring.copy(), noon - Seconds(61));
  REQUIRE_FALSE(refused);
  CHECK_EQ(refused.error().error, Error::clock_behind);
  CHECK_EQ(refused.error().message, "the clock is 61 s before the ring was made");
  CHECK(advance(ring.copy(), noon - Seconds(60)));
}

TEST_CASE("a rotator whose clock is a lead ahead erases no key that others still need") {
  const auto fresh = counted_secrets();
  const KeyRing first = new_ring({}, noon, fresh).value();
  const Instant end = first.keys[0].expires_at;
  const auto has_the_first = [&](Instant now) {
    const KeyRing ring = advance(first.copy(), now, fresh).value();
    return std::ranges::find(ring.keys, first.keys[0].name, &Key::name) != ring.keys.end();
  };
  CHECK(has_the_first(end + hours(1) - Seconds(1)));
  CHECK_FALSE(has_the_first(end + hours(1)));
}

TEST_CASE("a clock that ran ahead and came back costs no key that it did not see expire") {
  const auto fresh = counted_secrets();
  const KeyRing before = new_ring({}, noon, fresh).value();
  for (const Seconds ahead : {Seconds(hours(20)), Seconds(hours(24 * 7))}) {
    const KeyRing jumped = advance(before.copy(), noon + ahead, fresh).value();
    const KeyRing back = advance(jumped.copy(), noon + hours(1), fresh).value();
    CHECK_FALSE(flaw_of(back));
    CHECK(active_key(back, noon + hours(1)));
    for (const Key& key : jumped.keys) {
      CHECK(std::ranges::find(back.keys, key.name, &Key::name) != back.keys.end());
    }
  }
}

TEST_CASE("a clock that fell behind fills its own time and leaves the rest as it is") {
  const auto fresh = counted_secrets();
  KeyRing ring = new_ring({}, noon, fresh).value();
  const Instant later = noon + hours(30);
  ring = advance(std::move(ring), later, fresh).value();
  const KeyRing behind = advance(ring.copy(), noon + hours(13), fresh).value();
  REQUIRE(active_key(behind, noon + hours(13)));
  CHECK_EQ(active_key(behind, noon + hours(13))->retires_at, noon + hours(25));
  for (const Key& key : ring.keys) {
    const auto kept = std::ranges::find(behind.keys, key.name, &Key::name);
    REQUIRE(kept != behind.keys.end());
    CHECK_EQ(kept->activates_at, key.activates_at);
  }
}

TEST_CASE("a rotator whose clock is ahead leaves no gap behind the key that ended by its clock") {
  const auto fresh = counted_secrets();
  const Schedule schedule{.lead = hours(11)};
  const KeyRing before = new_ring(schedule, noon, fresh).value();
  const Instant end = before.keys[0].retires_at;
  const KeyRing after = advance(before.copy(), end + hours(10), fresh).value();
  for (const Seconds late : {Seconds(0), Seconds(hours(5)), Seconds(hours(11))}) {
    CHECK(active_key(after, end + late));
  }
  // A lead later nobody's clock is still before it.
  const Instant late = end + hours(11) + Seconds(1);
  CHECK_EQ(active_key(*advance(before.copy(), late, fresh), late)->activates_at, late);
}

// ---- revoked keys

const Key& last_of(const KeyRing& ring) {
  return ring.keys.back();
}

TEST_CASE("a revoked key is gone at once, and its name stays until its end was to come") {
  const auto fresh = counted_secrets();
  const KeyRing before =
      advance(new_ring({}, noon, fresh).value(), noon + hours(13), fresh).value();
  REQUIRE_EQ(before.keys.size(), 2);
  const Key& retired = before.keys[0];
  const KeyRing after = revoke(before.copy(), retired.name, noon + hours(13), fresh).value();
  CHECK_EQ(after.keys.size(), 1);
  REQUIRE_EQ(after.revoked.size(), 1);
  CHECK_EQ(after.revoked[0].name, retired.name);
  CHECK_EQ(after.revoked[0].revoked_at, noon + hours(13));
  CHECK_EQ(after.revoked[0].until, retired.expires_at);
  CHECK_EQ(after.generation, before.generation + 1);
  const Instant forgotten = retired.expires_at + before.schedule.lead;
  CHECK_EQ(advance(after.copy(), forgotten - Seconds(1), fresh)->revoked.size(), 1);
  CHECK_EQ(advance(after.copy(), forgotten, fresh)->revoked.size(), 0);
}

TEST_CASE("a revoked active key is followed by the announced one, in the same second") {
  const auto fresh = counted_secrets();
  const Instant now = noon + hours(11) + Seconds(1800);
  const KeyRing before = advance(new_ring({}, noon, fresh).value(), now, fresh).value();
  REQUIRE_EQ(before.keys.size(), 2);
  const KeyRing after = revoke(before.copy(), before.keys[0].name, now, fresh).value();
  REQUIRE(active_key(after, now));
  CHECK_EQ(active_key(after, now)->name, last_of(before).name);
  CHECK_EQ(active_key(after, now)->retires_at, now + hours(12));
  CHECK(active_key(after, now)->expires_at < last_of(before).expires_at);
}

TEST_CASE("revoking with a clock that is ahead leaves no gap for the others") {
  const auto fresh = counted_secrets();
  const Instant now = noon + hours(11) + Seconds(1800);
  const KeyRing alone = new_ring({}, noon, fresh).value();
  const KeyRing followed = advance(alone.copy(), now, fresh).value();
  for (const KeyRing& before : {alone.copy(), followed.copy()}) {
    const KeyRing after = revoke(before.copy(), before.keys[0].name, now, fresh).value();
    CHECK_FALSE(flaw_of(after));
    for (const Seconds behind : {Seconds(1), Seconds(1800), Seconds(3600)}) {
      CHECK(active_key(after, now - behind));
    }
    CHECK(active_key(revoke_all(before.copy(), now, fresh).value(), now - hours(1)));
  }
}

TEST_CASE("a revoked active key that nothing follows is followed by a new one") {
  const auto fresh = counted_secrets();
  const KeyRing before = new_ring({}, noon, fresh).value();
  const KeyRing after = revoke(before.copy(), before.keys[0].name, noon, fresh).value();
  REQUIRE(active_key(after, noon));
  CHECK_NE(active_key(after, noon)->name, before.keys[0].name);
}

TEST_CASE("revoking a key again changes nothing, and one that is not there is refused") {
  const auto fresh = counted_secrets();
  const KeyRing before = new_ring({}, noon, fresh).value();
  const KeyName name = before.keys[0].name;
  const KeyRing once = revoke(before.copy(), name, noon, fresh).value();
  const KeyRing twice = revoke(once.copy(), name, noon + hours(1), fresh).value();
  CHECK(keys::fingerprint_of(once) == keys::fingerprint_of(twice));
  CHECK_EQ(revoke(once.copy(), KeyName{}, noon, fresh).error().error, Error::no_such_key);
}

TEST_CASE("revoking all drops announced and foreign keys too, and something seals at once") {
  const auto fresh = counted_secrets();
  KeyRing before = new_ring({.ahead = 4}, noon, fresh).value();
  const auto secret = fresh().value();
  std::vector<ForeignKey> foreign;
  foreign.push_back({.name = {std::byte{1}},
                     .secret = SecretBytes(secret.expose()),
                     .imported_at = noon,
                     .expires_at = noon + hours(5)});
  before = import_keys(std::move(before), std::move(foreign), noon).value();
  const KeyRing after = revoke_all(before.copy(), noon + hours(1), fresh).value();
  CHECK_EQ(after.revoked.size(), 5);
  CHECK(after.foreign.empty());
  CHECK(active_key(after, noon + hours(1)));
  for (const Key& key : before.keys) {
    CHECK(std::ranges::find(after.keys, key.name, &Key::name) == after.keys.end());
  }
}

TEST_CASE("a foreign key that was revoked stays away for as long as one can be imported for") {
  const auto fresh = counted_secrets();
  static_cast<void>(fresh());
  const auto secret = fresh().value();
  const auto imported = [&] {
    std::vector<ForeignKey> keys;
    keys.push_back({.name = {std::byte{1}},
                    .secret = SecretBytes(secret.expose()),
                    .imported_at = noon,
                    .expires_at = noon + hours(1)});
    return keys;
  };
  KeyRing ring = import_keys(ring_at(noon), imported(), noon).value();
  const KeyName name = ring.foreign[0].name;
  ring = revoke(std::move(ring), name, noon).value();
  const Instant later = noon + hours(24 * 365);
  ring = advance(std::move(ring), later).value();
  CHECK_EQ(import_keys(ring.copy(), imported(), later).error().error, Error::no_such_key);
}

TEST_CASE("a key that was revoked cannot come back") {
  const auto fresh = counted_secrets();
  const KeyRing before = new_ring({}, noon, fresh).value();
  KeyRing after = revoke(before.copy(), before.keys[0].name, noon, fresh).value();
  after.keys.insert(after.keys.begin(), before.keys[0].copy());
  after.keys[1].activates_at = after.keys[0].retires_at;
  after.keys[1].retires_at = after.keys[1].activates_at + hours(1);
  CHECK_EQ(flaw_of(after)->error, Error::invalid_ring);
}

// ---- foreign keys

ForeignKey foreign_key(Bytes secret, std::uint16_t file_size = 48) {
  return {.name = {std::byte{7}, std::byte{9}},
          .file_size = file_size,
          .secret = SecretBytes(secret),
          .imported_at = noon,
          .expires_at = noon + hours(5)};
}

std::expected<KeyRing, Failure> with_foreign(ForeignKey key) {
  std::vector<ForeignKey> keys;
  keys.push_back(std::move(key));
  return import_keys(ring_at(noon), std::move(keys), noon);
}

TEST_CASE("an imported key stays as it came until its end, and a lead more") {
  const auto secret = counted_secrets()().value();
  std::array<std::byte, 32> reversed{};
  std::ranges::reverse_copy(secret.expose(), reversed.begin());
  const KeyRing ring = with_foreign(foreign_key(reversed)).value();
  REQUIRE_EQ(ring.foreign.size(), 1);
  CHECK(equal_secrets(ring.foreign[0].secret.expose(), reversed));
  CHECK_EQ(advance(ring.copy(), noon + hours(6) - Seconds(1))->foreign.size(), 1);
  CHECK_EQ(advance(ring.copy(), noon + hours(6))->foreign.size(), 0);
  const auto back = keys::ring_from(keys::document_of(ring));
  REQUIRE_MESSAGE(back, (back ? "" : back.error().message));
  CHECK(keys::fingerprint_of(*back) == keys::fingerprint_of(ring));
}

TEST_CASE("an imported key that is weak, of another size or there already is refused by name") {
  const auto good = counted_secrets()().value();
  std::array<std::byte, 64> doubled{};
  std::ranges::copy(good.expose(), doubled.begin());
  std::ranges::copy(good.expose(), doubled.begin() + 32);
  const auto refusal = [](ForeignKey key) { return with_foreign(std::move(key)).error(); };
  CHECK_EQ(refusal(foreign_key(std::array<std::byte, 32>{})).error, Error::weak_secret);
  CHECK_EQ(refusal(foreign_key(std::array<std::byte, 32>{})).hint,
           "take that key out of its file; nothing was imported");
  CHECK_EQ(refusal(foreign_key(doubled, 80)).error, Error::weak_secret);
  CHECK_EQ(refusal(foreign_key(Bytes(good.expose()).first(31))).error, Error::invalid_ring);
  // The very secret of the ring's own key.
  CHECK_EQ(refusal(foreign_key(good.expose())).error, Error::weak_secret);
}

TEST_CASE("a fresh secret that is weak, or none at all, aborts the rotation") {
  const auto zeros = [] { return std::expected<StekSecret, Error>(StekSecret()); };
  CHECK_EQ(new_ring({}, noon, zeros).error().error, Error::weak_secret);
  const auto none = []() -> std::expected<StekSecret, Error> {
    return std::unexpected(Error::randomness_failed);
  };
  CHECK_EQ(new_ring({}, noon, none).error().error, Error::randomness_failed);
}

TEST_CASE("a generator that repeats itself is found out") {
  const auto stuck = []() -> std::expected<StekSecret, Error> { return counted_secrets()(); };
  CHECK_EQ(new_ring({.ahead = 2}, noon, stuck).error().error, Error::invalid_ring);
}

TEST_CASE("impossible schedules are refused with the rule they break") {
  CHECK_FALSE(flaw_of(Schedule{}));
  CHECK_EQ(flaw_of(Schedule{.lifetime = Seconds(604801)}),
           "lifetime: 604801 s is over the 604800 s that RFC 8446 section 4.6.1 allows");
  CHECK_EQ(flaw_of(Schedule{.accepting = Seconds(43259)}),
           "accepting: 43259 s is shorter than lifetime and skew, 43260 s: tickets would outlive "
           "their key");
  CHECK_EQ(flaw_of(Schedule{.lead = hours(12)}),
           "lead: 43200 s is not shorter than sealing, 43200 s");
  CHECK(flaw_of(Schedule{.lifetime = Seconds(0)}));
  CHECK(flaw_of(Schedule{.skew = Seconds(-1)}));
  CHECK(flaw_of(Schedule{.skew = Seconds::max()}));
  CHECK(flaw_of(Schedule{.ahead = 0}));
  CHECK(flaw_of(Schedule{.ahead = 65}));
  CHECK(flaw_of(Schedule{.profile = Profile{3}}));
}

TEST_CASE("the nearest possible schedule has no flaw and changes nothing that was possible") {
  CHECK(nearest_possible({}) == Schedule{});
  const Schedule hasty{.sealing = std::chrono::minutes(30)};
  CHECK_EQ(nearest_possible(hasty).lead, std::chrono::minutes(15));
  test::Random random(11);
  for (int i = 0; i < 10'000; ++i) {
    const auto any = [&] {
      return Seconds(static_cast<std::int64_t>(random() % 40'000'000) - 1000);
    };
    const Schedule schedule{.lead = any(),
                            .sealing = any(),
                            .accepting = any(),
                            .lifetime = any(),
                            .skew = any(),
                            .ahead = static_cast<std::uint32_t>(random() % 70)};
    CHECK_FALSE(flaw_of(nearest_possible(schedule)));
  }
}

TEST_CASE("weak secrets are refused, each for its reason") {
  const auto weakness = [](auto&& make) {
    std::array<std::byte, 32> secret{};
    for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::byte>(make(i));
    return weakness_of(secret).value_or("none");
  };
  const auto good = counted_secrets()().value();
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(good.expose()[i]); };
  CHECK_FALSE(weakness_of(good.expose()));
  CHECK_EQ(weakness([](std::size_t) { return 0U; }), "all zero");
  CHECK_EQ(weakness([](std::size_t) { return 7U; }), "bytes at a constant difference");
  CHECK_EQ(weakness([](std::size_t i) { return i * 3; }), "bytes at a constant difference");
  for (std::size_t period = 2; period <= 16; ++period) {
    CHECK_EQ(weakness([&](std::size_t i) { return at(i % period); }), "it repeats itself");
  }
  CHECK_EQ(weakness([&](std::size_t i) { return i < 16 ? at(i) : 0U; }), "half of it is zero");
  CHECK_EQ(weakness([&](std::size_t i) { return at(i < 31 ? i % 12 : 3); }),
           "too few different bytes");
  CHECK_EQ(weakness([&](std::size_t i) { return at(i) & 0x7fU; }), "it is text (ASCII only)");
  CHECK_EQ(weakness_of(good.expose().first(15)), "shorter than 16 bytes");
}

TEST_CASE("keys published in standards and in this source are refused") {
  for (const char* hex : {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                          "1bc15e0f8d0f1e6c8a4d53b7296e2c4a5f7390d8be41a6c2f35d7e9180b4c6da",
                          "74a9c83e5d021fb69047de6a31c8f5020b9e4d87a653c1f83e29507dbca46f18"}) {
    std::array<std::byte, 32> secret{};
    REQUIRE(from_hex(secret, hex));
    CHECK_EQ(weakness_of(secret), "a published test key");
  }
}

TEST_CASE("a million random secrets pass the lint") {
  test::Random random(7);
  std::array<std::byte, 32> secret{};
  std::size_t refused = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    test::fill(random, secret);
    if (weakness_of(secret)) ++refused;
  }
  CHECK_EQ(refused, 0);
}

TEST_CASE("a ring that contradicts itself is refused") {
  const auto flaw_when = [](auto&& breaks) {
    KeyRing ring = ring_at(noon, {.ahead = 2});
    breaks(ring);
    const auto flaw = flaw_of(ring);
    REQUIRE(flaw);
    return flaw->error;
  };
  CHECK_EQ(flaw_when([](KeyRing& r) { r.keys[0].name[0] ^= std::byte{1}; }), Error::invalid_ring);
  CHECK_EQ(flaw_when([](KeyRing& r) { r.keys[0].profile = Profile::rfc5077; }),
           Error::invalid_ring);
  CHECK_EQ(flaw_when([](KeyRing& r) { r.keys[0].retires_at = r.keys[0].activates_at; }),
           Error::invalid_ring);
  CHECK_EQ(flaw_when([](KeyRing& r) { r.keys[0].announced_at += hours(1); }), Error::invalid_ring);
  CHECK_EQ(flaw_when([](KeyRing& r) { r.keys[0].expires_at = r.keys[0].activates_at; }),
           Error::invalid_ring);
  CHECK_EQ(flaw_when([](KeyRing& r) { r.keys[1].activates_at -= Seconds(1); }),
           Error::invalid_ring);
  CHECK_EQ(flaw_when([](KeyRing& r) { std::swap(r.keys[0], r.keys[1]); }), Error::invalid_ring);
  CHECK_EQ(flaw_when([](KeyRing& r) { r.keys[0].secret.erase(); }), Error::weak_secret);
  CHECK_EQ(flaw_when([](KeyRing& r) { r.schedule.lead = hours(99); }), Error::invalid_schedule);
  CHECK_EQ(flaw_when([](KeyRing& r) {
             std::ranges::copy(r.keys[0].secret.expose().first<16>(),
                               r.keys[1].secret.expose_room().begin() + 16);
             r.keys[1].name = keys::name_for(r.keys[1].secret);
           }),
           Error::weak_secret);
}

TEST_CASE("every flaw of a ring is found, each with its key") {
  KeyRing ring = ring_at(noon, {.ahead = 2});
  CHECK(keys::flaws_of(ring).empty());
  ring.schedule.lead = hours(99);
  ring.keys[0].secret.erase();
  ring.keys[0].retires_at = ring.keys[1].retires_at;
  ring.revoked.push_back({.name = ring.keys[1].name, .revoked_at = noon, .until = noon + hours(1)});
  std::vector<std::string> found;
  for (const keys::Flaw& flaw : keys::flaws_of(ring)) {
    const bool first = flaw.name == ring.keys[0].name;
    const bool second = flaw.name == ring.keys[1].name;
    found.push_back((first ? "1 " : second ? "2 " : "- ") + flaw.what);
  }
  CHECK_EQ(found, std::vector<std::string>{
                      "- schedule: lead: 356400 s is not shorter than sealing, 43200 s",
                      "1 weak secret: all zero",
                      "1 weak secret: bytes at a constant difference",
                      "1 weak secret: it repeats itself",
                      "1 weak secret: half of it is zero",
                      "1 weak secret: too few different bytes",
                      "1 weak secret: it is text (ASCII only)",
                      "1 its name is not that of its secret",
                      "2 it stands twice, or was revoked",
                      "1 a part of its secret stands in it twice",
                      "2 it would seal while " + to_hex(ring.keys[0].name) + " does",
                  });
  CHECK_EQ(flaw_of(ring)->message, "schedule: lead: 356400 s is not shorter than sealing, 43200 s");
}

TEST_CASE("a ring's document gives the same ring again") {
  const KeyRing ring = ring_at(noon, {.profile = Profile::aes256gcm, .ahead = 3});
  const auto document = keys::document_of(ring);
  const auto back = keys::ring_from(document);
  REQUIRE_MESSAGE(back, (back ? "" : back.error().message));
  CHECK(keys::document_of(*back) == document);
  CHECK(back->schedule == ring.schedule);
  CHECK(back->id == ring.id);
  CHECK(back->keys[2].secret == ring.keys[2].secret);
}

TEST_CASE("the document's JSON holds no secret") {
  const KeyRing ring = ring_at(noon);
  const auto text = keys::public_json(ring).dump();
  CHECK(text.find(to_hex(ring.keys[0].secret.expose()).c_str()) == wire::SecretText::npos);
  CHECK(text.find(to_hex(ring.keys[0].name).c_str()) != wire::SecretText::npos);
}

// ---- for one domain

TEST_CASE("a ring of one trust domain is read back as such, and never changed") {
  KeyRing ring = ring_at(noon);
  ring.domain = std::string("shop\0\xff", 6);
  const KeyName name = ring.keys[0].name;
  ring.keys[0].secret = counted_secrets()().value();
  REQUIRE_FALSE(flaw_of(ring));
  const auto back = keys::ring_from(keys::document_of(ring));
  REQUIRE_MESSAGE(back, (back ? "" : back.error().message));
  CHECK(keys::fingerprint_of(*back) == keys::fingerprint_of(ring));
  CHECK(back->domain == ring.domain);
  CHECK_EQ(advance(ring.copy(), noon).error().error, Error::unsuitable);
  CHECK_EQ(promote(ring.copy(), noon, Seconds(0)).error().error, Error::unsuitable);
  CHECK_EQ(revoke(ring.copy(), name, noon).error().error, Error::unsuitable);
  CHECK_EQ(rewritten(ring.copy(), noon).error().error, Error::unsuitable);
  ring.domain = std::string(256, 'a');
  CHECK_EQ(flaw_of(ring)->error, Error::invalid_ring);
}

// ---- at rest

Kek kek_of(std::uint8_t seed) {
  Kek kek;
  blake2b(kek.expose_room(), {}, {Bytes(std::array{std::byte{seed}})});
  return kek;
}

std::vector<Kek> keks_of(std::initializer_list<std::uint8_t> seeds) {
  std::vector<Kek> keks;
  for (const std::uint8_t seed : seeds) keks.push_back(kek_of(seed));
  return keks;
}

TEST_CASE("a sealed ring opens under its KEK, whichever of those at hand it is") {
  const KeyRing ring = ring_at(noon, {.ahead = 3});
  const auto blob = keys::seal_ring(ring, kek_of(1)).value();
  CHECK(keys::is_sealed(blob));
  CHECK_FALSE(keys::is_sealed(keys::document_of(ring)));
  for (const auto& keks : {keks_of({1}), keks_of({2, 1}), keks_of({1, 2})}) {
    const auto back = keys::open_ring(blob, keks);
    REQUIRE_MESSAGE(back, (back ? "" : back.error().message));
    CHECK(keys::fingerprint_of(*back) == keys::fingerprint_of(ring));
  }
}

TEST_CASE("a sealed ring holds no secret and no name, and is another each time") {
  const KeyRing ring = ring_at(noon);
  const auto blob = keys::seal_ring(ring, kek_of(1)).value();
  const auto has = [&](Bytes part) { return !std::ranges::search(blob, part).empty(); };
  CHECK_FALSE(has(ring.keys[0].secret.expose()));
  CHECK_FALSE(has(ring.keys[0].name));
  CHECK(has(ring.id));
  CHECK(blob != keys::seal_ring(ring, kek_of(1)).value());
}

TEST_CASE("another KEK, or none, is told by the names of both") {
  const auto blob = keys::seal_ring(ring_at(noon), kek_of(1)).value();
  const auto refusal = keys::open_ring(blob, keks_of({2})).error();
  CHECK_EQ(refusal.error, Error::wrong_kek);
  CHECK_EQ(refusal.message, "the ring is sealed under KEK " + to_hex(keys::id_of(kek_of(1))) +
                                ", given is " + to_hex(keys::id_of(kek_of(2))));
  CHECK_EQ(keys::open_ring(blob, {}).error().error, Error::wrong_kek);
}

TEST_CASE("every truncation and every altered bit of a sealed ring is refused") {
  const auto keks = keks_of({1});
  auto blob = keys::seal_ring(ring_at(noon), keks[0]).value();
  for (std::size_t n = 0; n < blob.size(); ++n) {
    CHECK_FALSE(keys::open_ring(Bytes(blob).first(n), keks));
  }
  for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
    const auto flip = [&] { blob[bit / 8] ^= static_cast<std::byte>(1U << bit % 8); };
    flip();
    CHECK_FALSE(keys::open_ring(blob, keks));
    flip();
  }
  CHECK(keys::open_ring(blob, keks));
  blob[8] = std::byte{2};
  CHECK_EQ(keys::open_ring(blob, keks).error().error, Error::unknown_format);
}

TEST_CASE("every truncation and every altered bit of a ring's document is refused") {
  const auto document = keys::document_of(ring_at(noon));
  for (std::size_t n = 0; n < document.size(); ++n) {
    CHECK_FALSE(keys::ring_from(Bytes(document).first(n)));
  }
  auto altered = document;
  for (std::size_t bit = 0; bit < document.size() * 8; ++bit) {
    altered[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    CHECK_FALSE(keys::ring_from(altered));
    altered[bit / 8] = document[bit / 8];
  }
  auto longer = document;
  longer.push_back(std::byte{0});
  CHECK_FALSE(keys::ring_from(longer));
}

/// A document with other JSON and a checksum that fits.
keys::Document with_json(const KeyRing& ring, void (*change)(wire::Json&)) {
  auto json = keys::public_json(ring);
  change(json);
  const auto text = json.dump();
  keys::Document document;
  const auto append = [&](Bytes bytes) {
    document.insert(document.end(), bytes.begin(), bytes.end());
  };
  append(std::as_bytes(std::span(text)));
  document.push_back(std::byte{0});
  for (const Key& key : ring.keys) append(key.secret.expose());
  std::array<std::byte, 32> sum{};
  blake2b(sum, {}, {Bytes(document)});
  append(sum);
  return document;
}

TEST_CASE(
    "a document of a newer format, or with members it should not have, is refused with the place") {
  const KeyRing ring = ring_at(noon);
  const auto refusal = [&](void (*change)(wire::Json&)) {
    return keys::ring_from(with_json(ring, change)).error();
  };
  CHECK(keys::ring_from(with_json(ring, [](wire::Json&) {})));
  CHECK_EQ(refusal([](wire::Json& j) { j["stek_ring"] = 2; }).error, Error::unknown_format);
  CHECK_EQ(refusal([](wire::Json& j) { j.erase("stek_ring"); }).error, Error::damaged);
  CHECK_EQ(refusal([](wire::Json& j) { j.erase("id"); }).message, "ring: /id: missing");
  CHECK_EQ(refusal([](wire::Json& j) { j["more"] = 1; }).message,
           "ring: /: has a field of unknown name");
  CHECK_EQ(refusal([](wire::Json& j) { j["schedule"]["lead"] = -1; }).message,
           "ring: /schedule/lead: expected a number of seconds, less than 2^32");
  CHECK_EQ(refusal([](wire::Json& j) { j["keys"][0]["profile"] = "rot13"; }).message,
           "ring: /keys/0/profile: expected \"aes256gcm\", \"xchacha20poly1305\" or \"rfc5077\"");
  CHECK_EQ(refusal([](wire::Json& j) { j["keys"] = 3; }).message, "ring: /keys: expected a list");
  CHECK_EQ(refusal([](wire::Json& j) { j["keys"].push_back(j["keys"][0]); }).error, Error::damaged);
}

}  // namespace
}  // namespace stek
