// Whether a session resumes: every rule of the RFCs in one pure function.
//
// This page has the rules, in the order in which a server meets them; `decide` below applies them.
// Numbers are of this page: 12 for TLS up to 1.2 and DTLS up to 1.2, 13 for TLS 1.3 and DTLS 1.3.
// A star marks what the RFC leaves to the server, and stek has settled. Who keeps a rule:
//
//   decide   `decide`, or `Tickets::resume`, which opens a ticket and then decides
//   issue    `Tickets::issue`
//   adapter  the piece between stek and one TLS library
//   library  the TLS library or the application: not stek's
//
// tests/resumption_rules.py finds a test for each, by its number.
//
// TLS up to 1.2: the hello, whatever ticket it brings
//
//   12.6   decide   5246 E.1       no version that is enabled here: abort, protocol_version
//   12.7   decide   7507 3         TLS_FALLBACK_SCSV and a version below our highest: abort,
//                                inappropriate_fallback
//   12.15  library  6066 3         a server name that nobody serves here: abort, unrecognized_name,
//                                or go on; never the alert as a warning
//   12.24  decide   6066 4         a maximum fragment length not from 1 to 4: abort,
//                                illegal_parameter
//   12.29  decide   7301 3.2       no application protocol in common: abort,
//                                no_application_protocol. ALPN and heartbeat (6520 2) are
//                                negotiated afresh and stop no resumption
//
// TLS up to 1.2: the ticket
//
//   12.1   adapter  5077 3.2       no session_ticket extension: no ticket, and none is sent
//   12.2   adapter  5077 3.2       an empty one: full handshake, which may issue a ticket
//   12.31  adapter  5077 3.4       beside a ticket the session id names no session; who resumes
//                                echoes it, empty or not
//   12.3   decide   5077 3.2       does not open: full handshake, never an alert
//   12.5   decide   5077 4 *       sealed under another version than is negotiated: full handshake
//   12.4   decide   5077 5.6       past its lifetime or its key's, or issued in the future: full
//                                handshake
//   12.30  decide   5077 4         client identity required and none sealed, or past its end, or of
//                                another context: full handshake
//   12.12  decide   6066 3         another server name: full handshake
//   12.13  decide   6066 3         the same name but for case or a trailing dot: resume
//   12.14  decide   6066 3 *       a name on one side only: full handshake
//   12.8   decide   5246 7.4.1.2 * sealed suite not offered: full handshake
//   12.9   decide   5246 7.4.1.3   sealed suite not enabled here any more: full handshake
//   12.10  decide   5246 7.4.1.3   another suite preferred now: resume, under the sealed one
//   12.11  decide   5246 7.4.1.2 * null compression not offered, or another sealed: full handshake
//   12.26  decide   9325 4.6       truncated HMAC sealed: full handshake
//   12.25  decide   6066 4 *       another maximum fragment length, or none: full handshake
//   12.23  decide   7366 3         encrypt-then-MAC and no CBC suite: of no account
//   12.20  decide   7366 3.1 *     CBC, encrypt-then-MAC sealed, not offered: full handshake
//   12.21  decide   7366 3.1 *     CBC, encrypt-then-MAC not sealed, offered: full handshake
//   12.22  decide   7366 3.1       CBC, encrypt-then-MAC on both sides or neither: resume; the
//                                ServerHello answers it
//   12.16  decide   7627 5.3       extended master secret not sealed, offered: full handshake
//   12.17  decide   7627 5.3       extended master secret sealed, not offered: abort,
//                                handshake_failure
//   12.18  decide   7627 5.3 *     extended master secret on neither side: `LegacyEms` says; by
//                                default full handshake
//   12.19  decide   7627 5.3       extended master secret on both sides: resume; the ServerHello
//                                answers it
//   12.27  decide   5246 7.4.1.4.1 other groups, signature algorithms, point formats (8422 5.1): of
//                                no account
//   12.28  adapter  6066 3         resumed: the ServerHello answers nothing that only a full
//                                handshake settles, server_name among it
//
// TLS up to 1.2: issuing
//
//   12.36  adapter  5077 3.3       full handshake: a ticket only after the client's Finished
//   12.32  adapter  5077 3.3       renewal: the extension in the ServerHello, and NewSessionTicket
//                                before ChangeCipherSpec; one never without the other
//   12.33  adapter  5077 3.3       promised, and then no ticket: a ticket of no bytes
//   12.34  issue    5077 3.3       lifetime hint: never more than ticket or key have left to live
//   12.35  issue    9325 3.4       renewal keeps the instant of the first full handshake, and ends
//                                at a cap from there
//   12.37  adapter  5077 5.1       a failure on a resumed connection makes no ticket invalid: who
//                                stole one could else spoil it for its owner
//
// TLS 1.3: the hello, whatever tickets it brings; 12.6, 12.7, 12.15, 12.24 and 12.29 hold too
//
//   13.9   decide   8446 4.1.2     compression methods other than null alone: abort,
//                                illegal_parameter. Extended master secret and encrypt-then-MAC
//                                do not apply (8446 D)
//   13.1   decide   8446 4.2.11    pre_shared_key not the last extension: abort, illegal_parameter
//   13.2   decide   8446 4.2.9     pre_shared_key without psk_key_exchange_modes: abort,
//                                missing_extension
//
// TLS 1.3: each ticket, in the client's order, until one resumes; 12.30 holds too
//
//   13.3   decide   8446 4.2.11    does not open, has expired, is of another version: passed over;
//                                when none is left, full handshake
//   13.7   decide   8446 4.6.1 *   another server name: passed over, or resumed where the policy
//                                says so and the session has no client identity
//   13.4   decide   8446 4.2.11    no suite in common with the ticket's hash: passed over. The
//                                suite itself may change
//   13.5   decide   8446 4.2.9     no psk_dhe_ke with a key share: passed over (9325 3.4)
//   13.6   library  8446 4.2.11    binder wrong: abort, decrypt_error. Only that of the selected
//                                ticket is looked at
//
// TLS 1.3: early data
//
//   13.12  decide   8446 4.2.10    accepted only with the first ticket, under its version and
//                                suite, where policy and ticket allow any
//   13.8   decide   8446 4.2.10    and under its application protocol. Without early data, the
//                                protocol may change
//   13.11  decide   8446 8.3       and when the client's view of the ticket's age is ours, within a
//                                window. Without early data, age is not compared
//   13.14  library  8446 8.2       and when its replay identity is new to whoever keeps that
//                                window, who asks after the binder is verified
//   13.13  library  8446 4.2.10    else its records are skipped; no alert
//   13.15  library  8446 4.2.10    a record that does not open: bad_record_mac; more of them than
//                                was allowed: unexpected_message
//
// TLS 1.3: issuing
//
//   13.16  issue    8446 4.6.1     after the client's Finished, with a ticket_age_add and a nonce
//                                of its own; a fresh one on every connection (8446 C.4)
//   13.17  issue    8446 4.6.1     the secret is the PSK, as long as the suite's hash
//   13.10  issue    8446 4.6.1     lifetime at most 604800 seconds
//   13.18  issue    8446 4.6.1     renewal ends at a cap from the first full handshake
#pragma once

