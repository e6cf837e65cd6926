#include "http.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <latch>
#include <list>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "problem.hpp"
#ifdef STEKD_TLS
#include "tls_context.hpp"
#endif

namespace stek::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
// One type for Unix and for TCP, so that all of this is compiled once.
using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using Buffer = beast::basic_flat_buffer<WipingAllocator<char>>;
using ReadBody = http::vector_body<unsigned char, WipingAllocator<unsigned char>>;
using Fields = http::basic_fields<WipingAllocator<char>>;
using Parser = http::request_parser<ReadBody, WipingAllocator<char>>;
using Message = http::request<ReadBody, Fields>;
using Answer = http::response<http::span_body<const std::byte>>;

constexpr Milliseconds sweep_interval(50);
constexpr std::size_t least_read = 1024;
/// What a refused client may still send before its connection is closed.
constexpr std::size_t most_discarded = std::size_t{1} << 20U;

class Worker;

/// A listener, as one worker has it. It is there for as long as one of its connections.
struct Door {
  std::string name;
  Tls tls;
  std::size_t most_connections;
  bool outlives;
  Acceptor acceptor;
  bool accepting = false;
  /// Shared with those that were in its place before a reload, whose connections stay.
  std::shared_ptr<std::size_t> connections = std::make_shared<std::size_t>(0);
};

/// A connection, as its worker sees it.
class Link {
 public:
  virtual ~Link() = default;
  explicit Link(std::shared_ptr<Door> at) noexcept : door(std::move(at)) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  virtual void start() = 0;
  /// What it waits for then fails, upon which it ends.
  virtual void close() noexcept = 0;
  /// Ends once all that was sent is answered.
  virtual void retire() noexcept = 0;
  /// Sees whether a request has begun, also where it is not read yet.
  virtual void notice() noexcept = 0;

  const std::shared_ptr<Door> door;
  Clock::time_point deadline;
  std::list<std::unique_ptr<Link>>::iterator place;
};

// ---- a thread

/// All of it but for the atomics is its own thread's once that runs.
class Worker {
 public:
  explicit Worker(const Limits& limits)
      : limits_(limits), context_(1), sweep_(context_), swept_(Clock::now().time_since_epoch()) {}

  void run() noexcept {
    while (!context_.stopped()) {
      try {
        sweep_later();
        context_.run();
      } catch (const std::exception&) {
        // Out of memory where nothing of one connection was at fault.
        continue;
      }
    }
  }
  void stop() { context_.stop(); }
  asio::io_context& context() noexcept { return context_; }

  void serve(std::vector<std::shared_ptr<Door>> doors, Handler handler) noexcept {
    for (const auto& door : doors) {
      const auto before =
          std::ranges::find(doors_, door->name, [](const auto& held) { return held->name; });
      if (before != doors_.end()) door->connections = (*before)->connections;
    }
    close_doors();
    doors_ = std::move(doors);
    handler_ = std::move(handler);
    for (const auto& link : links_) {
      // Whoever has its place by then, it is another.
      if (!has_door(link->door->name)) link->retire();
    }
    for (const auto& door : doors_) accept_at(door);
  }

  void drain() noexcept {
    draining_ = true;
    for (const auto& door : doors_) {
      if (!door->outlives) accept_waiting(door);
    }
    close_doors();
    for (const auto& link : links_) link->retire();
  }

  [[nodiscard]] const Limits& limits() const noexcept { return limits_; }
  [[nodiscard]] std::size_t connections() const noexcept { return open_.load(); }
  void count_refusal(unsigned status) noexcept {
    auto& refusals = status == 413   ? too_large_bodies_
                     : status == 431 ? too_large_headers_
                                     : not_http_;
    refusals.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] Refusals refusals() const noexcept {
    return {.not_http = not_http_,
            .body_too_large = too_large_bodies_,
            .header_too_large = too_large_headers_};
  }
  [[nodiscard]] Clock::time_point swept() const noexcept {
    return Clock::time_point(swept_.load(std::memory_order_relaxed));
  }

  Response answer(const Request& request) const noexcept {
    try {
      return handler_(request);
    } catch (const std::exception&) {
      // Its text may quote a secret.
      return {.status = 500};
    }
  }

  void forget(const Link& link) noexcept {
    open_.fetch_sub(1, std::memory_order_relaxed);
    --*link.door->connections;
    links_.erase(link.place);
  }

