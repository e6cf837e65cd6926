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
#include <string>
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
/// Key-encryption key: what a ring is sealed under at rest. 32 random bytes, under the same lint as
/// a STEK; never a passphrase.
using Kek = Secret<32>;

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

/// The key of a TLS server's own tickets, imported: kept as it came until its end. It never seals,
/// and nothing is derived from it.
struct ForeignKey {
  KeyName name{};
  std::uint16_t file_size = 48;  ///< of the server's key file: 48 or 80
  SecretBytes secret;            ///< what stands behind the name there: 32 or 64 bytes
  Instant imported_at{};
  Instant expires_at{};

  [[nodiscard]] ForeignKey copy() const;
};

/// What is left of a key that was revoked, so that it does not come back.
struct Tombstone {
  KeyName name{};
  Instant revoked_at{};
  Instant until{};  ///< the end that the key was to have; of a foreign one, 366 days on
};

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
/// A schedule without a flaw, as near to `schedule` as there is one: `accepting` grows to what the
/// lifetime needs, `lead` shrinks to half of `sealing`, the others go to the end of their range.
Schedule nearest_possible(Schedule schedule) noexcept;

struct KeyRing {
  RingId id{};
  std::uint64_t generation = 0;  ///< goes up by one with each change
  Instant created_at{};          ///< 1970 in a ring that was made before this was kept
  Instant written_at{};
  Schedule schedule;
  std::vector<Key> keys;  ///< by `activates_at`
  std::vector<ForeignKey> foreign;
  std::vector<Tombstone> revoked;
  /// Set in what `stek keys export` makes for a machine that serves one trust domain: the keys'
  /// secrets are then K_dom of that domain, which opens and seals nothing in any other. Such a ring
  /// is never changed, only exported anew.
  std::optional<std::string> domain;

  [[nodiscard]] KeyRing copy() const;
};
/// The key that seals at `now`, or nullptr.
const Key* active_key(const KeyRing& ring, Instant now) noexcept;
/// The next instant, from `now` on, at which `advance` has something to do. Of a ring of one trust
/// domain: at which the ring that it comes from does.
Instant next_due(const KeyRing& ring, Instant now) noexcept;
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

/// Rotates: announces what is due, so that the next key is announced at least `lead` before the
/// active one retires, and erases what ended a lead ago or more: so a rotator whose clock is up to
/// a lead ahead takes nothing from the others. Pure but for `fresh`, and idempotent: twice at one
/// instant is once. Without a change the generation stays.
///
/// Total over clocks: where no key seals at `now`, because the rotator came late, or because a
/// clock that ran ahead has left the ring in the future, one is made that seals at once.
///
/// This and each change below refuse a clock that is before the ring was made by more than the skew
/// (`Error::clock_behind`), one past the year 36000 and a ring of one trust domain
/// (`Error::unsuitable`), and a ring that contradicts itself (what `flaw_of` says).
std::expected<KeyRing, Failure> advance(KeyRing ring, Instant now,
                                        const FreshSecret& fresh = random_secret);

/// Rotates out of turn: the next key seals in `notice` from now, and no sooner than it has been
/// announced for so long; the active one only opens from there. With the schedule's lead as the
/// notice nothing breaks. With none it seals from `now`, or from the next second where the active
/// key began in this one: a machine that has not read the new ring yet refuses tickets of the
/// others until it does, and what it still seals with the old key ends earlier than it says; full
/// handshakes, and no errors. A negative notice is none.
std::expected<KeyRing, Failure> promote(KeyRing ring, Instant now, Seconds notice,
                                        const FreshSecret& fresh = random_secret);

/// Ends the key `name` now: its secret is erased, and a tombstone keeps its name out of the ring
/// until the end it was to have. An active key is followed at once by the announced one, else by a
/// new one, which is dated back by up to a lead: by a clock that is behind, too, something seals. A
/// key that was revoked before leaves the ring as it is; `Error::no_such_key` for a name that the
/// ring does not have.
std::expected<KeyRing, Failure> revoke(KeyRing ring, const KeyName& name, Instant now,
                                       const FreshSecret& fresh = random_secret);
/// After a theft: ends every key of the ring, announced and foreign ones too. A new one seals from
/// `now`.
std::expected<KeyRing, Failure> revoke_all(KeyRing ring, Instant now,
                                           const FreshSecret& fresh = random_secret);

/// Takes foreign keys in, each until its `expires_at`. One that is there already is left as it is;
/// a weak, doubled or revoked one is refused with its name.
std::expected<KeyRing, Failure> import_keys(KeyRing ring, std::vector<ForeignKey> keys,
                                            Instant now);

/// The same ring as a new generation, for a store that shall write it anew: under another KEK.
std::expected<KeyRing, Failure> rewritten(KeyRing ring, Instant now);

/// Why `secret` looks like anything but 32 random bytes (CVE-2020-13777: all-zero keys in the
/// field). Nothing when it is fine. Any length; a random secret of 32 bytes is refused with odds
/// below 2^-31.
std::optional<std::string_view> weakness_of(Bytes secret) noexcept;

std::string_view name_of(Profile profile) noexcept;
std::optional<Profile> profile_named(std::string_view name) noexcept;
std::string_view name_of(Phase phase) noexcept;

}  // namespace stek
