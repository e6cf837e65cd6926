// STEKs, the ring that holds them, and its schedule.
//
//   announce            activates_at        retires_at           expires_at
//      | announced         | active             | retired            | erased
//      | opens             | seals, opens       | opens, "renew"     | opens nothing
//
// A key's phase is a function of its instants and `now`; nothing in a ring says which key is
// active. So every machine that holds the ring switches at the same instant, without a message.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <stek/error.hpp>
#include <stek/secret.hpp>
#include <stek/time.hpp>

namespace stek {

/// The first 16 bytes of every ticket. For keys that stek makes: BLAKE2b-128(key = secret,
/// "stek/1 name"), so that a name never has a second secret.
using KeyName = std::array<std::byte, 16>;
using StekSecret = Secret<32>;
using RingId = std::array<std::byte, 16>;

/// Ticket layout and cipher; FORMAT.md has the bytes.
enum class Profile : std::uint8_t {
  aes256gcm,          ///< fastest; every machine of the fleet needs AES instructions
  xchacha20poly1305,  ///< any CPU
  rfc5077,  ///< the outer layout of RFC 5077 section 4, for TLS libraries that insist on it
};

/// `announced` and `retired` open but do not seal; only `active` seals. Half-open intervals: at
/// `activates_at` a key is active, at `retires_at` retired, at `expires_at` expired.
enum class Phase : std::uint8_t { announced, active, retired, expired };

struct Key {
  KeyName name{};
  StekSecret secret;
  Profile profile{};
  Instant announced_at{};
  Instant activates_at{};
  Instant retires_at{};
  Instant expires_at{};

  [[nodiscard]] Key copy() const;
};
Phase phase_of(const Key& key, Instant now) noexcept;

/// How a ring rotates. A key is announced `lead` before it seals, seals for `sealing`, and opens
/// for `accepting` more: with the defaults a stolen key reaches 25 hours.
struct Schedule {
  Profile profile = Profile::xchacha20poly1305;
  Seconds lead = std::chrono::hours(1);  ///< longer than every machine takes to notice a new ring
  Seconds sealing = std::chrono::hours(12);  ///< rotation period
  Seconds accepting = std::chrono::hours(12) + Seconds(60);
  Seconds lifetime =
      std::chrono::hours(12);  ///< of a ticket; at most 604800 s (RFC 8446 section 4.6.1)
  Seconds skew = Seconds(60);  ///< between any two clocks of the fleet
  std::uint32_t ahead = 1;     ///< keys announced early, 1 to 64

  friend bool operator==(const Schedule&, const Schedule&) = default;
};
/// The rule that `schedule` breaks: accepting >= lifetime + skew, lifetime <= 7 days, lead <
/// sealing.
std::optional<std::string> flaw_of(const Schedule& schedule);

struct KeyRing {
  RingId id{};
  std::uint64_t generation = 0;  ///< goes up by one with each change
  Instant written_at{};
  Schedule schedule;
  std::vector<Key> keys;  ///< by `activates_at`

  [[nodiscard]] KeyRing copy() const;
};
/// The key that seals at `now`, or nullptr.
const Key* active_key(const KeyRing& ring, Instant now) noexcept;
/// The next instant at which `advance` has something to do.
Instant next_due(const KeyRing& ring) noexcept;
/// What contradicts itself in `ring`: names that do not fit their secrets, weak or doubled secrets,
/// instants out of order, two keys sealing at once.
std::optional<Failure> flaw_of(const KeyRing& ring);

/// A source of new secrets. `random_secret` in real life, a counter in a simulation.
using FreshSecret = std::function<std::expected<StekSecret, Error>()>;
/// 32 bytes from the kernel.
std::expected<StekSecret, Error> random_secret();

/// A new ring whose first key seals from `now`.
std::expected<KeyRing, Failure> new_ring(const Schedule& schedule, Instant now,
                                         const FreshSecret& fresh = random_secret);

/// Rotates: drops what has expired and announces what is due, so that the next key is announced at
/// least `lead` before the active one retires. Pure but for `fresh`, and idempotent: twice at one
/// instant is once. A ring in which nothing seals any more gets a key that seals from `now`.
/// Without a change the generation stays.
std::expected<KeyRing, Failure> advance(KeyRing ring, Instant now,
                                        const FreshSecret& fresh = random_secret);

/// Rotates at once, out of turn: the next key seals from `now` and the active one only opens. A
/// machine that has not read the new ring yet refuses tickets of the others until it does: full
/// handshakes, no errors.
std::expected<KeyRing, Failure> promote(KeyRing ring, Instant now,
                                        const FreshSecret& fresh = random_secret);

/// Why `secret` looks like anything but 32 random bytes (CVE-2020-13777: all-zero keys in the
/// field). Nothing when it is fine. Any length; a random secret of 32 bytes is refused with odds
/// below 2^-31.
std::optional<std::string_view> weakness_of(Bytes secret) noexcept;

std::string_view name_of(Profile profile) noexcept;
std::optional<Profile> profile_named(std::string_view name) noexcept;
std::string_view name_of(Phase phase) noexcept;

}  // namespace stek
