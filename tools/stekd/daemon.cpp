#include "daemon.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include <fmt/core.h>

#include "admin.hpp"
#include "base/memory.hpp"
#include "listening.hpp"
#include "notify.hpp"
#include "output.hpp"
#include "rotator.hpp"
#include "routes.hpp"
#include "service.hpp"

namespace stek::daemon {
namespace {

using tool::complain;
using tool::Complaint;
using tool::Exit;

// ---- signals

/// Blocked before there are threads, which inherit that, so that only `wait_for_signal` sees them.
sigset_t hold_signals() noexcept {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

/// The signal that came, or 0 right behind the next whole second: keys change at those, and who is
/// to have announced one a second before has not a moment to lose.
int wait_for_signal(const sigset_t& signals) noexcept {
  constexpr long second = 1'000'000'000;
  // Seconds are read by a clock that may be a tick late.
  constexpr long moment = second / 50;
  timespec left{};
  clock_gettime(CLOCK_REALTIME, &left);
  left = {.tv_sec = 0, .tv_nsec = moment - left.tv_nsec};
  if (left.tv_nsec < 0) left.tv_nsec += second;
  const int signal = sigtimedwait(&signals, nullptr, &left);
  return signal < 0 ? 0 : signal;
}

// ---- what the service manager hears

void tell_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  tool::tell_service_manager(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n",
                                         (now.tv_sec * 1'000'000) + (now.tv_nsec / 1000)));
}

void tell_ready(const std::string& status) {
  tool::tell_service_manager("READY=1\nSTATUS=" + status + "\n");
}

// ---- the daemon

constexpr Seconds turn_interval(60);
/// Behind a turn that failed: its cause may be gone soon, and without keys each second counts.
constexpr Seconds retry_interval(5);
constexpr Seconds sample_interval(5);
constexpr std::chrono::seconds longest_silence(10);

/// Connections at a time, of each listener that oversees.
constexpr std::size_t oversight_share = 16;

/// Connections at a time that each listener may have on each thread, so that the ring can be read
/// and written and administrators get in, whatever clients do.
std::expected<std::size_t, Failure> share_of_descriptors(std::size_t threads,
                                                         std::size_t listeners) {
  // An event loop's own; a socket, and a copy of it for each thread, and all of these once more
  // during a reload; what the ring, the configuration, names and notices need for a moment.
  constexpr std::size_t of_a_loop = 3;
  constexpr std::size_t for_a_moment = 32;
  const std::size_t sockets = 2 * ((listeners + 2) + (listeners * threads) + 2);
  const std::size_t apart =
      for_a_moment + (of_a_loop * (threads + 1)) + sockets + (2 * oversight_share);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t left = limit.rlim_cur > apart ? limit.rlim_cur - apart : 0;
  const std::size_t share = left / (threads * listeners);
  if (share > 0) return share;
  return std::unexpected(
      Failure{.error = Error::unsuitable,
              .message = fmt::format("{} open files (RLIMIT_NOFILE) are too few for {} threads and "
                                     "{} listeners",
                                     limit.rlim_cur, threads, listeners),
              .hint = fmt::format("LimitNOFILE= of the unit, or 'ulimit -n': {} at the least",
                                  apart + (threads * listeners))});
}

class Daemon {
 public:
  Daemon(const Flags& flags, Log& log) : flags_(flags), log_(log) {}

  tool::Or<void> start(std::vector<Socket> passed);
  void run(const sigset_t& signals);
  void stop();

 private:
  tool::Or<void> open(Config config, Instant now);
  tool::Or<void> start_servers();
  tool::Or<void> listen(Sockets held);
  void tell_started();
  void reload();
  tool::Or<void> reload_if_there_is_memory();
  tool::Or<void> reload_or_leave();
  void tick(Instant now);
  void rotate_if_due(Instant now);
  void warn_of_lapses(Instant now);
  std::optional<Failure> take_turn(Instant now);
  std::optional<Failure> rotate(Instant now);
  void tell_of_turn(const std::optional<Failure>& failure);
  void tell_status();

  struct Prepared {
    Server::Prepared tickets;
    Server::Prepared oversight;
  };
  tool::Or<Prepared> prepare(Service& service, const Sockets& held, const Sockets& opened);
  using SocketAt = std::function<const Socket&(const std::string& place)>;
  std::expected<Server::Prepared, Failure> prepare_tickets(const Service& service,
                                                           const SocketAt& socket_at);
  std::expected<Server::Prepared, Failure> prepare_oversight(Service& service,
                                                             const SocketAt& socket_at);
  void serve(Prepared prepared);

