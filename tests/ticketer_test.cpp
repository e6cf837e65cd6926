#include <stek/ticketer.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include "in_child.hpp"
#include "test_keys.hpp"
#include "ticket/domain_ring.hpp"
#include "ticketer/outer_layout.hpp"

namespace stek {
namespace {

using std::chrono::hours;
using test::noon;

ClientHello hello_for(const Session& session) {
  ClientHello hello;
  hello.legacy_version = ProtocolVersion::tls1_2;
  if (session.version == ProtocolVersion::tls1_3) {
    hello.supported_versions = {ProtocolVersion::tls1_3, ProtocolVersion::tls1_2};
    hello.psk_key_exchange_modes = {{1}};
    hello.psk_identities = {{.identity = {std::byte{1}}}};
    hello.key_share = true;
  }
  hello.cipher_suites = {session.cipher_suite};
  hello.compression_methods = {0};
  if (const auto* name = std::get_if<HostName>(&session.server_name)) hello.server_name = *name;
  hello.extended_master_secret = true;
  hello.encrypt_then_mac = session.encrypt_then_mac;
  return hello;
}

/// A store with a ring, as a test advances it.
struct Fixture {
  explicit Fixture(Profile profile = Profile::xchacha20poly1305) {
    REQUIRE(store.create(new_ring({.profile = profile}, noon).value()));
  }
  void rotate(Instant now) {
    REQUIRE(store.update([&](KeyRing ring) { return advance(std::move(ring), now); }));
  }
  Ticketer open(TicketerOptions options = {}, Instant now = noon) {
    auto ticketer = Ticketer::open(store, std::move(options), now);
    REQUIRE_MESSAGE(ticketer, (ticketer ? "" : ticketer.error().message));
    return *std::move(ticketer);
  }

  MemoryStore store;
};

KeyMemory granted_for(KeyMemory asked) {
  Granted granted{};
  unmap_pages(map_key_pages(1, granted, asked), 1);
  return granted == Granted::secret ? KeyMemory::secret : KeyMemory::forkable;
}

std::vector<std::byte> issued(const Tickets& tickets, const Session& session, Instant now) {
  std::array<std::byte, max_ticket> room;
  const auto ticket = tickets.issue(session, room, now);
  REQUIRE_MESSAGE(ticket, (ticket ? "" : name_of(ticket.error())));
  return {ticket->bytes.begin(), ticket->bytes.end()};
}

TEST_CASE("a session resumes from its ticket, in every profile") {
  for (const Profile profile : test::profiles) {
    Fixture fixture(profile);
    auto ticketer = fixture.open();
    const auto tickets = ticketer.in("public", {}, noon).value();
    for (const Session& session : {test::typical_session(), test::typical_tls13_session()}) {
      const auto ticket = issued(tickets, session, noon);
      const Resumption r = tickets.resume(ticket, hello_for(session), noon + Seconds(5));
      CHECK_EQ(r.verdict.outcome, Outcome::resume);
      CHECK_EQ(r.verdict.reason, Reason::resumes);
      CHECK_EQ(r.verdict.age, Seconds(5));
      CHECK(r.session.secret == session.secret);
      CHECK_EQ(r.session.issued_at, noon);
      CHECK_EQ(r.session.authenticated_at, noon);
      CHECK_EQ(r.session.lifetime, hours(12));
    }
  }
}

// wolfSSL ends a handshake that brings one of over 206.
TEST_CASE("a ticket of a mixed fleet has 178 bytes, whatever the server's name and the protocol") {
  Fixture fixture(Profile::rfc5077);
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  for (const std::size_t length : {1U, 16U, 17U, 255U}) {
    for (const char* protocol : {"", "h2", "http/1.1"}) {
      Session session = test::typical_session();
      session.server_name = HostName::from(std::string(length, 'a')).value();
      if (*protocol != '\0') session.alpn = ProtocolName{protocol};
      ticketer::OuterLayout::narrow(session, tickets);
      CHECK_EQ(issued(tickets, session, noon).size(), 178);
    }
  }
}

TEST_CASE("views of one domain, each with a policy of its own") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const Session session = test::typical_session();
  const auto any = ticketer.with_policy("public", {}, noon).value();
  const auto brief = ticketer.with_policy("public", {.lifetime = Seconds(60)}, noon).value();
  const auto strict = ticketer.with_policy("public", {.require_client_identity = true}, noon);
  const auto ticket = issued(any, session, noon);
  CHECK_EQ(any.resume(ticket, hello_for(session), noon + hours(1)).verdict.reason, Reason::resumes);
  CHECK_EQ(brief.resume(ticket, hello_for(session), noon + hours(1)).verdict.reason,
           Reason::ticket_expired);
  CHECK_EQ(strict->resume(ticket, hello_for(session), noon).verdict.reason,
           Reason::identity_missing);
}

TEST_CASE("a ticket resumes after a restart, and at another machine with the ring") {
  Fixture fixture;
  const Session session = test::typical_session();
  auto first = fixture.open();
  const auto ticket = issued(first.in("public", {}, noon).value(), session, noon);
  auto second = fixture.open();
  const auto tickets = second.in("public", {}, noon).value();
  CHECK_EQ(tickets.resume(ticket, hello_for(session), noon).verdict.outcome, Outcome::resume);
}

TEST_CASE("a ticket under a retired key resumes and is renewed under the new one") {
  Fixture fixture;
  const Session session = test::typical_session();
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  const Instant sealed_at = noon + hours(11);
  fixture.rotate(sealed_at);
  REQUIRE(ticketer.refresh(sealed_at));
  const auto ticket = issued(tickets, session, sealed_at);
  CHECK_FALSE(tickets.resume(ticket, hello_for(session), sealed_at).verdict.renew);

  const Instant rotated = noon + hours(12);
  Resumption r = tickets.resume(ticket, hello_for(session), rotated);
  CHECK_EQ(r.verdict.outcome, Outcome::resume);
  CHECK(r.verdict.renew);
  const auto renewed = issued(tickets, r.session, rotated);
  CHECK_FALSE(std::ranges::equal(Bytes(renewed).first(16), Bytes(ticket).first(16)));
  r = tickets.resume(renewed, hello_for(session), rotated);
  CHECK_FALSE(r.verdict.renew);
  CHECK_EQ(r.session.authenticated_at, sealed_at);
  CHECK_EQ(r.session.issued_at, rotated);
}

TEST_CASE("2,000 of 2,000 tickets resume (claim 4)") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  test::Random random(4);
  std::size_t resumed = 0;
  for (int i = 0; i < 2'000; ++i) {
    Session session = test::typical_session();
    session.secret = test::random_session_secret(random, 48);
    const auto ticket = issued(tickets, session, noon);
    const Resumption r = tickets.resume(ticket, hello_for(session), noon + Seconds(i));
    if (r.verdict.outcome == Outcome::resume && r.session.secret == session.secret) ++resumed;
  }
  CHECK_EQ(resumed, 2'000);
}

TEST_CASE("an expired ticket is refused, though its key is not yet at its end (claim 2)") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  const Session session = test::typical_session();
  const auto ticket = issued(tickets, session, noon);
  const auto reason = [&](Instant now) {
    return tickets.resume(ticket, hello_for(session), now).verdict.reason;
  };
  CHECK_EQ(reason(noon + hours(12) - Seconds(1)), Reason::resumes);
  CHECK_EQ(reason(noon + hours(12)), Reason::ticket_expired);
}

