// What the small TLS 1.2 clients share: options, a socket, files, and the one line that they say.
//
//   CLIENT --port P [--server-name NAME] [--session-in FILE] [--session-out FILE] [--flip N]
//          [--cipher LIST] [--no-ems] [--no-etm] [--cert FILE --key FILE]
//
// They verify no certificate, keep their session in a file, offer it again, and can flip a bit of
// byte N of the ticket in it. LIST is in the library's own words. One line on stdout:
// `handshake=full|resumed|failed alert=NAME reply="LINE"`. Exit codes: 0 the handshake completed,
// 1 it did not, 2 usage.
#pragma once

#include <arpa/inet.h>
#include <getopt.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

namespace small_client {

struct Options {
  int port = 0;
  std::string server_name = "localhost";
  std::string session_in;
  std::string session_out;
  std::optional<std::size_t> flip;
  std::string cipher;
  bool no_ems = false;
  bool no_etm = false;
  std::string certificate;
  std::string key;
};

inline constexpr std::string_view line = "hello\n";

inline std::optional<Options> options_from(int argc, char** argv) {
  const option known[] = {{"port", 1, nullptr, 'p'},       {"server-name", 1, nullptr, 'n'},
                          {"session-in", 1, nullptr, 'i'}, {"session-out", 1, nullptr, 'o'},
                          {"flip", 1, nullptr, 'f'},       {"cipher", 1, nullptr, 's'},
                          {"no-ems", 0, nullptr, 'e'},     {"no-etm", 0, nullptr, 'm'},
                          {"cert", 1, nullptr, 'c'},       {"key", 1, nullptr, 'k'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int name; (name = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    switch (name) {
      case 'p':
        options.port = std::stoi(optarg);
        break;
      case 'n':
        options.server_name = optarg;
        break;
      case 'i':
        options.session_in = optarg;
        break;
      case 'o':
        options.session_out = optarg;
        break;
      case 'f':
        options.flip = std::stoul(optarg);
        break;
      case 's':
        options.cipher = optarg;
        break;
      case 'e':
        options.no_ems = true;
        break;
      case 'm':
        options.no_etm = true;
        break;
      case 'c':
        options.certificate = optarg;
        break;
      case 'k':
        options.key = optarg;
        break;
      default:
        return std::nullopt;
    }
  }
  if (options.port == 0) return std::nullopt;
  return options;
}

inline int connected_socket(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect");
  }
  return fd;
}

inline std::string read_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file || bytes.view().empty()) throw std::runtime_error("no session there");
  return bytes.str();
}

// A session holds a master secret.
inline void write_file(const std::string& path, std::string_view bytes) {
  umask(S_IRWXG | S_IRWXO);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

/// What became of a handshake.
struct Outcome {
  bool completed = false;
  bool resumed = false;
  std::string alert = "none";  ///< that was received, by the library's name for it
  std::string reply;
};

/// A line, in however many records; `read` is given room and gives how much of it was filled.
template <class Read>
std::string read_line(const Read& read) {
  std::string text;
  while (text.find('\n') == std::string::npos && text.size() < 1024) {
    std::array<char, 1024> room;
    const auto n = read(room.data(), room.size());
    if (n <= 0) break;
    text.append(room.data(), static_cast<std::size_t>(n));
  }
  return text;
}

inline int report(const Outcome& outcome) {
  const char* handshake = outcome.resumed ? "resumed" : "full";
  std::printf("handshake=%s alert=\"%s\" reply=\"%s\"\n", outcome.completed ? handshake : "failed",
              outcome.alert.c_str(), outcome.reply.substr(0, outcome.reply.find('\n')).c_str());
  return outcome.completed ? 0 : 1;
}

/// `run` gives the exit code.
inline int main_of(int argc, char** argv, int (*run)(const Options& options)) try {
  const auto options = options_from(argc, argv);
  return options ? run(*options) : 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}

}  // namespace small_client