  /// RFC 9110 section 6.6.1: "An origin server with a clock MUST generate a Date header field in
  /// all 2xx (Successful), 3xx (Redirection), and 4xx (Client Error) responses".
  const std::string& date() {
    const std::time_t now = std::time(nullptr);
    if (now != dated_) {
      dated_ = now;
      date_ = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(now));
    }
    return date_;
  }

 private:
  [[nodiscard]] bool has_door(const std::string& name) const noexcept {
    return std::ranges::any_of(doors_, [&](const auto& door) { return door->name == name; });
  }

  void close_doors() noexcept {
    for (const auto& door : doors_) {
      error_code ignored;
      door->acceptor.close(ignored);
    }
    doors_.clear();
  }

  /// What stands against it, the sweep comes back to: an accept that fails for want of descriptors
  /// would fail again at once.
  void accept_at(const std::shared_ptr<Door>& door) noexcept {
    if (*door->connections >= door->most_connections) return;
    try {
      door->acceptor.async_accept(context_, [this, door](const error_code& error, Socket socket) {
        door->accepting = false;
        // One that was accepted while the door was closed is served all the same.
        if (!error) welcome(door, std::move(socket));
        if (!error && door->acceptor.is_open()) accept_at(door);
      });
      door->accepting = true;
    } catch (const std::exception&) {
      return;
    }
  }

  void accept_waiting(const std::shared_ptr<Door>& door) noexcept {
    error_code error;
    door->acceptor.non_blocking(true, error);
    for (int i = 0; i < SOMAXCONN && !error; ++i) {
      Socket socket(context_);
      door->acceptor.accept(socket, error);
      if (!error) welcome(door, std::move(socket));
    }
  }

  void welcome(const std::shared_ptr<Door>& door, Socket socket) noexcept;

  /// Ends what was to be swept before.
  void sweep_later() {
    sweep_.expires_after(sweep_interval);
    sweep_.async_wait([this](const error_code& error) {
      if (error) return;
      sweep();
      sweep_later();
    });
  }

  void sweep() noexcept {
    const auto now = Clock::now();
    swept_.store(now.time_since_epoch(), std::memory_order_relaxed);
    for (const auto& link : links_) {
      link->notice();
      if (now >= link->deadline) link->close();
    }
    for (const auto& door : doors_) {
      if (!door->accepting) accept_at(door);
    }
  }

  Limits limits_;
  asio::io_context context_;
  asio::steady_timer sweep_;
  std::vector<std::shared_ptr<Door>> doors_;
  std::list<std::unique_ptr<Link>> links_;
  Handler handler_;
  bool draining_ = false;
  std::time_t dated_ = -1;
  std::string date_;
  std::atomic<std::size_t> open_{0};
  std::atomic<std::uint64_t> not_http_{0};
  std::atomic<std::uint64_t> too_large_bodies_{0};
  std::atomic<std::uint64_t> too_large_headers_{0};
  std::atomic<Clock::duration> swept_;
};

// ---- a connection

unsigned status_of(const error_code& error) noexcept {
  if (error == http::error::header_limit) return 431;
  return error == http::error::body_limit ? 413 : 400;
}

Response refusal(unsigned status) {
  switch (status) {
    case 413:
      return response_of(
          Problem{.status = 413, .name = "body_too_large", .title = "the body is too large"});
    case 431:
      return response_of(
          Problem{.status = 431, .name = "header_too_large", .title = "the header is too large"});
    default:
      return response_of(
          Problem{.status = 400, .name = "not_http", .title = "this is not HTTP/1.1 (RFC 9112)"});
  }
}

std::string_view view_of(const auto& text) noexcept {
  return {text.data(), text.size()};
}

constexpr std::string_view digits = "0123456789";
/// RFC 3986 sections 3.2.2 and 3.2.3.
constexpr std::string_view host_characters =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~%!$&'()*+,;=:[]";

