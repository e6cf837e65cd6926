#include "client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "resumption/messages.hpp"
#include "session/state.hpp"

namespace stekd {

using stek::Bytes;
using stek::Reason;
using stek::Room;
using stek::Session;
namespace messages = stek::messages;
namespace state = stek::state;

namespace {

/// A request's lines before its body, and a good deal more than stekd's answers have.
constexpr std::size_t longest_head = 4096;
/// A verdict and the largest session, or a ticket of it.
constexpr std::size_t longest_answer = longest_head + stek::max_ticket + 512;

using Nothing = std::unexpected<Trouble>;

Answer full_handshake(Trouble trouble) noexcept {
  Answer answer;
  answer.trouble = trouble;
  return answer;
}

/// What stekd sets itself is left out. A session with an identity has some context, in place of
/// that of the realm, which only stekd knows.
stek::Stamp stamp_for(const Session& session) noexcept {
  stek::Context context = session.context;
  if (context == stek::Context{}) context.fill(std::byte{1});
  return {.issued_at = session.authenticated_at,
          .authenticated_at = session.authenticated_at,
          .lifetime = {},
          .context = context};
}

std::optional<Reason> reason_named(Bytes bytes) noexcept {
  const std::string_view name(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (unsigned i = 0; i <= static_cast<unsigned>(stek::last_reason); ++i) {
    if (const auto reason = static_cast<Reason>(i); name_of(reason) == name) return reason;
  }
  return std::nullopt;
}

std::optional<stek::Verdict> verdict_of(const messages::Resumed& resumed, Bytes why) noexcept {
  const auto reason = reason_named(why);
  const auto outcome = static_cast<stek::Outcome>(resumed.outcome - 1);
  if (!reason || resumed.outcome < 1 || outcome > stek::Outcome::abort) return std::nullopt;
  stek::Verdict verdict{.outcome = outcome,
                        .reason = *reason,
                        .alert = resumed.alert,
                        .renew = resumed.renew,
                        .age = resumed.age,
                        .cipher_suite = resumed.cipher_suite};
  if (resumed.early_data) {
    verdict.early_data = stek::EarlyData::accept;
    verdict.replay_identity = resumed.replay_identity;
  }
  return verdict;
}

std::optional<stek::Resumption> resumption_in(Bytes body) noexcept {
  constexpr auto& header = messages::resumed_header;
  messages::Resumed resumed;
  if (body.size() < header.size || !header.decode(body.first<header.size>(), resumed)) {
    return std::nullopt;
  }
  stek::wire::Reader in(body.subspan(header.size));
  messages::Why why;
  messages::why.decode(in, why);
  const auto verdict = verdict_of(resumed, why.reason);
  if (!in.ok() || !verdict) return std::nullopt;
  stek::Resumption resumption;
  resumption.verdict = *verdict;
  resumption.selected_identity = resumed.selected_identity;
  const bool resumes = verdict->outcome == stek::Outcome::resume;
  const bool whole =
      resumes ? state::decode(resumption.session, in.rest(), messages::smallest_state) : in.empty();
  if (!whole) return std::nullopt;
  return resumption;
}

std::expected<stek::Ticket, Trouble> ticket_in(Bytes body, Room room) noexcept {
  constexpr auto& header = messages::issued_header;
  messages::Issued issued;
  if (body.size() < header.size || !header.decode(body.first<header.size>(), issued)) {
    return Nothing(Trouble::malformed);
  }
  stek::wire::Reader in(body.subspan(header.size));
  messages::IssuedTicket ticket;
  messages::issued_ticket.decode(in, ticket);
  if (!in.done()) return Nothing(Trouble::malformed);
  if (ticket.ticket.size() > room.size()) return Nothing(Trouble::unsuitable);
  std::ranges::copy(ticket.ticket, room.begin());
  return stek::Ticket{.bytes = room.first(ticket.ticket.size()),
                      .lifetime_hint = issued.lifetime_hint};
}

bool same_word(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

template <class N>
std::optional<N> number_in(std::string_view text) noexcept {
  N n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

/// False when `left` is over first.
bool ready_within(std::chrono::nanoseconds left, int connection, short events) noexcept {
  pollfd polled{.fd = connection, .events = events, .revents = 0};
  const timespec time{.tv_sec = left.count() / 1'000'000'000,
                      .tv_nsec = left.count() % 1'000'000'000};
  return ::ppoll(&polled, 1, &time, nullptr) > 0;
}

/// False from `until` on, even where there is something: who drips gets no more time than who is
/// silent.
bool ready(int connection, short events, std::chrono::steady_clock::time_point until) noexcept {
  for (;;) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    if (ready_within(left, connection, events)) return true;
  }
}

/// Or has something to say that nobody asked.
bool was_closed(int connection) noexcept {
  return ready_within({}, connection, POLLIN);
}

}  // namespace

/// An answer's lines before its body.
struct Client::Head {
  std::size_t size = 0;  ///< with the empty line
  unsigned status = 0;
  std::size_t body = 0;
  bool in_bytes = false;
  bool closes = false;

  /// Nothing when stekd would not have said so. Its answers have a length.
  static std::optional<Head> from(std::string_view text) noexcept {
    constexpr std::string_view protocol = "HTTP/1.1 ";
    if (!text.starts_with(protocol)) return std::nullopt;
    std::size_t end = text.find("\r\n");
    const auto status = number_in<unsigned>(text.substr(0, end).substr(protocol.size(), 3));
    if (!status) return std::nullopt;
    Head head{.size = text.size() + 4, .status = *status};
    bool has_length = false;
    while (end != std::string_view::npos) {
      text.remove_prefix(end + 2);
      end = text.find("\r\n");
      if (!head.take(text.substr(0, end), has_length)) return std::nullopt;
    }
    if (!has_length) return std::nullopt;
    return head;
  }

 private:
  bool take(std::string_view line, bool& has_length) noexcept {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (same_word(name, "transfer-encoding")) return false;
    if (same_word(name, "connection")) closes = same_word(value, "close");
    if (same_word(name, "content-type")) in_bytes = same_word(value, "application/octet-stream");
    if (same_word(name, "content-length")) {
      const auto length = number_in<std::size_t>(value);
      if (!length || has_length) return false;
      body = *length;
      has_length = true;
    }
    return true;
  }
};

Client::Client(std::string path, Deadline deadline)
    : path_(std::move(path)),
      deadline_(deadline),
      sent_(longest_head + messages::longest_body),
      received_(longest_answer) {}

Client::~Client() {
  close();
}

std::expected<stek::Ticket, Trouble> Client::issue(const Session& session, Room room) noexcept {
  const auto size = state::size_of(session, messages::smallest_state);
  if (!size) return Nothing(Trouble::unsuitable);
  const Room body = Room(sent_).subspan(longest_head, *size);
  if (!state::encode(body, session, stamp_for(session))) return Nothing(Trouble::unsuitable);
  const auto answer = ask("/v1/issue", *size);
  if (!answer) return Nothing(answer.error());
  return ticket_in(*answer, room);
}

Answer Client::resume(Bytes ticket, Bytes hello) noexcept {
  const messages::Offer offer{.ticket = ticket};
  const std::size_t size = messages::offer.size(offer) + hello.size();
  if (ticket.size() > messages::longest || hello.size() > messages::longest_body ||
      size > messages::longest_body) {
    return full_handshake(Trouble::unsuitable);
  }
  stek::wire::Writer out(Room(sent_).subspan(longest_head, size));
  messages::offer.encode(out, offer);
  out.bytes(hello);
  Answer answer = resume_from(size);
  stek::wipe(received_);
  return answer;
}

Answer Client::resume_from(std::size_t body) noexcept {
  const auto said = ask("/v1/resume", body);
  if (!said) return full_handshake(said.error());
  auto resumption = resumption_in(*said);
  if (!resumption) return full_handshake(Trouble::malformed);
  return {.resumption = *std::move(resumption), .trouble = Trouble::none};
}

/// The answer to the `body` bytes that lie in `sent_` where a head has room before them. It is in
/// `received_`.
std::expected<Bytes, Trouble> Client::ask(std::string_view target, std::size_t body) noexcept {
  const Instant until = std::chrono::steady_clock::now() + deadline_;
  std::array<char, 256> text;
  // Not by fmt, whose calls for a room of ours g++ and clang call by different names.
  const int written = std::snprintf(text.data(), text.size(),
                                    "POST %.*s HTTP/1.1\r\nHost: stekd\r\n"
                                    "Content-Type: application/octet-stream\r\n"
                                    "Content-Length: %zu\r\n\r\n",
                                    static_cast<int>(target.size()), target.data(), body);
  const auto head = static_cast<std::size_t>(written);
  const Room request = Room(sent_).subspan(longest_head - head, head + body);
  std::memcpy(request.data(), text.data(), head);
  // What stekd has closed meanwhile, as it does with idle ones, says nothing about stekd.
  if (connection_ != -1 && was_closed(connection_)) close();
  const bool kept = connection_ != -1;
  auto answer = ask_once(request, until);
  if (!answer && answer.error() == Trouble::cut_short && kept) answer = ask_once(request, until);
  stek::wipe(request);
  return answer;
}

std::expected<Bytes, Trouble> Client::ask_once(Bytes request, Instant until) noexcept {
  if (connection_ == -1) {
    if (const auto connected = connect(); !connected) return Nothing(connected.error());
  }
  auto answer = exchange(request, until);
  // The answer to this request must not be taken for that to the next.
  if (!answer && answer.error() != Trouble::refused) close();
  return answer;
}

std::expected<Bytes, Trouble> Client::exchange(Bytes request, Instant until) noexcept {
  if (const auto sent = send(request, until); !sent) return Nothing(sent.error());
  return receive(until);
}

std::expected<void, Trouble> Client::send(Bytes request, Instant until) noexcept {
  while (!request.empty()) {
    const ssize_t n = ::send(connection_, request.data(), request.size(), MSG_NOSIGNAL);
    if (n > 0) {
      request = request.subspan(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!ready(connection_, POLLOUT, until)) return Nothing(Trouble::late);
    } else if (errno != EINTR) {
      return Nothing(Trouble::cut_short);
    }
  }
  return {};
}

std::expected<Bytes, Trouble> Client::receive(Instant until) noexcept {
  constexpr std::string_view end_of_head = "\r\n\r\n";
  std::size_t have = 0;
  std::optional<Head> head;
  while (!head || have < head->size + head->body) {
    const auto more = receive_some(have, until);
    if (!more) return Nothing(more.error());
    have += *more;
    const std::string_view text(reinterpret_cast<const char*>(received_.data()), have);
    const std::size_t end = head ? std::string_view::npos : text.find(end_of_head);
    if (end == std::string_view::npos) continue;
    head = Head::from(text.substr(0, end));
    if (!head || head->body > received_.size() - head->size) return Nothing(Trouble::malformed);
  }
  if (have != head->size + head->body) return Nothing(Trouble::malformed);
  if (head->closes) close();
  if (head->status != 200) return Nothing(Trouble::refused);
  if (!head->in_bytes) return Nothing(Trouble::malformed);
  return Bytes(received_).subspan(head->size, head->body);
}

/// Appends at least one byte to the `have` first ones.
std::expected<std::size_t, Trouble> Client::receive_some(std::size_t have, Instant until) noexcept {
  if (have == received_.size()) return Nothing(Trouble::malformed);
  for (;;) {
    if (!ready(connection_, POLLIN, until)) return Nothing(Trouble::late);
    const ssize_t n = ::recv(connection_, received_.data() + have, received_.size() - have, 0);
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == 0) return Nothing(Trouble::cut_short);
    if (errno != EAGAIN && errno != EINTR) return Nothing(Trouble::cut_short);
  }
}

/// Over a Unix socket that is a matter of a moment, or fails: when stekd's queue is full, at once.
std::expected<void, Trouble> Client::connect() noexcept {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path_.size() >= sizeof address.sun_path) return Nothing(Trouble::unreachable);
  std::memcpy(address.sun_path, path_.c_str(), path_.size());
  connection_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connection_ == -1) return Nothing(Trouble::unreachable);
  if (::connect(connection_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return {};
  }
  close();
  return Nothing(Trouble::unreachable);
}

void Client::close() noexcept {
  if (connection_ != -1) ::close(connection_);
  connection_ = -1;
}

std::string_view name_of(Trouble trouble) noexcept {
  switch (trouble) {
    case Trouble::none:
      return "none";
    case Trouble::unreachable:
      return "unreachable";
    case Trouble::late:
      return "late";
    case Trouble::cut_short:
      return "cut_short";
    case Trouble::malformed:
      return "malformed";
    case Trouble::refused:
      return "refused";
    case Trouble::unsuitable:
      return "unsuitable";
  }
  return "";
}

}  // namespace stekd
