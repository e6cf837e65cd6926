// The randomness rule: no nonce twice for different sessions, whatever happens to the process or
// the machine.
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "test_keys.hpp"

namespace stek {
namespace {

using Nonce = std::array<std::byte, 13>;
constexpr std::size_t draws = 200;

std::array<std::byte, 64> state_of_session(unsigned number) {
  std::array<std::byte, 64> state{};
  state[20] = static_cast<std::byte>(number);
  state[21] = static_cast<std::byte>(number >> 8U);
  return state;
}

std::vector<Nonce> drawn(NonceRule rule) {
  std::vector<Nonce> nonces(draws);
  for (Nonce& nonce : nonces) REQUIRE(draw_nonce(nonce, state_of_session(1), rule));
  return nonces;
}

std::size_t distinct(const std::vector<Nonce>& nonces) {
  return std::set<Nonce>(nonces.begin(), nonces.end()).size();
}

constexpr auto rules = std::to_array({NonceRule::fresh, NonceRule::hedged, NonceRule::pooled});

TEST_CASE("a process never draws a nonce twice") {
  for (const NonceRule rule : rules) {
    std::vector<Nonce> nonces;
    for (int i = 0; i < 500; ++i) {
      const auto more = drawn(rule);
      nonces.insert(nonces.end(), more.begin(), more.end());
    }
    CHECK_EQ(distinct(nonces), nonces.size());
  }
  MESSAGE("the kernel's vDSO generator is there: ", vdso_random_available());
}

/// Draws in a child made by `make_child`, and here, from generators that were warm before.
template <class MakeChild>
void check_child_draws_others(NonceRule rule, MakeChild&& make_child) {
  auto nonces = drawn(rule);
  std::array<int, 2> pipe_ends{};
  REQUIRE_EQ(pipe(pipe_ends.data()), 0);
  const pid_t child = make_child();
  if (child == 0) {
    for (std::size_t i = 0; i < draws; ++i) {
      Nonce nonce;
      if (!draw_nonce(nonce, state_of_session(1), rule)) _exit(2);
      if (write(pipe_ends[1], nonce.data(), nonce.size()) != ssize_t{nonce.size()}) _exit(3);
    }
    _exit(0);
  }
  REQUIRE(child > 0);
  close(pipe_ends[1]);
  const auto mine = drawn(rule);
  nonces.insert(nonces.end(), mine.begin(), mine.end());
  for (std::size_t i = 0; i < draws; ++i) {
    Nonce nonce;
    REQUIRE_EQ(read(pipe_ends[0], nonce.data(), nonce.size()), ssize_t{nonce.size()});
    nonces.push_back(nonce);
  }
  close(pipe_ends[0]);
  int status = 1;
  REQUIRE_EQ(waitpid(child, &status, __WALL), child);
  CHECK_EQ(status, 0);
  CHECK_EQ(distinct(nonces), 3 * draws);
}

TEST_CASE("a forked child draws other nonces than its parent") {
  for (const NonceRule rule : rules) check_child_draws_others(rule, [] { return fork(); });
}

TEST_CASE("a child made by raw clone, of which no library is told, draws other nonces too") {
  for (const NonceRule rule : rules) {
    check_child_draws_others(rule, [] {
      return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0));
    });
  }
}

TEST_CASE("a forked child finds its pool empty") {
  NoncePool* pool = static_cast<NoncePool*>(map_fork_wiped_pages(sizeof(NoncePool)));
  REQUIRE(pool);
  Nonce nonce;
  REQUIRE(pool->draw(nonce, {}, 1));
  REQUIRE(pool->left > 0);
  const pid_t child = fork();
  if (child == 0) _exit(is_zero(std::as_bytes(std::span(pool, 1))) ? 0 : 1);
  int status = 1;
  REQUIRE_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  unmap_pages(pool, sizeof(NoncePool));
}

TEST_CASE("a pool never serves more than 496 bytes of one seed, and no two seeds are one") {
  NoncePool pool{};
  std::set<std::string> fillings;
  const auto filling = [&] { return std::string(reinterpret_cast<const char*>(&pool), 512); };
  Nonce nonce;
  for (std::size_t i = 0; i < 1'000; ++i) {
    REQUIRE(pool.draw(nonce, {}, 1));
    fillings.insert(filling());
  }
  const std::size_t nonces_a_filling = pool.bytes.size() / nonce.size();
  CHECK_EQ(fillings.size(), (1'000 + nonces_a_filling - 1) / nonces_a_filling);
}

TEST_CASE("two fillings of a pool have no more in common than chance gives") {
  NoncePool pool{};
  REQUIRE(pool.fill());
  const NoncePool before = pool;
  REQUIRE(pool.fill());
  CHECK(before.hedge_key != pool.hedge_key);
  std::size_t same = 0;
  for (std::size_t i = 0; i < pool.bytes.size(); ++i) same += pool.bytes[i] == before.bytes[i];
  CHECK(same < 30);
}

// A virtual machine that is cloned or restored has the same pool twice; at worst both read the same
// time stamp.
TEST_CASE("equal pools at the same time stamp give different sessions different nonces") {
  NoncePool original{};
  Nonce warm;
  REQUIRE(original.draw(warm, {}, 0));
  std::set<std::string> nonces;
  for (const std::size_t size : {13UL, 16UL, 24UL}) {
    nonces.clear();
    for (unsigned session = 0; session < 1'000; ++session) {
      NoncePool clone = original;
      std::array<std::byte, 24> nonce{};
      REQUIRE(clone.draw(Room(nonce).first(size), state_of_session(session), 12345));
      nonces.emplace(reinterpret_cast<const char*>(nonce.data()), size);
    }
    CHECK_EQ(nonces.size(), 1'000);
  }
}

TEST_CASE("equal pools and sessions at different time stamps give different nonces") {
  NoncePool original{};
  Nonce warm;
  REQUIRE(original.draw(warm, {}, 0));
  std::set<Nonce> nonces;
  for (std::uint64_t time = 0; time < 1'000; ++time) {
    NoncePool clone = original;
    Nonce nonce;
    REQUIRE(clone.draw(nonce, state_of_session(1), time));
    nonces.insert(nonce);
  }
  CHECK_EQ(nonces.size(), 1'000);
}

TEST_CASE("the hedge mixes in the whole of the first 64 bytes of the state") {
  const std::array<std::byte, 16> key{};
  std::set<Nonce> nonces;
  for (std::size_t at = 0; at < hedge_size; ++at) {
    std::array<std::byte, 64> state{};
    state[at] = std::byte{1};
    Nonce nonce{};
    hedge(nonce, key, state, 7);
    nonces.insert(nonce);
  }
  CHECK_EQ(nonces.size(), hedge_size);
}

TEST_CASE("sealed tickets of a forked pair have different nonces under one key") {
  for (const Profile profile : test::profiles) {
    test::Random random(3);
    const auto key = test::random_ticket_key(random, profile);
    const std::vector<std::byte> state(ticket::layout_of(profile).smallest_state, std::byte{1});
    const auto warm = test::sealed(state, *key);
    auto* shared = static_cast<std::byte*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const pid_t child = fork();
    if (child == 0) {
      std::ranges::copy(test::sealed(state, *key), shared);
      _exit(0);
    }
    const auto mine = test::sealed(state, *key);
    int status = 1;
    REQUIRE_EQ(waitpid(child, &status, 0), child);
    REQUIRE_EQ(status, 0);
    CHECK(std::memcmp(mine.data(), shared, mine.size()) != 0);
    munmap(shared, 4096);
  }
}

}  // namespace
}  // namespace stek
