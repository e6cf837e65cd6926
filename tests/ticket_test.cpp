#include "ticket/ticket.hpp"

#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include "session/state.hpp"
#include "test_keys.hpp"

namespace {
std::atomic<bool> kernel_gives_randomness{true};
}  // namespace

// In place of the C library's.
extern "C" ssize_t getrandom(void* room, std::size_t size, unsigned flags) {
  return kernel_gives_randomness ? syscall(SYS_getrandom, room, size, flags) : -1;
}

namespace stek {
namespace {

using test::Random;

std::vector<std::byte> state_of(const Session& session, Profile profile) {
  const std::size_t smallest = ticket::layout_of(profile).smallest_state;
  std::vector<std::byte> state(state::size_of(session, smallest).value());
  REQUIRE(state::encode(state, session, stamp_of(session)));
  return state;
}

TEST_CASE("10,000 random sessions per profile come back from their tickets") {
  for (const Profile profile : test::profiles) {
    CAPTURE(name_of(profile));
    Random random(11);
    const auto key = test::random_ticket_key(random, profile);
    const ticket::Layout& layout = ticket::layout_of(profile);
    for (int i = 0; i < 10'000; ++i) {
      const Session session = test::random_session(random);
      const auto ticket = test::sealed(state_of(session, profile), *key);
      std::vector<std::byte> state(layout.state_size(ticket.size()));
      REQUIRE(ticket::open(state, ticket, *key));
      CHECK(test::decoded(state, layout.smallest_state) == session);
    }
  }
}

/// What the path does with bytes that claim to be a ticket under `key`; true when it opens.
bool opens(Bytes ticket, const ticket::TicketKey& key, Room room) {
  const ticket::Layout& layout = ticket::layout_of(key.profile());
  const std::size_t size = layout.state_size(ticket.size());
  if (size == 0) return false;
  const Room state = room.first(size);
  const bool opened = ticket::open(state, ticket, key);
  // A failed open leaves zeros only, whatever it failed at.
  if (!opened) CHECK(is_zero(state));
  return opened;
}

TEST_CASE("a ticket that is altered or cut opens to zeros, and nothing else") {
  std::vector<std::byte> room(wire::largest_class);
  for (const Profile profile : test::profiles) {
    CAPTURE(name_of(profile));
    Random random(12);
    const auto key = test::random_ticket_key(random, profile);
    std::size_t accepted = 0;
    for (int i = 0; i < 20; ++i) {
      Session session = test::typical_session();
      session.secret = test::random_session_secret(random, 48);
      auto ticket = test::sealed(state_of(session, profile), *key);
      // Bits of the name select another key, which the ticketer's tests cover; here all behind it.
      for (std::size_t bit = ticket::name_size * 8; bit < ticket.size() * 8; ++bit) {
        ticket[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        accepted += opens(ticket, *key, room) ? 1U : 0U;
        ticket[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      }
      for (std::size_t n = 0; n < ticket.size(); ++n) {
        accepted += opens(Bytes(ticket).first(n), *key, room) ? 1U : 0U;
      }
      CHECK(opens(ticket, *key, room));
    }
    CHECK_EQ(accepted, 0);
  }
}

TEST_CASE("the key's name is authenticated where it is associated data") {
  for (const Profile profile : test::profiles) {
    Random random(13);
    const auto key = test::random_ticket_key(random, profile);
    auto ticket = test::sealed(state_of(test::typical_session(), profile), *key);
    std::vector<std::byte> room(ticket.size());
    ticket[3] ^= std::byte{1};
    CHECK_FALSE(opens(ticket, *key, room));
  }
}

TEST_CASE("a ticket of one domain does not open in another, nor under another key") {
  for (const Profile profile : test::profiles) {
    Random random(14);
    Granted granted{};
    const Key stek = test::random_key(random, profile);
    const auto ours = ticket::make_ticket_key(stek, "ours", granted);
    const auto theirs = ticket::make_ticket_key(stek, "theirs", granted);
    const auto ticket = test::sealed(state_of(test::typical_session(), profile), *ours);
    std::vector<std::byte> room(ticket.size());
    CHECK(opens(ticket, *ours, room));
    CHECK_FALSE(opens(ticket, *theirs, room));
    CHECK_FALSE(opens(ticket, *test::random_ticket_key(random, profile, "ours"), room));
  }
}

TEST_CASE("without randomness there is no ticket, and nothing of the state is left") {
  for (const Profile profile : test::profiles) {
    Random random(17);
    const auto key = test::random_ticket_key(random, profile);
    std::vector<std::byte> ticket(ticket::layout_of(profile).overhead() + 128, std::byte{7});
    // A thread of its own has drawn nothing yet.
    std::jthread([&] {
      kernel_gives_randomness = false;
      CHECK_FALSE(ticket::seal(ticket, *key, NonceRule::pooled));
      kernel_gives_randomness = true;
    }).join();
    CHECK(is_zero(ticket));
  }
}

TEST_CASE("without memory there is no key") {
  Random random(18);
  const Key stek = test::random_key(random, Profile::aes256gcm);
  rlimit before{};
  REQUIRE_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const rlimit none{.rlim_cur = 1, .rlim_max = before.rlim_max};
  Granted granted{};
  REQUIRE_EQ(setrlimit(RLIMIT_AS, &none), 0);
  const bool made = ticket::make_ticket_key(stek, "d", granted) != nullptr;
  REQUIRE_EQ(setrlimit(RLIMIT_AS, &before), 0);
  CHECK_FALSE(made);
}

TEST_CASE("only the lengths of size classes are taken") {
  for (const ticket::Layout& layout : ticket::layouts) {
    std::set<std::size_t> states;
    for (std::size_t n = 0; n < 20'000; ++n) {
      if (const std::size_t state = layout.state_size(n)) {
        states.insert(state);
        CHECK_EQ(state + layout.overhead(), n);
      }
    }
    const std::set<std::size_t> classes{
        layout.smallest_state, 256, 512, 1024, 2048, 4096, 8192, 16384};
    CHECK(states == classes);
  }
  CHECK_EQ(ticket::layout_of(Profile::rfc5077).overhead() + 112, 178);
}

TEST_CASE("subkeys differ by domain, purpose and lane") {
  Random random(15);
  const Key key = test::random_key(random, Profile::aes256gcm);
  std::set<std::string> seen;
  for (const std::string_view domain : {"", "a", "b"}) {
    const auto domain_key = ticket::domain_key(key.secret, domain);
    for (const auto purpose : {ticket::Purpose::aes256gcm, ticket::Purpose::xchacha20poly1305,
                               ticket::Purpose::rfc5077_cipher, ticket::Purpose::rfc5077_mac}) {
      for (unsigned lane = 0; lane < 256; ++lane) {
        const auto subkey = ticket::subkey(domain_key, purpose, static_cast<std::uint8_t>(lane));
        seen.emplace(reinterpret_cast<const char*>(subkey.expose().data()), subkey.size);
      }
    }
  }
  CHECK_EQ(seen.size(), 3 * 4 * 256);
}

/// Lets two threads set off at the same instant, again and again: futexes would wake them in turn.
class Start {
 public:
  void wait() {
    const unsigned ticket = arrived_++;
    while (arrived_ < (ticket | 1U) + 1) std::this_thread::yield();
  }

 private:
  std::atomic<unsigned> arrived_{0};
};

TEST_CASE("lanes that threads fill at once come out the same") {
  Random random(16);
  const std::vector<std::byte> state(128, std::byte{5});
  for (int round = 0; round < 20; ++round) {
    const Key stek = test::random_key(random, Profile::aes256gcm);
    Granted granted{};
    const auto shared = ticket::make_ticket_key(stek, "d", granted);
    const auto alone = ticket::make_ticket_key(stek, "d", granted);
    Start start;
    std::atomic<std::size_t> opened = 0;
    const auto work = [&] {
      std::vector<std::byte> room(256);
      std::array<std::byte, 13> nonce{};
      for (unsigned lane = 0; lane < 256; ++lane) {
        nonce[0] = static_cast<std::byte>(lane);
        // One of them fills the lane, the other does without.
        start.wait();
        const auto ticket = test::sealed_with_nonce(state, *shared, nonce);
        opened += opens(ticket, *shared, room) ? 1U : 0U;
      }
    };
    {
      std::jthread a(work);
      std::jthread b(work);
    }
    CHECK_EQ(opened, 512);
    std::array<std::byte, 13> nonce{};
    for (unsigned lane = 0; lane < 256; ++lane) {
      nonce[0] = static_cast<std::byte>(lane);
      CHECK(test::sealed_with_nonce(state, *shared, nonce) ==
            test::sealed_with_nonce(state, *alone, nonce));
    }
  }
}

}  // namespace
}  // namespace stek
