// The C++ client against stekd itself, and against servers that are not what they should be.

#include "client.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <doctest/doctest.h>

#include "hello_bytes.hpp"
#include "in_child.hpp"
#include "resumption/messages.hpp"

using namespace std::chrono_literals;
using namespace stek;
using namespace stek::test;
using stekd::Answer;
using stekd::Client;
using stekd::Trouble;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto ample = 5s;
constexpr auto brief = 10ms;

/// A folder for one test, with a short name as sockets need it.
class Folder {
 public:
  Folder() {
    std::string name = "/tmp/stekd-client-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string at(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

template <class Done>
bool wait_until(const Done& done) {
  for (const auto end = Clock::now() + ample * 4; Clock::now() < end;) {
    if (done()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

// ---- stekd

pid_t started(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork_to_end_alone();
  if (child != 0) return child;
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, 1);
  dup2(nowhere, 2);
  // stekd's memory is closed to its own user, which no sanitizer's leak check bears.
  setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  execv(arguments[0], arguments.data());
  _exit(127);
}

int end_of(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

/// Of the test's environment.
std::string program(const char* name) {
  const char* path = std::getenv(name);
  REQUIRE_MESSAGE(path != nullptr, "unset: ", name);
  return path;
}

class Daemon {
 public:
  explicit Daemon(std::string_view more = {}) {
    REQUIRE(end_of(started({program("STEK"), "keys", "init", "--ring", folder_.at("ring.json")})) ==
            0);
    std::ofstream(folder_.at("stekd.toml"))
        << "ring = \"" << folder_.at("ring.json") << "\"\nthreads = 2\n"
        << more << "[admin]\nsocket = \"" << folder_.at("admin") << "\"\n"
        << "[realm.shop]\ncontext = \"" << std::string(32, '7') << "\"\n"
        << "[listen.shop]\nsocket = \"" << path() << "\"\nrealm = \"shop\"\n";
    start();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() { stop(); }

  void start() {
    process_ =
        started({program("STEKD"), "--config", folder_.at("stekd.toml"), "--allow-unlocked"});
    REQUIRE(wait_until([&] {
      const int probe = socket(AF_UNIX, SOCK_STREAM, 0);
      const sockaddr_un address = address_of(path());
      const int connected =
          connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
      close(probe);
      return connected == 0;
    }));
  }
  void stop() {
    if (process_ == 0) return;
    kill(process_, SIGTERM);
    CHECK(end_of(std::exchange(process_, 0)) == 0);
  }
  /// When it returns, all of its threads have stopped.
  void halt() const {
    REQUIRE(kill(process_, SIGSTOP) == 0);
    REQUIRE(waitpid(process_, nullptr, WUNTRACED) == process_);
  }
  void go_on() const { REQUIRE(kill(process_, SIGCONT) == 0); }
  [[nodiscard]] std::string path() const { return folder_.at("shop"); }

 private:
  Folder folder_;
  pid_t process_ = 0;
};

// ---- what is not stekd

/// Serves one connection after the other.
class Fake {
 public:
  using Serve = std::function<void(int connection)>;

  explicit Fake(Serve serve) : serve_(std::move(serve)) {
    const sockaddr_un address = address_of(path());
    REQUIRE(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(socket_, 16) == 0);
    thread_ = std::thread([this] {
      for (int connection = 0; (connection = accept(socket_, nullptr, nullptr)) != -1;) {
        ++connections;
        serve_(connection);
        close(connection);
      }
    });
  }
  Fake(const Fake&) = delete;
  Fake& operator=(const Fake&) = delete;
  ~Fake() {
    shutdown(socket_, SHUT_RDWR);
    thread_.join();
    close(socket_);
  }
  [[nodiscard]] std::string path() const { return folder_.at("fake"); }

  std::atomic<int> connections = 0;

 private:
  Folder folder_;
  Serve serve_;
  int socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::thread thread_;
};

/// Until the head and body of one request are there; false at the end.
bool take_request(int connection) {
  std::string request;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t n = recv(connection, part.data(), part.size(), 0);
    if (n <= 0) return false;
    request.append(part.data(), static_cast<std::size_t>(n));
    const std::size_t head = request.find("\r\n\r\n");
    const std::size_t length = request.find("Content-Length: ");
    if (head == std::string::npos || length == std::string::npos) continue;
    if (request.size() == head + 4 + std::stoul(request.substr(length + 16))) return true;
  }
}

/// False when nobody is there any more.
bool say(int connection, std::string_view text) {
  return send(connection, text.data(), text.size(), MSG_NOSIGNAL) > 0;
}

/// Answers whatever is asked with `text`.
Fake::Serve answering(std::string text) {
  return [text = std::move(text)](int connection) {
    while (take_request(connection)) say(connection, text);
  };
}

std::string http(std::string_view body, std::string_view status = "200 OK",
                 std::string_view type = "application/octet-stream") {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

/// A lifetime of an hour, and a ticket of three bytes.
const std::string issued("\0\0\x0e\x10\0\3abc", 9);

// ---- calls

struct Issued {
  Trouble trouble = Trouble::none;
  Wire ticket;
  Seconds lifetime_hint{};
};

Issued issue(Client& client, const Session& session = typical_session()) {
  std::array<std::byte, max_ticket> room;
  const auto ticket = client.issue(session, room);
  if (!ticket) return {.trouble = ticket.error(), .ticket = {}};
  return {.ticket = {ticket->bytes.begin(), ticket->bytes.end()},
          .lifetime_hint = ticket->lifetime_hint};
}

Answer resume(Client& client, Bytes ticket, const Session& session = typical_session()) {
  return client.resume(ticket, hello_for(session, ticket));
}

/// What each kind of call says of `path`.
void both_say(const std::string& path, Trouble trouble, Client::Deadline deadline = ample) {
  Client client(path, deadline);
  CHECK(name_of(issue(client).trouble) == name_of(trouble));
  const Answer answer = resume(client, Wire(100));
  CHECK(name_of(answer.trouble) == name_of(trouble));
  CHECK(answer.resumption.verdict == Verdict{});
  CHECK(answer.resumption.session == Session{});
}

/// How long each of many calls takes, in ascending order.
template <class Call>
std::vector<Clock::duration> times_of(int n, const Call& call) {
  std::vector<Clock::duration> times;
  while (n-- > 0) {
    const auto begin = Clock::now();
    call();
    times.push_back(Clock::now() - begin);
  }
  std::ranges::sort(times);
  return times;
}

/// The machine that tests run on has other things to do: one call of ten may be preempted.
void hold_the_deadline(const std::vector<Clock::duration>& times) {
  CHECK(times[times.size() * 9 / 10] <= brief + 5ms);
}

}  // namespace

TEST_CASE("a session comes back from stekd with its ticket") {
  const Daemon daemon;
  Client client(daemon.path(), ample);
  for (const Session& session : {typical_session(), typical_tls13_session()}) {
    const Issued ticket = issue(client, session);
    REQUIRE(ticket.trouble == Trouble::none);
    CHECK(ticket.lifetime_hint == 12h);
    const Answer answer = resume(client, ticket.ticket, session);
    REQUIRE(answer.trouble == Trouble::none);
    CHECK(answer.resumption.verdict.outcome == Outcome::resume);
    CHECK(answer.resumption.verdict.reason == Reason::resumes);
    CHECK(answer.resumption.verdict.cipher_suite == session.cipher_suite);
    Session expected = session.copy();
    expected.issued_at = answer.resumption.session.issued_at;
    expected.authenticated_at = expected.issued_at;
    expected.lifetime = 12h;
    expected.context = answer.resumption.session.context;
    CHECK(answer.resumption.session == expected);
  }
}

TEST_CASE("whatever a session holds comes back") {
  const Daemon daemon;
  Client client(daemon.path(), ample);
  Random random(3);
  int resumed = 0;
  for (int i = 0; i < 500; ++i) {
    Session session = random_session(random);
    session.authenticated_at = {};
    // What does not fit into a ticket of stekd's, or is past its end, is refused as it is in one
    // process; what decides on a resumption has tests of its own.
    const Issued ticket = issue(client, session);
    if (ticket.trouble != Trouble::none) continue;
    const Answer answer = resume(client, ticket.ticket, session);
    REQUIRE(answer.trouble == Trouble::none);
    if (answer.resumption.verdict.outcome != Outcome::resume) continue;
    ++resumed;
    session.issued_at = answer.resumption.session.issued_at;
    session.authenticated_at = answer.resumption.session.authenticated_at;
    session.lifetime = answer.resumption.session.lifetime;
    session.context = answer.resumption.session.context;
    CHECK(answer.resumption.session == session);
  }
  CHECK(resumed > 50);
}

TEST_CASE("a ticket that does not resume is an answer and no trouble") {
  const Daemon daemon;
  Client client(daemon.path(), ample);
  Session session = typical_session();
  Issued ticket = issue(client, session);
  ticket.ticket.back() ^= std::byte{1};
  Answer answer = resume(client, ticket.ticket, session);
  CHECK(answer.trouble == Trouble::none);
  CHECK(answer.resumption.verdict.outcome == Outcome::full_handshake);
  CHECK(answer.resumption.verdict.reason == Reason::altered);
  ticket.ticket.back() ^= std::byte{1};

  session.server_name = HostName::from("other.example").value();
  answer = resume(client, ticket.ticket, session);
  CHECK(answer.resumption.verdict.reason == Reason::server_name_differs);
  CHECK(answer.resumption.session == Session{});

  session = typical_session();
  session.extended_master_secret = false;
  answer = resume(client, ticket.ticket, session);
  CHECK(answer.resumption.verdict.outcome == Outcome::abort);
  CHECK(answer.resumption.verdict.alert == Alert::handshake_failure);
}

TEST_CASE("a ticket of no bytes stands for those that the hello offers") {
  const Daemon daemon;
  Client client(daemon.path(), ample);
  const Session session = typical_tls13_session();
  const Issued ticket = issue(client, session);
  const Answer answer = client.resume({}, hello_for(session, ticket.ticket));
  CHECK(answer.resumption.verdict.outcome == Outcome::resume);
}

TEST_CASE("a session with an identity needs no context of the client's") {
  const Daemon daemon;
  Client client(daemon.path(), ample);
  Session session = typical_session();
  session.client_identity = ClientIdentityHash{{std::byte{1}}};
  session.identity_expires = system_now() + 24h;
  const Issued ticket = issue(client, session);
  REQUIRE(ticket.trouble == Trouble::none);
  const Answer answer = resume(client, ticket.ticket, session);
  CHECK(answer.resumption.verdict.outcome == Outcome::resume);
  CHECK(answer.resumption.session.context[0] == std::byte{0x77});
}

TEST_CASE("what stekd gives no ticket is refused, and the connection goes on") {
  const Daemon daemon;
  Client client(daemon.path(), ample);
  Session session = typical_session();
  session.extended_master_secret = false;
  CHECK(issue(client, session).trouble == Trouble::refused);
  CHECK(issue(client).trouble == Trouble::none);
}

TEST_CASE("what cannot be a session or a hello is not asked for") {
  Client client("/nonexistent", ample);
  Session session = typical_session();
  session.secret = SessionSecret();
  CHECK(issue(client, session).trouble == Trouble::unsuitable);
  session = typical_session();
  session.application_data = SecretBytes(Wire(20000));
  CHECK(issue(client, session).trouble == Trouble::unsuitable);
  CHECK(client.resume(Wire(100), Wire(65436)).trouble == Trouble::unsuitable);
  CHECK(client.resume(Wire(65537), Wire(1)).trouble == Trouble::unsuitable);
}

TEST_CASE("a room too small for the ticket gets none of it") {
  const Daemon daemon;
  Client client(daemon.path(), ample);
  std::array<std::byte, 100> room{};
  CHECK(client.issue(typical_session(), room).error() == Trouble::unsuitable);
  CHECK(is_zero(room));
}

TEST_CASE("no daemon is a full handshake") {
  const Folder folder;
  both_say(folder.at("nobody"), Trouble::unreachable);
  both_say(std::string(200, 'x'), Trouble::unreachable);
  both_say("", Trouble::unreachable);
}

TEST_CASE("a daemon that was stopped and comes back is met again") {
  Daemon daemon;
  Client client(daemon.path(), ample);
  const Issued ticket = issue(client);
  daemon.stop();
  CHECK(resume(client, ticket.ticket).trouble == Trouble::unreachable);
  daemon.start();
  CHECK(resume(client, ticket.ticket).resumption.verdict.outcome == Outcome::resume);
}

TEST_CASE("a connection that stekd has closed for being idle costs nothing") {
  const Daemon daemon("idle = \"50ms\"\n");
  Client client(daemon.path(), ample);
  for (int i = 0; i < 3; ++i) {
    CHECK(issue(client).trouble == Trouble::none);
    std::this_thread::sleep_for(120ms);
  }
}

TEST_CASE("a connection that ends below a request is replaced once") {
  std::atomic<int> answers = 0;
  Fake fake([&](int connection) {
    // Every connection ends with its second request, which it has read.
    for (int i = 0; i < 2 && take_request(connection); ++i) {
      if (i == 1) return;
      ++answers;
      say(connection, http(issued));
    }
  });
  Client client(fake.path(), ample);
  for (int i = 1; i <= 3; ++i) {
    CHECK(issue(client).trouble == Trouble::none);
    CHECK(fake.connections == i);
  }
  CHECK(answers == 3);
}

TEST_CASE("a daemon that has come to a halt costs no more than the deadline") {
  const Daemon daemon;
  Client client(daemon.path(), brief);
  Client connected(daemon.path(), ample);
  const Issued ticket = issue(connected);
  REQUIRE(ticket.trouble == Trouble::none);
  daemon.halt();
  hold_the_deadline(times_of(40, [&] { CHECK(issue(client).trouble == Trouble::late); }));
  hold_the_deadline(
      times_of(40, [&] { CHECK(resume(client, ticket.ticket).trouble == Trouble::late); }));
  daemon.go_on();
  CHECK(wait_until([&] { return issue(client).trouble == Trouble::none; }));
  CHECK(resume(connected, ticket.ticket).resumption.verdict.outcome == Outcome::resume);
}

TEST_CASE("a full queue is found out at once") {
  const Folder folder;
  const std::string path = folder.at("full");
  const int listening = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = address_of(path);
  REQUIRE(bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(listening, 0) == 0);
  Client first(path, brief);
  CHECK(issue(first).trouble == Trouble::late);
  Client second(path, ample);
  CHECK(issue(second).trouble == Trouble::unreachable);
  close(listening);
}

TEST_CASE("who drips an answer gets no more time than who is silent") {
  Fake fake([](int connection) {
    if (!take_request(connection)) return;
    const std::string answer = http(std::string(2000, 'x'));
    for (std::size_t at = 0; say(connection, std::string_view(answer).substr(at, 1)); ++at) {
      std::this_thread::sleep_for(1ms);
    }
  });
  hold_the_deadline(times_of(20, [&] {
    Client client(fake.path(), brief);
    CHECK(issue(client).trouble == Trouble::late);
  }));
}

TEST_CASE("a flood of an answer ends by the deadline or its length") {
  Fake fake([](int connection) {
    if (!take_request(connection)) return;
    const std::string part(4096, 'x');
    while (say(connection, part)) continue;
  });
  both_say(fake.path(), Trouble::malformed);
}

TEST_CASE("an answer that comes late is not taken for the next one") {
  Fake fake([](int connection) {
    if (!take_request(connection)) return;
    std::this_thread::sleep_for(40ms);
    say(connection, http("not what was asked next"));
    while (take_request(connection)) say(connection, http(issued));
  });
  Client client(fake.path(), brief);
  CHECK(issue(client).trouble == Trouble::late);
  std::this_thread::sleep_for(60ms);
  CHECK(issue(client).trouble == Trouble::late);
  CHECK(wait_until([&] { return fake.connections == 2; }));
}

TEST_CASE("what is said without being asked is no answer") {
  std::atomic<bool> asked = false;
  std::atomic<bool> said_more = false;
  Fake fake([&](int connection) {
    while (take_request(connection)) {
      say(connection, http(issued));
      if (asked.exchange(true)) continue;
      std::this_thread::sleep_for(10ms);
      say(connection, http("what is this"));
      said_more = true;
    }
  });
  Client client(fake.path(), ample);
  CHECK(issue(client).trouble == Trouble::none);
  REQUIRE(wait_until([&] { return said_more.load(); }));
  CHECK(issue(client).trouble == Trouble::none);
  CHECK(fake.connections == 2);
}

TEST_CASE("garbage is malformed") {
  const std::vector<std::string> answers = {
      "hello\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n\r\n",
      std::string(9, '\0') + "\r\n\r\n",
      "\r\n\r\n",
      "x\r\nContent-Length: 9\r\n\r\n" + issued,
      "HTTP/1.1\r\nContent-Length: 9\r\n\r\n" + issued,
      "HTTP/1.1 \r\nContent-Length: 9\r\n\r\n" + issued,
      "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n" + issued,
      "HTTP/1.1 2x0 OK\r\nContent-Length: 9\r\n\r\n" + issued,
      "HTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n" + issued,
      "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 9\r\n\r\n" + issued,
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0x9\r\n\r\n" + issued,
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 9\r\n\r\n" + issued,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      http(issued) + "x",
      http(issued, "200 OK", "application/json"),
      http(""),
      http("x"),
      http(issued.substr(0, 8)),
      http(issued + "x"),
      http(std::string(40000, 'x')),
      std::string(30000, 'x'),
  };
  for (const std::string& answer : answers) {
    CAPTURE(answer.substr(0, 80));
    Fake fake(answering(answer));
    both_say(fake.path(), Trouble::malformed);
  }
}

TEST_CASE("a verdict is malformed unless all of it is right") {
  const Session session = typical_session();
  Wire state(state::size_of(session, 128).value());
  REQUIRE(state::encode(state, session, stamp_of(session)));
  const auto answer_with = [](std::uint8_t outcome, std::string_view reason, Bytes rest) {
    Wire body(messages::resumed_header.size);
    messages::resumed_header.encode(Room(body).first<messages::resumed_header.size>(),
                                    messages::Resumed{.outcome = outcome});
    append_vector(body, 1, std::as_bytes(std::span(reason)));
    append(body, rest);
    return http({reinterpret_cast<const char*>(body.data()), body.size()});
  };
  const auto trouble_of = [&](const std::string& answer) {
    Fake fake(answering(answer));
    Client client(fake.path(), ample);
    return resume(client, Wire(100)).trouble;
  };
  CHECK(trouble_of(answer_with(1, "resumes", state)) == Trouble::none);
  CHECK(trouble_of(answer_with(2, "unknown_key", {})) == Trouble::none);
  CHECK(trouble_of(answer_with(0, "resumes", state)) == Trouble::malformed);
  CHECK(trouble_of(answer_with(4, "resumes", {})) == Trouble::malformed);
  CHECK(trouble_of(answer_with(2, "no such reason", {})) == Trouble::malformed);
  CHECK(trouble_of(answer_with(2, "", {})) == Trouble::malformed);
  CHECK(trouble_of(answer_with(2, "unknown_key", state)) == Trouble::malformed);
  CHECK(trouble_of(answer_with(1, "resumes", {})) == Trouble::malformed);
  CHECK(trouble_of(answer_with(1, "resumes", Bytes(state).first(127))) == Trouble::malformed);
  CHECK(trouble_of(answer_with(1, "resumes", Wire(128))) == Trouble::malformed);
}

TEST_CASE("half an answer is cut short, wherever it is cut") {
  const std::string whole = http(issued);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    Fake fake([&](int connection) {
      if (take_request(connection)) say(connection, std::string_view(whole).substr(0, size));
    });
    Client client(fake.path(), ample);
    CHECK(issue(client).trouble == Trouble::cut_short);
  }
}

TEST_CASE("whatever byte of an answer is another, the call ends with an answer or a trouble") {
  const std::string whole = http(issued);
  std::atomic<std::size_t> at = 0;
  std::atomic<char> byte = 0;
  Fake fake([&](int connection) {
    if (!take_request(connection)) return;
    std::string answer = whole;
    answer[at] = byte;
    say(connection, answer);
  });
  for (const char other : {'\0', '\n', '\r', ' ', ':', '9', '\xff'}) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      at = i;
      byte = other;
      Client client(fake.path(), ample);
      const Trouble trouble = issue(client).trouble;
      CAPTURE(i);
      CHECK((trouble == Trouble::none || trouble == Trouble::malformed ||
             trouble == Trouble::refused || trouble == Trouble::cut_short));
    }
  }
}

TEST_CASE("a problem is refused, and its connection closed where it says so") {
  const std::string problem = http("{}", "503 Service Unavailable", "application/problem+json");
  Fake fake(answering(problem));
  both_say(fake.path(), Trouble::refused);
  CHECK(fake.connections == 1);
  std::string closing = http("{}", "413 Payload Too Large");
  closing.insert(closing.find("\r\n") + 2, "connection: CLOSE\r\n");
  Fake other(answering(closing));
  both_say(other.path(), Trouble::refused);
  CHECK(other.connections == 2);
}

TEST_CASE("an answer in any number of pieces is one") {
  const std::string whole = http(issued);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{40}}) {
    Fake fake([&](int connection) {
      if (!take_request(connection)) return;
      for (std::size_t at = 0; at < whole.size(); at += piece) {
        say(connection, std::string_view(whole).substr(at, piece));
        std::this_thread::sleep_for(1ms);
      }
      take_request(connection);
    });
    Client client(fake.path(), ample);
    const Issued ticket = issue(client);
    CHECK(ticket.trouble == Trouble::none);
    CHECK(ticket.lifetime_hint == 1h);
    CHECK(ticket.ticket.size() == 3);
  }
}

TEST_CASE("several threads have a client each") {
  const Daemon daemon;
  std::atomic<int> resumed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Client client(daemon.path(), ample);
      for (int n = 0; n < 200; ++n) {
        const Issued ticket = issue(client);
        const Answer answer = resume(client, ticket.ticket);
        if (answer.resumption.verdict.outcome == Outcome::resume) ++resumed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(resumed == 800);
}
