// stek for C, and for every language that calls C.
//
//   stek_ticketer* ticketer;
//   stek_tickets* shop;
//   struct stek_failure why = STEK_FAILURE_INIT;
//   if (stek_ticketer_open("/var/lib/stek/ring.json", NULL, STEK_NOW, &ticketer, &why) != STEK_OK)
//     return complain(why.message, why.hint);
//   stek_ticketer_in(ticketer, "public", 6, NULL, STEK_NOW, &shop, NULL);
//
//   uint8_t ticket[STEK_MAX_TICKET];
//   size_t ticket_size = sizeof ticket;
//   stek_tickets_issue(shop, &session, STEK_NOW, ticket, &ticket_size, &lifetime_hint);
//
//   size_t room_size = sizeof room;
//   if (stek_tickets_resume(shop, hello, hello_size, 0, STEK_NOW, &verdict, &session, room,
//                           &room_size) == STEK_OK && verdict.outcome == STEK_RESUME) ...
//
// The C++ headers beside this one say more of what each thing means; this one says how it is
// called. Everything here is in libstek.so.0, and nothing else is.
//
// Arguments: the handle, what is read, `now`, what is filled, and last what is said of a failure.
//
// Time is in whole seconds since 1970, below 2^40; `now` may be STEK_NOW, which is 0 and reads the
// clock.
//
// Sizes: a room to fill comes with a pointer to its size: in, the bytes there are; out, those that
// were written, or with STEK_ROOM_TOO_SMALL a size that suffices. A room may be NULL where its size
// is 0. Nothing is allocated for the caller but handles, and nothing but handles is closed.
//
// Structs begin with `size`, which the caller sets to their sizeof (STEK_..._INIT does). Fields are
// only ever added at the end, so a program keeps working with a newer library: what its struct is
// too short for has its default on the way in and is not written on the way out. `size` is at least
// STEK_..._SHORTEST, at most STEK_LONGEST_STRUCT, and what goes beyond the struct that the library
// knows must be zero. Zero is the default of every field.
//
// Failures: STEK_INVALID_ARGUMENT is a NULL where none may be, a size or number out of bounds.
// After any failure, what was to be filled is empty: handles are NULL, sizes 0 (but for
// STEK_ROOM_TOO_SMALL), sessions zeros, verdicts a full handshake. A ticket that does not resume is
// not a failure. Calls that set something up tell more where they are given a `stek_failure`, which
// may be NULL.
//
// Threads: every call may be made from any thread at any time, but closing a handle that another
// thread uses. Issuing and resuming wait for no lock. There is no hidden thread: call
// stek_ticketer_refresh about once a minute. Forked children work on, each on its own;
// <stek/ticketer.hpp> says what they must not call.
//
// Secrets in a `stek_session` and its room are the caller's to wipe: stek_session_wipe, stek_wipe.
#ifndef STEK_STEK_H
#define STEK_STEK_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define STEK_API __attribute__((visibility("default")))
#else
#define STEK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define STEK_VERSION "0.1.0"
/// That of the library, which may be newer than the header.
STEK_API const char* stek_version(void);

/// In place of an instant: reads the system's clock.
#define STEK_NOW INT64_C(0)
/// The longest ticket; as room, it suffices for whatever one holds.
#define STEK_MAX_TICKET 16450
#define STEK_LONGEST_STRUCT 4096

// ---- numbers, which never change

/// <stek/error.hpp> says more of each.
enum stek_error {
  STEK_OK = 0,
  STEK_INVALID_ARGUMENT = 1,