ClientHello hello_offering(const Session& session, std::initializer_list<Bytes> tickets) {
  ClientHello hello = hello_for(session);
  hello.psk_identities.clear();
  for (const Bytes ticket : tickets) {
    hello.psk_identities.push_back({.identity = {ticket.begin(), ticket.end()},
                                    .obfuscated_ticket_age = session.ticket_age_add.value_or(0)});
  }
  return hello;
}

TEST_CASE("13.3 RFC 8446 4.2.11: identities that do not open, or have expired, are passed over") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  const Session session = test::typical_tls13_session();
  const auto old = issued(tickets, session, noon);
  const Instant now = noon + hours(12) - Seconds(1);
  const auto good = issued(tickets, session, now);
  const auto of_tls12 = issued(tickets, test::typical_session(), now);
  const std::vector<std::byte> stranger(185, std::byte{7});

  const auto resume = [&](std::initializer_list<Bytes> offered, Instant at) {
    return tickets.resume(hello_offering(session, offered), at);
  };
  Resumption r = resume({stranger, of_tls12, old, good}, noon + hours(12));
  CHECK_EQ(r.verdict.outcome, Outcome::resume);
  CHECK_EQ(r.selected_identity, 3);
  CHECK_EQ(r.session.issued_at, now);
  r = resume({good, old}, noon + hours(12));
  CHECK_EQ(r.selected_identity, 0);
  r = resume({of_tls12, stranger}, noon + hours(12));
  CHECK_EQ(r.verdict.outcome, Outcome::full_handshake);
  CHECK_EQ(r.verdict.reason, Reason::version_differs);
  CHECK_EQ(resume({}, noon).verdict.reason, Reason::no_ticket);
}

TEST_CASE("13.3 a ticket in session_ticket is no PSK, and a PSK no ticket of TLS 1.2") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  const Session session = test::typical_session();
  const auto ticket = issued(tickets, session, noon);
  ClientHello hello = hello_for(session);
  hello.session_ticket = ticket;
  CHECK_EQ(tickets.resume(hello, noon).verdict.reason, Reason::resumes);
  hello.session_ticket->clear();
  CHECK_EQ(tickets.resume(hello, noon).verdict.reason, Reason::no_ticket);
  hello.psk_identities = {{.identity = ticket}};
  CHECK_EQ(tickets.resume(hello, noon).verdict.reason, Reason::no_ticket);
  const Session newer = test::typical_tls13_session();
  hello = hello_for(newer);
  hello.psk_identities.clear();
  hello.session_ticket = issued(tickets, newer, noon);
  CHECK_EQ(tickets.resume(hello, noon).verdict.reason, Reason::no_ticket);
}

