#include <barrier>
#include <numeric>
#include <thread>

#include <stek/ticketer.hpp>

#include "counted_allocations.hpp"
#include "rows.hpp"
#include "system_calls.hpp"
#include "test_keys.hpp"

namespace bench {

using namespace stek;
using test::noon;

namespace {

ClientHello hello_for(const Session& session) {
  ClientHello hello;
  hello.legacy_version = ProtocolVersion::tls1_2;
  hello.cipher_suites = {session.cipher_suite};
  hello.compression_methods = {0};
  hello.server_name = std::get<HostName>(session.server_name);
  hello.extended_master_secret = true;
  return hello;
}

/// What most handshakes give; above the smallest size, with application data that fill the state.
Session session_of(std::size_t size) {
  Session session = test::typical_session();
  if (size > 128) session.application_data = SecretBytes(std::vector<std::byte>(size - 192));
  return session;
}

std::size_t ticket_size(Profile profile, std::size_t size) {
  return state_size(profile, size) + ticket::layout_of(profile).overhead();
}

std::vector<std::byte> copied(const std::expected<Ticket, Error>& ticket) {
  return {ticket.value().bytes.begin(), ticket.value().bytes.end()};
}

/// Issues and resumes one session, seals and opens opaque bytes, each a ticket of this size of
/// state.
struct Server {
  Server(Profile profile, std::size_t size, bool hedge = false)
      : ticketer(Ticketer::standalone({.profile = profile}, {.hedge = hedge}, noon).value()),
        tickets(ticketer.in("public", {}, noon).value()),
        session(session_of(size)),
        hello(hello_for(session)),
        data(size - 64) {
    warm_up();
    ticket = copied(tickets.issue(session, room, noon));
    sealed = copied(tickets.seal_opaque("bench", data, room, noon));
    require(ticket.size() == ticket_size(profile, size) && sealed.size() == ticket.size());
    require(tickets.open_opaque("bench", sealed, room, noon).value().size() == data.size());
    resume();
  }

  void issue() { require(tickets.issue(session, room, noon).has_value()); }
  void resume() const {
    require(tickets.resume(ticket, hello, noon).verdict.outcome == Outcome::resume);
  }
  void seal() { require(tickets.seal_opaque("bench", data, room, noon).has_value()); }
  void open() { require(tickets.open_opaque("bench", sealed, room, noon).has_value()); }

  Ticketer ticketer;
  Tickets tickets;
  Session session;
  ClientHello hello;
  std::vector<std::byte> data;
  std::vector<std::byte> ticket;
  std::vector<std::byte> sealed;
  std::array<std::byte, max_ticket> room{};

