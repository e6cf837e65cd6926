#include <stek/ticketer.hpp>

#include <algorithm>
#include <new>

#include "resumption/decide.hpp"
#include "resumption/hello_of.hpp"
#include "session/state.hpp"
#include "ticket/ticket.hpp"
#include "ticketer/live.hpp"

namespace stek {

using ticketer::Counters;
using ticketer::Hold;
using ticketer::Live;
using ticketer::Snapshot;
using ticketer::SnapshotKey;

static_assert(max_state == wire::largest_class);
static_assert(std::ranges::all_of(ticket::layouts, [](const ticket::Layout& layout) {
  return layout.overhead() + max_state <= max_ticket;
}));

namespace {

/// The key that seals now, and the room for a ticket under it.
struct Blank {
  const SnapshotKey* key;
  const ticket::Layout* layout;
};

std::expected<Blank, Error> blank_ticket(const Snapshot* snapshot, Instant now) noexcept {
  if (snapshot == nullptr) return std::unexpected(Error::no_memory);
  const SnapshotKey* key = snapshot->sealing(now);
  if (key == nullptr) return std::unexpected(Error::no_active_key);
  return Blank{.key = key, .layout = &ticket::layout_of(key->times.profile)};
}

std::expected<Room, Error> room_for(std::expected<std::size_t, Error> state_size,
                                    const Blank& blank, Room room) noexcept {
  if (!state_size) return std::unexpected(state_size.error());
  const std::size_t size = *state_size + blank.layout->overhead();
  if (room.size() < size) return std::unexpected(Error::room_too_small);
  return room.first(size);
}

/// 12.34. What is left of the key may be less than the ticket was given.
Seconds hint_of(Seconds lifetime, const Blank& blank, Instant now) noexcept {
  return std::min(lifetime, blank.key->times.expires_at - now);
}

std::expected<Ticket, Error> sealed(Room ticket, const Blank& blank, std::size_t domain,
                                    Seconds lifetime, Live& live, Instant now) noexcept {
  if (!ticket::seal(ticket, *blank.key->by_domain[domain], live.nonce_rule())) {
    return std::unexpected(Error::randomness_failed);
  }
  live.count(Counters::issued);
  return Ticket{.bytes = ticket, .lifetime_hint = hint_of(lifetime, blank, now)};
}

Seconds lifetime_of(const Policy& policy, const Snapshot& snapshot) noexcept {
  // 13.10. RFC 8446 section 4.6.1: "Servers MUST NOT use any value greater than 604800 seconds (7
  // days)."
  constexpr Seconds week(604800);
  return std::min({policy.lifetime, snapshot.facts().lifetime, week});
}

/// No ticket outlives the identity in it.
Seconds lifetime_of(const Session& session, const Policy& policy, const Snapshot& snapshot,
                    Instant now) noexcept {
  const Seconds lifetime = lifetime_of(policy, snapshot);
  return session.identity_expires ? std::min(lifetime, *session.identity_expires - now) : lifetime;
}

Stamp stamp_for(const Session& session, const Policy& policy, Seconds lifetime,
                Instant now) noexcept {
  const bool renewed = session.authenticated_at != Instant{};
  return {.issued_at = now,
          .authenticated_at = renewed ? std::min(session.authenticated_at, now) : now,
          .lifetime = lifetime,
          .context = policy.context};
}

/// The key that a ticket names, and what is known of the state in it.
struct Found {
  const SnapshotKey* key;
  std::size_t state_size;
  std::size_t smallest_state;
};

/// When the key may still open and the ticket's length is one of its profile's.
std::expected<Found, Reason> find_key(Bytes ticket, const Snapshot* snapshot,
                                      Instant now) noexcept {
  if (ticket.empty()) return std::unexpected(Reason::no_ticket);
  if (ticket.size() < ticket::least_ticket || ticket.size() > max_ticket) {
    return std::unexpected(Reason::ticket_length);
  }
  const SnapshotKey* key =
      snapshot == nullptr ? nullptr : snapshot->find(ticket.first<ticket::name_size>());
  if (key == nullptr) return std::unexpected(Reason::unknown_key);
  if (now >= key->times.expires_at) return std::unexpected(Reason::key_expired);
  const ticket::Layout& layout = ticket::layout_of(key->times.profile);
  const std::size_t state_size = layout.state_size(ticket.size());
  if (state_size == 0) return std::unexpected(Reason::ticket_length);
  return Found{.key = key, .state_size = state_size, .smallest_state = layout.smallest_state};
}

/// Past all of them when the hello has no such ticket.
std::size_t place_of(Bytes ticket, const ClientHello& hello) noexcept {
  const auto found = std::ranges::find_if(hello.psk_identities, [&](const PskIdentity& offered) {
    return std::ranges::equal(offered.identity, ticket);
  });
  return static_cast<std::size_t>(found - hello.psk_identities.begin());
}

/// `Reason::resumes` when nothing is wrong. By way of stack memory for a state of up to `most`.
template <std::size_t most>
[[gnu::noinline]] Reason open_state(Session& session, Bytes ticket, const Found& found,
                                    const ticket::TicketKey& key) noexcept {
  std::array<std::byte, most> room;
  const Room state = Room(room).first(found.state_size);
  if (!ticket::open(state, ticket, key)) return Reason::altered;
  const bool good = state::decode(session, state, found.smallest_state);
  wipe(state);
  return good ? Reason::resumes : Reason::other_content;
}

// The compiler has every page of a large frame touched, which few tickets need.
Reason open_state(Session& session, Bytes ticket, const Found& found,
                  const ticket::TicketKey& key) noexcept {
  constexpr std::size_t usual = 512;
  return found.state_size <= usual ? open_state<usual>(session, ticket, found, key)
                                   : open_state<max_state>(session, ticket, found, key);
}

struct Opened {
  bool under_sealing_key;
};

/// Opens into `session`, in place: a Session is not small.
std::expected<Opened, Reason> open_session(Session& session, Bytes ticket, Live& live,
                                           std::size_t domain, Instant now) noexcept {
  live.look_if_due(now);
  const Hold<Snapshot> hold(live.current());
  const auto found = find_key(ticket, hold.get(), now);
  if (!found) return std::unexpected(found.error());
  const Reason reason = open_state(session, ticket, *found, *found->key->by_domain[domain]);
  if (reason != Reason::resumes) return std::unexpected(reason);
  return Opened{.under_sealing_key = found->key == hold.get()->sealing(now)};
}

void decide_on(Resumption& result, Opened opened, const ClientHello& hello, const Policy& policy,
               Instant now) noexcept {
  decide_into(result.verdict, result.session, hello, policy, now, result.selected_identity);
  const bool resumes = result.verdict.outcome == Outcome::resume;
  if (resumes && !opened.under_sealing_key) result.verdict.renew = true;
}

/// Nothing when there is no memory for it.
std::optional<ClientHello> hello_or_nothing(const Session& session,
                                            const std::optional<HostName>& asked) noexcept try {
  return hello_of(session, asked);
} catch (const std::bad_alloc&) {
  return std::nullopt;
}

void decide_without_hello(Resumption& result, Opened opened, const std::optional<HostName>& asked,
                          const Policy& policy, Instant now) noexcept {
  Verdict& verdict = result.verdict;
  const auto hello = hello_or_nothing(result.session, asked);
  if (!hello) {
    verdict = {.reason = Reason::other_content};
    return;
  }
  decide_on(result, opened, *hello, policy, now);
  if (verdict.outcome == Outcome::abort) verdict = {.reason = verdict.reason, .age = verdict.age};
  if (verdict.outcome == Outcome::resume && asked) result.session.server_name = *asked;
}

}  // namespace

std::expected<Ticket, Error> Tickets::issue(const Session& session, Room room,
                                            Instant now) const noexcept {
  live_->look_if_due(now);
  const Hold<Snapshot> hold(live_->current());
  const auto blank = blank_ticket(hold.get(), now);
  if (!blank) return std::unexpected(blank.error());
  if (const auto refusal = refusal_to_issue(session, policy_, now)) {
    return std::unexpected(*refusal);
  }
  const auto ticket =
      room_for(state::size_of(session, blank->layout->smallest_state), *blank, room);
  if (!ticket) return std::unexpected(ticket.error());
  const Seconds lifetime = lifetime_of(session, policy_, *hold.get(), now);
  const auto encoded = state::encode(ticket::body_of(*ticket, *blank->layout), session,
                                     stamp_for(session, policy_, lifetime, now));
  if (!encoded) return std::unexpected(encoded.error());
  return sealed(*ticket, *blank, domain_, lifetime, *live_, now);
}

Seconds Tickets::lifetime_hint(Instant now) const noexcept {
  live_->look_if_due(now);
  const Hold<Snapshot> hold(live_->current());
  const auto blank = blank_ticket(hold.get(), now);
  if (!blank) return Seconds(0);
  return hint_of(lifetime_of(policy_, *hold.get()), *blank, now);
}

Resumption Tickets::resume(const ClientHello& hello, Instant now) const noexcept {
  Resumption result;
  const bool tls13 = is_tls13(negotiated_version(hello, policy_));
  if (tls13 && !hello.psk_identities.empty()) {
    resume_one_of(result, hello, now);
  } else {
    const bool offered = !tls13 && hello.session_ticket;
    open_and_decide(result, offered ? Bytes(*hello.session_ticket) : Bytes(), hello, now);
  }
  count(result.verdict);
  return result;
}

Resumption Tickets::resume(Bytes ticket, const ClientHello& hello, Instant now) const noexcept {
  Resumption result;
  result.selected_identity = place_of(ticket, hello);
  open_and_decide(result, ticket, hello, now);
  count(result.verdict);
  return result;
}

Resumption Tickets::resume_without_hello(Bytes ticket, const std::optional<HostName>& asked,
                                         Instant now) const noexcept {
  Resumption result;
  const auto opened = open_session(result.session, ticket, *live_, domain_, now);
  if (opened) {
    decide_without_hello(result, *opened, asked, policy_, now);
  } else {
    result.verdict = {.reason = opened.error()};
  }
  count(result.verdict);
  return result;
}

// 13.3. RFC 8446 section 4.2.11: "If no acceptable PSKs are found, the server SHOULD perform a
// non-PSK handshake if possible."
void Tickets::resume_one_of(Resumption& result, const ClientHello& hello,
                            Instant now) const noexcept {
  Verdict on_the_first;
  for (std::size_t i = 0; i < hello.psk_identities.size(); ++i) {
    result.selected_identity = i;
    open_and_decide(result, hello.psk_identities[i].identity, hello, now);
    if (result.verdict.outcome != Outcome::full_handshake) return;
    if (i == 0) on_the_first = result.verdict;
  }
  result.selected_identity = 0;
  result.verdict = on_the_first;
}

// 12.3. RFC 5077 section 3.2: what does not open is a full handshake, and what is wrong with it the
// client never hears.
void Tickets::open_and_decide(Resumption& result, Bytes ticket, const ClientHello& hello,
                              Instant now) const noexcept {
  const auto opened = open_session(result.session, ticket, *live_, domain_, now);
  if (!opened) {
    result.verdict = {.reason = opened.error()};
    if (const auto verdict = decide_hello(hello, policy_)) result.verdict = *verdict;
    return;
  }
  decide_on(result, *opened, hello, policy_, now);
}

void Tickets::count(const Verdict& verdict) const noexcept {
  live_->count(verdict.outcome == Outcome::resume ? Counters::resumed : Counters::refused);
}

std::expected<Session, Reason> Tickets::open(Bytes ticket, Instant now) const noexcept {
  Session session;
  const auto opened = open_session(session, ticket, *live_, domain_, now);
  if (!opened) return std::unexpected(opened.error());
  return session;
}

std::expected<Ticket, Error> Tickets::seal_opaque(std::string_view label, Bytes data, Room room,
                                                  Instant now) const noexcept {
  live_->look_if_due(now);
  const Hold<Snapshot> hold(live_->current());
  const auto blank = blank_ticket(hold.get(), now);
  if (!blank) return std::unexpected(blank.error());
  const state::Opaque opaque{.label = std::as_bytes(std::span(label)), .data = data};
  const auto ticket = room_for(state::size_of(opaque, blank->layout->smallest_state), *blank, room);
  if (!ticket) return std::unexpected(ticket.error());
  state::encode(ticket::body_of(*ticket, *blank->layout), opaque);
  return sealed(*ticket, *blank, domain_, lifetime_of(policy_, *hold.get()), *live_, now);
}

std::expected<Room, Reason> Tickets::open_opaque(std::string_view label, Bytes ticket, Room room,
                                                 Instant now) const noexcept {
  live_->look_if_due(now);
  const Hold<Snapshot> hold(live_->current());
  const auto found = find_key(ticket, hold.get(), now);
  if (!found) return std::unexpected(found.error());
  if (room.size() < ticket.size()) return std::unexpected(Reason::ticket_length);
  const Room state = room.first(found->state_size);
  if (!ticket::open(state, ticket, *found->key->by_domain[domain_])) {
    return std::unexpected(Reason::altered);
  }
  const auto opaque = state::decode_opaque(state, found->smallest_state);
  if (!opaque || !std::ranges::equal(opaque->label, std::as_bytes(std::span(label)))) {
    wipe(state);
    return std::unexpected(Reason::other_content);
  }
  return state.subspan(static_cast<std::size_t>(opaque->data.data() - state.data()),
                       opaque->data.size());
}

Ticketer::Ticketer(std::unique_ptr<Live> live) noexcept : live_(std::move(live)) {}
Ticketer::Ticketer(Ticketer&&) noexcept = default;
Ticketer& Ticketer::operator=(Ticketer&&) noexcept = default;
Ticketer::~Ticketer() = default;

std::expected<Ticketer, Failure> Ticketer::open(RingStore& store, TicketerOptions options,
                                                Instant now) {
  auto live = std::make_unique<Live>(store, nullptr, std::move(options));
  if (auto read = live->refresh(now); !read) return std::unexpected(std::move(read.error()));
  return Ticketer(std::move(live));
}

std::expected<Ticketer, Failure> Ticketer::standalone(Schedule schedule, TicketerOptions options,
                                                      Instant now) {
  auto ring = new_ring(schedule, now);
  if (!ring) return std::unexpected(std::move(ring.error()));
  auto own = std::make_unique<MemoryStore>();
  if (auto made = own->create(*ring); !made) return std::unexpected(std::move(made.error()));
  RingStore& store = *own;
  auto live = std::make_unique<Live>(store, std::move(own), std::move(options));
  if (auto read = live->refresh(now); !read) return std::unexpected(std::move(read.error()));
  return Ticketer(std::move(live));
}

std::expected<Tickets, Failure> Ticketer::in(std::string_view domain,
                                             std::optional<Context> context, Instant now) {
  Policy policy = live_->policy();
  if (context) policy.context = *context;
  return with_policy(domain, std::move(policy), now);
}

std::expected<Tickets, Failure> Ticketer::with_policy(std::string_view domain, Policy policy,
                                                      Instant now) {
  const auto number = live_->domain(domain, now);
  if (!number) return std::unexpected(number.error());
  Tickets tickets;
  tickets.live_ = live_.get();
  tickets.domain_ = *number;
  tickets.policy_ = std::move(policy);
  return tickets;
}

std::expected<void, Failure> Ticketer::refresh(Instant now) {
  return live_->refresh(now);
}

Health Ticketer::health(Instant now) const {
  return live_->health(now);
}

}  // namespace stek