TEST_CASE("13.12 early data goes with the first identity, whichever way a stack resumes") {
  Fixture fixture;
  auto ticketer = fixture.open({.policy = {.early_data = true}});
  const auto tickets = ticketer.in("public", {}, noon).value();
  Session session = test::typical_tls13_session();
  session.alpn.reset();
  session.max_early_data_size = 16384;
  const auto one = issued(tickets, session, noon);
  const auto two = issued(tickets, session, noon);
  ClientHello hello = hello_offering(session, {one, two});
  hello.early_data = true;
  const Resumption first = tickets.resume(hello, noon);
  CHECK_EQ(first.verdict.early_data, EarlyData::accept);
  CHECK_EQ(tickets.resume(one, hello, noon).verdict, first.verdict);
  CHECK_EQ(tickets.resume(two, hello, noon).verdict.early_data, EarlyData::not_first_identity);
  const auto elsewhere = issued(tickets, session, noon);
  CHECK_EQ(tickets.resume(elsewhere, hello, noon).verdict.early_data,
           EarlyData::not_first_identity);
}

TEST_CASE("a replay identity is the same however the ticket was sealed") {
  const Session session = test::typical_tls13_session();
  std::set<ReplayIdentity> identities;
  for (const Profile profile : test::profiles) {
    Fixture fixture(profile);
    auto ticketer = fixture.open();
    for (const auto* domain : {"one", "two"}) {
      const auto tickets = ticketer.in(domain, {}, noon).value();
      const auto ticket = issued(tickets, session, noon);
      identities.insert(replay_identity_of(*tickets.open(ticket, noon)));
    }
  }
  CHECK_EQ(identities, std::set{replay_identity_of(session)});
}

TEST_CASE("13.16 RFC 8446 4.6.1: a TLS 1.3 session without ticket_age_add gets no ticket") {
  Fixture fixture;
  auto ticketer = fixture.open();
  std::array<std::byte, max_ticket> room;
  Session session = test::typical_tls13_session();
  session.ticket_age_add.reset();
  CHECK_EQ(ticketer.in("", {}, noon)->issue(session, room, noon).error(), Error::invalid_session);
}

TEST_CASE("13.17 RFC 8446 4.6.1: the secret is a PSK, as long as the suite's hash, or no ticket") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("", {}, noon).value();
  std::array<std::byte, max_ticket> room;
  Session session = test::typical_tls13_session();
  const std::vector<std::byte> bytes(48, std::byte{7});
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    session.secret = SessionSecret(Bytes(bytes).first(size));
    CHECK_EQ(tickets.issue(session, room, noon).has_value(), size == 32);
  }
}

TEST_CASE("one resumption is counted once, however many tickets the hello offers") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("", {}, noon).value();
  const Session session = test::typical_tls13_session();
  const std::vector<std::byte> stranger(185, std::byte{7});
  const auto ticket = issued(tickets, session, noon);
  (void)tickets.resume(hello_offering(session, {stranger, stranger, ticket}), noon);
  CHECK_EQ(ticketer.health(noon).resumed, 1);
  CHECK_EQ(ticketer.health(noon).refused, 0);
  (void)tickets.resume(hello_offering(session, {stranger, stranger}), noon);
  CHECK_EQ(ticketer.health(noon).refused, 1);
}

TEST_CASE("an announced key opens already: another machine may be a little ahead") {
  Fixture fixture;
  const Instant due = noon + hours(11);
  fixture.rotate(due);
  auto early = fixture.open({}, due);
  auto late = fixture.open({}, due);
  const Session session = test::typical_session();
  const auto ticket = issued(early.in("", {}, due).value(), session, noon + hours(12));
  const auto r =
      late.in("", {}, due)->resume(ticket, hello_for(session), noon + hours(12) - Seconds(30));
  CHECK_EQ(r.verdict.outcome, Outcome::resume);
}

TEST_CASE("12.4 a key that has reached its end opens nothing, refreshed or not") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  const Session session = test::typical_session();
  const auto ticket = issued(tickets, session, noon);
  const Instant end = fixture.store.read()->keys[0].expires_at;
  CHECK_EQ(tickets.open(ticket, end - Seconds(1)).has_value(), true);
  CHECK_EQ(tickets.open(ticket, end).error(), Reason::key_expired);
}

TEST_CASE("without an active key there is no ticket, and the reason is named") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  std::array<std::byte, max_ticket> room;
  const auto issue = [&](Instant now) { return tickets.issue(test::typical_session(), room, now); };
  CHECK(issue(noon + hours(12) - Seconds(1)));
  CHECK_EQ(issue(noon + hours(12)).error(), Error::no_active_key);
  CHECK_EQ(issue(noon - Seconds(1)).error(), Error::no_active_key);
}

