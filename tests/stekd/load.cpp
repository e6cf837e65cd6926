// stekd beside a bare echo over the same HTTP, in rounds that take turns; the figures of each round
// are compared within it.
//
//   load STEKD_SOCKET STEKD_PID ECHO_SOCKET ECHO_PID [--smoke]
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include <fmt/core.h>

#include "hello_bytes.hpp"
#include "http_client.hpp"
#include "session/state.hpp"

namespace stek::test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(std::string_view why) {
  fmt::print(stderr, "load: {}\n", why);
  std::exit(1);
}

// ---- who runs where

struct Server {
  std::string socket;
  std::string pid;
};

void keep(pid_t thread, std::size_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(thread, sizeof set, &set);
}

void keep(const Server& server, std::size_t cpu) {
  DIR* const tasks = opendir(("/proc/" + server.pid + "/task").c_str());
  if (tasks == nullptr) fail("a server is gone");
  while (const dirent* task = readdir(tasks)) {
    if (const int thread = std::atoi(task->d_name); thread > 0) keep(thread, cpu);
  }
  closedir(tasks);
}

// ---- figures

double quantile(std::vector<double> values, double q) {
  const auto at = static_cast<std::size_t>(q * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return values[at];
}

double median(const std::vector<double>& values) {
  return quantile(values, 0.5);
}

/// One figure of both, a round.
struct Pair {
  std::vector<double> stekd;
  std::vector<double> beside;

  [[nodiscard]] double ratio() const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < stekd.size(); ++i) ratios.push_back(stekd[i] / beside[i]);
    return median(ratios);
  }
};

struct Reach {
  double bound;
  bool at_least;
};

void print(std::string_view what, std::string_view unit, const Pair& pair, Reach reach) {
  const double ratio = pair.ratio();
  const bool holds = reach.at_least ? ratio >= reach.bound : ratio <= reach.bound;
  fmt::print("{:44} {:>10.1f} {:>10.1f} {:4} {:>6.2f}   {} {:.2f}  {}\n", what, median(pair.beside),
             median(pair.stekd), unit, ratio, reach.at_least ? ">=" : "<=", reach.bound,
             holds ? "holds" : "short");
}

// ---- requests

void send_right(HttpClient& client, std::string_view request) {
  const auto answer = client.ask(request);
  if (!answer || answer->status != 200) fail("a request was not answered with 200");
}

struct Requests {
  std::string issue;
  std::string resume;
};

Session session_of_a_browser(Random& random) {
  Session session;
  session.version = ProtocolVersion::tls1_2;
  session.cipher_suite = CipherSuite{0xc02f};
  session.secret = random_session_secret(random, 48);
  session.extended_master_secret = true;
  session.server_name = HostName::from("shop.example").value();
  return session;
}

Requests requests_for(const Server& stekd) {
  Random random{7};
  const Session session = session_of_a_browser(random);
  std::vector<std::byte> state(state::size_of(session, 128).value());
  const Stamp stamp{.issued_at = system_now(),
                    .authenticated_at = system_now(),
                    .lifetime = Seconds(43200),
                    .context = {}};
  if (!state::encode(state, session, stamp)) fail("the session has no state");
  Requests requests{.issue = request_for("/v1/issue", state), .resume = {}};
  HttpClient client(stekd.socket);
  const auto issued = client.ask(requests.issue);
  if (!issued || issued->status != 200) fail("stekd issues no ticket");
  // Behind the lifetime hint: a ticket behind its length, as /v1/resume has it.
  Wire offer(issued->body.begin() + 4, issued->body.end());
  append(offer, hello_for(session, {}));
  requests.resume = request_for("/v1/resume", offer);
  const auto resumed = client.ask(requests.resume);
  if (!resumed || resumed->status != 200 || resumed->body.front() != std::byte{1}) {
    fail("stekd resumes no session");
  }
  return requests;
}

// ---- measurements

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// Of each call, one after the other.
std::vector<double> lock_step(HttpClient& client, std::string_view request, int calls) {
  std::vector<double> took;
  for (int i = 0; i < calls; ++i) {
    const auto begin = Clock::now();
    send_right(client, request);
    took.push_back(microseconds_since(begin));
  }
  return took;
}

/// Answers a second, with a request under way on each connection.
double throughput(const Server& server, std::string_view request, Clock::duration time) {
  constexpr std::size_t connections = 32;
  std::vector<HttpClient> clients;
  std::vector<pollfd> polled;
  for (std::size_t i = 0; i < connections; ++i) {
    polled.push_back(
        {.fd = clients.emplace_back(server.socket).fd(), .events = POLLIN, .revents = 0});
    if (!clients.back().send(request)) fail("a server takes no requests");
  }
  const auto begin = Clock::now();
  std::size_t answers = 0;
  while (Clock::now() - begin < time) {
    poll(polled.data(), polled.size(), 1000);
    for (std::size_t i = 0; i < connections; ++i) {
      if (polled[i].revents == 0) continue;
      if (!clients[i].read()) fail("a connection was closed");
      const auto answer = clients[i].answer();
      if (!answer) continue;
      if (answer->status != 200) fail("a request was not answered with 200");
      ++answers;
      clients[i].send(request);
    }
  }
  return static_cast<double>(answers) * 1e6 / microseconds_since(begin);
}