  // No ticket is issued; the handshake goes on without one.
  STEK_NO_ACTIVE_KEY = 2,       ///< no key of the ring seals at this instant
  STEK_RANDOMNESS_FAILED = 3,   ///< the kernel gave no random bytes
  STEK_CIPHER_UNAVAILABLE = 4,  ///< this machine cannot run the ring's profile
  STEK_ROOM_TOO_SMALL = 5,      ///< its size now says what suffices
  STEK_TOO_LARGE = 6,           ///< the session does not fit the largest ticket
  STEK_INVALID_SESSION = 7,     ///< a field is out of its range or breaks a rule of its version
  STEK_NO_EXTENDED_MASTER_SECRET = 8,  ///< TLS up to 1.2 without RFC 7627
  STEK_AUTHENTICATION_TOO_OLD = 9,     ///< renewed for longer than the policy's cap
  STEK_CONTEXT_MISSING = 10,           ///< a client identity, and no context to bind it to
  STEK_IDENTITY_EXPIRED = 11,          ///< the client's identity has reached its end
  STEK_IDENTITY_MISSING = 12,          ///< the policy requires one

  // Rings, keys and schedules.
  STEK_NOT_FOUND = 13,         ///< nothing at this place
  STEK_ALREADY_THERE = 14,     ///< something would be overwritten
  STEK_UNREACHABLE = 15,       ///< the store cannot be read or written
  STEK_EXPOSED = 16,           ///< readable by others than its owner and group
  STEK_DAMAGED = 17,           ///< cut short, altered, or not a ring at all
  STEK_UNKNOWN_FORMAT = 18,    ///< written by a newer stek
  STEK_INVALID_RING = 19,      ///< its keys or instants contradict each other
  STEK_INVALID_SCHEDULE = 20,  ///< the durations contradict each other
  STEK_WEAK_SECRET = 21,       ///< a key's secret is not random
  STEK_CLOCK_BEHIND = 22,      ///< the clock is before the ring was made
  STEK_OTHER_RING = 23,        ///< not the ring that was read first
  STEK_ROLLED_BACK = 24,       ///< an older generation than the one held
  STEK_NO_MEMORY = 25,
  STEK_MEMORY_UNLOCKED = 28,  ///< memory cannot be locked against swapping

  STEK_UNSUITABLE = 26,  ///< not something that this call works on
  STEK_MALFORMED = 27,   ///< does not parse

  // Rings, once more.
  STEK_NO_SUCH_KEY = 29,  ///< the ring has no key of this name
  STEK_WRONG_KEK = 30     ///< sealed under another key-encryption key, or one is missing
};

/// Why a ticket resumes or not. To be logged and counted, never to be told to the peer.
enum stek_reason {
  STEK_REASON_RESUMES = 0,

  // The ticket did not open, or what it holds is not a session.
  STEK_REASON_NO_TICKET = 1,
  STEK_REASON_TICKET_LENGTH = 2,
  STEK_REASON_UNKNOWN_KEY = 3,
  STEK_REASON_KEY_EXPIRED = 4,
  STEK_REASON_ALTERED = 5,
  STEK_REASON_OTHER_CONTENT = 6,

  // The session opened, and a rule of resumption stands against it.
  STEK_REASON_VERSION_UNSUPPORTED = 7,
  STEK_REASON_INAPPROPRIATE_FALLBACK = 8,
  STEK_REASON_NO_APPLICATION_PROTOCOL = 9,
  STEK_REASON_TRANSPORT_DIFFERS = 10,
  STEK_REASON_VERSION_DIFFERS = 11,
  STEK_REASON_TICKET_EXPIRED = 12,
  STEK_REASON_ISSUED_IN_FUTURE = 13,
  STEK_REASON_AUTHENTICATION_TOO_OLD = 14,
  STEK_REASON_IDENTITY_EXPIRED = 15,
  STEK_REASON_IDENTITY_MISSING = 16,
  STEK_REASON_CONTEXT_DIFFERS = 17,
  STEK_REASON_SERVER_NAME_DIFFERS = 18,
  STEK_REASON_SUITE_NOT_OFFERED = 19,
  STEK_REASON_SUITE_NOT_ENABLED = 20,
  STEK_REASON_HASH_DIFFERS = 21,
  STEK_REASON_COMPRESSION_NOT_OFFERED = 22,
  STEK_REASON_COMPRESSION_OFFERED = 23,
  STEK_REASON_TRUNCATED_HMAC = 24,
  STEK_REASON_MAX_FRAGMENT_LENGTH_INVALID = 25,
  STEK_REASON_MAX_FRAGMENT_LENGTH_DIFFERS = 26,
  STEK_REASON_EXTENDED_MASTER_SECRET_MISSING = 27,
  STEK_REASON_EXTENDED_MASTER_SECRET_ADDED = 28,
  STEK_REASON_EXTENDED_MASTER_SECRET_ABSENT = 29,
  STEK_REASON_ENCRYPT_THEN_MAC_MISSING = 30,
  STEK_REASON_ENCRYPT_THEN_MAC_ADDED = 31,
  STEK_REASON_PRE_SHARED_KEY_NOT_LAST = 32,
  STEK_REASON_PSK_MODES_MISSING = 33,
  STEK_REASON_PSK_MODE_UNSUITABLE = 34
};