/// What a peer can see of an answer.
bool is_plain_full_handshake(const Resumption& r) {
  return r.verdict.outcome == Outcome::full_handshake && r.verdict.alert == Alert::none &&
         !r.verdict.renew && r.verdict.age == Seconds(0) && r.session == Session{};
}

TEST_CASE(
    "12.3 every bit flip and truncation of 1,000 tickets per profile is the same full handshake "
    "(claim 11)") {
  for (const Profile profile : test::profiles) {
    Fixture fixture(profile);
    auto ticketer = fixture.open();
    const auto tickets = ticketer.in("public", {}, noon).value();
    test::Random random(6);
    std::size_t tried = 0;
    std::size_t refused_alike = 0;
    for (int i = 0; i < 1'000; ++i) {
      Session session = test::typical_session();
      session.secret = test::random_session_secret(random, 48);
      const ClientHello hello = hello_for(session);
      auto ticket = issued(tickets, session, noon);
      const auto check = [&](Bytes bytes) {
        ++tried;
        if (is_plain_full_handshake(tickets.resume(bytes, hello, noon))) ++refused_alike;
      };
      for (std::size_t bit = 0; bit < ticket.size() * 8; ++bit) {
        ticket[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        check(ticket);
        ticket[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      }
      for (std::size_t n = 0; n < ticket.size(); ++n) check(Bytes(ticket).first(n));
      CHECK_EQ(tickets.resume(ticket, hello, noon).verdict.outcome, Outcome::resume);
      ticket.push_back(std::byte{0});
      check(ticket);
    }
    CHECK_EQ(refused_alike, tried);
    MESSAGE(refused_alike, " altered tickets refused alike under ", std::string(name_of(profile)));
  }
}

TEST_CASE("12.3 RFC 5077 3.2: bytes that were never a ticket are the same full handshake") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  const ClientHello hello = hello_for(test::typical_session());
  test::Random random(8);
  for (std::size_t n = 0; n < 70'000; n += 1 + n / 50) {
    std::vector<std::byte> bytes(n);
    test::fill(random, bytes);
    CHECK(is_plain_full_handshake(tickets.resume(bytes, hello, noon)));
  }
}

TEST_CASE("a ticket says why it does not open") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("public", {}, noon).value();
  auto ticket = issued(tickets, test::typical_session(), noon);
  const auto reason = [&](Bytes bytes) { return tickets.open(bytes, noon).error(); };
  CHECK_EQ(reason({}), Reason::no_ticket);
  CHECK_EQ(reason(Bytes(ticket).first(20)), Reason::ticket_length);
  CHECK_EQ(reason(Bytes(ticket).first(ticket.size() - 1)), Reason::ticket_length);
  ticket.back() ^= std::byte{1};
  CHECK_EQ(reason(ticket), Reason::altered);
  ticket.front() ^= std::byte{1};
  CHECK_EQ(reason(ticket), Reason::unknown_key);
  std::array<std::byte, max_ticket> room;
  CHECK_EQ(reason(tickets.seal_opaque("label", {}, room, noon)->bytes), Reason::other_content);
}

TEST_CASE("tickets of one trust domain never open in another, though the ring is shared") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto ours = ticketer.in("ours", {}, noon).value();
  const auto theirs = ticketer.in("theirs", {}, noon).value();
  const auto ticket = issued(ours, test::typical_session(), noon);
  CHECK(ours.open(ticket, noon));
  CHECK_EQ(theirs.open(ticket, noon).error(), Reason::altered);
}

TEST_CASE("a session of another context is a full handshake") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const Session session = test::typical_session();
  const auto one = ticketer.in("public", Context{std::byte{1}}, noon).value();
  const auto two = ticketer.in("public", Context{std::byte{2}}, noon).value();
  const auto ticket = issued(one, session, noon);
  CHECK_EQ(one.resume(ticket, hello_for(session), noon).verdict.outcome, Outcome::resume);
  CHECK_EQ(two.resume(ticket, hello_for(session), noon).verdict.reason, Reason::context_differs);
}

TEST_CASE("the context of the policy holds for every view that names none") {
  Fixture fixture;
  auto ticketer = fixture.open({.policy = {.context = {std::byte{1}}}});
  const Session session = test::typical_session();
  const auto ticket = issued(ticketer.in("public", {}, noon).value(), session, noon);
  const auto named = ticketer.in("public", Context{std::byte{1}}, noon).value();
  CHECK_EQ(named.resume(ticket, hello_for(session), noon).verdict.outcome, Outcome::resume);
  const auto none = ticketer.in("public", Context{}, noon).value();
  CHECK_EQ(none.resume(ticket, hello_for(session), noon).verdict.reason, Reason::context_differs);
}

