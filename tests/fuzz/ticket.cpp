// Tickets of any bytes, and tickets that were sealed and then altered: a ticket opens if and only
// if it is what sealing gives under this key in this domain, and what does not open leaves zeros.
//
// An input's first byte chooses between the two, its second the profile, the domain of the ticket
// and the domain of who opens it. `try_any_bytes` and `try_sealed` say how it goes on.
#include "ticket/ticket.hpp"

#include <optional>

#include <stek/ticketer.hpp>

#include "fuzz/fuzz.hpp"
#include "fuzz/keys.hpp"
#include "session/state.hpp"
#include "wire/reader.hpp"

namespace stek::fuzz {
namespace {

using Buffer = std::vector<std::byte>;
using ticket::Layout;
using ticket::TicketKey;

constexpr std::string_view label = "rustls/0.20";
// Where nothing was written. Not zero, which opening leaves behind.
constexpr std::byte untouched{0xa5};

const std::string longest_domain(ticket::max_domain, 'd');
const std::array<std::string_view, 4> domains{"", "example.net", "example.ne", longest_domain};

ClientHello typical_hello() {
  ClientHello hello;
  hello.legacy_version = ProtocolVersion::tls1_2;
  hello.cipher_suites = {CipherSuite{0xc02f}};
  hello.compression_methods = {0};
  hello.extended_master_secret = true;
  return hello;
}

/// A profile's key in every domain, twice: alone, and held by a Ticketer.
struct Bench {
  const Layout* layout;
  std::array<PagesPtr<TicketKey>, domains.size()> keys;
  std::unique_ptr<MemoryStore> store = std::make_unique<MemoryStore>();
  std::optional<Ticketer> ticketer;
  std::vector<Tickets> tickets;

  explicit Bench(Profile profile) : layout(&ticket::layout_of(profile)) {
    check(ticket::profile_works(profile), "this machine runs the profile");
    check(store->create(ring_for(profile)).has_value(), "the ring is fit for use");
    ticketer = std::move(Ticketer::open(*store, {}, now).value());
    for (std::size_t i = 0; i < domains.size(); ++i) {
      Granted granted{};
      keys[i] = ticket::make_ticket_key(key_for(profile), domains[i], granted);
      tickets.push_back(ticketer->in(domains[i], {}, now).value());
    }
  }
};

// Made once: an input is over in about a microsecond.
const std::array<Bench, 3>& benches() {
  static const std::array<Bench, 3> made{
      Bench(Profile::aes256gcm), Bench(Profile::xchacha20poly1305), Bench(Profile::rfc5077)};
  return made;
}

/// Who opens: one profile's key in one domain.
struct Opener {
  const Bench& bench;
  std::size_t domain;

