// Rings of every kind with their timelines, for tests/timeline.py, which knows what has to be in
// them.
//
//   timeline_rings              a line of JSON each: ring, now, and what was made of it
//   timeline_rings files DIR    ring documents, 0.json and so on, for the command at this moment
//   timeline_rings example      the picture in README.md
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>

#include "../tools/stek/timeline.hpp"
#include "../tools/stek/timeline_axis.hpp"
#include "../tools/stek/timeline_svg.hpp"
#include "../tools/stek/timeline_text.hpp"
#include "base/hash.hpp"
#include "keys/document.hpp"

namespace {

using namespace stek;
using std::chrono::hours;

constexpr Instant year_2026{Seconds(1'767'225'600)};

/// Draws are the same in every run.
struct Dice {
  std::mt19937_64 engine;

  std::int64_t from_to(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(std::int64_t n) { return from_to(1, n) == 1; }
  /// As often of seconds as of months.
  Seconds duration(std::int64_t low, std::int64_t high) {
    const double share = static_cast<double>(from_to(0, 1'000'000)) / 1e6;
    const double factor = std::pow(static_cast<double>(high) / static_cast<double>(low), share);
    const auto drawn = static_cast<std::int64_t>(static_cast<double>(low) * factor);
    return Seconds(std::clamp(drawn, low, high));
  }
};

FreshSecret secrets(Dice& dice) {
  return [&dice]() -> std::expected<StekSecret, Error> {
    StekSecret secret;
    const auto number = dice.engine();
    blake2b(secret.expose_room(), {}, {std::as_bytes(std::span(&number, 1))});
    return secret;
  };
}

template <class T>
T must(std::expected<T, Failure> result) {
  if (result) return *std::move(result);
  std::cerr << result.error().message << '\n';
  std::exit(1);
}

// ---- rings

/// Of which the identity is drawn too.
KeyRing fresh_ring(const Schedule& schedule, Instant now, Dice& dice) {
  KeyRing ring = must(new_ring(schedule, now, secrets(dice)));
  for (std::byte& byte : ring.id) byte = static_cast<std::byte>(dice.from_to(0, 255));
  return ring;
}

constexpr std::int64_t longest = 366 * 86400;

Schedule any_schedule(Dice& dice) {
  return nearest_possible(
      {.lead = dice.one_in(4) ? Seconds(0) : dice.duration(1, longest),
       .sealing = dice.duration(1, longest),
       .accepting = dice.duration(1, longest),
       .lifetime = dice.duration(1, 604800),
       .skew = dice.one_in(3) ? Seconds(0) : dice.duration(1, 86400),
       .ahead = dice.one_in(3) ? static_cast<std::uint32_t>(dice.from_to(2, 64)) : 1});
}

/// One in three has a name that begins as all the others of its kind do.
ForeignKey foreign_key(Dice& dice, Instant imported_at, Instant expires_at) {
  ForeignKey key;
  key.imported_at = imported_at;
  key.expires_at = expires_at;
  const auto random = secrets(dice)().value();
  key.secret = SecretBytes(random.expose());
  const auto name = secrets(dice)().value();
  std::ranges::copy(name.expose().first<16>(), key.name.begin());
  if (dice.one_in(3)) std::fill_n(key.name.begin(), dice.from_to(4, 15), std::byte{0xab});
  return key;
}

KeyRing with_foreign_keys(KeyRing ring, Instant now, Dice& dice) {
  std::vector<ForeignKey> keys;
  for (auto left = dice.from_to(0, 3); left > 0; --left) {
    keys.push_back(foreign_key(dice, now, now + dice.duration(1, longest)));
  }
  return must(import_keys(std::move(ring), std::move(keys), now));
}

KeyName any_name(const KeyRing& ring, Dice& dice) {
  if (!ring.foreign.empty() && dice.one_in(2)) return ring.foreign.front().name;
  return ring.keys[static_cast<std::size_t>(dice.from_to(0, std::ssize(ring.keys) - 1))].name;
}

/// A ring that has lived by stek's own functions, and the moment at which it is looked at.
std::pair<KeyRing, Instant> lived(Dice& dice) {
  const FreshSecret fresh = secrets(dice);
  Instant now = year_2026 + Seconds(dice.from_to(0, longest));
  KeyRing ring = fresh_ring(any_schedule(dice), now, dice);
  for (auto left = dice.from_to(0, 8); left > 0; --left) {
    now = dice.one_in(3) ? now + dice.duration(1, longest) : next_due(ring, now);
    ring = must(advance(std::move(ring), now, fresh));
    if (dice.one_in(4)) ring = must(promote(std::move(ring), now, Seconds(0), fresh));
    if (dice.one_in(4)) ring = with_foreign_keys(std::move(ring), now, dice);
    if (dice.one_in(4)) {
      const KeyName name = any_name(ring, dice);
      ring = must(revoke(std::move(ring), name, now, fresh));
    }
    if (dice.one_in(12)) ring = must(revoke_all(std::move(ring), now, fresh));
  }
  const auto later = [&] { return now + dice.duration(1, longest); };
  return {std::move(ring), dice.one_in(3) ? now : later()};
}

/// Keys that no schedule made: with holes between them, expired, in the future, or none at all.
std::pair<KeyRing, Instant> contrived(Dice& dice) {
  KeyRing ring = fresh_ring(any_schedule(dice), year_2026, dice);
  const Profile profile = ring.schedule.profile;
  ring.keys.clear();
  const std::int64_t size = dice.duration(1, longest).count();
  Instant at = year_2026;
  for (auto left = dice.from_to(0, 6); left > 0; --left) {
    Key key = std::move(fresh_ring({.profile = profile}, at, dice).keys.front());
    key.announced_at = at;
    key.activates_at = at + Seconds(dice.from_to(0, size));
    key.retires_at = key.activates_at + Seconds(dice.from_to(1, size));
    key.expires_at = key.retires_at + Seconds(dice.from_to(0, 3 * size));
    at = key.retires_at + Seconds(dice.one_in(2) ? 0 : dice.from_to(0, 2 * size));
    ring.keys.push_back(std::move(key));
  }
  for (auto left = dice.from_to(0, 2); left > 0; --left) {
    ring.foreign.push_back(foreign_key(dice, year_2026, year_2026 + dice.duration(1, longest)));
  }
  for (auto left = dice.from_to(0, 2); left > 0; --left) {
    ring.revoked.push_back({.name = foreign_key(dice, at, at).name,
                            .revoked_at = year_2026 + Seconds(dice.from_to(0, size)),
                            .until = year_2026 + Seconds(dice.from_to(0, 2 * size))});
  }
  const auto length = (at - year_2026).count();
  return {std::move(ring), year_2026 + Seconds(dice.from_to(-length / 4, 2 * length + 1))};
}

std::pair<KeyRing, Instant> any_ring(Dice& dice) {
  return dice.one_in(2) ? lived(dice) : contrived(dice);
}

// ---- what is made of them

wire::Json instant_json(Instant instant) {
  return wire::JsonForm<Instant>::put(instant);
}

wire::Json events_json(const tool::Timeline& timeline) {
  wire::Json list = wire::Json::array();
  for (const tool::Event& event : timeline.events) {
    wire::Json& json = list.emplace_back();
    json = {{"at", instant_json(event.at)}, {"event", name_of(event.what)}};
    if (event.key) json["key"] = to_hex(*event.key);
  }
  return list;
}

wire::Json ticks_json(const tool::Timeline& timeline, std::size_t most) {
  wire::Json list = wire::Json::array();
  for (const tool::Tick& tick : tool::ticks_between(timeline.from, timeline.until, most)) {
    list.push_back({{"at", instant_json(tick.at)}, {"label", tick.label}});
  }
  return list;
}

wire::Json line_of(const KeyRing& ring, Instant now, std::size_t width) {
  const tool::Timeline timeline = tool::timeline_of(ring, now);
  wire::Json json = keys::public_json(ring);
  json["now"] = instant_json(now);
  json["next_due"] = instant_json(next_due(ring, now));
  for (std::size_t i = 0; i < ring.keys.size(); ++i) {
    json["keys"][i]["phase"] = name_of(phase_of(ring.keys[i], now));
  }
  return {{"ring", std::move(json)},
          {"width", width},
          {"events", events_json(timeline)},
          {"ticks", ticks_json(timeline, 3)},
          {"text", tool::text_of(timeline, {.width = width})},
          {"painted", tool::text_of(timeline, {.width = width, .colour = true})},
          {"svg", tool::svg_of(timeline)}};
}

void print_many() {
  Dice dice{.engine = std::mt19937_64(20260314)};
  for (int i = 0; i < 2000; ++i) {
    const auto [ring, now] = any_ring(dice);
    const std::size_t width = dice.one_in(2) ? 80 : static_cast<std::size_t>(dice.from_to(60, 240));
    std::cout << line_of(ring, now, width).dump() << '\n';
  }
}

void move_by(KeyRing& ring, Seconds more) {
  ring.created_at += more;
  ring.written_at += more;
  for (Key& key : ring.keys) {
    for (Instant* at : {&key.announced_at, &key.activates_at, &key.retires_at, &key.expires_at}) {
      *at += more;
    }
  }
  for (ForeignKey& key : ring.foreign) {
    key.imported_at += more;
    key.expires_at += more;
  }
  for (Tombstone& tombstone : ring.revoked) {
    tombstone.revoked_at += more;
    tombstone.until += more;
  }
}

void write_files(const std::filesystem::path& folder) {
  Dice dice{.engine = std::mt19937_64(7)};
  for (int i = 0; i < 20; ++i) {
    auto [ring, then] = any_ring(dice);
    move_by(ring, system_now() - then);
    const auto document = keys::document_of(ring);
    const auto path = folder / (std::to_string(i) + ".json");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(document.data()), std::ssize(document));
    std::filesystem::permissions(path, std::filesystem::perms(0600));
  }
}

/// A day of a ring with all that a timeline shows: three keys, a foreign and a revoked one.
void print_example() {
  Dice dice{.engine = std::mt19937_64(2)};
  const FreshSecret fresh = secrets(dice);
  const Instant day = year_2026 + hours(24 * 72);
  KeyRing ring = fresh_ring({}, day, dice);
  ring = must(advance(std::move(ring), day + hours(11), fresh));
  std::vector<ForeignKey> keys;
  for (const hours end : {hours(40), hours(32)}) {
    keys.push_back(foreign_key(dice, day + hours(8), day + end));
    // Where names come from does not matter, but that they look it.
    std::ranges::copy(fresh()->expose().first<16>(), keys.back().name.begin());
  }
  const KeyName revoked = keys.back().name;
  ring = must(import_keys(std::move(ring), std::move(keys), day + hours(11)));
  ring = must(revoke(std::move(ring), revoked, day + hours(16), fresh));
  ring = must(advance(std::move(ring), day + hours(23), fresh));
  std::cout << tool::svg_of(tool::timeline_of(ring, day + hours(23) + Seconds(1200)));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    print_many();
  } else if (arguments[0] == "files" && arguments.size() == 2) {
    write_files(arguments[1]);
  } else if (arguments[0] == "example") {
    print_example();
  } else {
    return 2;
  }
}
