// HTTP/1.1 for stekd, as plain values: a Request comes in, a Response goes out.
//
//   auto server = Server::start({.threads = 2});
//   auto prepared = server->prepare({{.name = "shop", .socket = fd}},
//                                   [](const Request& request) { ... });
//   server->serve(*std::move(prepared));
//   server->drain(std::chrono::seconds(5));
//
// Threads: each of the server's threads has an event loop, connections and a copy of the handler of
// its own. A handler is called on all of them at once and should not take long: what it does, the
// other connections of its thread wait for.
//
// A client has `deadline` to have a request whole: for its first one since it was accepted, for
// each other one since that one's first byte. Between requests it may be idle for longer. What is
// late is closed, and what is no HTTP, behind an answer. Bodies are wiped when they have been read
// and when they have been written.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stek/error.hpp>
#include <stek/secret.hpp>

#include "tls.hpp"

namespace stek::daemon {

using Body = std::vector<std::byte, WipingAllocator<std::byte>>;
using Milliseconds = std::chrono::milliseconds;

/// Who is at the other end.
struct Peer {
  std::string listener;                          ///< name of the one that it came in at
  std::optional<uid_t> user;                     ///< over a Unix socket, as of its connect(2)
  std::optional<ClientCertificate> certificate;  ///< over TLS
};

/// Valid while the handler runs.
struct Request {
  std::string_view method;
  std::string_view path;        ///< not decoded
  std::string_view query;       ///< likewise, behind the first '?'
  std::string_view media_type;  ///< in lower case, without parameters; empty when there is none
  Bytes body;
  const Peer& peer;
};

struct Field {
  std::string_view name;
  std::string value;
};

struct Response {
  unsigned status = 200;
  std::string_view content_type{};  ///< a literal
  Body body{};
  std::vector<Field> fields{};
};

using Handler = std::function<Response(const Request&)>;

struct Listener {
  std::string name;
  int socket = -1;    ///< listening; stays the caller's
  Tls tls = nullptr;  ///< empty: in plain
  /// At a time, for each thread; others wait until one of them ends.
  std::size_t most_connections = 1024;
  /// It was passed, and stays open elsewhere: who waits there when the server drains, waits for the
  /// next one.
  bool outlives = false;
};

struct Limits {
  unsigned threads = 1;
  Milliseconds deadline{2000};
  Milliseconds idle{60000};
  std::uint32_t header = 8192;  ///< bytes; a longer one is answered with 431
  std::uint64_t body = 65536;   ///< likewise, with 413

  friend bool operator==(const Limits&, const Limits&) = default;
};

/// Requests that no handler saw.
struct Refusals {
  std::uint64_t not_http = 0;          ///< answered with 400
  std::uint64_t body_too_large = 0;    ///< with 413
  std::uint64_t header_too_large = 0;  ///< with 431
};

class Server {
 public:
  /// Threads that do not listen yet. They inherit the caller's blocked signals.
  static std::expected<Server, Failure> start(const Limits& limits);

  /// What to accept on and to answer with, for `serve`: all of it that may fail.
  class Prepared;
  std::expected<Prepared, Failure> prepare(const std::vector<Listener>& listeners,
                                           const Handler& handler);

  /// Goes over to what was prepared for it. Connections stay, and end with the listener of their
  /// name. When it returns, no thread uses what was served before.
  void serve(Prepared prepared) noexcept;

  /// Accepts only who waits already, and reads only what has been sent or has begun to be: each
  /// connection is closed once that is answered, or `grace` is over. Ends the threads.
  void drain(Milliseconds grace);

  [[nodiscard]] std::size_t connections() const noexcept;
  [[nodiscard]] Refusals refusals() const noexcept;
  /// Every thread has been in its event loop within the last `age`.
  [[nodiscard]] bool responsive(std::chrono::seconds age) const noexcept;

  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

 private:
  struct Workers;
  struct Parts;
  explicit Server(std::unique_ptr<Workers> workers) noexcept;
  std::unique_ptr<Workers> workers_;
};

class Server::Prepared {
 public:
  Prepared(Prepared&&) noexcept;
  Prepared& operator=(Prepared&&) noexcept;
  ~Prepared();

 private:
  friend class Server;
  explicit Prepared(std::unique_ptr<Parts> parts) noexcept;
  std::unique_ptr<Parts> parts_;
};

}  // namespace stek::daemon