enum stek_outcome { STEK_FULL_HANDSHAKE = 0, STEK_RESUME = 1, STEK_ABORT = 2 };

/// As on the wire (RFC 8446 section 6).
enum stek_alert {
  STEK_ALERT_NONE = 0,
  STEK_ALERT_HANDSHAKE_FAILURE = 40,
  STEK_ALERT_ILLEGAL_PARAMETER = 47,
  STEK_ALERT_PROTOCOL_VERSION = 70,
  STEK_ALERT_INAPPROPRIATE_FALLBACK = 86,
  STEK_ALERT_MISSING_EXTENSION = 109,
  STEK_ALERT_NO_APPLICATION_PROTOCOL = 120
};

/// The answer to early data; all but `accept` reject it. <stek/resumption.hpp> says what goes with
/// it.
enum stek_early_data {
  STEK_EARLY_DATA_NONE = 0,
  STEK_EARLY_DATA_ACCEPT = 1,
  STEK_EARLY_DATA_DISABLED = 2,
  STEK_EARLY_DATA_NOT_IN_TICKET = 3,
  STEK_EARLY_DATA_NOT_FIRST_IDENTITY = 4,
  STEK_EARLY_DATA_SUITE_DIFFERS = 5,
  STEK_EARLY_DATA_SERVER_NAME_DIFFERS = 6,
  STEK_EARLY_DATA_APPLICATION_PROTOCOL_DIFFERS = 7,
  STEK_EARLY_DATA_NOT_FRESH = 8
};

enum stek_transport { STEK_TLS = 1, STEK_DTLS = 2, STEK_QUIC = 3 };

/// Layout and cipher of tickets.
enum stek_profile { STEK_AES256GCM = 1, STEK_XCHACHA20POLY1305 = 2, STEK_RFC5077 = 3 };

/// When neither session nor hello has the extended master secret (RFC 7627 section 5.3).
enum stek_legacy_ems {
  STEK_LEGACY_EMS_FULL_HANDSHAKE = 0,
  STEK_LEGACY_EMS_ABORT = 1,
  STEK_LEGACY_EMS_RESUME = 2
};

/// What keys are kept in; <stek/key_memory.hpp> says more. Secret memory is for a process that does
/// not fork with its ticketer: in a forked child it issues and resumes nothing.
enum stek_key_memory { STEK_KEY_MEMORY_FORKABLE = 0, STEK_KEY_MEMORY_SECRET = 1 };

/// How a TLS library writes a session down, where a ticket is bytes of its own to it.
enum stek_encoding {
  STEK_ENCODING_RUSTLS_0_20 = 1  ///< rustls 0.20's ServerSessionValue, in TLS over TCP
};

/// The stable name, as logs, counters and JSON carry it ("unknown_key"), and a line for people.
/// "unknown" for a number that is none. The text lives as long as the library.
STEK_API const char* stek_error_name(int error);
STEK_API const char* stek_error_text(int error);
STEK_API const char* stek_reason_name(int reason);
STEK_API const char* stek_reason_text(int reason);
STEK_API const char* stek_outcome_name(int outcome);
STEK_API const char* stek_alert_name(int alert);
STEK_API const char* stek_early_data_name(int early_data);
STEK_API const char* stek_profile_name(int profile);

// ---- structs