bool consists_of(std::string_view text, std::string_view characters) noexcept {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

/// RFC 9112 section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any
/// HTTP/1.1 request message that lacks a Host header field and to any request message that contains
/// more than one Host header field line or a Host header field with an invalid field value."
bool has_its_host(const Message& message) {
  const auto hosts = message.count(http::field::host);
  if (hosts == 0) return message.version() < 11;
  return hosts == 1 && consists_of(view_of(message[http::field::host]), host_characters);
}

/// RFC 9112 section 6.3: "If a Transfer-Encoding header field is present in a request and the
/// chunked transfer coding is not the final encoding, the message body length cannot be determined
/// reliably; the server MUST respond with the 400 (Bad Request) status code and then close the
/// connection." No other coding is known here, and Beast takes what has one for a request without
/// a body, and what a proxy may have read otherwise: lengths that agree, chunks in HTTP/1.0.
bool is_plainly_framed(const Message& message) {
  if (message.count(http::field::content_length) > 1) return false;
  if (!consists_of(view_of(message[http::field::content_length]), digits)) return false;
  const auto codings = message.count(http::field::transfer_encoding);
  if (codings == 0) return true;
  return codings == 1 && message.version() >= 11 &&
         beast::iequals(message[http::field::transfer_encoding], "chunked");
}

/// RFC 9112 section 3.2.2: "a server MUST accept the absolute-form in requests even though most
/// HTTP/1.1 clients will only send the absolute-form to a proxy."
std::string_view origin_form(std::string_view target) noexcept {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
    const std::size_t path = target.find_first_of("/?", scheme.size());
    return path == std::string_view::npos ? "/" : target.substr(path);
  }
  return target;
}

/// One outstanding operation at a time, whose end is where the connection goes on or ends.
template <class Stream>
class Connection final : public Link {
 public:
  template <class... Arguments>
  Connection(Worker& worker, std::shared_ptr<Door> at, Peer peer, Arguments&&... arguments)
      : Link(std::move(at)),
        worker_(worker),
        stream_(std::forward<Arguments>(arguments)...),
        peer_(std::move(peer)),
        buffer_(worker.limits().header + std::size_t{65536}) {
    deadline = Clock::now() + worker.limits().deadline;
  }

  void start() override {
#ifdef STEKD_TLS
    if constexpr (!std::is_same_v<Stream, Socket>) {
      return stream_.async_handshake(asio::ssl::stream_base::server, then([this] {
                                       peer_.certificate = certificate_of(*stream_.native_handle());
                                       next_request();
                                     }));
    }
#endif
    if constexpr (std::is_same_v<Stream, Socket>) next_request();
  }

  void close() noexcept override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

  void retire() noexcept override {
    retired_ = true;
    notice();
    if (idle_) hear_no_more();
  }

  /// A part of a TLS record is not read before the rest has come.
  void notice() noexcept override {
    if (has_part_of_record()) begin();
  }

 private:
  /// A completion handler that goes on with `work`, or ends the connection.
  template <class Work>
  auto then(Work work) {
    return [this, work](const error_code& error, auto... n) {
      if (error) return worker_.forget(*this);
      try {
        work(n...);
      } catch (const std::exception&) {
        worker_.forget(*this);
      }
    };
  }

  void next_request() {
    parser_.emplace();
    parser_->eager(false);
    parser_->header_limit(worker_.limits().header);
    parser_->body_limit(worker_.limits().body);
    has_header_ = false;
    if (buffer_.size() > 0) return parse();
    read_more();
  }

  void read_more() {
    const std::size_t spare = buffer_.capacity() - buffer_.size();
    const std::size_t left = buffer_.max_size() - buffer_.size();
    // Beast has limits for all but a chunk's extensions and for trailers.
    if (left == 0) return refuse(431);
    stream_.async_read_some(buffer_.prepare(std::min(std::max(spare, least_read), left)),
                            then([this](std::size_t n) { take(n); }));
  }

  void take(std::size_t n) {
    buffer_.commit(n);
    begin();
    parse();
  }

  void begin() noexcept {
    if (idle_ && served_) deadline = Clock::now() + worker_.limits().deadline;
    idle_ = false;
  }

  [[nodiscard]] bool has_part_of_record() noexcept {
#ifdef STEKD_TLS
    if constexpr (!std::is_same_v<Stream, Socket>) {
      return has_unread(*stream_.native_handle());
    }
#endif
    return false;
  }

  void parse() {
    error_code error;
    buffer_.consume(parser_->put(buffer_.data(), error));
    if (error && error != http::error::need_more) return refuse(status_of(error));
    if (parser_->is_header_done() && !has_header_) return take_header();
    if (parser_->is_done()) return answer();
    read_more();
  }

  /// Before the body is read: Beast adds a trailer's fields to those of the header, where none of
  /// them has a meaning (RFC 9110 section 6.5.1).
  void take_header() {
    has_header_ = true;
    const Message& message = parser_->get();
    if (!has_its_host(message) || !is_plainly_framed(message)) return refuse(400);
    keep_alive_ = message.keep_alive();
    take_media_type(view_of(message[http::field::content_type]));
    if (parser_->is_done()) return answer();
    parser_->eager(true);
    if (buffer_.size() > 0) return parse();
    answer_expectation();
  }

