// What the two halves of a demo server share. The other half is that of its TLS library.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <stek/ticketer.hpp>

namespace demo {

struct Options {
  std::string ring = "keys/ring.json";
  std::uint16_t port = 0;
  std::string domain = "demo";
  std::string context;
  std::string certificate;
  std::string key;
  std::string cipher_suites;
  std::string client_ca;
  bool encrypt_then_mac = true;
  bool legacy_ems = false;
};

/// A connected client, with an end to our patience: five seconds for all of it.
struct Peer {
  int socket;
  int stop;  // readable when the server is to end
  std::chrono::steady_clock::time_point deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(5);

  /// False when `event`, of poll(2), has not come in time.
  [[nodiscard]] bool wait_for(short event) const;
};

/// Handshake, one line in, one line out.
using Serve = std::function<void(Peer peer)>;
/// The half of a TLS library: what a server author has to write. Throws what main() prints.
Serve start(const Options& options, const stek::Tickets& tickets);

/// Reads up to the end of a line; `read` gives what has come, at most as many bytes as it is given
/// room for, and nothing when there is no more.
std::string read_line(const std::function<std::string(std::size_t room)>& read);
std::string reply_to(std::string_view line, bool resumed);

/// One line on stdout, at once: a program may be reading it.
template <class... Parts>
void say(fmt::format_string<Parts...> format, Parts&&... parts) {
  fmt::print(format, std::forward<Parts>(parts)...);
  fmt::print("\n");
  (void)std::fflush(stdout);
}
/// The line on a handshake that was not completed.
void report_failure(const stek::Verdict& verdict, std::string_view error);
const char* yes_or_no(bool yes);

void complain(const stek::Failure& failure);

}  // namespace demo