/// What went wrong, in words. Cut where the struct is too short for them; a zero always follows.
struct stek_failure {
  size_t size;
  int32_t error;      ///< enum stek_error
  char message[500];  ///< what is wrong and where; never a secret
  char hint[256];     ///< what to do about it; may be empty
};
#define STEK_FAILURE_SHORTEST offsetof(struct stek_failure, hint)
#define STEK_FAILURE_INIT {.size = sizeof(struct stek_failure)}

/// How a ring rotates; <stek/ring.hpp> has the defaults and the rules between them. In seconds.
struct stek_schedule {
  size_t size;
  int64_t lead;       ///< between announcing a key and sealing under it; 0: an hour
  int64_t sealing;    ///< rotation period; 0: 12 hours
  int64_t accepting;  ///< after sealing; 0: lifetime and skew
  int64_t lifetime;   ///< of a ticket, at most 604800; 0: 12 hours
  int64_t skew;       ///< between any two clocks of the fleet; 0: a minute
  uint32_t ahead;     ///< keys announced early, 1 to 64; 0: one
  uint32_t profile;   ///< enum stek_profile; 0: STEK_XCHACHA20POLY1305
};
#define STEK_SCHEDULE_SHORTEST sizeof(size_t)
#define STEK_SCHEDULE_INIT {.size = sizeof(struct stek_schedule)}

/// What a server negotiates and accepts; <stek/resumption.hpp> says more. Read while the ticketer
/// is opened: what the pointers point to may go afterwards.
struct stek_policy {
  size_t size;
  uint16_t min_version;             ///< as on the wire, of TLS for DTLS too; 0: 0x0303, TLS 1.2
  uint16_t max_version;             ///< 0: 0x0304, TLS 1.3
  uint8_t legacy_ems;               ///< enum stek_legacy_ems
  uint8_t require_client_identity;  ///< seals and resumes no session without one
  uint8_t tls13_any_server_name;    ///< RFC 8446 section 4.6.1
  uint8_t early_data;               ///< accepts it; the application keeps the replay window
  uint8_t context[16];              ///< of views that are given none
  int64_t lifetime;               ///< of tickets, in seconds; 0: 7 days. The schedule may say less
  int64_t cap;                    ///< since the first full handshake, across renewals; 0: 24 hours
  int64_t cap_tls13;              ///< 0: 7 days
  int64_t skew;                   ///< issued this far ahead counts as now; 0: a minute
  int64_t early_data_window;      ///< RFC 8446 section 8.3, in seconds; 0: ten
  const uint16_t* cipher_suites;  ///< enabled ones, best first; none: all
  size_t cipher_suites_count;
  const uint8_t* application_protocols;  ///< each behind its length, best first: "\2h2\10http/1.1"
  size_t application_protocols_size;     ///< in bytes; 0: ALPN is not ours
  uint64_t hedge;       ///< mixes the session and a time-stamp counter into every nonce
  uint64_t key_memory;  ///< enum stek_key_memory
};
#define STEK_POLICY_SHORTEST sizeof(size_t)
#define STEK_POLICY_INIT {.size = sizeof(struct stek_policy)}

