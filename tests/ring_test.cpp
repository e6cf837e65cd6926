#include <stek/ring.hpp>

#include <doctest/doctest.h>

#include "base/hash.hpp"
#include "keys/document.hpp"
#include "keys/fingerprint.hpp"
#include "keys/names.hpp"
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
  CHECK_EQ(next_due(ring), due);
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
    for (const Key& key : ring.keys) CHECK_NE(phase_of(key, now), Phase::expired);
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
    const KeyRing ring = promote(before.copy(), now, fresh).value();
    CHECK_FALSE(flaw_of(ring));
    CHECK_NE(active_key(ring, now)->name, active_key(before, now)->name);
    CHECK_EQ(phase_of(ring.keys[0], now), Phase::retired);
    CHECK_EQ(ring.keys[0].expires_at, now + ring.schedule.accepting);
    if (before.keys.size() > 1) CHECK_EQ(active_key(ring, now)->name, before.keys[1].name);
    CHECK(ring.generation > before.generation);
  }
}

TEST_CASE("promoting in the second in which a key began hands over in the next") {
  const auto fresh = counted_secrets();
  const KeyRing ring = promote(new_ring({}, noon, fresh).value(), noon, fresh).value();
  CHECK_EQ(ring.keys.size(), 2);
  CHECK_EQ(active_key(ring, noon), &ring.keys[0]);
  CHECK_EQ(active_key(ring, noon + Seconds(1)), &ring.keys[1]);
}

TEST_CASE("promoting leaves no gap, even with no lead") {
  const auto fresh = counted_secrets();
  const Schedule schedule{.lead = Seconds(0)};
  const KeyRing ring = promote(new_ring(schedule, noon, fresh).value(), noon, fresh).value();
  for (const int after : {0, 1, 60}) CHECK(active_key(ring, noon + Seconds(after)));
}

TEST_CASE("a change is one generation, whatever it does") {
  const auto fresh = counted_secrets();
  const KeyRing first = new_ring({}, noon, fresh).value();
  CHECK_EQ(promote(first.copy(), noon + hours(1), fresh)->generation, 2);
  CHECK_EQ(advance(first.copy(), noon + hours(30), fresh)->generation, 2);
}

TEST_CASE("a clock before 1970 or past what a document holds makes no ring") {
  CHECK_EQ(new_ring({}, Instant(Seconds(-5)), counted_secrets()).error().error,
           Error::clock_behind);
  CHECK_EQ(new_ring({}, Instant(Seconds(1LL << 41)), counted_secrets()).error().error,
           Error::invalid_ring);
}

TEST_CASE("promoting again and again never lets a key live longer than it was to") {
  const auto fresh = counted_secrets();
  KeyRing ring = new_ring({.ahead = 3}, noon, fresh).value();
  for (int i = 0; i < 50; ++i) {
    const KeyRing before = ring.copy();
    const Instant now = noon + Seconds(i / 2);
    ring = promote(std::move(ring), now, fresh).value();
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

TEST_CASE("a ring written in the future is not rotated") {
  KeyRing ring = ring_at(noon);
  const auto refused = advance(ring.copy(), noon - Seconds(61));
  REQUIRE_FALSE(refused);
  CHECK_EQ(refused.error().error, Error::clock_behind);
  CHECK(advance(ring.copy(), noon - Seconds(60)));
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
