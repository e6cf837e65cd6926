#include "socket.hpp"

#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fmt/core.h>

namespace stek::daemon {
namespace {

std::unexpected<Failure> refused(Error error, const Place& place, std::string_view why,
                                 std::string hint = {}) {
  return std::unexpected(
      Failure{.error = error,
              .message = fmt::format("cannot listen at {}: {}", place.name(), why),
              .hint = std::move(hint)});
}

std::unexpected<Failure> refused_by_system(const Place& place, std::string hint = {}) {
  return refused(Error::unreachable, place, std::generic_category().message(errno),
                 std::move(hint));
}

// ---- at a path

struct UnixAddress {
  sockaddr_un address{};
  socklen_t size = 0;
};

std::optional<UnixAddress> unix_address(const std::string& path) noexcept {
  UnixAddress at;
  at.address.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.address.sun_path) return std::nullopt;
  std::memcpy(at.address.sun_path, path.c_str(), path.size() + 1);
  at.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return at;
}

const sockaddr* generic(const UnixAddress& at) noexcept {
  return reinterpret_cast<const sockaddr*>(&at.address);
}

bool is_a_socket(const std::string& path) noexcept {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

bool is_something_else(const std::string& path) noexcept {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode);
}

bool nobody_answers(const UnixAddress& at) noexcept {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool refused = fd >= 0 && connect(fd, generic(at), at.size) != 0 && errno == ECONNREFUSED;
  close(fd);
  return refused;
}

/// Others get in from when the mode is what it shall be, not before.
int bind_closed(int fd, const UnixAddress& at) noexcept {
  const int closed = fchmod(fd, 0);
  return closed == 0 ? bind(fd, generic(at), at.size) : closed;
}

/// Of the main thread alone.
std::optional<gid_t> group_named(const std::string& name) {
  const group* found = getgrnam(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

// ---- at an address

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

/// Nothing unless it is a number and a port.
Addresses resolve(const std::string& text) {
  Addresses nothing(nullptr, freeaddrinfo);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return nothing;
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  // The system takes 65537 for 1.
  const std::string_view port = std::string_view(text).substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size()) return nothing;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (host.empty() || getaddrinfo(host.c_str(), text.c_str() + colon + 1, &wanted, &found) != 0) {
    return nothing;
  }
  return {found, freeaddrinfo};
}

std::string text_of(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (getnameinfo(address, size, host.data(), host.size(), port.data(), port.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return {};
  }
  const bool brackets = address->sa_family == AF_INET6;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", host.data(), brackets ? "]" : "",
                     port.data());
}

}  // namespace

std::optional<Failure> flaw_of(const Place& place) {
  const auto flaw = [&](Error error, std::string_view why, std::string hint = {}) {
    return refused(error, place, why, std::move(hint)).error();
  };
  if (place.path.empty()) {
    if (resolve(place.address) != nullptr) return std::nullopt;
    return flaw(Error::malformed, "not an address and a port",
                "such as 127.0.0.1:9464 or [::1]:9464");
  }
  if (!unix_address(place.path)) {
    return flaw(Error::malformed, "the path is too long", "107 bytes at the most");
  }
  if (is_something_else(place.path)) {
    return flaw(Error::already_there, "something that is no socket is there", "move it away");
  }
  if (!place.group.empty() && !group_named(place.group)) {
    return flaw(Error::not_found, "no group " + place.group);
  }
  return std::nullopt;
}

std::expected<Socket, Failure> Socket::listen_at(const Place& place) {
  if (auto flaw = flaw_of(place)) return std::unexpected(*std::move(flaw));
  return place.path.empty() ? listen_at_address(place) : listen_at_path(place);
}

std::expected<Socket, Failure> Socket::listen_at_path(const Place& place) {
  const auto at = unix_address(place.path);
  if (is_a_socket(place.path)) {
    if (!nobody_answers(*at)) {
      return refused(Error::already_there, place, "another server answers there",
                     "stop it, or give this one another path");
    }
    unlink(place.path.c_str());
  }
  Socket made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.fd_ < 0) return refused_by_system(place);
  if (bind_closed(made.fd_, *at) != 0) {
    return refused_by_system(
        place, errno == ENOENT ? "make its folder; in a unit, RuntimeDirectory= does" : "");
  }
  struct stat status{};
  if (stat(place.path.c_str(), &status) == 0) {
    made.made_ = {.path = place.path, .device = status.st_dev, .inode = status.st_ino};
  }
  if (!place.group.empty()) {
    const auto group = group_named(place.group);
    if (!group || chown(place.path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
      return refused_by_system(place, "who runs stekd has to be a member of the group");
    }
  }
  if (chmod(place.path.c_str(), place.mode) != 0 || listen(made.fd_, SOMAXCONN) != 0) {
    return refused_by_system(place);
  }
  return made;
}

std::expected<Socket, Failure> Socket::listen_at_address(const Place& place) {
  const Addresses address = resolve(place.address);
  Socket made(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (made.fd_ < 0 || setsockopt(made.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(made.fd_, address->ai_addr, address->ai_addrlen) != 0 ||
      listen(made.fd_, SOMAXCONN) != 0) {
    return refused_by_system(place);
  }
  return made;
}

Socket::~Socket() {
  if (fd_ < 0) return;
  if (made_ && !is_gone()) unlink(made_->path.c_str());
  close(fd_);
}

bool Socket::is_gone() const noexcept {
  if (!made_) return false;
  struct stat status{};
  return lstat(made_->path.c_str(), &status) != 0 || status.st_dev != made_->device ||
         status.st_ino != made_->inode;
}

std::string Socket::bound_to() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(fd_, address, &size) != 0) return {};
  if (storage.ss_family != AF_UNIX) return text_of(address, size);
  const auto* at = reinterpret_cast<const sockaddr_un*>(&storage);
  return {at->sun_path, strnlen(at->sun_path, sizeof at->sun_path)};
}

std::string canonical(const Place& place) {
  if (!place.path.empty()) return std::filesystem::path(place.path).lexically_normal();
  const Addresses address = resolve(place.address);
  return address == nullptr ? place.address : text_of(address->ai_addr, address->ai_addrlen);
}

bool is_at(const Socket& socket, const Place& place) {
  const std::string at = socket.bound_to();
  return at == place.name() || at == canonical(place);
}

namespace {

/// How many the service manager passed to this process.
long passed_count() {
  const auto number = [](const char* name) {
    // There are no threads yet.
    const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    long value = 0;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), value);
    return value;
  };
  const long count = number("LISTEN_PID") == getpid() ? number("LISTEN_FDS") : 0;
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
    unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  }
  return count;
}

bool listens_for_streams(int fd) noexcept {
  const auto option = [fd](int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : 0;
  };
  return option(SO_TYPE) == SOCK_STREAM && option(SO_ACCEPTCONN) == 1;
}

}  // namespace

std::expected<std::vector<Socket>, Failure> passed_sockets() {
  constexpr int first = 3;
  std::vector<Socket> sockets;
  for (long left = passed_count(); left > 0; --left) {
    const int fd = first + static_cast<int>(sockets.size());
    if (!listens_for_streams(fd)) {
      return std::unexpected(
          Failure{.error = Error::unsuitable,
                  .message = fmt::format("descriptor {}, which was passed, is no socket that "
                                         "listens for streams",
                                         fd),
                  .hint = "a socket unit has ListenStream=, and Accept=no"});
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    sockets.push_back(Socket::passed(fd));
  }
  return sockets;
}

}  // namespace stek::daemon
