// Whether nonces repeat: seals COUNT tickets under one key, all of one state, in four processes at
// once that are forked and started anew again and again, and looks for two of one nonce.
//
//   nonce_campaign RULE COUNT      RULE: fresh, hedged or pooled
//
// Half of the processes are forks of one that has drawn nonces already; the others are programs
// started anew.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "random_sessions.hpp"
#include "test_keys.hpp"
#include "ticket/ticket.hpp"

namespace {

using namespace stek;

constexpr std::size_t processes = 4;
constexpr std::size_t generations = 25;  // of each process

/// A nonce of aes256gcm, lane and all.
using Nonce = std::array<std::byte, 13>;

NonceRule rule_named(std::string_view name) {
  if (name == "fresh") return NonceRule::fresh;
  return name == "hedged" ? NonceRule::hedged : NonceRule::pooled;
}

/// The same in every process.
PagesPtr<ticket::TicketKey> one_key() {
  test::Random random(5077);
  return test::random_ticket_key(random, Profile::aes256gcm, "campaign");
}

void seal_into(std::span<Nonce> nonces, NonceRule rule) {
  const auto key = one_key();
  std::array<std::byte, 29 + 128 + 16> sealed{};
  for (Nonce& nonce : nonces) {
    const Room state = ticket::body_of(sealed, ticket::layout_of(Profile::aes256gcm));
    std::ranges::fill(state, std::byte{1});
    if (!ticket::seal(sealed, *key, rule)) std::abort();
    std::memcpy(nonce.data(), sealed.data() + ticket::name_size, nonce.size());
  }
}

std::span<Nonce> map_nonces(int fd, std::size_t count) {
  void* pages = mmap(nullptr, count * sizeof(Nonce), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (pages == MAP_FAILED) std::abort();
  return {static_cast<Nonce*>(pages), count};
}

void wait_for(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) std::abort();
}

struct Campaign {
  std::string program;
  std::string rule;
  std::size_t count;
  int fd;
  std::span<Nonce> nonces;

  [[nodiscard]] std::span<Nonce> part(std::size_t process, std::size_t generation) const {
    const std::size_t size = count / (processes * generations);
    return nonces.subspan((process * generations + generation) * size, size);
  }

  void fork_to(std::size_t process, std::size_t generation) const {
    const pid_t child = fork();
    if (child == 0) {
      seal_into(part(process, generation), rule_named(rule));
      _exit(0);
    }
    wait_for(child);
  }

  void start_anew(std::size_t process, std::size_t generation) const {
    const pid_t child = fork();
    if (child == 0) {
      execl(program.c_str(), program.c_str(), rule.c_str(), std::to_string(count).c_str(),
            std::to_string(fd).c_str(), std::to_string(process).c_str(),
            std::to_string(generation).c_str(), nullptr);
      _exit(1);
    }
    wait_for(child);
  }

  void run_process(std::size_t process) const {
    Nonce drawn_before_the_fork;
    seal_into(std::span(&drawn_before_the_fork, 1), rule_named(rule));
    for (std::size_t generation = 0; generation < generations; ++generation) {
      generation % 2 == 0 ? fork_to(process, generation) : start_anew(process, generation);
    }
  }
};

void run_all(const Campaign& campaign) {
  Nonce drawn_before_the_forks;
  seal_into(std::span(&drawn_before_the_forks, 1), rule_named(campaign.rule));
  std::vector<pid_t> children;
  for (std::size_t process = 0; process < processes; ++process) {
    const pid_t child = fork();
    if (child == 0) {
      campaign.run_process(process);
      _exit(0);
    }
    children.push_back(child);
  }
  std::ranges::for_each(children, wait_for);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 6) {
    fmt::print(stderr, "usage: nonce_campaign fresh|hedged|pooled COUNT\n");
    return 2;
  }
  Campaign campaign{.program = "/proc/self/exe",
                    .rule = argv[1],
                    .count = std::stoul(argv[2]),
                    .fd = -1,
                    .nonces = {}};
  campaign.count -= campaign.count % (processes * generations);
  const bool started_anew = argc == 6;
  campaign.fd = started_anew ? std::stoi(argv[3]) : memfd_create("nonces", 0);
  if (!started_anew &&
      ftruncate(campaign.fd, static_cast<off_t>(campaign.count * sizeof(Nonce))) != 0) {
    return 1;
  }
  campaign.nonces = map_nonces(campaign.fd, campaign.count);
  if (started_anew) {
    seal_into(campaign.part(std::stoul(argv[4]), std::stoul(argv[5])), rule_named(campaign.rule));
    return 0;
  }
  run_all(campaign);
  std::ranges::sort(campaign.nonces);
  const bool repeated = std::ranges::adjacent_find(campaign.nonces) != campaign.nonces.end();
  fmt::print("{}: {} nonces of {} processes under one key, {}\n", campaign.rule, campaign.count,
             processes * generations, repeated ? "REPEATED" : "all distinct");
  return repeated ? 1 : 0;
}