#include <stek/client_hello.hpp>

namespace stek {

/// RFC 7627 section 5.3, last case: neither the session nor the hello has the extended master
/// secret. The RFC would rather abort; a full handshake protects as much, and shuts nobody out.
enum class LegacyEms : std::uint8_t {
  full_handshake,
  abort,   ///< handshake_failure
  resume,  ///< and issue: section 5.4 says what is lost
};

/// What this server negotiates and accepts. The defaults suit most servers.
struct Policy {
  ProtocolVersion min_version = ProtocolVersion::tls1_2;
  ProtocolVersion max_version = ProtocolVersion::tls1_3;
  /// Suites that are enabled here, best first; empty means all, in the client's order.
  std::vector<CipherSuite> cipher_suites{};
  /// Application protocols that are spoken here, best first; empty means that ALPN is not ours.
  std::vector<ProtocolName> application_protocols{};
  LegacyEms legacy_ems = LegacyEms::full_handshake;
  /// Demands a client identity: a session without one is neither sealed nor resumed.
  bool require_client_identity = false;
  /// The configuration of this virtual host; a session of another one is a full handshake.
  Context context{};
  /// Lets a TLS 1.3 session without a client identity resume under another server name (RFC 8446
  /// section 4.6.1).
  bool tls13_any_server_name = false;
  /// Tickets are given and accepted for at most this long; the ring's schedule may say less.
  Seconds lifetime = std::chrono::hours(24 * 7);
  /// Time since the first full handshake, across renewals.
  Seconds cap = std::chrono::hours(24);
  Seconds cap_tls13 = std::chrono::hours(24 * 7);
  /// A ticket issued this far ahead of our clock counts as issued now.
  Seconds skew = Seconds(60);
  /// Accepts early data. Whoever turns this on keeps the window that `Verdict::replay_identity` is
  /// looked up in (RFC 8446 section 8.2), and serves only what may be repeated.
  bool early_data = false;
  /// How far the client's view of a ticket's age may be from ours for early data (RFC 8446 section
  /// 8.3). Issue times are whole seconds, which takes up to one of it.
  Seconds early_data_window = Seconds(10);
};

enum class Outcome : std::uint8_t { resume, full_handshake, abort };

/// RFC 8446 section 6, those that resumption can cause.
enum class Alert : std::uint8_t {
  none = 0,
  handshake_failure = 40,
  illegal_parameter = 47,
  protocol_version = 70,
  inappropriate_fallback = 86,
  missing_extension = 109,
  no_application_protocol = 120,
};

/// The answer to early data; all but `accept` reject it, each for its reason.
enum class EarlyData : std::uint8_t {
  none,                 ///< not offered, or nothing resumes
  accept,               ///< after binder and replay identity are found good
  disabled,             ///< the policy has none
  not_in_ticket,        ///< the ticket allows none
  not_first_identity,   ///< goes with the first ticket offered, and another was selected
  suite_differs,        ///< another suite than the session's is selected
  server_name_differs,  ///< the session resumes under another name
  application_protocol_differs,
  not_fresh,  ///< the client's view of the ticket's age is too far from ours
};

/// What a replay of early data is known by: BLAKE2b-128(key = PSK, "stek/1 replay"), however and
/// how often the session was sealed.
using ReplayIdentity = std::array<std::byte, 16>;

struct Verdict {
  Outcome outcome = Outcome::full_handshake;
  Reason reason = Reason::no_ticket;
  Alert alert = Alert::none;                     ///< with `abort`
  bool renew = false;                            ///< with `resume`: hand out a fresh ticket
  Seconds age{};                                 ///< of the ticket; not below zero
  CipherSuite cipher_suite = CipherSuite::none;  ///< with `resume`: the suite to select
  EarlyData early_data = EarlyData::none;
  std::optional<ReplayIdentity> replay_identity{};  ///< with `EarlyData::accept`

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// The version that this hello and policy give; `none` when they have none in common.
ProtocolVersion negotiated_version(const ClientHello& hello, const Policy& policy) noexcept;

/// What stands against the hello itself, ticket or no ticket: an abort, or nothing.
std::optional<Verdict> decide_hello(const ClientHello& hello, const Policy& policy) noexcept;

/// Decides. Pure; reads no clock. In TLS 1.3 `identity` is the place in `hello.psk_identities` that
/// `session` came from.
Verdict decide(const Session& session, const ClientHello& hello, const Policy& policy, Instant now,
               std::size_t identity = 0) noexcept;

/// Why `session` gets no ticket under `policy`, or nothing.
std::optional<Error> refusal_to_issue(const Session& session, const Policy& policy,
                                      Instant now) noexcept;

/// Of a TLS 1.3 session, for a server that takes a ticket only once even without early data (RFC
/// 8446 section 8.1).
ReplayIdentity replay_identity_of(const Session& session) noexcept;

std::string_view name_of(Outcome outcome) noexcept;
std::string_view name_of(Alert alert) noexcept;
std::string_view name_of(EarlyData early_data) noexcept;

}  // namespace stek
