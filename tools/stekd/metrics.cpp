#include "metrics.hpp"

#include <array>
#include <map>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/encoding.hpp"

namespace stek::daemon {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

constexpr std::size_t routes = 5;
constexpr std::array<const char*, routes> route_names = {"issue", "resume", "seal", "open",
                                                         "other"};
constexpr std::array<const char*, 2> kind_names = {"session", "opaque"};
constexpr std::size_t reasons = static_cast<std::size_t>(last_reason) + 1;
constexpr std::size_t errors = static_cast<std::size_t>(last_error) + 1;
constexpr std::array<unsigned, 9> statuses = {200, 400, 403, 404, 405, 415, 422, 500, 503};

/// 5 us to 10 ms: what stands between a TLS server and its client.
const Histogram::BucketBoundaries& boundaries() {
  static const Histogram::BucketBoundaries bounds = {5e-6,   10e-6, 25e-6,  50e-6, 100e-6, 250e-6,
                                                     500e-6, 1e-3,  2.5e-3, 5e-3,  10e-3};
  return bounds;
}

double seconds_of(Instant instant) noexcept {
  return static_cast<double>(instant.time_since_epoch().count());
}

}  // namespace

struct Metrics::Registered {
  Registry registry;
  std::array<std::array<Counter*, statuses.size()>, routes> requests{};
  std::array<Histogram*, routes> durations{};
  std::array<Counter*, 2> sealed{};
  std::array<Counter*, errors> not_sealed{};
  std::array<std::array<Counter*, reasons>, 2> opened{};

  Registered() {
    register_requests();
    register_tickets();
    BuildGauge()
        .Name("stekd_build_info")
        .Help("1; the version is the label")
        .Register(registry)
        .Add({{"version", STEK_VERSION}})
        .Set(1);
    BuildGauge()
        .Name("process_start_time_seconds")
        .Help("when stekd began, in seconds since 1970")
        .Register(registry)
        .Add({})
        .Set(seconds_of(system_now()));
  }

  void register_requests() {
    auto& counted = BuildCounter()
                        .Name("stekd_requests_total")
                        .Help("requests that were answered, by route and status")
                        .Register(registry);
    auto& timed = BuildHistogram()
                      .Name("stekd_request_duration_seconds")
                      .Help("from the request in memory to its answer")
                      .Register(registry);
    for (std::size_t route = 0; route < routes; ++route) {
      for (std::size_t i = 0; i < statuses.size(); ++i) {
        requests[route][i] =
            &counted.Add({{"route", route_names[route]}, {"status", std::to_string(statuses[i])}});
      }
      durations[route] = &timed.Add({{"route", route_names[route]}}, boundaries());
    }
  }

  void register_tickets() {
    auto& seals = BuildCounter()
                      .Name("stekd_tickets_sealed_total")
                      .Help("tickets that were handed out")
                      .Register(registry);
    auto& failures = BuildCounter()
                         .Name("stekd_tickets_not_sealed_total")
                         .Help("tickets that were asked for in vain, by the error")
                         .Register(registry);
    auto& opens = BuildCounter()
                      .Name("stekd_tickets_opened_total")
                      .Help("tickets that came back, by what became of them; ok is the good one")
                      .Register(registry);
    for (std::size_t kind = 0; kind < kind_names.size(); ++kind) {
      sealed[kind] = &seals.Add({{"kind", kind_names[kind]}});
      for (std::size_t i = 0; i < reasons; ++i) {
        const auto reason = static_cast<Reason>(i);
        const std::string name = reason == Reason::resumes ? "ok" : std::string(name_of(reason));
        opened[kind][i] = &opens.Add({{"kind", kind_names[kind]}, {"result", name}});
      }
    }
    for (std::size_t i = 0; i < errors; ++i) {
      not_sealed[i] = &failures.Add({{"error", std::string(name_of(static_cast<Error>(i)))}});
    }
  }
};

Metrics::Metrics() : registered_(std::make_unique<Registered>()) {}
Metrics::~Metrics() = default;

void Metrics::request(Route route, unsigned status, std::chrono::nanoseconds duration) noexcept {
  const auto at = static_cast<std::size_t>(route);
  const auto* const known = std::ranges::find(statuses, status);
  if (known != statuses.end()) {
    registered_->requests[at][static_cast<std::size_t>(known - statuses.begin())]->Increment();
  }
  registered_->durations[at]->Observe(std::chrono::duration<double>(duration).count());
}

void Metrics::sealed(Kind kind, std::uint64_t tickets) noexcept {
  registered_->sealed[static_cast<std::size_t>(kind)]->Increment(static_cast<double>(tickets));
}

