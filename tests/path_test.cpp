// What a ticket costs beside its cipher: no allocation, and no system call, on the usual path.
#include <doctest/doctest.h>

#include <stek/ticketer.hpp>

#include "base/random.hpp"
#include "counted_allocations.hpp"
#include "system_calls.hpp"
#include "test_keys.hpp"

namespace stek {
namespace {

using test::allocations;
using test::noon;
using test::system_calls_of;

constexpr int rounds = 1'000;

struct Server {
  explicit Server(Profile profile, bool hedge = false,
                  Session its_session = test::typical_session())
      : ticketer(Ticketer::standalone({.profile = profile}, {.hedge = hedge}, noon).value()),
        tickets(ticketer.in("public", {}, noon).value()),
        session(std::move(its_session)) {
    hello.legacy_version = ProtocolVersion::tls1_2;
    if (is_tls13(session.version)) {
      hello.supported_versions = {ProtocolVersion::tls1_3};
      hello.psk_key_exchange_modes = {{1}};
      hello.psk_identities = {{.identity = {std::byte{1}}}};
      hello.key_share = true;
    }
    hello.cipher_suites = {session.cipher_suite};
    hello.compression_methods = {0};
    hello.server_name = std::get<HostName>(session.server_name);
    hello.extended_master_secret = true;
  }
  /// Issues and resumes; true when both worked.
  [[nodiscard]] bool serve() const {
    std::array<std::byte, 512> room;
    const auto ticket = tickets.issue(session, room, noon);
    return ticket && tickets.resume(ticket->bytes, hello, noon).verdict.outcome == Outcome::resume;
  }

  Ticketer ticketer;
  Tickets tickets;
  Session session;
  ClientHello hello;
};

TEST_CASE("issuing and resuming allocate nothing") {
  for (const Profile profile : test::profiles) {
    for (const bool tls13 : {false, true}) {
      const Server server(profile, false,
                          tls13 ? test::typical_tls13_session() : test::typical_session());
      REQUIRE(server.serve());
      const std::size_t before = allocations;
      bool served = true;
      for (int i = 0; i < rounds; ++i) served = server.serve() && served;
      CHECK_EQ(allocations - before, 0);
      CHECK(served);
    }
  }
}

TEST_CASE("the allocation counter counts") {
  const std::size_t before = allocations;
  const std::string text(100, 'x');
  CHECK_EQ(allocations - before, 1);
}

/// Served once, so that the thread has its slot, its generator, and every lane its key.
void warm_up(const Server& server) {
  for (int i = 0; i < 4'000; ++i) REQUIRE(server.serve());
}

TEST_CASE("issuing and resuming make no system call where the kernel has the vDSO generator") {
  if (!vdso_random_available()) {
    MESSAGE("not here: this kernel has none");
    return;
  }
  for (const bool hedge : {false, true}) {
    for (const Profile profile : test::profiles) {
      const Server server(profile, hedge);
      warm_up(server);
      const auto calls = system_calls_of([&] {
        bool served = true;
        for (int i = 0; i < rounds; ++i) served = server.serve() && served;
        return served;
      });
      int others = 0;
      for (const auto& [number, count] : calls) others += number == SYS_getrandom ? 0 : count;
      CHECK_EQ(others, 0);
      // The child's first draw seeds its generator, and the kernel may reseed it once.
      const auto seeds = calls.find(SYS_getrandom);
      CHECK((seeds == calls.end() ? 0 : seeds->second) <= 2);
    }
  }
}

TEST_CASE("the pool makes one system call for every 496 bytes of nonce") {
  const auto calls = system_calls_of([] {
    const std::array<std::byte, 64> state{};
    std::array<std::byte, 13> nonce;
    bool drawn = true;
    for (int i = 0; i < 380; ++i) drawn = draw_nonce(nonce, state, NonceRule::pooled) && drawn;
    return drawn;
  });
  const auto random = calls.find(SYS_getrandom);
  REQUIRE(random != calls.end());
  // 38 nonces of 13 bytes a fill.
  CHECK_EQ(random->second, 10);
}

TEST_CASE("the system call counter counts") {
  const auto calls = system_calls_of([] {
    for (int i = 0; i < 7; ++i) syscall(SYS_getuid);
    return true;
  });
  CHECK_EQ(calls.at(SYS_getuid), 7);
}

/// Of this thread's own time on a CPU, so that a busy machine does not matter.
double seconds_of(const auto& work) {
  const auto cpu_time = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = cpu_time();
  work();
  return cpu_time() - start;
}

TEST_CASE("over 175,000 tickets issued and 104,000 resumed in a second of a core (claim 10)") {
  constexpr int tickets = 10'000;
  for (const Profile profile : test::profiles) {
    const Server server(profile);
    warm_up(server);
    std::array<std::byte, max_ticket> room;
    const auto ticket = server.tickets.issue(server.session, room, noon);
    REQUIRE(ticket);
    std::array<std::byte, max_ticket> other;
    double issuing = 1;
    double resuming = 1;
    for (int round = 0; round < 5; ++round) {
      issuing = std::min(issuing, seconds_of([&] {
                           for (int i = 0; i < tickets; ++i)
                             (void)server.tickets.issue(server.session, other, noon);
                         }));
      resuming = std::min(resuming, seconds_of([&] {
                            for (int i = 0; i < tickets; ++i) {
                              (void)server.tickets.resume(ticket->bytes, server.hello, noon);
                            }
                          }));
    }
    MESSAGE(std::string(name_of(profile)), ": ", static_cast<long>(tickets / issuing), " and ",
            static_cast<long>(tickets / resuming));
    CHECK(tickets / issuing > 175'000);
    CHECK(tickets / resuming > 104'000);
  }
}

}  // namespace
}  // namespace stek
