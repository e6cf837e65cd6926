// Everything that can go wrong, by name.
//
// `Error` is for calls that could not do their work. `Reason` is for tickets that do not resume,
// which is not an error: it means full handshake. A reason goes to the caller, to logs and
// counters, never to the peer, who sees one and the same answer for every ticket that does not
// open.
#pragma once

#include <string>
#include <string_view>

#include <stek/bytes.hpp>

namespace stek {

enum class Error : std::uint8_t {
  // Issuing a ticket. The handshake goes on without one.
  no_active_key,              ///< no key of the ring seals at this instant
  randomness_failed,          ///< the kernel gave no random bytes
  cipher_unavailable,         ///< this machine cannot run the ring's profile
  room_too_small,             ///< the caller's buffer cannot hold the result
  too_large,                  ///< the session does not fit the largest size class
  invalid_session,            ///< a field is out of its range, or the secret is missing or zero
  no_extended_master_secret,  ///< TLS up to 1.2 without RFC 7627, and the policy has no
                              ///< `LegacyEms::resume`
  authentication_too_old,     ///< renewed for longer than the policy's cap
  context_missing,            ///< a session with a client identity, and no context to bind it to
  identity_expired,           ///< the client's identity has reached its end
  identity_missing,           ///< the policy requires a client identity, and the session has none

  // Rings, keys and schedules.
  not_found,         ///< nothing at this place
  already_there,     ///< something is at this place that would be overwritten
  unreachable,       ///< the store cannot be read or written
  exposed,           ///< others than its owner and group can read it, or others can change it
  damaged,           ///< cut short, altered, or not a ring at all
  unknown_format,    ///< written by a newer stek
  invalid_ring,      ///< well-formed, but its keys or instants contradict each other
  invalid_schedule,  ///< the durations contradict each other
  weak_secret,       ///< a key's secret is not random
  clock_behind,      ///< the clock is before the ring was made
  other_ring,        ///< not the ring that was read first
  rolled_back,       ///< an older generation than the one held, or other bytes under the same one
  no_memory,         ///< no memory for keys
  no_such_key,       ///< the ring has no key of this name, or had it and revoked it
  wrong_kek,         ///< sealed under another key-encryption key, or under none where one is given
  memory_unlocked,   ///< memory cannot be locked against swapping

  // Configuration and text input.
  unsuitable,  ///< not something that this call works on; the message says why
  malformed,   ///< does not parse; the message says where
};

enum class Reason : std::uint8_t {
  resumes,  ///< nothing stands against it

  // The ticket did not open, or what it holds is not a session.
  no_ticket,      ///< the client offered none
  ticket_length,  ///< no profile gives a ticket of this length
  unknown_key,    ///< no key of this name in the ring
  key_expired,    ///< the key has reached its end
  altered,        ///< the tag does not fit: altered, or of another domain
  other_content,  ///< opened, but does not hold a session, or not the opaque label asked for

  // The session opened, and a rule of resumption stands against it.
  version_unsupported,
  inappropriate_fallback,
  no_application_protocol,
  transport_differs,
  version_differs,
  ticket_expired,
  issued_in_future,
  authentication_too_old,
  identity_expired,
  identity_missing,
  context_differs,
  server_name_differs,
  suite_not_offered,
  suite_not_enabled,
  hash_differs,
  compression_not_offered,
  compression_offered,
  truncated_hmac,
  max_fragment_length_invalid,
  max_fragment_length_differs,
  extended_master_secret_missing,
  extended_master_secret_added,
  extended_master_secret_absent,
  encrypt_then_mac_missing,
  encrypt_then_mac_added,
  pre_shared_key_not_last,
  psk_modes_missing,
  psk_mode_unsuitable,
};

/// For who goes through all of them.
inline constexpr Error last_error = Error::malformed;
inline constexpr Reason last_reason = Reason::psk_mode_unsuitable;

/// The stable name, as logs, counters and JSON carry it: `unknown_key`.
std::string_view name_of(Error error) noexcept;
std::string_view name_of(Reason reason) noexcept;

/// One line for people, lower case, without a full stop.
std::string_view text_of(Error error) noexcept;
std::string_view text_of(Reason reason) noexcept;

/// The section of an RFC that has the rule, or that leaves it to the server: "RFC 7627
/// section 5.3".
/// `<stek/resumption.hpp>` says which it is. Empty for `resumes`.
std::string_view rfc_of(Reason reason) noexcept;

/// An error met outside the ticket path, where there is room for words.
struct Failure {
  Error error{};
  std::string message;  ///< what is wrong and where; never quotes a secret
  std::string hint;     ///< what to do about it; may be empty
};

}  // namespace stek