/// What both ends must remember to resume; <stek/session.hpp> says more. Flags are 0 or 1. A value
/// stands before what says that it is there.
///
/// What the pointers point to is the caller's: on the way in any memory, on the way out the room
/// that was given with the struct. What a shorter struct has no place for is lost when the session
/// is issued again.
struct stek_session {
  size_t size;
  uint16_t version;       ///< as on the wire: 0x0303 TLS 1.2, 0x0304 TLS 1.3, 0xfefd DTLS 1.2
  uint16_t cipher_suite;  ///< of IANA's registry
  uint8_t transport;      ///< enum stek_transport; 0: TLS
  uint8_t extended_master_secret;  ///< RFC 7627; 0 in TLS 1.3
  uint8_t encrypt_then_mac;        ///< RFC 7366; only with a CBC suite
  uint8_t truncated_hmac;          ///< RFC 6066 section 7; never sealed as 1
  uint8_t max_fragment_length;     ///< RFC 6066 section 4: 0 none, 1 to 4
  uint8_t compression_method;      ///< only 0
  uint8_t reserved[6];             ///< not looked at
  int64_t issued_at;               ///< of the ticket; issuing sets it
  int64_t authenticated_at;        ///< first full handshake, kept across renewals; 0: now
  int64_t lifetime;                ///< of the ticket, in seconds; issuing sets it
  uint8_t context[16];             ///< issuing sets it to that of the view
  uint8_t secret[48];            ///< up to TLS 1.2 the master secret, in TLS 1.3 the resumption PSK
  uint32_t ticket_age_add;       ///< TLS 1.3, there mandatory (RFC 8446 section 4.6.1)
  uint32_t max_early_data_size;  ///< TLS 1.3, there mandatory
  char server_name[256];         ///< RFC 6066 section 3; empty: none
  uint8_t server_name_hash[16];  ///< in place of a name that does not fit a ticket
  uint8_t secret_size;           ///< 48; in TLS 1.3 the suite's hash length
  uint8_t has_ticket_age_add;
  uint8_t has_max_early_data_size;
  uint8_t has_server_name_hash;
  uint8_t reserved_too[4];           ///< not looked at
  uint8_t alpn[255];                 ///< RFC 7301
  uint8_t alpn_size;                 ///< 0: none
  uint8_t client_identity_hash[32];  ///< SHA-256 of the client's certificate, or the like
  int64_t identity_expires;          ///< least notAfter of the chain; mandatory beside an identity
  uint8_t has_client_identity_hash;
  uint8_t has_identity_expires;
  uint8_t reserved_also[6];     ///< not looked at
  const uint8_t* client_chain;  ///< in place of the hash: each certificate behind its length of 3
  size_t client_chain_size;     ///< bytes (RFC 5246 section 7.4.2); 0: none
  const uint8_t* application_data;  ///< the application's own
  size_t application_data_size;     ///< 0: none
  const uint8_t* extras;            ///< what only some stacks compare: FORMAT.md's Extras
  size_t extras_size;               ///< 0: none
};
#define STEK_SESSION_SHORTEST offsetof(struct stek_session, alpn)
#define STEK_SESSION_INIT {.size = sizeof(struct stek_session)}

/// What was decided about a hello and its ticket.
struct stek_verdict {
  size_t size;
  int32_t outcome;              ///< enum stek_outcome
  int32_t reason;               ///< enum stek_reason
  int32_t alert;                ///< enum stek_alert, with STEK_ABORT
  uint16_t cipher_suite;        ///< with STEK_RESUME: the suite to select
  uint8_t renew;                ///< with STEK_RESUME: hand out a fresh ticket
  uint8_t reserved;             ///< not looked at
  uint64_t selected_identity;   ///< in TLS 1.3: its place in pre_shared_key
  int64_t age;                  ///< of the ticket, in seconds; not below 0
  uint8_t replay_identity[16];  ///< with STEK_EARLY_DATA_ACCEPT, to be looked up in the window
  int32_t early_data;           ///< enum stek_early_data
  uint32_t reserved_too;        ///< not looked at
};
#define STEK_VERDICT_SHORTEST offsetof(struct stek_verdict, age)
#define STEK_VERDICT_INIT {.size = sizeof(struct stek_verdict)}

/// For monitoring.
struct stek_health {
  size_t size;
  uint64_t generation;     ///< of the ring held
  int64_t written_at;      ///< of the ring held
  int64_t seals_until;     ///< end of sealing by keys already held; 0: no key seals
  int64_t opens_until;     ///< end of the last key held; 0: none
  uint64_t issued;         ///< tickets
  uint64_t resumed;        ///< verdicts
  uint64_t refused;        ///< verdicts other than STEK_RESUME
  uint64_t memory_locked;  ///< 1: all key memory is locked against swapping
  char last_error[504];    ///< of the last refresh; empty after a good one
  uint64_t key_memory;     ///< enum stek_key_memory: what all keys are kept in
};
#define STEK_HEALTH_SHORTEST offsetof(struct stek_health, last_error)
#define STEK_HEALTH_INIT {.size = sizeof(struct stek_health)}

// ---- rings

