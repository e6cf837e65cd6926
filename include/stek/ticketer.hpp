// Ticketer: a live ring and a policy. Issues tickets for sessions and resumes sessions from
// tickets.
//
//   stek::FileStore store{"/var/lib/stek/ring.json"};
//   auto ticketer = stek::Ticketer::open(store, {.policy = policy});
//   if (!ticketer) return complain(ticketer.error());
//   auto shop = ticketer->in("public", context_of(vhost));
//
//   std::array<std::byte, stek::max_ticket> room;
//   if (auto t = shop.issue(session, room)) send(t->bytes, t->lifetime_hint);
//   stek::Resumption r = shop.resume(ticket, hello);
//   switch (r.verdict.outcome) { ... }
//
// Threads: every const function may be called from any thread at any time, but for destructors of
// thread-local objects; issue and resume wait for no lock and write no cache line that another
// thread reads. There is no hidden thread: call `refresh` about once a minute from any thread. A
// Ticketer works on in forked children, each on its own; a child that was forked while another
// thread was inside `refresh` or `in` issues and resumes, but must not call these. A Ticketer whose
// keys are in secret memory stays behind: in a child `issue` gives `Error::no_memory`, every ticket
// is one of an unknown key, and `refresh` and `in` with a new domain fail.
#pragma once

#include <memory>

#include <stek/key_memory.hpp>
#include <stek/resumption.hpp>
#include <stek/store.hpp>

namespace stek {

/// The longest ticket of any profile: name 16, iv 16, length 2, state 16384, mac 32.
inline constexpr std::size_t max_ticket = 16 + 16 + 2 + 16384 + 32;
/// The largest state that a ticket carries.
inline constexpr std::size_t max_state = 16384;

struct Ticket {
  Bytes bytes;  ///< in the caller's room
  Seconds
      lifetime_hint;  ///< least of the ticket's lifetime, its key's remaining life, and 604800 s
};

struct Resumption {
  Verdict verdict;
  Session session;                    ///< meaningful when the verdict is `resume`
  std::size_t selected_identity = 0;  ///< in TLS 1.3: its place in the hello's `psk_identities`
};

/// What `health` tells, for monitoring.
struct Health {
  std::uint64_t generation = 0;
  Instant written_at{};  ///< of the ring held
  std::optional<Instant>
      seals_until;  ///< end of sealing by keys already held; nothing: no key seals
  std::optional<Instant> opens_until;  ///< end of the last key held
  bool memory_locked = false;          ///< all key memory is locked against swapping
  KeyMemory key_memory{};              ///< what all of it is, whatever was asked for
  std::string last_error;              ///< of the last refresh; empty after a good one
  std::uint64_t issued = 0;
  std::uint64_t resumed = 0;
  std::uint64_t refused = 0;  ///< verdicts other than resume
};

struct TicketerOptions {
  Policy policy{};
  /// Mixes the session and the time-stamp counter into every nonce, even where the kernel's own
  /// generator is used per ticket. Where it is not, this is always on.
  bool hedge = false;
  /// For all that is derived from keys. A `standalone` Ticketer's ring itself is in ordinary
  /// memory.
  KeyMemory key_memory = KeyMemory::forkable;
};

namespace ticketer {
class Live;
struct OuterLayout;
}  // namespace ticketer

/// One trust domain of a Ticketer, with one context: what a virtual host holds. A cheap value; must
/// not outlive its Ticketer.
class Tickets {
 public:
  /// Seals `session` into `room` (`max_ticket` bytes always suffice). `issued_at`, `lifetime` and
  /// `context` in `session` are ignored and set in the ticket; `authenticated_at` is kept, or set
  /// to `now` when unset.
  [[nodiscard]] std::expected<Ticket, Error> issue(const Session& session, Room room,
                                                   Instant now = system_now()) const noexcept;

  /// Opens the ticket that the hello offers and decides: that of `session_ticket` up to TLS 1.2,
  /// and in TLS 1.3 the first of `psk_identities` that resumes, in the client's order; when none
  /// does, the verdict is that on the first. Never fails: what does not open is a full handshake.
  [[nodiscard]] Resumption resume(const ClientHello& hello,
                                  Instant now = system_now()) const noexcept;

