#include "input.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/core.h>

#include "output.hpp"

namespace stek::tool {
namespace {

constexpr std::size_t largest_input = std::size_t{1} << 20U;

class Source {
 public:
  explicit Source(const std::string& name)
      : fd_(name == "-" ? STDIN_FILENO : open(name.c_str(), O_RDONLY | O_CLOEXEC)) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (fd_ > STDIN_FILENO) close(fd_);
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

ssize_t read_some(int fd, std::span<char> room) noexcept {
  ssize_t got = 0;
  do {
    got = read(fd, room.data(), room.size());
  } while (got < 0 && errno == EINTR);
  return got;
}

std::string called(const std::string& name) {
  return name == "-" ? std::string("standard input") : name;
}

std::unexpected<Complaint> unreadable(const std::string& name, std::string_view what) {
  const int number = errno;
  return complain(Exit::failure, fmt::format("{}: {}: {}", what, called(name),
                                             std::generic_category().message(number)));
}

}  // namespace

std::expected<wire::SecretText, Complaint> read_all(const std::string& name,
                                                    std::string_view what) {
  const Source source(name);
  if (source.fd() < 0) return unreadable(name, what);
  if (isatty(source.fd()) != 0) {
    say("note", fmt::format("reading the {} from the terminal, to the next ctrl-d", what));
  }
  wire::SecretText text(largest_input + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = read_some(source.fd(), std::span(text).subspan(filled));
    if (got < 0) return unreadable(name, what);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > largest_input) {
    return complain(Exit::failure, fmt::format("{}: over {} bytes", what, largest_input));
  }
  text.resize(filled);
  return text;
}

std::expected<std::vector<std::byte>, Complaint> read_ticket(const std::string& name) {
  const auto text = read_all(name, "ticket");
  if (!text) return std::unexpected(text.error());
  auto ticket = from_base64(*text);
  if (!ticket) {
    return complain(
        Exit::failure, fmt::format("ticket: {} is not base64", called(name)),
        "with + and / and padding (RFC 4648 section 4), as 'stek ticket issue' prints it");
  }
  if (ticket->empty()) {
    return complain(Exit::failure, fmt::format("ticket: {} is empty", called(name)),
                    "make one with 'stek ticket issue'");
  }
  return *std::move(ticket);
}

}  // namespace stek::tool