  const Flags& flags_;
  Log& log_;
  Metrics metrics_;
  History history_;
  Watch watch_;
  Sockets sockets_;
  std::unique_ptr<Service> service_;
  Limits limits_;
  keys::RingMark seen_;  ///< of the last turn
  Instant turn_due_{};
  Instant look_due_{};
  Instant sample_due_{};
  std::string status_;
  std::string told_status_;
  bool watched_ = std::getenv("WATCHDOG_USEC") != nullptr;  // NOLINT: there are no threads yet
  bool seals_ = true;
  // Last, so that their threads end first.
  std::optional<Server> tickets_;
  std::optional<Server> oversight_;
};

/// Before the first secret is read.
tool::Or<void> guard_memory(const Config& config, Log& log) {
  auto failure = guard_process_memory();
  if (!failure) return {};
  if (!config.allow_unlocked) return complain(*std::move(failure));
  log.write(Level::warning, "memory_unlocked", failure->message);
  return {};
}

tool::Or<Server> started(const Limits& limits) {
  auto server = Server::start(limits);
  if (!server) return complain(std::move(server.error()));
  return *std::move(server);
}

tool::Or<void> Daemon::start(std::vector<Socket> passed) {
  auto config = read_config(flags_);
  if (!config) return std::unexpected(std::move(config.error()));
  if (auto fit = refuse_unfit_places(*config); !fit) return fit;
  if (auto guarded = guard_memory(*config, log_); !guarded) return guarded;
  auto held = placed(std::move(passed), *config);
  if (!held) return std::unexpected(std::move(held.error()));
  if (auto opened = open(*std::move(config), system_now()); !opened) return opened;
  if (auto started = start_servers(); !started) return started;
  if (auto listening = listen(*std::move(held)); !listening) return listening;
  tell_started();
  return {};
}

tool::Or<void> Daemon::open(Config config, Instant now) {
  auto service = open_service(std::move(config), nullptr, now);
  if (!service) return std::unexpected(std::move(service.error()));
  service_ = *std::move(service);
  seen_ = service_->mark;
  if (auto failure = take_turn(now)) return complain(*std::move(failure));
  // A failure is told, and told again to whoever asks.
  [[maybe_unused]] const auto looked = look_at_ring(*service_, watch_, log_, now);
  return {};
}

tool::Or<void> Daemon::start_servers() {
  limits_ = service_->config.limits;
  // Before an event loop fails for want of them, with less to say.
  if (auto share = share_of_descriptors(limits_.threads, service_->config.listeners.size());
      !share) {
    return complain(std::move(share.error()));
  }
  auto tickets = started(limits_);
  if (!tickets) return std::unexpected(std::move(tickets.error()));
  tickets_.emplace(*std::move(tickets));
  // One thread of its own: a rotation writes and syncs files, for which no ticket waits.
  Limits apart = limits_;
  apart.threads = 1;
  auto oversight = started(apart);
  if (!oversight) return std::unexpected(std::move(oversight.error()));
  oversight_.emplace(*std::move(oversight));
  return {};
}

tool::Or<void> Daemon::listen(Sockets held) {
  auto opened = open_missing(service_->config, held);
  if (!opened) return std::unexpected(std::move(opened.error()));
  auto prepared = prepare(*service_, held, *opened);
  if (!prepared) return std::unexpected(std::move(prepared.error()));
  sockets_ = std::move(held);
  sockets_.merge(*opened);
  serve(*std::move(prepared));
  return {};
}

void Daemon::tell_started() {
  if (tool::is_plain_on_disk(service_->config.ring, service_->store->path())) {
    log_.write(Level::warning, "ring_in_plain", "the ring is in plain on a disk; kek seals it");
  }
  wire::Json places = wire::Json::array();
  for (const auto& [name, socket] : sockets_) places.push_back(socket.bound_to());
  log_.write(Level::notice, "started", status_, {{"listening", std::move(places)}});
  tell_ready(status_);
}

tool::Or<Daemon::Prepared> Daemon::prepare(Service& service, const Sockets& held,
                                           const Sockets& opened) {
  const auto socket_at = [&](const std::string& place) -> const Socket& {
    const auto found = held.find(place);
    return found == held.end() ? opened.at(place) : found->second;
  };
  auto tickets = prepare_tickets(service, socket_at);
  if (!tickets) return complain(std::move(tickets.error()));
  auto oversight = prepare_oversight(service, socket_at);
  if (!oversight) return complain(std::move(oversight.error()));
  return Prepared{.tickets = *std::move(tickets), .oversight = *std::move(oversight)};
}

std::expected<Server::Prepared, Failure> Daemon::prepare_tickets(const Service& service,
                                                                 const SocketAt& socket_at) {
  const auto share = share_of_descriptors(limits_.threads, service.config.listeners.size());
  if (!share) return std::unexpected(share.error());
  std::vector<Listener> listeners;
  for (const ListenConfig& config : service.config.listeners) {
    const std::string& place = config.place.name();
    const auto tls = service.tls.find(place);
    listeners.push_back({.name = place,
                         .socket = socket_at(place).fd(),
                         .tls = tls == service.tls.end() ? Tls() : tls->second,
                         .most_connections = *share,
                         .outlives = socket_at(place).was_passed()});
  }
  return tickets_->prepare(listeners, [&service, this](const Request& request) {
    return answer_ticket_request(service, metrics_, log_, request, system_now());
  });
}

std::expected<Server::Prepared, Failure> Daemon::prepare_oversight(Service& service,
                                                                   const SocketAt& socket_at) {
  constexpr std::string_view admin = "admin";
  const auto listener = [&](std::string_view name, const std::string& place) {
    const Socket& socket = socket_at(place);
    return Listener{.name = std::string(name),
                    .socket = socket.fd(),
                    .most_connections = oversight_share,
                    .outlives = socket.was_passed()};
  };
  std::vector<Listener> listeners = {listener(admin, service.config.admin.place.path)};
  if (const std::string& address = service.config.metrics_listen; !address.empty()) {
    listeners.push_back(listener("metrics", address));
  }
  const Oversight oversight{.service = service,
                            .metrics = metrics_,
                            .log = log_,
                            .watch = watch_,
                            .history = history_,
                            .tickets = *tickets_};
  return oversight_->prepare(listeners, [=](const Request& request) {
    return request.peer.listener == admin ? answer_admin_request(oversight, request, system_now())
                                          : answer_public_request(oversight, request, system_now());
  });
}

void Daemon::serve(Prepared prepared) {
  tickets_->serve(std::move(prepared.tickets));
  oversight_->serve(std::move(prepared.oversight));
}

// ---- rotation

/// As often as it takes for `/readyz` not to warn of a ring that was not read, and before a
/// Ticketer does it by itself, while somebody waits for a ticket.
Seconds look_interval(const Service& service) noexcept {
  return std::clamp(service.lead / 8, Seconds(1), Seconds(8));
}

std::optional<Failure> Daemon::take_turn(Instant now) {
  if (service_->config.rotate) return rotate(now);
  turn_due_ = now + turn_interval;
  status_ = fmt::format("generation {}, followed", service_->ticketer->health(now).generation);
  return std::nullopt;
}

std::optional<Failure> Daemon::rotate(Instant now) {
  turn_due_ = now + retry_interval;
  const auto refusal = [&](const KeyRing& held) {
    auto refused = keys::refusal_to_follow(seen_, keys::mark_of(held), "restart to take it over");
    return refused ? refused : refusal_to_follow(*service_, held, now);
  };
  const auto turn = tool::take_turn(*service_->store, refusal, now);
  if (!turn) return turn.error();
  seen_ = turn->mark;
  turn_due_ = std::clamp(turn->due, now + Seconds(1), now + turn_interval);
  status_ = turn->text;
  if (!turn->changed) return std::nullopt;
  log_.write(Level::notice, "rotated", turn->text);
  look_due_ = now;
  return std::nullopt;
}

/// Once for as long as it lasts.
void Daemon::tell_of_turn(const std::optional<Failure>& failure) {
  std::optional<std::string> trouble;
  if (failure) {
    trouble = failure->message;
    watch_.turn_failures.fetch_add(1);
  }
  const bool failed_before = watch_.rotation.exchange(std::move(trouble)).has_value();
  if (failure.has_value() == failed_before) return;
  if (failure) {
    status_ = "not rotating: " + failure->message;
    log_.write(Level::error, "not_rotating", *failure);
  } else {
    log_.write(Level::notice, "rotating_again", status_);
  }
}

void Daemon::tell_status() {
  if (status_ == told_status_) return;
  told_status_ = status_;
  tool::tell_service_manager("STATUS=" + status_ + "\n");
}

void Daemon::rotate_if_due(Instant now) {
  const Seconds look = look_interval(*service_);
  // A clock that was set back must not stop the turns.
  const bool far = turn_due_ > now + turn_interval || look_due_ > now + look;
  if (far || watch_.touched.exchange(false) || now >= turn_due_) tell_of_turn(take_turn(now));
  if (!far && now < look_due_) return;
  look_due_ = now + look;
  look_at_ring(*service_, watch_, log_, now);
}

void Daemon::warn_of_lapses(Instant now) {
  const bool seals = service_->ticketer->health(now).seals_until.has_value();
  if (seals == seals_) return;
  seals_ = seals;
  if (seals) {
    log_.write(Level::notice, "seals_again", "a key of the ring seals again");
  } else {
    log_.write(Level::error, "no_active_key",
               "no key of the ring seals: no ticket is given, and handshakes are full ones");
  }
}

void Daemon::tick(Instant now) {
  rotate_if_due(now);
  tell_status();
  warn_of_lapses(now);
  if (now >= sample_due_ || sample_due_ > now + sample_interval) {
    sample_due_ = now + sample_interval;
    history_.sample(metrics_.totals(), now);
  }
  // A thread that hangs is a reason to be restarted.
  if (watched_ && tickets_->responsive(longest_silence) &&
      oversight_->responsive(longest_silence)) {
    tool::tell_service_manager("WATCHDOG=1\n");
  }
}

// ---- reload

void Daemon::reload() {
  tell_reloading();
  if (const auto reloaded = reload_if_there_is_memory(); !reloaded) {
    const Complaint& complaint = reloaded.error();
    log_.write(
        Level::error, "not_reloaded", complaint.message,
        {{"hint", complaint.hint + (complaint.hint.empty() ? "" : "; ") + "all stays as it was"}});
  } else {
    log_.write(Level::notice, "reloaded", status_);
  }
  tell_ready(status_);
}

tool::Or<void> Daemon::reload_if_there_is_memory() {
  try {
    return reload_or_leave();
  } catch (const std::bad_alloc&) {
    return complain(Exit::failure, "there was no memory to read it again", "send SIGHUP again");
  }
}

/// All that may fail comes first.
tool::Or<void> Daemon::reload_or_leave() {
  auto config = read_config(flags_);
  if (!config) return std::unexpected(std::move(config.error()));
  const Instant now = system_now();
  auto service = open_service(*std::move(config), service_.get(), now);
  if (!service) return std::unexpected(std::move(service.error()));
  if (auto stay = refuse_other_modes((*service)->config, service_->config); !stay) return stay;
  // Nobody can connect to these.
  std::erase_if(sockets_, [](const auto& socket) { return socket.second.is_gone(); });
  auto opened = open_missing((*service)->config, sockets_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  auto prepared = prepare(**service, sockets_, *opened);
  if (!prepared) return std::unexpected(std::move(prepared.error()));
  if ((*service)->config.limits != limits_) {
    log_.write(Level::warning, "needs_restart",
               "threads, deadline and idle are taken at the start");
  }
  serve(*std::move(prepared));
  service_.swap(*service);
  seen_ = service_->mark;
  sockets_.merge(*opened);
  close_surplus(sockets_, service_->config);
  watch_.touched = true;
  rotate_if_due(now);
  return {};
}

// ---- life

void Daemon::run(const sigset_t& signals) {
  for (;;) {
    const int signal = wait_for_signal(signals);
    if (signal == SIGTERM || signal == SIGINT) return;
    try {
      if (signal == SIGHUP) reload();
      tick(system_now());
    } catch (const std::bad_alloc&) {
      // All is as it was, and tried again in a second.
      continue;
    }
  }
}

void Daemon::stop() {
  tool::tell_service_manager("STOPPING=1\n");
  log_.write(Level::notice, "stopping",
             "no more connections; those there are finish their requests");
  // Those that were passed stay open at who passed them, and what connects waits there.
  sockets_.clear();
  const auto end = std::chrono::steady_clock::now() + service_->config.grace;
  const auto left = [&] {
    const auto time = end - std::chrono::steady_clock::now();
    return std::max(std::chrono::duration_cast<Milliseconds>(time), Milliseconds(0));
  };
  tickets_->drain(left());
  oversight_->drain(left());
  log_.write(Level::notice, "stopped", "");
}

}  // namespace

tool::Result run_daemon(const Flags& flags, Log& log) {
  auto passed = passed_sockets();
  if (!passed) return complain(std::move(passed.error()));
  const sigset_t signals = hold_signals();
  Daemon daemon(flags, log);
  if (auto started = daemon.start(*std::move(passed)); !started) {
    return std::unexpected(std::move(started.error()));
  }
  daemon.run(signals);
  daemon.stop();
  return Exit::done;
}

tool::Result check_configuration(const Flags& flags) {
  auto config = read_config(flags);
  if (!config) return std::unexpected(std::move(config.error()));
  if (auto fit = refuse_unfit_places(*config); !fit) return std::unexpected(std::move(fit.error()));
  // What may be locked is for the daemon's own unit to say, and what it remembers to write.
  config->allow_unlocked = true;
  config->ring.remember.clear();
  const auto service = open_service(*std::move(config), nullptr, system_now());
  if (!service) return std::unexpected(service.error());
  return tool::print("configuration good\n");
}

}  // namespace stek::daemon
