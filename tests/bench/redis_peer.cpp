// What a session cache costs: a redis-server of its own on a Unix socket in a temporary folder, on
// the CPU that this thread is pinned to. The time is that of both ends.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <memory>
#include <thread>

#include <fmt/core.h>

#include "harness.hpp"
#include "peers.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t state_size = 128;

std::filesystem::path new_folder() {
  std::string folder = std::filesystem::temp_directory_path() / "stek-bench-XXXXXX";
  require(mkdtemp(folder.data()) != nullptr);
  return folder;
}

class Redis {
 public:
  Redis() : folder_(new_folder()) {
    start();
    connect();
    set();
    get();
  }
  ~Redis() {
    close(socket_);
    kill(server_, SIGTERM);
    waitpid(server_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  void set() { require(answer_to(set_request_) == "+OK\r\n"); }
  void get() { require(answer_to(get_request_) == get_answer_); }

  /// That of the server too.
  [[nodiscard]] double seconds() const {
    timespec time{};
    clock_gettime(server_clock_, &time);
    return thread_seconds() + static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_nsec) * 1e-9;
  }

 private:
  void start() {
    const std::string path = socket_path();
    server_ = fork();
    if (server_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      // It goes by the name that it is called by.
      execl(STEK_BENCH_REDIS, "redis-server", "--port", "0", "--unixsocket", path.c_str(), "--dir",
            folder_.c_str(), "--save", "", "--loglevel", "warning", "--logfile", "redis.log",
            nullptr);
      _exit(127);
    }
    require(clock_getcpuclockid(server_, &server_clock_) == 0);
  }

  void connect() {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    require(socket_path().copy(address.sun_path, sizeof address.sun_path - 1) ==
            socket_path().size());
    socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int tries = 0;
         ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
         ++tries) {
      require(tries < 500);
      std::this_thread::sleep_for(10ms);
    }
  }

  [[nodiscard]] std::string socket_path() const { return folder_ / "redis"; }

  std::string_view answer_to(const std::string& request) {
    require(write(socket_, request.data(), request.size()) == static_cast<ssize_t>(request.size()));
    const ssize_t size = read(socket_, answer_.data(), answer_.size());
    require(size > 0);
    return {answer_.data(), static_cast<std::size_t>(size)};
  }

  static std::string request_of(std::initializer_list<std::string_view> words) {
    std::string request = fmt::format("*{}\r\n", words.size());
    for (const auto word : words) request += fmt::format("${}\r\n{}\r\n", word.size(), word);
    return request;
  }

  const std::string id_ = std::string(32, 'i');
  const std::string state_ = std::string(state_size, 's');
  const std::string set_request_ = request_of({"SET", id_, state_, "EX", "43200"});
  const std::string get_request_ = request_of({"GET", id_});
  const std::string get_answer_ = fmt::format("${}\r\n{}\r\n", state_size, state_);
  std::filesystem::path folder_;
  pid_t server_ = 0;
  clockid_t server_clock_{};
  int socket_ = -1;
  std::array<char, 512> answer_{};
};

}  // namespace

Peer redis_peer() {
  auto redis = std::make_shared<Redis>();
  return {.who = "redis 7.0",
          .how = "SET and GET",
          .state_size = state_size,
          .ticket_size = 32,
          .seal = [redis] { redis->set(); },
          .open = [redis] { redis->get(); },
          .seconds = [redis] { return redis->seconds(); }};
}

}  // namespace bench