  [[nodiscard]] const Layout& layout() const { return *bench.layout; }
  [[nodiscard]] const TicketKey& key() const { return *bench.keys[domain]; }
  [[nodiscard]] const Tickets& tickets() const { return bench.tickets[domain]; }
};

Buffer sealed(Bytes state, const Layout& layout, const TicketKey& key, Bytes nonce) {
  Buffer ticket(layout.overhead() + state.size(), untouched);
  std::ranges::copy(state, ticket::body_of(ticket, layout).begin());
  ticket::seal_with_nonce(ticket, key, nonce);
  return ticket;
}

/// The state; empty when the ticket does not open.
Buffer opened(Bytes ticket, const Opener& opener) {
  Buffer state(opener.layout().state_size(ticket.size()), untouched);
  if (state.empty() || ticket::open(state, ticket, opener.key())) return state;
  check(is_zero(state), "a ticket that does not open leaves zeros");
  return {};
}

void check_session(Bytes ticket, Bytes state, const Opener& opener) {
  static const ClientHello hello = typical_hello();
  Session held;
  const bool holds = state::decode(held, state, opener.layout().smallest_state);
  const auto session = opener.tickets().open(ticket, now);
  check(session.has_value() == holds, "a session opens if and only if the ticket holds it");
  check(!session || *session == held, "the session is the one that was sealed");
  check(session || (session.error() == Reason::other_content) == !state.empty(),
        "other_content is said of tickets that open, and of no others");
  const Resumption resumption = opener.tickets().resume(ticket, hello, now);
  check(resumption.verdict.outcome != Outcome::resume || holds, "only a session resumes");
}

void check_opaque(Bytes ticket, Bytes state, const Opener& opener) {
  const auto held = state::decode_opaque(state, opener.layout().smallest_state);
  const bool holds = held && std::ranges::equal(held->label, text_bytes(label));
  Buffer room(ticket.size(), untouched);
  const auto data = opener.tickets().open_opaque(label, ticket, room, now);
  check(data.has_value() == holds, "opaque bytes open if and only if the ticket holds them");
  check(!data || std::ranges::equal(*data, held->data), "the bytes are those that were sealed");
  check(data || std::ranges::all_of(
                    room, [](std::byte b) { return b == std::byte{0} || b == untouched; }),
        "a refused ticket leaves nothing in the room");
}

/// The Ticketer opens what its key opens, and nothing else.
void check_ticketer(Bytes ticket, Bytes state, const Opener& opener) {
  check_session(ticket, state, opener);
  check_opaque(ticket, state, opener);
}

/// The rest of the input is the ticket. Where `named`, the key's name is written over its first
/// bytes.
void try_any_bytes(wire::Reader in, const Opener& opener, bool named) {
  Buffer ticket(in.rest().begin(), in.rest().end());
  if (named && ticket.size() >= ticket::name_size) {
    std::ranges::copy(opener.key().name(), ticket.begin());
  }
  const Buffer state = opened(ticket, opener);
  check_ticketer(ticket, state, opener);
  if (state.empty()) return;
  const Bytes nonce = Bytes(ticket).subspan(ticket::name_size, opener.layout().nonce_size);
  check(sealed(state, opener.layout(), opener.key(), nonce) == ticket,
        "what opens is what sealing gives");
}

void edit(Buffer& ticket, std::uint8_t how, std::size_t at, std::uint8_t by) {
  switch (how % 4) {
    case 0:
      ticket.resize(at % (ticket.size() + 1));
      return;
    case 1:
      ticket.resize(std::min(ticket.size() + at, max_ticket + 1), std::byte{by});
      return;
    default:
      if (!ticket.empty()) ticket[at % ticket.size()] ^= std::byte{by};
  }
}

/// Edits of four bytes each: how, where, and by what.
Buffer altered(Buffer ticket, wire::Reader edits) {
  while (!edits.empty()) {
    const std::uint8_t how = edits.u8();
    const std::uint16_t at = edits.u16();
    edit(ticket, how, at, edits.u8());
  }
  return ticket;
}

/// Zeros follow up to a size class.
Buffer state_of(Bytes bytes, std::size_t at_least, const Layout& layout) {
  Buffer state(wire::class_of(std::max(bytes.size(), at_least), layout.smallest_state));
  if (!state.empty()) std::ranges::copy(bytes, state.begin());
  return state;
}

/// A nonce, edits behind their length, a byte for the size class, the state.
void try_sealed(wire::Reader in, const Opener& sealer, const Opener& opener) {
  const Layout& layout = sealer.layout();
  std::array<std::byte, 24> nonce{};
  std::ranges::copy(in.bytes(layout.nonce_size), nonce.begin());
  const wire::Reader edits(in.vector<std::uint8_t>(0, 255));
  // The longer, the rarer: they take the time of many short ones.
  const std::size_t at_least = std::size_t{64} << std::countr_one(in.u8());
  const Buffer state = state_of(in.rest(), at_least, layout);
  if (state.empty()) return;

  const Buffer ticket = sealed(state, layout, sealer.key(), Bytes(nonce).first(layout.nonce_size));
  const Buffer offered = altered(ticket, edits);
  const Buffer seen = opened(offered, opener);
  const bool as_sealed = offered == ticket && sealer.domain == opener.domain;
  check(seen.empty() || as_sealed, "no altered ticket opens");
  check(seen == state || !as_sealed, "a ticket opens to the state that was sealed");
  check_ticketer(offered, seen, opener);
}

}  // namespace

void run(Bytes input) {
  wire::Reader in(input);
  const std::uint8_t kind = in.u8();
  const unsigned choice = in.u8();
  const Bench& bench = benches()[choice % 3];
  const Opener opener{.bench = bench, .domain = choice / 3 % domains.size()};
  const Opener sealer{.bench = bench, .domain = choice / 12 % domains.size()};
  if (kind % 4 < 2) {
    try_any_bytes(in, opener, kind % 4 == 1);
  } else {
    try_sealed(in, sealer, opener);
  }
}

}  // namespace stek::fuzz