TEST_CASE("a rotation by this process is noticed too, and by two ticketers over one store") {
  Fixture fixture;
  auto one = fixture.open();
  auto two = fixture.open();
  const Instant due = noon + hours(11);
  fixture.rotate(due);
  for (Ticketer* ticketer : {&one, &two}) {
    (void)issued(ticketer->in("", {}, noon).value(), test::typical_session(), due);
    CHECK_EQ(ticketer->health(due).generation, 2);
  }
}

TEST_CASE("a store that throws leaves the ticketer as it was") {
  class Failing final : public RingStore {
   public:
    explicit Failing(RingStore& below) : below_(below) {}
    std::expected<KeyRing, Failure> read() override {
      if (fails) throw std::bad_alloc();
      return below_.read();
    }
    std::expected<void, Failure> create(const KeyRing& ring) override {
      return below_.create(ring);
    }
    std::expected<KeyRing, Failure> update(const RingChange& change) override {
      return below_.update(change);
    }
    [[nodiscard]] std::uint64_t mark() const noexcept override { return 0; }
    [[nodiscard]] bool local() const noexcept override { return true; }
    bool fails = false;

   private:
    RingStore& below_;
  };
  Fixture fixture;
  Failing store(fixture.store);
  auto ticketer = Ticketer::open(store, {}, noon).value();
  const auto tickets = ticketer.in("public", {}, noon).value();
  store.fails = true;
  CHECK_THROWS_AS((void)ticketer.in("other", {}, noon), std::bad_alloc);
  // A look on the way to a ticket swallows it.
  const auto ticket = issued(tickets, test::typical_session(), noon + Seconds(100));
  CHECK(tickets.open(ticket, noon + Seconds(200)));
  store.fails = false;
  const auto other = ticketer.in("other", {}, noon).value();
  CHECK(other.open(issued(other, test::typical_session(), noon), noon));
}

TEST_CASE("what has no extended master secret gets no ticket, unless the policy allows it") {
  Fixture fixture;
  Session session = test::typical_session();
  session.extended_master_secret = false;
  std::array<std::byte, max_ticket> room;
  auto strict = fixture.open();
  CHECK_EQ(strict.in("", {}, noon)->issue(session, room, noon).error(),
           Error::no_extended_master_secret);
  auto legacy = fixture.open({.policy = {.legacy_ems = LegacyEms::resume}});
  CHECK(legacy.in("", {}, noon)->issue(session, room, noon));
}

TEST_CASE("a session with a client identity gets a ticket only under a context, until it expires") {
  Fixture fixture;
  auto ticketer = fixture.open();
  Session session = test::typical_session();
  session.client_identity = ClientIdentityHash{};
  session.identity_expires = noon + hours(1);
  std::array<std::byte, max_ticket> room;
  const auto anywhere = ticketer.in("public", {}, noon).value();
  CHECK_EQ(anywhere.issue(session, room, noon).error(), Error::context_missing);

  const auto shop = ticketer.in("public", Context{std::byte{1}}, noon).value();
  const auto ticket = shop.issue(session, room, noon);
  REQUIRE(ticket);
  CHECK_EQ(ticket->lifetime_hint, hours(1));
  CHECK_EQ(shop.open(ticket->bytes, noon)->client_identity, session.client_identity);
  const auto reason = [&](Instant now) {
    return shop.resume(ticket->bytes, hello_for(session), now).verdict.reason;
  };
  CHECK_EQ(reason(noon + hours(1) - Seconds(1)), Reason::resumes);
  CHECK_NE(reason(noon + hours(1)), Reason::resumes);
  CHECK_EQ(shop.issue(session, room, noon + hours(1)).error(), Error::identity_expired);
}

TEST_CASE(
    "12.34 13.10 RFC 8446 4.6.1: the lifetime hint is the least of policy, ring, key and a week") {
  Fixture fixture;
  std::array<std::byte, max_ticket> room;
  const auto hint = [&](Seconds lifetime) {
    auto ticketer = fixture.open({.policy = {.lifetime = lifetime}});
    return ticketer.in("", {}, noon)->issue(test::typical_session(), room, noon)->lifetime_hint;
  };
  CHECK_EQ(hint(hours(1)), hours(1));
  CHECK_EQ(hint(hours(24 * 30)), hours(12));
}

TEST_CASE("12.35 RFC 9325 3.4: renewals do not keep a session alive past the cap") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("", {}, noon).value();
  Session session = test::typical_session();
  session.authenticated_at = noon - hours(24) + Seconds(10);
  const auto ticket = issued(tickets, session, noon);
  const auto verdict = [&](Instant now) {
    return tickets.resume(ticket, hello_for(session), now).verdict;
  };
  CHECK_EQ(verdict(noon + Seconds(9)).outcome, Outcome::resume);
  CHECK_EQ(verdict(noon + Seconds(10)).reason, Reason::authentication_too_old);
  std::array<std::byte, max_ticket> room;
  CHECK_EQ(tickets.issue(session, room, noon + Seconds(10)).error(), Error::authentication_too_old);
}