  /// The same for one ticket, for a stack that goes through them itself. In TLS 1.3 it is looked
  /// for in the hello's `psk_identities`, and goes without early data when it is not the first.
  [[nodiscard]] Resumption resume(Bytes ticket, const ClientHello& hello,
                                  Instant now = system_now()) const noexcept;

  /// For a stack that shows no hello: by every rule but those on what only a hello says. As if the
  /// client had said what the session says of version, suite, server name and extended master
  /// secret, which the stack must compare itself before it resumes. A session with encrypt-then-MAC
  /// or a maximum fragment length does not resume, nor is there an abort, where nothing was heard
  /// to abort for.
  ///
  /// `asked` is the server name of the hello, where the stack lets that be known: without it a name
  /// that is sealed as its hash does not resume. With it, the session has its text.
  [[nodiscard]] Resumption resume_without_hello(Bytes ticket, const std::optional<HostName>& asked,
                                                Instant now = system_now()) const noexcept;

  /// Only opens: for tools that look at a ticket without a hello.
  [[nodiscard]] std::expected<Session, Reason> open(Bytes ticket,
                                                    Instant now = system_now()) const noexcept;

  /// Seals opaque bytes under `label` (1 to 32 bytes, such as "rustls/0.20"), which the opener must
  /// name. A session never opens as opaque, nor the reverse.
  [[nodiscard]] std::expected<Ticket, Error> seal_opaque(std::string_view label, Bytes data,
                                                         Room room,
                                                         Instant now = system_now()) const noexcept;
  /// Opens into `room`, of at least `ticket.size()` bytes and apart from it, and returns the part
  /// of it that holds the data.
  [[nodiscard]] std::expected<Room, Reason> open_opaque(std::string_view label, Bytes ticket,
                                                        Room room,
                                                        Instant now = system_now()) const noexcept;

  /// The hint of a ticket that is issued now, for stacks that ask for it ahead; zero when no key
  /// seals.
  [[nodiscard]] Seconds lifetime_hint(Instant now = system_now()) const noexcept;

  [[nodiscard]] const Policy& policy() const noexcept { return policy_; }

 private:
  friend class Ticketer;
  friend struct ticketer::OuterLayout;
  Tickets() = default;
  void resume_one_of(Resumption& result, const ClientHello& hello, Instant now) const noexcept;
  void open_and_decide(Resumption& result, Bytes ticket, const ClientHello& hello,
                       Instant now) const noexcept;
  void count(const Verdict& verdict) const noexcept;
  ticketer::Live* live_ = nullptr;
  std::size_t domain_ = 0;
  Policy policy_;
};

class Ticketer {
 public:
  /// A Ticketer over `store`, which must outlive it. Looks at a local store again by itself, by one
  /// caller at most every 10 s; never fails a ticket for it.
  static std::expected<Ticketer, Failure> open(RingStore& store, TicketerOptions options = {},
                                               Instant now = system_now());

  /// A Ticketer with a ring of its own, in memory, that rotates itself. Its tickets end with the
  /// process.
  static std::expected<Ticketer, Failure> standalone(Schedule schedule = {},
                                                     TicketerOptions options = {},
                                                     Instant now = system_now());

  /// The view of trust domain `domain` (0 to 255 bytes, compared as bytes) and `context`, by
  /// default that of the policy. Reads the store when the domain is new, so call it while setting
  /// up, not per connection. Domains are few, contexts may be many.
  std::expected<Tickets, Failure> in(std::string_view domain, std::optional<Context> context = {},
                                     Instant now = system_now());
  /// The same under a policy of its own, its context included, in place of the Ticketer's.
  std::expected<Tickets, Failure> with_policy(std::string_view domain, Policy policy,
                                              Instant now = system_now());

  /// Looks at the store, takes over a new ring, and erases what has expired: when it returns, no
  /// memory of this process holds anything of an expired key. On failure the ring held stays in
  /// use.
  std::expected<void, Failure> refresh(Instant now = system_now());

  [[nodiscard]] Health health(Instant now = system_now()) const;

  Ticketer(Ticketer&&) noexcept;
  Ticketer& operator=(Ticketer&&) noexcept;
  ~Ticketer();

 private:
  explicit Ticketer(std::unique_ptr<ticketer::Live> live) noexcept;
  std::unique_ptr<ticketer::Live> live_;
};

}  // namespace stek
