// A client of stekd for a TLS server: one connection over a Unix socket, and a deadline for each
// call.
//
//   stekd::Client tickets("/run/stekd/shop.sock");  // one for each thread
//
//   std::array<std::byte, stek::max_ticket> room;
//   if (const auto ticket = tickets.issue(session, room)) send(ticket->bytes,
//   ticket->lifetime_hint);
//
//   const stekd::Answer answer = tickets.resume(ticket, hello);
//   switch (answer.resumption.verdict.outcome) { ... }
//
// A handshake never waits for stekd beyond the deadline, whatever state the daemon is in: what
// cannot be had in time is a full handshake, or one without a ticket, and `Trouble` says why.
//
// Threads: a Client belongs to one at a time. It connects when it is first called, and again when
// the connection was lost. No call throws or allocates, but for what a session itself holds.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <vector>

#include <stek/ticketer.hpp>

namespace stekd {

/// Why there is no answer of stekd's.
enum class Trouble : std::uint8_t {
  none,
  unreachable,  ///< nobody listens at the path, or not enough
  late,         ///< not whole by the deadline
  cut_short,    ///< the connection ended before the answer did
  malformed,    ///< no answer of stekd's
  refused,      ///< stekd gives this no ticket, or cannot; its log says why
  unsuitable,   ///< not asked: a session that cannot be sealed, a hello or a room of no fit size
};
std::string_view name_of(Trouble trouble) noexcept;

struct Answer {
  /// With any trouble a full handshake.
  stek::Resumption resumption;
  Trouble trouble = Trouble::none;
};

class Client {
 public:
  using Deadline = std::chrono::microseconds;

  explicit Client(std::string path, Deadline deadline = std::chrono::milliseconds(10));

  /// As `stek::Tickets::issue`.
  [[nodiscard]] std::expected<stek::Ticket, Trouble> issue(const stek::Session& session,
                                                           stek::Room room) noexcept;

  /// As `stek::Tickets::resume`, for a ClientHello as it came off the socket. With a ticket of no
  /// bytes those that the hello offers.
  [[nodiscard]] Answer resume(stek::Bytes ticket, stek::Bytes hello) noexcept;

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

 private:
  using Instant = std::chrono::steady_clock::time_point;
  using Memory = std::vector<std::byte, stek::WipingAllocator<std::byte>>;
  struct Head;

  Answer resume_from(std::size_t body) noexcept;
  std::expected<stek::Bytes, Trouble> ask(std::string_view target, std::size_t body) noexcept;
  std::expected<stek::Bytes, Trouble> ask_once(stek::Bytes request, Instant until) noexcept;
  std::expected<stek::Bytes, Trouble> exchange(stek::Bytes request, Instant until) noexcept;
  std::expected<void, Trouble> send(stek::Bytes request, Instant until) noexcept;
  std::expected<stek::Bytes, Trouble> receive(Instant until) noexcept;
  std::expected<std::size_t, Trouble> receive_some(std::size_t have, Instant until) noexcept;
  std::expected<void, Trouble> connect() noexcept;
  void close() noexcept;

  std::string path_;
  Deadline deadline_;
  int connection_ = -1;
  Memory sent_;
  Memory received_;
};

}  // namespace stekd