 private:
  // So that every lane has its key.
  void warm_up() {
    for (int i = 0; i < 4'000; ++i) issue();
  }
};

}  // namespace

// ---- The path ----------------------------------------------------------------------------------

void add_path_rows(Rows& rows, Profile profile, std::size_t size) {
  const std::size_t bytes = state_size(profile, size);
  const Row& bare_seal = row(rows, "libsodium", named(profile, "seal"), bytes);
  const Row& bare_open = row(rows, "libsodium", named(profile, "open"), bytes);
  const auto add_row = [&](std::string_view what, const Row& beside, Measure measure) {
    add(rows, "stek", named(profile, what), bytes, std::move(measure)).beside = &beside;
  };
  const auto server = std::make_shared<Server>(profile, size);
  add_row("issue", bare_seal, loop([server] { server->issue(); }));
  add_row("seal", bare_seal, loop([server] { server->seal(); }));
  add_row("resume", bare_open, loop([server] { server->resume(); }));
  add_row("open", bare_open, loop([server] { server->open(); }));
  const auto hedged = std::make_shared<Server>(profile, size, true);
  add_row("issue, hedged", bare_seal, loop([hedged] { hedged->issue(); }));
  add_row("seal, hedged", bare_seal, loop([hedged] { hedged->seal(); }));
}

void add_nonce_rows(Rows& rows, Profile profile, std::size_t size) {
  struct Sealing {
    PagesPtr<ticket::TicketKey> key;
    std::vector<std::byte> ticket;
    void seal(NonceRule rule) { require(ticket::seal(ticket, *key, rule)); }
  };
  test::Random random(3);
  const auto sealing = std::make_shared<Sealing>(
      test::random_ticket_key(random, profile), std::vector<std::byte>(ticket_size(profile, size)));
  for (int i = 0; i < 4'000; ++i) sealing->seal(NonceRule::fresh);
  constexpr std::array rules{std::pair("fresh", NonceRule::fresh),
                             std::pair("hedged", NonceRule::hedged),
                             std::pair("pooled", NonceRule::pooled)};
  const std::size_t bytes = state_size(profile, size);
  const Row& bare = row(rows, "libsodium", named(profile, "seal"), bytes);
  for (const auto& [name, rule] : rules) {
    add(rows, "stek", named(profile, fmt::format("ticket::seal, {}", name)), bytes,
        loop([sealing, rule] { sealing->seal(rule); }))
        .beside = &bare;
  }
}

// ---- Threads -----------------------------------------------------------------------------------

namespace {

/// `work` on so many threads at once, each on a CPU of its own, from this CPU on: their seconds
/// together.
template <class Work>
double seconds_on(std::size_t first_cpu, std::size_t n, const Work& work, int calls) {
  std::barrier start(static_cast<std::ptrdiff_t>(n));
  std::vector<double> seconds(n);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < n; ++i) {
      threads.emplace_back([&, i] {
        pin(first_cpu + i);
        auto mine = work;
        mine(1'000);
        start.arrive_and_wait();
        const double begin = thread_seconds();
        mine(calls);
        seconds[i] = thread_seconds() - begin;
      });
    }
  }
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

/// The mean of a thread's seconds, n of them at once. Over the same CPUs whatever n is: where one
/// of them has other work too, that is not of what threads share.
template <class Work>
Measure on_threads(std::size_t n, Work work) {
  return [n, work](int calls) {
    const std::size_t all = std::min<std::size_t>(cpus(), 2);
    double seconds = 0;
    for (std::size_t first = 0; first < all; first += n)
      seconds += seconds_on(first, n, work, calls);
    return seconds / static_cast<double>(all);
  };
}

}  // namespace

void add_thread_rows(Rows& rows, Profile profile) {
  const auto server = std::make_shared<Server>(profile, 128);
  const auto issue = [server](int calls) {
    std::array<std::byte, 512> room;
    for (int i = 0; i < calls; ++i) {
      require(server->tickets.issue(server->session, room, noon).has_value());
    }
  };
  const auto resume = [server](int calls) {
    for (int i = 0; i < calls; ++i) server->resume();
  };
  constexpr int calls = 10'000;
  const auto add_pair = [&](std::string_view what, const auto& work) {
    Row& one = add(rows, "stek", named(profile, fmt::format("{}, 1 thread", what)), 0,
                   on_threads(1, work));
    one.calls = calls;
    if (cpus() < 2) return;
    Row& two = add(rows, "stek", named(profile, fmt::format("{}, 2 threads", what)), 0,
                   on_threads(2, work));
    two.calls = calls;
    two.beside = &one;
  };
  add_pair("issue", issue);
  add_pair("resume", resume);
}

// ---- Keys --------------------------------------------------------------------------------------

namespace {

constexpr Instant fleet_end = noon + Seconds(100'000);

/// Keys that all open at noon, the last of which seals then.
KeyRing ring_of(std::size_t n) {
  test::Random random(n);
  KeyRing ring = new_ring({.profile = Profile::aes256gcm}, noon).value();
  ring.keys.clear();
  for (std::size_t i = 0; i < n; ++i) {
    Key key = test::random_key(random, Profile::aes256gcm);
    key.announced_at = key.activates_at = noon - Seconds(n - 1 - i);
    key.retires_at = key.activates_at + Seconds(1);
    key.expires_at = fleet_end;
    ring.keys.push_back(std::move(key));
  }
  return ring;
}

/// A ticketer with such a ring, and a ticket of each key.
struct Fleet {
  explicit Fleet(std::size_t n)
      : ticketer(Ticketer::open(put(ring_of(n)), {}, noon).value()),
        tickets(ticketer.in("public", {}, noon).value()) {
    const std::array<std::byte, 64> data{};
    for (std::size_t i = 0; i < n; ++i) {
      const Instant when = noon - Seconds(n - 1 - i);
      sealed.push_back(copied(tickets.seal_opaque("bench", data, room, when)));
    }
    for (std::size_t i = 0; i < n; ++i) open_next();
  }

  void open(const std::vector<std::byte>& ticket) {
    require(tickets.open_opaque("bench", ticket, room, noon).has_value());
  }
  void open_last() { open(sealed.back()); }
  void open_next() {
    next = next + 1 < sealed.size() ? next + 1 : 0;
    open(sealed[next]);
  }

  RingStore& put(const KeyRing& ring) {
    store.create(ring).value();
    return store;
  }

  MemoryStore store;
  Ticketer ticketer;
  Tickets tickets;
  std::vector<std::vector<std::byte>> sealed;
  std::size_t next = 0;
  std::array<std::byte, 512> room{};
};

}  // namespace

void add_key_rows(Rows& rows) {
  const std::size_t first = rows.size();
  for (const std::size_t n : key_counts) {
    const auto fleet = std::make_shared<Fleet>(n);
    Row& again = add(rows, "stek", fmt::format("open, {} keys, one again and again", n), 0,
                     loop([fleet] { fleet->open_last(); }));
    Row& each = add(rows, "stek", fmt::format("open, {} keys, each in turn", n), 0,
                    loop([fleet] { fleet->open_next(); }));
    again.beside = &rows[first];
    each.beside = &rows[first];
    each.calls = 8'192;
  }
}

// ---- Refusals ----------------------------------------------------------------------------------

namespace {

std::vector<std::byte> with_bit_turned(std::vector<std::byte> ticket, std::size_t byte) {
  ticket[byte] ^= std::byte{1};
  return ticket;
}

/// Of an AES ticket: the lane stands behind the key's name, the tag at the end.
constexpr std::size_t lane_at = ticket::name_size;

/// Tickets that pick, one after the other, all lanes but one, of a key whose other lanes have never
/// been used; each with a bad tag.
double open_under_unseen_lanes(int calls) {
  double seconds = 0;
  for (int done = 0; done < calls;) {
    auto ticketer = Ticketer::standalone({.profile = Profile::aes256gcm}, {}, noon).value();
    const auto tickets = ticketer.in("public", {}, noon).value();
    std::array<std::byte, 512> room;
    std::array<std::byte, 512> opened;
    const Room ticket = room;
    const std::size_t size = tickets.seal_opaque("bench", {}, ticket, noon).value().bytes.size();
    const int lanes = std::min(255, calls - done);
    const double begin = thread_seconds();
    for (int i = 0; i < lanes; ++i) {
      ticket[lane_at] = std::byte(std::to_integer<unsigned>(ticket[lane_at]) + 1);
      require(tickets.open_opaque("bench", ticket.first(size), opened, noon).error() ==
              Reason::altered);
    }
    seconds += thread_seconds() - begin;
    done += lanes;
  }
  return seconds;
}

void add_refusal(Rows& rows, std::string_view what, const std::shared_ptr<Server>& server,
                 const std::vector<std::byte>& ticket, Reason reason, const Tickets& tickets,
                 Instant now) {
  add(rows, "stek", fmt::format("open, {}", what), 0, loop([=] {
        require(tickets.open_opaque("bench", ticket, server->room, now).error() == reason);
      }));
  add(rows, "stek", fmt::format("resume, {}", what), 0,
      loop([=] { require(tickets.resume(ticket, server->hello, now).verdict.reason == reason); }));
}

}  // namespace

void add_refusal_rows(Rows& rows) {
  const auto server = std::make_shared<Server>(Profile::aes256gcm, 128);
  const auto& good = server->sealed;
  const Tickets other = server->ticketer.in("private", {}, noon).value();
  const auto refused = [&](std::string_view what, std::vector<std::byte> ticket, Reason reason) {
    add_refusal(rows, what, server, ticket, reason, server->tickets, noon);
  };
  refused("another length", {good.begin(), good.end() - 1}, Reason::ticket_length);
  refused("unknown key", with_bit_turned(good, 0), Reason::unknown_key);
  refused("bad tag", with_bit_turned(good, good.size() - 1), Reason::altered);
  add_refusal(rows, "another domain", server, good, Reason::altered, other, noon);
  add(rows, "stek", "open, bad tag under an unseen lane", 0, open_under_unseen_lanes).calls = 510;

  // A Ticketer of its own: what looks at a ring after a key's end erases the key, so the last look
  // was just before.
  const auto late = std::make_shared<Fleet>(1);
  const Instant before = fleet_end - Seconds(1);
  require(late->tickets.open_opaque("bench", late->sealed[0], late->room, before).has_value());
  add(rows, "stek", "open, expired key", 0, loop([=] {
        const auto opened =
            late->tickets.open_opaque("bench", late->sealed[0], late->room, fleet_end);
        require(opened.error() == Reason::key_expired);
      }));
}

// ---- Cold --------------------------------------------------------------------------------------

void add_cold_rows(Rows& rows, Profile profile) {
  const auto server = std::make_shared<Server>(profile, 128);
  const auto add_row = [&](std::string_view what, std::string_view bare,
                           std::function<void()> work) {
    Row& added = add(rows, "stek", named(profile, what), 0, cold(std::move(work)));
    added.calls = cold_calls;
    added.beside = &row(rows, "libsodium", named(profile, bare));
  };
  add_row("issue, cold", "seal, cold", [server] { server->issue(); });
  add_row("resume, cold", "open, cold", [server] { server->resume(); });
}

// ---- Counts ------------------------------------------------------------------------------------

Counts counts_of(Profile profile, int tickets) {
  Server server(profile, 128);
  const auto serve = [&] {
    for (int i = 0; i < tickets; ++i) {
      server.issue();
      server.resume();
    }
    return true;
  };
  const std::size_t before = test::allocations;
  serve();
  const std::size_t allocated = test::allocations - before;
  int calls = 0;
  for (const auto& [number, count] : test::system_calls_of(serve)) {
    // A forked child's generator is seeded at its first draw, and once more at most.
    calls += number == SYS_getrandom && count <= 2 ? 0 : count;
  }
  return {.allocations = static_cast<double>(allocated) / tickets,
          .system_calls = static_cast<double>(calls) / tickets};
}

}  // namespace bench