/// Makes a first ring at `ring`, a path or "file:/path", whose first key seals from `now`. No
/// schedule: the default one. STEK_ALREADY_THERE when there is one.
STEK_API enum stek_error stek_ring_create(const char* ring, const struct stek_schedule* schedule,
                                          int64_t now, struct stek_failure* failure);

/// Does what is due by the ring's schedule, and no more: to be called every few minutes. Twice, or
/// on two machines at once, does no harm.
STEK_API enum stek_error stek_ring_rotate(const char* ring, int64_t now,
                                          struct stek_failure* failure);

/// Rotates at once, out of turn: the next key seals from `now`.
STEK_API enum stek_error stek_ring_promote(const char* ring, int64_t now,
                                           struct stek_failure* failure);

// ---- ticketers

/// A live ring and a policy.
typedef struct stek_ticketer stek_ticketer;

/// One trust domain of a ticketer, with one context: what a virtual host holds. It keeps what it
/// needs of its ticketer, and may be closed before or after it.
typedef struct stek_tickets stek_tickets;

/// A ticketer over the ring at `ring`, a path or "file:/path", which it looks at again by itself.
/// No policy: the default one.
STEK_API enum stek_error stek_ticketer_open(const char* ring, const struct stek_policy* policy,
                                            int64_t now, stek_ticketer** ticketer,
                                            struct stek_failure* failure);

/// A ticketer with a ring of its own, in memory, that rotates itself. No schedule or policy: the
/// default one.
STEK_API enum stek_error stek_ticketer_standalone(const struct stek_schedule* schedule,
                                                  const struct stek_policy* policy, int64_t now,
                                                  stek_ticketer** ticketer,
                                                  struct stek_failure* failure);

/// NULL is closed already.
STEK_API void stek_ticketer_close(stek_ticketer* ticketer);

/// Looks at the ring, takes it over where it is new, and erases what has expired. On failure the
/// ring held stays in use.
STEK_API enum stek_error stek_ticketer_refresh(stek_ticketer* ticketer, int64_t now,
                                               struct stek_failure* failure);

STEK_API enum stek_error stek_ticketer_health(const stek_ticketer* ticketer, int64_t now,
                                              struct stek_health* health);

/// The view of trust domain `domain` (0 to 255 bytes) and `context` (16 bytes, or NULL for the
/// policy's). To be made while setting up, not per connection.
STEK_API enum stek_error stek_ticketer_in(stek_ticketer* ticketer, const void* domain,
                                          size_t domain_size, const uint8_t* context, int64_t now,
                                          stek_tickets** tickets, struct stek_failure* failure);

/// NULL is closed already.
STEK_API void stek_tickets_close(stek_tickets* tickets);

// ---- tickets

/// Seals `session`. `lifetime_hint` is in seconds, and may be NULL. The size that suffices does so
/// in every profile.
STEK_API enum stek_error stek_tickets_issue(const stek_tickets* tickets,
                                            const struct stek_session* session, int64_t now,
                                            void* ticket, size_t* ticket_size,
                                            uint32_t* lifetime_hint);

/// Opens the ticket that a ClientHello brings, and decides. `hello` is as it came off the wire, in
/// records, fragments or as a bare handshake message (<stek/client_hello.hpp>); `transport` is 0,
/// or STEK_QUIC where the message came in QUIC. STEK_MALFORMED when it is not one whole
/// ClientHello.
///
/// `session` is filled when the verdict is to resume, and zeros otherwise. `room` takes what its
/// pointers point to: STEK_MAX_TICKET bytes always suffice, and few sessions need any. After a
/// failure the verdict is a full handshake.
STEK_API enum stek_error stek_tickets_resume(const stek_tickets* tickets, const void* hello,
                                             size_t hello_size, int transport, int64_t now,
                                             struct stek_verdict* verdict,
                                             struct stek_session* session, void* room,
                                             size_t* room_size);

/// The same for one ticket, for a stack that goes through them itself.
STEK_API enum stek_error stek_tickets_resume_one(const stek_tickets* tickets, const void* ticket,
                                                 size_t ticket_size, const void* hello,
                                                 size_t hello_size, int transport, int64_t now,
                                                 struct stek_verdict* verdict,
                                                 struct stek_session* session, void* room,
                                                 size_t* room_size);

