// What a ticket costs beside its bare cipher. Rounds are interleaved, ratios are formed inside a
// round, and the answer is checked before anything is timed: on a shared machine only the ratios
// mean something.
//
//   issue, resume   the whole path: key look-up, encoding, randomness, cipher, decision
//   seal, open      the same on opaque bytes: no session, no decision
//   bare            libsodium's cipher on the same bytes, key expanded, nothing else
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <stek/ticketer.hpp>

#include "base/cipher.hpp"
#include "base/hash.hpp"
#include "base/random.hpp"
#include "random_sessions.hpp"
#include "ticket/layout.hpp"

namespace {

using namespace stek;
using test::noon;

constexpr int rounds = 15;
constexpr int calls = 4'000;

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double nanoseconds(const std::function<void()>& work) {
  const double begin = thread_seconds();
  for (int i = 0; i < calls; ++i) work();
  return (thread_seconds() - begin) * 1e9 / calls;
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

void require(bool right, const char* what) {
  if (right) return;
  fmt::print(stderr, "wrong answer: {}\n", what);
  std::exit(1);
}

/// The cipher of a profile on the bytes of a typical state, as libsodium gives it.
class Bare {
 public:
  explicit Bare(Profile profile) : profile_(profile), layout_(ticket::layout_of(profile)) {
    test::Random random(9);
    test::fill(random, key_);
    test::fill(random, nonce_);
    gcm_.assign(key_);
    mac_.assign(key_);
    plain_.resize(layout_.smallest_state);
    sealed_.resize(layout_.smallest_state);
    seal();
    require(open(), "bare cipher");
  }
  void seal() {
    switch (profile_) {
      case Profile::aes256gcm:
        return gcm_.seal(sealed_, std::span(tag_).first<16>(), plain_, associated_,
                         std::span(nonce_).first<12>());
      case Profile::xchacha20poly1305:
        return xchacha20poly1305::seal(sealed_, std::span(tag_).first<16>(), plain_, associated_,
                                       nonce_, key_);
      case Profile::rfc5077:
        xchacha20(sealed_, plain_, nonce_, key_);
        mac_.mac(tag_, sealed_);
    }
  }
  bool open() {
    switch (profile_) {
      case Profile::aes256gcm:
        return gcm_.open(plain_, sealed_, std::span(tag_).first<16>(), associated_,
                         std::span(nonce_).first<12>());
      case Profile::xchacha20poly1305:
        return xchacha20poly1305::open(plain_, sealed_, std::span(tag_).first<16>(), associated_,
                                       nonce_, key_);
      case Profile::rfc5077: {
        std::array<std::byte, 32> mac;
        mac_.mac(mac, sealed_);
        xchacha20(plain_, sealed_, nonce_, key_);
        return equal_secrets(mac, tag_);
      }
    }
    return false;
  }

 private:
  Profile profile_;
  const ticket::Layout& layout_;
  std::array<std::byte, 32> key_{};
  std::array<std::byte, 24> nonce_{};
  std::array<std::byte, 29> associated_{};
  std::array<std::byte, 32> tag_{};
  Aes256GcmKey gcm_;
  HmacSha256Key mac_;
  std::vector<std::byte> plain_;
  std::vector<std::byte> sealed_;
};

struct Row {
  const char* name;
  std::function<void()> work;
  bool seals;  ///< which bare cipher it is beside
  std::vector<double> times{};
  std::vector<double> ratios{};
};

void bench(Profile profile, bool hedge) {
  auto ticketer = Ticketer::standalone({.profile = profile}, {.hedge = hedge}, noon).value();
  const auto tickets = ticketer.in("public", {}, noon).value();
  const Session session = test::typical_session();
  ClientHello hello;
  hello.legacy_version = ProtocolVersion::tls1_2;
  hello.cipher_suites = {session.cipher_suite};
  hello.compression_methods = {0};
  hello.server_name = std::get<HostName>(session.server_name);
  hello.extended_master_secret = true;
  const std::vector<std::byte> opaque(60);

  std::array<std::byte, 512> room{};
  std::array<std::byte, 512> sealed_room{};
  std::array<std::byte, 512> opened{};
  const Bytes ticket = tickets.issue(session, room, noon)->bytes;
  const Bytes sealed = tickets.seal_opaque("bench", opaque, sealed_room, noon)->bytes;
  std::array<std::byte, 512> out{};
  // So that every lane has its key.
  for (int i = 0; i < 8000; ++i) require(tickets.issue(session, out, noon).has_value(), "issue");
  require(tickets.resume(ticket, hello, noon).verdict.outcome == Outcome::resume, "resume");
  require(tickets.open_opaque("bench", sealed, opened, noon).has_value(), "open");

  Bare bare(profile);
  std::vector<Row> rows{
      {"bare seal", [&] { bare.seal(); }, true},
      {"bare open", [&] { (void)bare.open(); }, false},
      {"issue", [&] { (void)tickets.issue(session, out, noon); }, true},
      {"resume", [&] { (void)tickets.resume(ticket, hello, noon); }, false},
      {"seal", [&] { (void)tickets.seal_opaque("bench", opaque, out, noon); }, true},
      {"open", [&] { (void)tickets.open_opaque("bench", sealed, opened, noon); }, false},
  };
  for (int round = 0; round < rounds; ++round) {
    for (Row& row : rows) row.times.push_back(nanoseconds(row.work));
    for (Row& row : rows) {
      row.ratios.push_back(row.times.back() / (row.seals ? rows[0] : rows[1]).times.back());
    }
  }
  for (const Row& row : rows) {
    const auto [least, most] = std::ranges::minmax(row.ratios);
    fmt::print("{:<18} {:<7} {:<10} {:>8.0f} ns {:>7.2f} ({:.2f} to {:.2f})\n", name_of(profile),
               hedge ? "hedged" : "", row.name, median(row.times), median(row.ratios), least, most);
  }
}

}  // namespace

int main() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
  sched_setaffinity(0, sizeof one, &one);
  fmt::print("vDSO getrandom: {}; medians of {} interleaved rounds of {} calls\n",
             vdso_random_available() ? "yes" : "no", rounds, calls);
  fmt::print("{:<18} {:<7} {:<10} {:>11} {:>7}\n", "profile", "", "", "time", "/ bare");
  for (const Profile profile : {Profile::aes256gcm, Profile::xchacha20poly1305, Profile::rfc5077}) {
    if (profile == Profile::aes256gcm && !cipher_tests().aes256gcm) continue;
    bench(profile, false);
    bench(profile, true);
  }
}
