// Sessions in the hands of many servers: tickets are issued and come back all through their
// lifetime, about its end, and behind it, at so many requests a second. Every one goes to a log,
// which soak_check.py judges; this judges nothing.
//
//   soak SOCKET LOG SECONDS RATE
//
// A connection that is closed, as a daemon does that ends, is made anew, and what it was asked is
// asked again.
#include <poll.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <queue>
#include <vector>

#include "hello_bytes.hpp"
#include "http_client.hpp"
#include "resumption/messages.hpp"
#include "session/state.hpp"

namespace stek::test {
namespace {

constexpr std::size_t connections = 16;
constexpr std::string_view label = "pike/1";

double seconds_now() noexcept {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// ---- the log

enum class What : std::uint8_t { issue = 1, resume = 2, seal = 3, open = 4 };

/// In this machine's own order.
struct Line {
  double begin;
  double end;
  std::uint32_t number;    ///< of the ticket
  std::uint32_t lifetime;  ///< what a new ticket came with
  std::uint16_t status;
  What what;
  std::uint8_t opened;  ///< the session, or the bytes, came back
  std::uint8_t asked_again;
  std::array<char, 19> reason;
  std::array<std::byte, 16> secret;  ///< its first bytes: what was sealed, or what came back
};
static_assert(sizeof(Line) == 64);

// ---- tickets

/// The secret of the n-th, the same whenever it is asked.
std::array<std::byte, 48> secret_of(std::uint32_t number) {
  Random random{number + 1ULL};
  std::array<std::byte, 48> secret{};
  fill(random, secret);
  return secret;
}

bool is_opaque(std::uint32_t number) noexcept {
  return number % 4 == 3;
}

Session session_of(std::uint32_t number) {
  Session session;
  session.version = ProtocolVersion::tls1_2;
  session.cipher_suite = CipherSuite{0xc02f};
  session.secret = SessionSecret(secret_of(number));
  session.extended_master_secret = true;
  session.server_name = HostName::from("s" + std::to_string(number % 1000) + ".example").value();
  return session;
}

Wire state_of(const Session& session) {
  const Stamp stamp{.issued_at = system_now(),
                    .authenticated_at = system_now(),
                    .lifetime = Seconds(1),
                    .context = {}};
  Wire state(state::size_of(session, 128).value());
  if (!state::encode(state, session, stamp)) std::abort();
  return state;
}

Wire labelled(Bytes bytes) {
  Wire body;
  append_vector(body, 1, std::as_bytes(std::span(label)));
  append(body, bytes);
  return body;
}

struct Ticket {
  std::uint32_t number;
  Wire bytes;
};

struct Return {
  double due;
  Ticket ticket;
  friend bool operator<(const Return& a, const Return& b) noexcept { return a.due > b.due; }
};

// ---- requests

struct Asked {
  What what = What::issue;
  std::uint32_t number = 0;
  std::string request;
  double begin = 0;
  std::uint8_t again = 0;
};

Asked new_ticket(std::uint32_t number) {
  if (is_opaque(number)) {
    return {.what = What::seal,
            .number = number,
            .request = request_for("/v1/seal", labelled(secret_of(number)))};
  }
  return {.what = What::issue,
          .number = number,
          .request = request_for("/v1/issue", state_of(session_of(number)))};
}

Asked returning(const Ticket& ticket) {
  if (is_opaque(ticket.number)) {
    return {.what = What::open,
            .number = ticket.number,
            .request = request_for("/v1/open", labelled(ticket.bytes))};
  }
  Wire offer = vector_bytes(2, ticket.bytes);
  append(offer, hello_for(session_of(ticket.number), {}));
  return {
      .what = What::resume, .number = ticket.number, .request = request_for("/v1/resume", offer)};
}

// ---- the soak

class Soak {
 public:
  Soak(std::string socket, std::FILE* log, double rate)
      : socket_(std::move(socket)), log_(log), interval_(1 / rate) {
    for (Place& place : places_) place.client.connect(socket_);
  }

  void run(double seconds) {
    const double begin = seconds_now();
    double next = begin;
    while (next < begin + seconds) {
      for (Place& place : places_) {
        if (place.busy || next > seconds_now()) continue;
        ask(place, next_request());
        next += interval_;
      }
      wait();
    }
    while (std::ranges::any_of(places_, &Place::busy)) wait();
  }

 private:
  struct Place {
    HttpClient client;
    Asked asked;
    bool busy = false;
  };

  /// One in four is a new ticket.
  Asked next_request() {
    if (turn_++ % 4 == 0) return new_ticket(next_number_++);
    if (!returns_.empty() && returns_.top().due <= seconds_now()) {
      const Asked asked = returning(returns_.top().ticket);
      returns_.pop();
      return asked;
    }
    return last_ ? returning(*last_) : new_ticket(next_number_++);
  }

  void ask(Place& place, Asked asked) {
    place.asked = std::move(asked);
    place.asked.begin = seconds_now();
    place.busy = true;
    send(place);
  }

  void send(Place& place) {
    while (!place.client.is_open() || !place.client.send(place.asked.request)) {
      if (++place.asked.again > 100 || !place.client.connect(socket_)) std::exit(1);
    }
  }

  void wait() {
    std::array<pollfd, connections> polled{};
    for (std::size_t i = 0; i < connections; ++i) {
      polled[i] = {
          .fd = places_[i].busy ? places_[i].client.fd() : -1, .events = POLLIN, .revents = 0};
    }
    poll(polled.data(), polled.size(), 1);
    for (std::size_t i = 0; i < connections; ++i) {
      if (polled[i].revents != 0) receive(places_[i]);
    }
  }

  void receive(Place& place) {
    if (!place.client.read()) return send(place);
    const auto answer = place.client.answer();
    if (!answer) return;
    place.busy = false;
    tell(place.asked, *answer);
  }

  void tell(const Asked& asked, const Answer& answer) {
    Line line{.begin = asked.begin,
              .end = seconds_now(),
              .number = asked.number,
              .lifetime = 0,
              .status = static_cast<std::uint16_t>(answer.status),
              .what = asked.what,
              .opened = 0,
              .asked_again = asked.again,
              .reason = {},
              .secret = {}};
    if (answer.status == 200) {
      if (asked.what == What::issue || asked.what == What::seal) {
        keep(line, answer.body);
      } else {
        look(line, answer.body);
      }
    }
    std::fwrite(&line, sizeof line, 1, log_);
  }

  /// A lifetime hint, and a ticket behind its length.
  void keep(Line& line, Bytes body) {
    wire::Reader in(body);
    line.lifetime = in.number<std::uint32_t>();
    const Bytes ticket = in.vector<std::uint16_t>(1, 65535);
    const auto secret = secret_of(line.number);
    std::copy_n(secret.begin(), line.secret.size(), line.secret.begin());
    last_ = Ticket{.number = line.number, .bytes = {ticket.begin(), ticket.end()}};
    const double end = std::floor(line.begin) + line.lifetime;
    returns_.push({.due = between(line.end, end), .ticket = *last_});
    returns_.push({.due = between(end - 1, end + 1), .ticket = *last_});
    // Behind the end of its key, too.
    returns_.push({.due = between(end, end + 10), .ticket = *last_});
  }

  /// A verdict or a flag, a reason behind its length, and what was sealed.
  static void look(Line& line, Bytes body) {
    const bool session = line.what == What::resume;
    wire::Reader in(body);
    line.opened = in.u8() == 1 ? 1 : 0;
    in.bytes(session ? messages::resumed_header.size - 1 : 0);
    const Bytes reason = in.vector<std::uint8_t>(1, 255);
    std::memcpy(line.reason.data(), reason.data(), std::min(reason.size(), line.reason.size()));
    if (line.opened == 0) return;
    Session resumed;
    if (session && !state::decode(resumed, in.rest(), 128)) return;
    const Bytes secret = session ? resumed.secret.expose() : in.rest();
    std::ranges::copy(secret.first(line.secret.size()), line.secret.begin());
  }

  double between(double a, double b) {
    return a + (b - a) * std::uniform_real_distribution<double>(0, 1)(random_);
  }

  std::string socket_;
  std::FILE* log_;
  double interval_;
  std::array<Place, connections> places_;
  std::priority_queue<Return> returns_;
  std::optional<Ticket> last_;
  std::uint32_t next_number_ = 0;
  std::uint64_t turn_ = 0;
  Random random_{5};
};

}  // namespace
}  // namespace stek::test

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  std::FILE* const log = std::fopen(argv[2], "wb");
  if (log == nullptr) return 2;
  stek::test::Soak(argv[1], log, std::atof(argv[4])).run(std::atof(argv[3]));
  return std::fclose(log) == 0 ? 0 : 1;
}