  /// RFC 9110 section 8.3.1: "The type and subtype tokens are case-insensitive."
  void take_media_type(std::string_view field) {
    media_type_ = field.substr(0, field.find(';'));
    media_type_.erase(media_type_.find_last_not_of(" \t") + 1);
    std::ranges::transform(media_type_, media_type_.begin(), beast::detail::ascii_tolower);
  }

  /// RFC 9110 section 10.1.1: "A server that receives a 100-continue expectation ... MUST send
  /// either 100 (Continue) status ... or a final status". It "MAY omit sending a 100 (Continue)
  /// response if it has already received some or all of the content". "A server that receives a
  /// 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation."
  void answer_expectation() {
    const Message& message = parser_->get();
    if (message.version() < 11 || !beast::iequals(message[http::field::expect], "100-continue")) {
      return read_more();
    }
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(go_on),
                      then([this](std::size_t /*n*/) { read_more(); }));
  }

  void answer() {
    const Message& message = parser_->get();
    const bool only_head = message.method() == http::verb::head;
    const std::string_view target = origin_form(view_of(message.target()));
    const std::size_t mark = std::min(target.find('?'), target.size());
    Response response = worker_.answer(
        {.method = only_head ? std::string_view("GET") : view_of(message.method_string()),
         .path = target.substr(0, mark),
         .query = target.substr(std::min(mark + 1, target.size())),
         .media_type = media_type_,
         .body = std::as_bytes(std::span(message.body())),
         .peer = peer_});
    const bool keep_alive = keep_alive_ && (!retired_ || has_more());
    const unsigned version = message.version();
    parser_.reset();
    wipe_what_was_read();
    write(std::move(response), version, keep_alive, only_head);
  }

  /// The rest of what it sends is not looked at.
  void refuse(unsigned status) {
    refused_ = true;
    worker_.count_refusal(status);
    parser_.reset();
    write(refusal(status), 11, false, false);
  }

  void write(Response response, unsigned version, bool keep_alive, bool only_head) {
    response_ = std::move(response);
    Answer& answer = answer_.emplace(http::int_to_status(response_.status), version);
    answer.set(http::field::date, worker_.date());
    // Whatever it is, it is of this instant, and often secret.
    answer.set(http::field::cache_control, "no-store");
    if (!response_.content_type.empty()) {
      answer.set(http::field::content_type, response_.content_type);
    }
    for (const Field& field : response_.fields) answer.set(field.name, field.value);
    answer.keep_alive(keep_alive);
    answer.content_length(response_.body.size());
    if (!only_head) answer.body() = beast::span<const std::byte>(response_.body);
    send(then([this, keep_alive](std::size_t /*n*/) { written(keep_alive); }));
  }

  template <class Then>
  void send(Then then) {
    if constexpr (std::is_same_v<Stream, Socket>) return http::async_write(stream_, *answer_, then);
    // What is in several pieces Asio would copy to the stack, for libssl to have it in one.
    flatten();
    asio::async_write(stream_, flat_.data(), then);
  }

  void flatten() {
    flat_.clear();
    http::response_serializer<Answer::body_type, Answer::fields_type> serializer(*answer_);
    error_code error;
    while (!serializer.is_done() && !error) {
      serializer.next(error, [&](error_code& /*error*/, const auto& buffers) {
        const std::size_t size =
            asio::buffer_copy(flat_.prepare(beast::buffer_bytes(buffers)), buffers);
        flat_.commit(size);
        serializer.consume(size);
      });
    }
  }

  void written(bool keep_alive) {
    answer_.reset();
    response_ = {};
    wipe({static_cast<std::byte*>(flat_.data().data()), flat_.size()});
    if (refused_) return say_no_more();
    if (!keep_alive) return worker_.forget(*this);
    served_ = true;
    idle_ = buffer_.size() == 0;
    const Limits& limits = worker_.limits();
    deadline = Clock::now() + (idle_ ? limits.idle : limits.deadline);
    // What its client sends next may be there already.
    if (retired_) hear_no_more();
    if (idle_) keep_little();
    next_request();
  }

  /// Something that was sent is not answered yet.
  [[nodiscard]] bool has_more() noexcept {
    error_code ignored;
    return buffer_.size() > 0 || has_part_of_record() ||
           stream_.lowest_layer().available(ignored) > 0;
  }

  /// But for what has come already. What waits for more then ends the connection.
  void hear_no_more() noexcept {
    if (has_more()) return;
    error_code ignored;
    stream_.lowest_layer().shutdown(asio::socket_base::shutdown_receive, ignored);
  }

  /// Of many that are idle each would keep the room of its largest request.
  void keep_little() {
    constexpr std::size_t enough = 4096;
    for (Buffer* buffer : {&buffer_, &flat_}) {
      if (buffer->capacity() <= enough) continue;
      buffer->clear();
      buffer->shrink_to_fit();
    }
    if (media_type_.capacity() > enough) std::string().swap(media_type_);
  }

  /// Who closes while bytes come in resets the connection, and takes the answer from the client.
  void say_no_more() {
    error_code ignored;
    stream_.lowest_layer().shutdown(asio::socket_base::shutdown_send, ignored);
    discard();
  }

  void discard() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(least_read), then([this](std::size_t n) {
                              discarded_ += n;
                              if (discarded_ > most_discarded) return worker_.forget(*this);
                              discard();
                            }));
  }

  void wipe_what_was_read() noexcept {
    const auto spare = buffer_.prepare(buffer_.capacity() - buffer_.size());
    wipe({static_cast<std::byte*>(spare.data()), spare.size()});
  }

  Worker& worker_;
  Stream stream_;
  Peer peer_;
  Buffer buffer_;
  std::optional<Parser> parser_;
  std::string media_type_;
  Response response_;
  std::optional<Answer> answer_;
  Buffer flat_;
  std::size_t discarded_ = 0;
  bool idle_ = true;  ///< nothing of a request has come
  bool retired_ = false;
  bool served_ = false;
  bool refused_ = false;
  bool has_header_ = false;
  bool keep_alive_ = false;
};