/// Connections that are in the way: a thousand that were served and are idle, two hundred that
/// send a request a byte at a time, and come again when they are closed.
class Crowd {
 public:
  Crowd(const Server& server, std::string request, std::size_t idle, std::size_t slow)
      : socket_(server.socket), request_(std::move(request)) {
    for (std::size_t i = 0; i < idle; ++i) send_right(idle_.emplace_back(socket_), request_);
    for (std::size_t i = 0; i < slow; ++i) slow_.emplace_back(socket_);
    thread_ = std::thread([this] { drip(); });
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    over_ = true;
    thread_.join();
  }

 private:
  void drip() {
    for (std::size_t at = 0; !over_; ++at) {
      for (HttpClient& client : slow_) {
        const char byte = request_[at % request_.size()];
        if (!client.is_open() || !client.send({&byte, 1})) client.connect(socket_);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  std::string socket_;
  std::string request_;
  std::vector<HttpClient> idle_;
  std::vector<HttpClient> slow_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// ---- the run

struct Size {
  int rounds;
  int calls;
  Clock::duration time;
  std::size_t idle;
  std::size_t slow;
};
constexpr Size whole{
    .rounds = 15, .calls = 2000, .time = std::chrono::milliseconds(300), .idle = 1000, .slow = 200};
constexpr Size brief{
    .rounds = 1, .calls = 20, .time = std::chrono::milliseconds(10), .idle = 50, .slow = 10};

struct Figures {
  Pair issue;
  Pair resume;
};

Figures in_rounds(const Server& stekd, const Server& echo, const Requests& requests, int rounds,
                  const std::function<double(const Server&, std::string_view)>& measure) {
  Figures figures;
  for (int i = 0; i < rounds; ++i) {
    for (auto [pair, request] : {std::pair{&figures.issue, &requests.issue},
                                 std::pair{&figures.resume, &requests.resume}}) {
      pair->beside.push_back(measure(echo, *request));
      pair->stekd.push_back(measure(stekd, *request));
    }
  }
  return figures;
}

double p50_of(const Server& server, std::string_view request, int calls) {
  HttpClient client(server.socket);
  return median(lock_step(client, request, calls));
}

/// The tail with nobody else there, and in a crowd.
Pair crowded(const Server& stekd, const Requests& requests, const Size& size) {
  const auto p99 = [&] {
    HttpClient client(stekd.socket);
    return quantile(lock_step(client, requests.resume, size.calls), 0.99);
  };
  Pair pair;
  for (int i = 0; i < size.rounds; ++i) {
    pair.beside.push_back(p99());
    const Crowd crowd(stekd, requests.issue, size.idle, size.slow);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    pair.stekd.push_back(p99());
  }
  return pair;
}

void measure(const Server& stekd, const Server& echo, const Size& size) {
  const Requests requests = requests_for(stekd);
  const auto step = [&](const Server& server, std::string_view request) {
    return p50_of(server, request, size.calls);
  };
  const auto rate = [&](const Server& server, std::string_view request) {
    return throughput(server, request, size.time);
  };
  fmt::print("{:44} {:>10} {:>10} {:4} {:>6}   reach\n", "", "echo", "stekd", "", "ratio");
  constexpr Reach as_fast{.bound = 1.15, .at_least = false};
  keep(0, 0);
  for (const std::size_t cpu : {std::size_t{0}, std::size_t{1}}) {
    for (const Server& server : {stekd, echo}) keep(server, cpu);
    const Figures p50 = in_rounds(stekd, echo, requests, size.rounds, step);
    const auto where = cpu == 0 ? "client on its CPU" : "client on another";
    print(fmt::format("lock-step p50, {}: issue", where), "us", p50.issue, as_fast);
    print(fmt::format("lock-step p50, {}: resume", where), "us", p50.resume, as_fast);
  }
  const Figures rates = in_rounds(stekd, echo, requests, size.rounds, rate);
  constexpr Reach as_many{.bound = 0.85, .at_least = true};
  print("answers a second, 32 connections: issue", "", rates.issue, as_many);
  print("answers a second, 32 connections: resume", "", rates.resume, as_many);
  fmt::print("{:44} {:>10} {:>10}\n", "", "alone", "crowded");
  print(fmt::format("p99 beside {} idle and {} slow ones: resume", size.idle, size.slow), "us",
        crowded(stekd, requests, size), {.bound = 2.0, .at_least = false});
}

void allow_many_connections() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace stek::test

int main(int argc, char** argv) {
  using namespace stek::test;
  const bool smoke = argc == 6 && std::string_view(argv[5]) == "--smoke";
  if (argc != 5 && !smoke) return 2;
  allow_many_connections();
  measure({.socket = argv[1], .pid = argv[2]}, {.socket = argv[3], .pid = argv[4]},
          smoke ? brief : whole);
  return 0;
}