void Metrics::not_sealed(Error error) noexcept {
  registered_->not_sealed[static_cast<std::size_t>(error)]->Increment();
}

void Metrics::opened(Kind kind, Reason reason) noexcept {
  registered_->opened[static_cast<std::size_t>(kind)][static_cast<std::size_t>(reason)]
      ->Increment();
}

// ---- what is looked up when somebody asks

namespace {

void set(Registry& registry, const char* name, const char* help, double value) {
  BuildGauge().Name(name).Help(help).Register(registry).Add({}).Set(value);
}

void count(Registry& registry, const char* name, const char* help, std::uint64_t value) {
  BuildCounter().Name(name).Help(help).Register(registry).Add({}).Increment(
      static_cast<double>(value));
}

void add_keys(Registry& registry, const KeyRing& ring, Instant now) {
  std::map<Phase, double> counts = {
      {Phase::announced, 0}, {Phase::active, 0}, {Phase::retired, 0}, {Phase::expired, 0}};
  for (const Key& key : ring.keys) ++counts[phase_of(key, now)];
  auto& family =
      BuildGauge().Name("stekd_keys").Help("keys of the ring, by phase").Register(registry);
  for (const auto& [phase, keys] : counts) {
    family.Add({{"phase", std::string(name_of(phase))}}).Set(keys);
  }
  const Key* active = active_key(ring, now);
  if (active == nullptr) return;
  set(registry, "stekd_active_key_age_seconds", "since the key that seals was made active",
      static_cast<double>((now - active->activates_at).count()));
  set(registry, "stekd_active_key_expiry_timestamp_seconds",
      "when the key that seals stops to, in seconds since 1970", seconds_of(active->retires_at));
}

void add_refusals(Registry& registry, const Refusals& refusals) {
  auto& family =
      BuildCounter()
          .Name("stekd_requests_refused_total")
          .Help(
              "requests on ticket sockets that came to no route: no HTTP, or too large; by status")
          .Register(registry);
  for (const auto& [status, count] :
       {std::pair{"400", refusals.not_http}, std::pair{"413", refusals.body_too_large},
        std::pair{"431", refusals.header_too_large}}) {
    family.Add({{"status", status}}).Increment(static_cast<double>(count));
  }
}

void add_gauges(Registry& registry, const Gauges& gauges) {
  if (gauges.ring != nullptr) add_keys(registry, *gauges.ring, gauges.now);
  const Health& health = gauges.health;
  set(registry, "stekd_ring_generation", "of the ring that is served",
      static_cast<double>(health.generation));
  set(registry, "stekd_ring_written_timestamp_seconds", "when it was changed last",
      seconds_of(health.written_at));
  set(registry, "stekd_ring_last_sync_timestamp_seconds",
      "when the store was last read without failure", seconds_of(gauges.last_sync));
  count(registry, "stekd_ring_sync_failures_total", "looks at the store that failed",
        gauges.sync_failures);
  count(registry, "stekd_ring_rotation_failures_total", "turns of stekd's own rotation that failed",
        gauges.turn_failures);
  add_refusals(registry, gauges.refusals);
  set(registry, "stekd_memory_locked", "1: keys are locked against swapping",
      health.memory_locked ? 1 : 0);
  set(registry, "stekd_memory_secret", "1: keys are in secret memory (memfd_secret)",
      health.key_memory == KeyMemory::secret ? 1 : 0);
  set(registry, "stekd_connections", "open ones", static_cast<double>(gauges.connections));
  count(registry, "stekd_events_not_logged_total", "events that were counted and not written",
        gauges.untold_refusals);
}

}  // namespace

std::string Metrics::text(const Gauges& gauges) const {
  Registry registry;
  add_gauges(registry, gauges);
  auto families = registered_->registry.Collect();
  for (auto& family : registry.Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

Metrics::Totals Metrics::totals() const noexcept {
  const auto value = [](const Counter* counter) {
    return static_cast<std::uint64_t>(counter->Value());
  };
  Totals totals;
  for (const Counter* counter : registered_->sealed) totals.sealed += value(counter);
  for (const auto& results : registered_->opened) {
    for (std::size_t i = 0; i < reasons; ++i) {
      (i == static_cast<std::size_t>(Reason::resumes) ? totals.opened : totals.refused) +=
          value(results[i]);
    }
  }
  for (const auto& route : registered_->requests) {
    for (const Counter* counter : route) totals.requests += value(counter);
  }
  return totals;
}

}  // namespace stek::daemon