TEST_CASE("a room too small, or a session too large, is refused before a byte is written") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("", {}, noon).value();
  std::array<std::byte, 183> room{};
  CHECK_EQ(tickets.issue(test::typical_session(), room, noon).error(), Error::room_too_small);
  CHECK(is_zero(room));
  const std::vector<std::byte> data(16'348);
  std::vector<std::byte> large(max_ticket);
  CHECK_EQ(tickets.seal_opaque("l", data, large, noon).error(), Error::too_large);
  CHECK(tickets.seal_opaque("l", Bytes(data).first(16'347), large, noon));
}

TEST_CASE("opaque bytes come back under their label only") {
  for (const Profile profile : test::profiles) {
    Fixture fixture(profile);
    auto ticketer = fixture.open();
    const auto tickets = ticketer.in("", {}, noon).value();
    test::Random random(5);
    for (const std::size_t size : {0UL, 1UL, 100UL, 1000UL, 16'347UL}) {
      std::vector<std::byte> data(size);
      test::fill(random, data);
      std::vector<std::byte> room(max_ticket);
      const auto ticket = tickets.seal_opaque("rustls/0.20", data, room, noon);
      REQUIRE(ticket);
      std::vector<std::byte> opened(max_ticket);
      const auto back = tickets.open_opaque("rustls/0.20", ticket->bytes, opened, noon);
      REQUIRE(back);
      CHECK(std::ranges::equal(*back, data));
      CHECK_EQ(tickets.open_opaque("rustls/0.21", ticket->bytes, opened, noon).error(),
               Reason::other_content);
      CHECK(is_zero(Room(opened).first(100)));
      CHECK_EQ(
          tickets.open_opaque("rustls/0.20", ticket->bytes, Room(opened).first(10), noon).error(),
          Reason::ticket_length);
    }
    const auto session = issued(tickets, test::typical_session(), noon);
    std::vector<std::byte> opened(max_ticket);
    CHECK_EQ(tickets.open_opaque("l", session, opened, noon).error(), Reason::other_content);
  }
}

TEST_CASE("a refresh takes over new keys and keeps the counts") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("", {}, noon).value();
  CHECK_EQ(ticketer.health(noon).generation, 1);
  CHECK_EQ(ticketer.health(noon).seals_until, noon + hours(12));
  (void)issued(tickets, test::typical_session(), noon);
  const Instant due = noon + hours(11);
  fixture.rotate(due);
  REQUIRE(ticketer.refresh(due));
  const Health health = ticketer.health(due);
  CHECK_EQ(health.generation, 2);
  CHECK_EQ(health.seals_until, noon + hours(24));
  CHECK_EQ(health.issued, 1);
  CHECK(health.last_error.empty());
}

TEST_CASE("a caller on its way to a ticket notices a new ring within 10 seconds") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("", {}, noon).value();
  const Instant due = noon + hours(11);
  (void)issued(tickets, test::typical_session(), due);
  fixture.rotate(due);
  (void)issued(tickets, test::typical_session(), due + Seconds(9));
  CHECK_EQ(ticketer.health(due).generation, 1);
  (void)issued(tickets, test::typical_session(), due + Seconds(10));
  CHECK_EQ(ticketer.health(due).generation, 2);
}

TEST_CASE("an older generation, another ring, other bytes under the same generation are refused") {
  Fixture fixture;
  const KeyRing first = fixture.store.read()->copy();
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("", {}, noon).value();
  const auto put = [&](KeyRing ring) {
    REQUIRE(fixture.store.update(
        [&](KeyRing) -> std::expected<KeyRing, Failure> { return std::move(ring); }));
  };
  const Instant due = noon + hours(11);
  fixture.rotate(due);
  REQUIRE(ticketer.refresh(due));
  const KeyRing second = fixture.store.read()->copy();

  put(first.copy());
  CHECK_EQ(ticketer.refresh(due).error().error, Error::rolled_back);
  CHECK_FALSE(ticketer.health(due).last_error.empty());

  KeyRing twin = advance(first.copy(), due).value();
  put(std::move(twin));
  CHECK_EQ(ticketer.refresh(due).error().error, Error::rolled_back);

  put(new_ring({}, due).value());
  CHECK_EQ(ticketer.refresh(due).error().error, Error::other_ring);

  // The ring held keeps working all the while.
  CHECK_EQ(issued(tickets, test::typical_session(), due).size(), 184);
  put(second.copy());
  CHECK(ticketer.refresh(due));
}

TEST_CASE("with the store gone, the keys held keep working until they end, and are erased then") {
  const std::filesystem::path path = "/tmp/stek-ticketer-" + std::to_string(getpid()) + ".ring";
  FileStore store(path);
  REQUIRE(store.create(new_ring({}, noon).value()));
  auto ticketer = Ticketer::open(store, {}, noon);
  REQUIRE(ticketer);
  const auto tickets = ticketer->in("", {}, noon).value();
  std::filesystem::remove(path);
  std::filesystem::remove(path.string() + ".lock");
  CHECK_EQ(ticketer->refresh(noon).error().error, Error::not_found);
  const auto ticket = issued(tickets, test::typical_session(), noon);
  CHECK(tickets.open(ticket, noon));
  const Instant end = noon + hours(12) + hours(12) + Seconds(60);
  CHECK_FALSE(ticketer->refresh(end));
  CHECK_EQ(tickets.open(ticket, noon).error(), Reason::unknown_key);
}

TEST_CASE("a standalone ticketer rotates itself for a week") {
  auto ticketer = Ticketer::standalone({}, {}, noon);
  REQUIRE(ticketer);
  const auto tickets = ticketer->in("", {}, noon).value();
  const Session session = test::typical_session();
  std::vector<std::byte> ticket;
  std::set<KeyName> names;
  for (Instant now = noon; now < noon + hours(24 * 7); now += Seconds(600)) {
    if (!ticket.empty()) CHECK(tickets.open(ticket, now));
    ticket = issued(tickets, session, now);
    KeyName name;
    std::copy_n(ticket.begin(), name.size(), name.begin());
    names.insert(name);
  }
  CHECK_EQ(names.size(), 14);
}

TEST_CASE("a domain has at most 255 bytes") {
  auto ticketer = Ticketer::standalone({}, {}, noon);
  CHECK(ticketer->in(std::string(255, 'd'), {}, noon));
  CHECK_EQ(ticketer->in(std::string(256, 'd'), {}, noon).error().error, Error::malformed);
}

TEST_CASE("a forked child issues and resumes by itself, and refreshes") {
  Fixture fixture;
  auto ticketer = fixture.open();
  const auto tickets = ticketer.in("", {}, noon).value();
  const auto ticket = issued(tickets, test::typical_session(), noon);
  const pid_t child = fork();
  if (child == 0) {
    std::array<std::byte, max_ticket> room;
    const Instant due = noon + hours(11);
    const bool works =
        tickets.open(ticket, noon) && tickets.issue(test::typical_session(), room, noon) &&
        fixture.store.update([&](KeyRing ring) { return advance(std::move(ring), due); }) &&
        ticketer.refresh(due) && ticketer.health(due).generation == 2;
    _exit(works ? 0 : 1);
  }
  int status = 1;
  REQUIRE_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

TEST_CASE("health says what keys are kept in, whatever was asked for") {
  Fixture fixture;
  for (const KeyMemory asked : {KeyMemory::forkable, KeyMemory::secret}) {
    auto ticketer = fixture.open({.key_memory = asked});
    ticketer.in("", {}, noon).value();
    CHECK_EQ(ticketer.health(noon).key_memory, granted_for(asked));
  }
}

TEST_CASE("keys that may be neither secret nor locked work, and health says so") {
  CHECK_EQ(test::status_of_child([] {
             Fixture fixture;
             if (!test::may_lock_only(0)) return false;
             auto ticketer = fixture.open({.key_memory = KeyMemory::secret});
             const auto tickets = ticketer.in("", {}, noon).value();
             const auto ticket = issued(tickets, test::typical_session(), noon);
             const Health health = ticketer.health(noon);
             return tickets.open(ticket, noon) && !health.memory_locked &&
                    health.key_memory == KeyMemory::forkable;
           }),
           0);
}

/// With secret memory, or with what stands in for it where that is refused.
bool child_is_without_keys() {
  Fixture fixture;
  std::optional ticketer = fixture.open({.key_memory = KeyMemory::secret});
  const auto tickets = ticketer->in("", {}, noon).value();
  const auto ticket = issued(tickets, test::typical_session(), noon);
  const int status = test::status_of_child([&] {
    std::array<std::byte, max_ticket> room;
    // Where the keys were, a child may well come to have something else.
    std::vector<std::vector<char>> others(200, std::vector<char>(200'000, 1));
    const bool refuses =
        tickets.open(ticket, noon).error() == Reason::unknown_key &&
        tickets.issue(test::typical_session(), room, noon).error() == Error::no_memory &&
        ticketer->refresh(noon).error().error == Error::unsuitable &&
        ticketer->in("new", {}, noon).error().error == Error::unsuitable &&
        !ticketer->health(noon).memory_locked && !ticketer->health(noon).last_error.empty();
    ticketer.reset();
    return refuses && std::ranges::all_of(others, [](const std::vector<char>& other) {
             return std::ranges::count(other, 1) == 200'000;
           });
  });
  return status == 0 && tickets.open(ticket, noon);
}

TEST_CASE("keys in secret memory stay behind in a fork: no ticket, no resumption, no harm") {
  CHECK(child_is_without_keys());
  CHECK_EQ(test::status_of_child([] { return test::may_lock_only(0) && child_is_without_keys(); }),
           0);
}

TEST_CASE("threads issue and resume while keys rotate and domains come") {
  auto ticketer = Ticketer::standalone({}, {}, noon);
  REQUIRE(ticketer);
  const auto tickets = ticketer->in("", {}, noon).value();
  const Session session = test::typical_session();
  const ClientHello hello = hello_for(session);
  std::atomic<std::int64_t> clock = 0;
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> sealed = 0;
  std::atomic<std::uint64_t> resumed = 0;
  const auto serve = [&] {
    std::array<std::byte, max_ticket> room;
    while (!stop) {
      const std::int64_t before = clock.load();
      const Instant now = noon + Seconds(before);
      const auto ticket = tickets.issue(session, room, now);
      // The scheduler may hold a thread for more simulated time than its key lives.
      const bool overslept = clock.load() - before > 3600;
      if (overslept && !ticket) continue;
      REQUIRE_MESSAGE(ticket, (ticket ? "" : name_of(ticket.error())));
      ++sealed;
      if (tickets.resume(ticket->bytes, hello, now).verdict.outcome == Outcome::resume) {
        ++resumed;
      } else {
        CHECK(clock.load() - before > 3600);
      }
    }
  };
  {
    std::jthread a(serve);
    std::jthread b(serve);
    std::jthread c(serve);
    for (int step = 0; step < 400; ++step) {
      // Never past a key's end between two refreshes, as a rotator in time is not.
      clock += 1800;
      REQUIRE(ticketer->refresh(noon + Seconds(clock.load())));
      if (step % 100 == 0)
        REQUIRE(ticketer->in(std::to_string(step), {}, noon + Seconds(clock.load())));
      std::this_thread::yield();
    }
    while (resumed < 1000) std::this_thread::yield();
    stop = true;
  }
  const Health health = ticketer->health(noon + Seconds(clock.load()));
  CHECK_EQ(health.resumed, resumed);
  CHECK_EQ(health.issued, sealed);
}

TEST_CASE("threads that issue their first ticket at the same instant do not disturb each other") {
  // More than have room on one page of the places that readers take.
  constexpr std::ptrdiff_t many = 200;
  auto ticketer = Ticketer::standalone({}, {}, noon);
  REQUIRE(ticketer);
  const auto tickets = ticketer->in("", {}, noon).value();
  const Session session = test::typical_session();
  std::barrier start(many);
  std::atomic<std::ptrdiff_t> issued = 0;
  {
    std::vector<std::jthread> threads;
    for (std::ptrdiff_t i = 0; i < many; ++i) {
      threads.emplace_back([&] {
        std::array<std::byte, max_ticket> room;
        start.arrive_and_wait();
        issued += tickets.issue(session, room, noon).has_value() ? 1 : 0;
        // None gives its place to another.
        start.arrive_and_wait();
      });
    }
  }
  CHECK_EQ(issued, many);
}

TEST_CASE("a clock that ran ahead and came back costs tickets until the next look, and no longer") {
  MemoryStore store;
  REQUIRE(store.create(new_ring({}, noon).value()));
  Ticketer ticketer = Ticketer::open(store, {}, noon).value();
  const Tickets tickets = ticketer.in("shop", {}, noon).value();
  std::array<std::byte, max_ticket> room;
  const Session session = test::typical_session();
  const Instant wrong = noon + hours(72);
  SUBCASE("refreshed") {
    CHECK(ticketer.refresh(wrong));
    CHECK_EQ(tickets.issue(session, room, wrong).error(), Error::no_active_key);
    CHECK(ticketer.refresh(noon + hours(1)));
  }
  SUBCASE("looked at on the way to a ticket") {
    CHECK_EQ(tickets.issue(session, room, wrong).error(), Error::no_active_key);
    static_cast<void>(tickets.issue(session, room, noon + hours(1)));
  }
  CHECK(tickets.issue(session, room, noon + hours(1) + Seconds(11)));
}

TEST_CASE("a ring of one trust domain opens and seals tickets of that domain, and of no other") {
  MemoryStore whole;
  REQUIRE(whole.create(new_ring({}, noon).value()));
  MemoryStore exported;
  REQUIRE(exported.create(ticket::ring_of_domain(whole.read().value(), "shop").value()));
  Ticketer all = Ticketer::open(whole, {}, noon).value();
  Ticketer one = Ticketer::open(exported, {}, noon).value();
  const Tickets shop = one.in("shop", {}, noon).value();
  const auto other = one.in("bank", {}, noon);
  REQUIRE_FALSE(other);
  CHECK_EQ(other.error().error, Error::unsuitable);

  std::array<std::byte, max_ticket> room;
  const Session session = test::typical_session();
  const auto ours = shop.issue(session, room, noon);
  REQUIRE(ours);
  CHECK(all.in("shop", {}, noon)->open(ours->bytes, noon));
  CHECK_EQ(all.in("bank", {}, noon)->open(ours->bytes, noon).error(), Reason::altered);
  const auto theirs = all.in("shop", {}, noon)->issue(session, room, noon);
  REQUIRE(theirs);
  CHECK(shop.open(theirs->bytes, noon));
}

}  // namespace
}  // namespace stek