/// For a stack that hands out its sessions as bytes, to be made a ticket of, and shows no
/// ClientHello. Its tickets are those of every other stack.
///
/// `authenticated_at`: of the session that this connection resumed, as stek_tickets_resume_encoded
/// gave it; 0 where the handshake is a full one. The stack's bytes do not say it, and the policy's
/// cap counts from it. A caller that cannot tell which of the two it was gives that of the oldest
/// session that the connection opened: the cap then ends early, and never late.
///
/// STEK_MALFORMED for bytes that the stack would not have written, STEK_UNSUITABLE for a session
/// that stek does not seal for it, such as one with a client's certificates; the handshake goes on
/// without a ticket.
STEK_API enum stek_error stek_tickets_issue_encoded(const stek_tickets* tickets, int encoding,
                                                    const void* session, size_t session_size,
                                                    int64_t authenticated_at, int64_t now,
                                                    void* ticket, size_t* ticket_size,
                                                    uint32_t* lifetime_hint);

/// Opens a ticket for such a stack, and decides by every rule that does not need the hello. Those
/// that do are the stack's to keep. rustls 0.20.8 compares, before it resumes:
///
/// - the server name, text with text in lower case: another is a full handshake;
/// - the suite, with the one that it selects by its own preference, and so the version and in TLS
///   1.3 the hash: another is a full handshake, even where RFC 8446 lets the suite change;
/// - extended master secret: sealed and not offered aborts (with illegal_parameter), offered and
///   not sealed is a full handshake; on neither side the policy has decided here;
/// - null compression, psk_dhe_ke and the binder; where psk_key_exchange_modes is missing it makes
///   a full handshake and does not abort.
///
/// It does not ask again for a client's certificate, whatever its verifier demands: a policy with
/// `require_client_identity` or a context of its own keeps others' sessions out, and this call
/// gives it no session with an identity. TLS_FALLBACK_SCSV and a maximum fragment length it does
/// not know; a session with the latter does not resume. It always renews in TLS 1.2.
///
/// `server_name` is what the client asks for, where that is known; NULL and 0: not known, and then
/// a session whose name is sealed as its hash does not resume. With STEK_RESUME `session` takes
/// the stack's bytes, STEK_MAX_TICKET of them at most, and `authenticated_at` what issuing wants to
/// be given on this connection. There is no STEK_ABORT. What does not resume is 0 bytes.
STEK_API enum stek_error stek_tickets_resume_encoded(
    const stek_tickets* tickets, int encoding, const void* ticket, size_t ticket_size,
    const char* server_name, size_t server_name_size, int64_t now, struct stek_verdict* verdict,
    int64_t* authenticated_at, void* session, size_t* session_size);

/// Seals bytes of any kind under `label` (1 to 32 bytes, such as "rustls/0.20"), which the opener
/// must name.
STEK_API enum stek_error stek_tickets_seal(const stek_tickets* tickets, const char* label,
                                           const void* data, size_t data_size, int64_t now,
                                           void* ticket, size_t* ticket_size,
                                           uint32_t* lifetime_hint);

/// Opens what stek_tickets_seal sealed, into a room of at least `ticket_size` bytes apart from the
/// ticket. A ticket that does not open is not a failure: `reason`, an enum stek_reason, is
/// another than STEK_REASON_RESUMES, and the data has no bytes.
STEK_API enum stek_error stek_tickets_open(const stek_tickets* tickets, const char* label,
                                           const void* ticket, size_t ticket_size, int64_t now,
                                           int32_t* reason, void* data, size_t* data_size);

/// Overwrites all of a session but its size, in a way that the compiler does not remove; not what
/// its pointers point to. NULL, or of a size out of bounds: nothing.
STEK_API void stek_session_wipe(struct stek_session* session);
/// The same for any room.
STEK_API void stek_wipe(void* room, size_t size);

#ifdef __cplusplus
}
#endif

#endif
