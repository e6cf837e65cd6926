// A small TLS server whose tickets are stek's, one program for each TLS library: what a server
// author has to write is in the file of that library.
//
// Serves one connection after the other on loopback: handshake, one line in, one line out. Says one
// line about each on stdout. SIGTERM and SIGINT end the server.

#include "server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

#include <CLI/CLI.hpp>

#include <stek/store.hpp>

namespace demo {
namespace {

int listen_on(std::uint16_t port);
int stop_signal();
std::string_view without_scheme(std::string_view ring);

void serve_all(const Serve& serve, stek::Ticketer& ticketer, int listener, int stop) {
  for (;;) {
    std::array<pollfd, 2> events{{{listener, POLLIN, 0}, {stop, POLLIN, 0}}};
    poll(events.data(), events.size(), -1);
    if (events[1].revents != 0) return;
    const int socket = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) continue;
    // Takes over a rotated ring. On failure the keys already held go on working.
    if (const auto refreshed = ticketer.refresh(); !refreshed) complain(refreshed.error());
    serve({.socket = socket, .stop = stop});
    close(socket);
  }
}

// A real server would hash what authenticated the client: the virtual host, the trust anchors.
stek::Context context_named(const std::string& name) {
  stek::Context context{};
  const auto bytes = std::as_bytes(std::span(name)).first(std::min(name.size(), context.size()));
  std::ranges::copy(bytes, context.begin());
  return context;
}

stek::Policy policy_of(const Options& options) {
  stek::Policy policy;
  if (options.legacy_ems) policy.legacy_ems = stek::LegacyEms::resume;
  return policy;
}

int run(const Options& options) {
  stek::FileStore store{without_scheme(options.ring)};
  auto ticketer = stek::Ticketer::open(store, {.policy = policy_of(options)});
  if (!ticketer) {
    complain(ticketer.error());
    return 1;
  }
  const auto tickets = ticketer->in(options.domain, context_named(options.context));
  if (!tickets) {
    complain(tickets.error());
    return 1;
  }
  const Serve serve = start(options, *tickets);
  const int stop = stop_signal();
  const int listener = listen_on(options.port);
  serve_all(serve, *ticketer, listener, stop);
  close(listener);
  close(stop);
  return 0;
}

std::string system_error_text(std::string_view what) {
  return fmt::format("{}: {}", what, std::generic_category().message(errno));
}

int listen_on(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) throw std::runtime_error(system_error_text("no socket"));
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, generic, &size) != 0) {
    throw std::runtime_error(system_error_text(fmt::format("cannot listen on port {}", port)));
  }
  say("listening on 127.0.0.1:{}", ntohs(address.sin_port));
  return listener;
}

int stop_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

std::string_view without_scheme(std::string_view ring) {
  constexpr std::string_view scheme = "file:";
  return ring.starts_with(scheme) ? ring.substr(scheme.size()) : ring;
}

}  // namespace

bool Peer::wait_for(short event) const {
  using namespace std::chrono;
  const auto left = duration_cast<milliseconds>(deadline - steady_clock::now()).count();
  std::array<pollfd, 2> events{{{socket, event, 0}, {stop, POLLIN, 0}}};
  const int n = poll(events.data(), events.size(), static_cast<int>(std::max<long>(left, 0)));
  if (n < 0 && errno == EINTR) return wait_for(event);
  return n > 0 && events[1].revents == 0;
}

std::string read_line(const std::function<std::string(std::size_t room)>& read) {
  constexpr std::size_t longest_line = 1024;
  std::string line;
  while (line.find('\n') == std::string::npos && line.size() < longest_line) {
    const std::string more = read(longest_line - line.size());
    if (more.empty()) return {};
    line += more;
  }
  return line.substr(0, line.find('\n'));
}

std::string reply_to(std::string_view line, bool resumed) {
  return fmt::format("{}, you said: {}\n", resumed ? "welcome back" : "welcome", line);
}

void report_failure(const stek::Verdict& verdict, std::string_view error) {
  if (verdict.outcome == stek::Outcome::abort) {
    say("handshake=aborted reason={} alert={}", name_of(verdict.reason), name_of(verdict.alert));
  } else {
    say("handshake=failed error=\"{}\"", error);
  }
}

const char* yes_or_no(bool yes) {
  return yes ? "yes" : "no";
}

void complain(const stek::Failure& failure) {
  fmt::print(stderr, "demo-server: {}\n", failure.message);
  if (!failure.hint.empty()) fmt::print(stderr, "hint: {}\n", failure.hint);
}

}  // namespace demo

int main(int argc, char** argv) try {
  demo::Options options;
  CLI::App app{"a TLS server with tickets by stek"};
  app.add_option("--ring", options.ring,
                 "ring of keys; make one with: stek keys init --profile rfc5077")
      ->capture_default_str();
  app.add_option("--port", options.port, "port on 127.0.0.1; 0 chooses one")->capture_default_str();
  app.add_option("--domain", options.domain, "trust domain of the tickets")->capture_default_str();
  app.add_option("--context", options.context,
                 "what configuration a session was authenticated under, up to 16 bytes")
      ->check([](const std::string& name) {
        return name.size() <= sizeof(stek::Context) ? "" : "longer than 16 bytes";
      });
  auto* certificate = app.add_option("--cert", options.certificate,
                                     "certificate chain (PEM); without it one is made in memory");
  auto* key = app.add_option("--key", options.key, "private key of the certificate (PEM)");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--cipher-suite", options.cipher_suites,
                 "enable these suites only, by IANA's names with commas between, best first");
  app.add_option("--client-ca", options.client_ca,
                 "demand a client certificate, issued by this one (PEM)");
  app.add_option("--encrypt-then-mac", options.encrypt_then_mac, "on or off (RFC 7366)")
      ->default_str("on");
  app.add_flag("--legacy-ems", options.legacy_ems,
               "tickets even where the client has no extended master secret (RFC 7627)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return demo::run(options);
} catch (const std::exception& error) {
  demo::complain({.error = {}, .message = error.what(), .hint = {}});
  return 1;
}
