// HTTP/1.1 over a Unix socket, as load wants it: a request is bytes that are ready, and of an
// answer counts its status and its body. What is no HTTP, or no answer within ten seconds, is a
// closed connection.
#pragma once

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <stek/bytes.hpp>

namespace stek::test {

inline std::string request_for(std::string_view target, Bytes body) {
  std::string request = "POST " + std::string(target) +
                        " HTTP/1.1\r\nHost: stekd\r\nContent-Type: application/octet-stream\r\n"
                        "Content-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n";
  return request.append(reinterpret_cast<const char*>(body.data()), body.size());
}

struct Answer {
  unsigned status;
  Bytes body;
};

class HttpClient {
 public:
  HttpClient() = default;
  explicit HttpClient(const std::string& path) { connect(path); }
  HttpClient(HttpClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        buffer_(std::move(other.buffer_)),
        used_(std::exchange(other.used_, 0)),
        taken_(std::exchange(other.taken_, 0)) {}
  HttpClient& operator=(HttpClient&&) = delete;
  ~HttpClient() { close(); }

  /// Waits in the socket's queue, though nobody accepts there.
  bool connect(const std::string& path) {
    close();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
    return is_open();
  }

  void close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    used_ = taken_ = 0;
  }

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return closed();
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// What there is, or waits for some.
  bool read() {
    std::memmove(buffer_.data(), buffer_.data() + taken_, used_ - taken_);
    used_ -= std::exchange(taken_, 0);
    const ssize_t n = ::recv(fd_, buffer_.data() + used_, buffer_.size() - used_, 0);
    if (n <= 0) return closed();
    used_ += static_cast<std::size_t>(n);
    return true;
  }

  /// The next one that has been read whole; its body is good until the next `read`.
  std::optional<Answer> answer() {
    const std::string_view text(buffer_.data() + taken_, used_ - taken_);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view head = text.substr(0, end);
    const std::size_t size = number_behind(head, "\r\nContent-Length: ");
    const std::size_t body = end + 4;
    if (text.size() < body + size) return std::nullopt;
    taken_ += body + size;
    return Answer{.status = static_cast<unsigned>(number_behind(head, "HTTP/1.1 ")),
                  .body = std::as_bytes(std::span(text.substr(body, size)))};
  }

  /// Sends, and waits for what comes back.
  std::optional<Answer> ask(std::string_view request) {
    if (!send(request)) return std::nullopt;
    while (read()) {
      if (auto got = answer()) return got;
    }
    return std::nullopt;
  }

 private:
  bool closed() {
    close();
    return false;
  }

  static std::size_t number_behind(std::string_view text, std::string_view name) {
    const std::size_t at = text.find(name);
    std::size_t number = 0;
    if (at == std::string_view::npos) return number;
    const std::string_view rest = text.substr(at + name.size());
    std::from_chars(rest.data(), rest.data() + rest.size(), number);
    return number;
  }

  int fd_ = -1;
  std::array<char, 16384> buffer_{};
  std::size_t used_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace stek::test