#ifdef STEKD_TLS
using TlsStream = asio::ssl::stream<Socket>;
#endif

Peer peer_at(Socket& socket, const std::string& listener) {
  Peer peer{.listener = listener, .user = std::nullopt, .certificate = std::nullopt};
  ucred credentials{};
  socklen_t size = sizeof credentials;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  getsockname(socket.native_handle(), reinterpret_cast<sockaddr*>(&address), &length);
  if (address.ss_family != AF_UNIX) {
    const int on = 1;
    setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return peer;
  }
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
    peer.user = credentials.uid;
  }
  return peer;
}

std::unique_ptr<Link> link_over(Worker& worker, const std::shared_ptr<Door>& door, Socket socket) {
  Peer peer = peer_at(socket, door->name);
#ifdef STEKD_TLS
  if (door->tls != nullptr) {
    return std::make_unique<Connection<TlsStream>>(worker, door, std::move(peer), std::move(socket),
                                                   door->tls->ssl);
  }
#endif
  return std::make_unique<Connection<Socket>>(worker, door, std::move(peer), std::move(socket));
}

/// Out of memory, the client sees a closed connection.
void Worker::welcome(const std::shared_ptr<Door>& door, Socket socket) noexcept {
  try {
    links_.push_back(link_over(*this, door, std::move(socket)));
  } catch (const std::exception&) {
    return;
  }
  Link& link = *links_.back();
  link.place = std::prev(links_.end());
  open_.fetch_add(1, std::memory_order_relaxed);
  ++*door->connections;
  try {
    link.start();
    if (draining_) link.retire();
  } catch (const std::exception&) {
    forget(link);
  }
}

// ---- listening

std::string what_failed(std::string_view what, int number) {
  return std::string(what) + ": " + std::generic_category().message(number);
}

std::unexpected<Failure> cannot_listen(const Listener& listener, std::string_view why) {
  return std::unexpected(
      Failure{.error = Error::unreachable,
              .message = "cannot listen at " + listener.name + ": " + std::string(why),
              .hint = {}});
}

