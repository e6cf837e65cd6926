// Sockets to listen at: made here, or passed by the service manager (sd_listen_fds(3)).
#pragma once

#include <sys/stat.h>

#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stek/error.hpp>

namespace stek::daemon {

/// Where to listen: at a path, or at an address and port.
struct Place {
  std::string path;     ///< of a Unix socket
  mode_t mode = 0660;   ///< likewise
  std::string group{};  ///< that the Unix socket is given to; empty: as it is made
  std::string address;  ///< "127.0.0.1:9464" or "[::1]:9464", where `path` is empty

  /// How messages call it.
  [[nodiscard]] const std::string& name() const noexcept { return path.empty() ? address : path; }
};

/// A listening socket. A Unix socket that was made here is removed from its folder when it ends.
class Socket {
 public:
  /// Takes what a server that is gone has left at the path. `Error::already_there` when one answers
  /// there, `Error::unreachable` when the system refuses, `Error::malformed` for no address.
  static std::expected<Socket, Failure> listen_at(const Place& place);
  /// Closed with the Socket, and no more.
  static Socket passed(int fd) noexcept { return Socket(fd, true); }

  Socket(Socket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        was_passed_(other.was_passed_),
        made_(std::exchange(other.made_, std::nullopt)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(was_passed_, other.was_passed_);
    std::swap(made_, other.made_);
    return *this;
  }
  ~Socket();

  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// And not made here.
  [[nodiscard]] bool was_passed() const noexcept { return was_passed_; }
  /// Its place in the file system, where it made one, is another's by now, or nobody's.
  [[nodiscard]] bool is_gone() const noexcept;
  /// Where it listens, as the system has it: a path, or an address with the port that it was given.
  [[nodiscard]] std::string bound_to() const;

 private:
  struct Made {
    std::string path;
    dev_t device;
    ino_t inode;
  };
  explicit Socket(int fd, bool was_passed = false) noexcept : fd_(fd), was_passed_(was_passed) {}
  static std::expected<Socket, Failure> listen_at_path(const Place& place);
  static std::expected<Socket, Failure> listen_at_address(const Place& place);
  int fd_;
  bool was_passed_;
  std::optional<Made> made_;
};

/// Why nobody can listen at `place`, as far as that can be seen from here without doing it. What a
/// unit makes first, and who listens there now, do not count.
std::optional<Failure> flaw_of(const Place& place);

/// `place`, however it is spelled.
std::string canonical(const Place& place);

/// Whether `socket` is one for `place`.
bool is_at(const Socket& socket, const Place& place);

/// What $LISTEN_PID and $LISTEN_FDS say was passed to this process; they are then unset. Before
/// there are threads. `Error::unsuitable` for one that is none, or does not listen for streams.
std::expected<std::vector<Socket>, Failure> passed_sockets();

}  // namespace stek::daemon