int family_of(int socket) noexcept {
  int family = AF_UNSPEC;
  socklen_t size = sizeof family;
  getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

std::expected<std::shared_ptr<Door>, Failure> door_for(const Listener& listener, Worker& worker) {
  auto door = std::make_shared<Door>(Door{.name = listener.name,
                                          .tls = listener.tls,
                                          .most_connections = listener.most_connections,
                                          .outlives = listener.outlives,
                                          .acceptor = Acceptor(worker.context())});
  const int copy = fcntl(listener.socket, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return cannot_listen(listener, std::generic_category().message(errno));
  error_code error;
  door->acceptor.assign(Protocol(family_of(copy), 0), copy, error);
  if (error) {
    ::close(copy);
    return cannot_listen(listener, error.message());
  }
  return door;
}

}  // namespace

// ---- the server

struct Server::Workers {
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::jthread> threads;

  Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() {
    for (const auto& worker : workers) worker->stop();
  }

  /// Has each thread do its part, and waits. `work` throws nothing.
  template <class Work>
  void on_each(const Work& work) noexcept {
    std::latch done(static_cast<std::ptrdiff_t>(workers.size()));
    for (std::size_t i = 0; i < workers.size(); ++i) {
      post(*workers[i], [&, i] {
        work(i);
        done.count_down();
      });
    }
    done.wait();
  }

 private:
  /// However long it takes to get the memory: not only some of them may do it.
  template <class Work>
  static void post(Worker& worker, const Work& work) noexcept {
    for (;;) {
      try {
        return asio::post(worker.context(), work);
      } catch (const std::bad_alloc&) {
        std::this_thread::sleep_for(sweep_interval);
      }
    }
  }
};

Server::Server(std::unique_ptr<Workers> workers) noexcept : workers_(std::move(workers)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

std::expected<Server, Failure> Server::start(const Limits& limits) {
  auto all = std::make_unique<Workers>();
  try {
    for (unsigned i = 0; i < limits.threads; ++i) {
      Worker& worker = *all->workers.emplace_back(std::make_unique<Worker>(limits));
      all->threads.emplace_back([&worker] { worker.run(); });
    }
  } catch (const std::system_error& error) {
    return std::unexpected(
        Failure{.error = Error::no_memory,
                .message = what_failed("cannot start a thread", error.code().value()),
                .hint = "memory that is locked counts a thread's stack: raise LimitMEMLOCK"});
  } catch (const boost::system::system_error& error) {
    return std::unexpected(
        Failure{.error = Error::no_memory,
                .message = what_failed("cannot start an event loop", error.code().value()),
                .hint = {}});
  }
  return Server(std::move(all));
}

/// Of each thread.
struct Server::Parts {
  std::vector<std::vector<std::shared_ptr<Door>>> doors;
  std::vector<Handler> handlers;
};

Server::Prepared::Prepared(std::unique_ptr<Parts> parts) noexcept : parts_(std::move(parts)) {}
Server::Prepared::Prepared(Prepared&&) noexcept = default;
Server::Prepared& Server::Prepared::operator=(Prepared&&) noexcept = default;
Server::Prepared::~Prepared() = default;

std::expected<Server::Prepared, Failure> Server::prepare(const std::vector<Listener>& listeners,
                                                         const Handler& handler) {
  auto parts = std::make_unique<Parts>();
  for (const auto& worker : workers_->workers) {
    parts->handlers.push_back(handler);
    auto& doors = parts->doors.emplace_back();
    for (const Listener& listener : listeners) {
      auto door = door_for(listener, *worker);
      if (!door) return std::unexpected(std::move(door.error()));
      doors.push_back(*std::move(door));
    }
  }
  return Prepared(std::move(parts));
}

void Server::serve(Prepared prepared) noexcept {
  Parts& parts = *prepared.parts_;
  workers_->on_each([&](std::size_t i) {
    workers_->workers[i]->serve(std::move(parts.doors[i]), std::move(parts.handlers[i]));
  });
}

void Server::drain(Milliseconds grace) {
  workers_->on_each([&](std::size_t i) { workers_->workers[i]->drain(); });
  const auto end = Clock::now() + grace;
  while (connections() > 0 && Clock::now() < end) {
    std::this_thread::sleep_for(Milliseconds(5));
  }
  for (const auto& worker : workers_->workers) worker->stop();
  workers_->threads.clear();
}

std::size_t Server::connections() const noexcept {
  std::size_t sum = 0;
  for (const auto& worker : workers_->workers) sum += worker->connections();
  return sum;
}

Refusals Server::refusals() const noexcept {
  Refusals sum;
  for (const auto& worker : workers_->workers) {
    const Refusals refusals = worker->refusals();
    sum.not_http += refusals.not_http;
    sum.body_too_large += refusals.body_too_large;
    sum.header_too_large += refusals.header_too_large;
  }
  return sum;
}

bool Server::responsive(std::chrono::seconds age) const noexcept {
  const auto since = Clock::now() - age;
  return std::ranges::all_of(workers_->workers,
                             [&](const auto& worker) { return worker->swept() >= since; });
}

}  // namespace stek::daemon
