#include "admin.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "json_body.hpp"
#include "key_name.hpp"
#include "keys_change.hpp"
#include "keys_text.hpp"
#include "page.hpp"
#include "problem.hpp"
#include "time_text.hpp"

namespace stek::daemon {

namespace {

/// All that a route may use.
struct Call {
  const Oversight& oversight;
  const Request& request;
  Instant now;
};

Response failed(const Failure& failure) {
  return response_of(503, failure);
}

// ---- the ring

Response ring(const Call& call) {
  const auto read = read_ring(call.oversight.service, call.now);
  if (!read) return failed(read.error());
  return response_of(tool::json_of(*read, call.now));
}

std::string describe(const tool::RingChanged& changed) {
  std::string text;
  for (const tool::KeyChange& change : changed.changes) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", change.what, to_hex(change.name));
  }
  return text.empty() ? "nothing was to do" : text;
}

/// What the log calls it.
struct Event {
  std::string_view done;
  std::string_view failed;
};

Response changed(const Call& call, Event event, const RingChange& change) {
  const Oversight& oversight = call.oversight;
  const RingChange unless_refused = [&](KeyRing ring) -> std::expected<KeyRing, Failure> {
    if (auto refusal = refusal_to_follow(oversight.service, ring, call.now)) {
      return std::unexpected(*std::move(refusal));
    }
    return change(std::move(ring));
  };
  auto done = tool::change_ring(*oversight.service.store, unless_refused, false, call.now);
  if (!done) {
    oversight.log.write(Level::error, event.failed, done.error());
    return failed(done.error());
  }
  wire::Json who = {{"generation", done->ring.generation}};
  if (call.request.peer.user) who["user"] = *call.request.peer.user;
  oversight.log.write(Level::notice, event.done, describe(*done), std::move(who));
  oversight.watch.touched = true;
  auto looked = look_at_ring(oversight.service, oversight.watch, oversight.log, call.now);
  if (!looked) {
    looked.error().message.insert(0, "the ring was changed, and is not used yet: ");
    return failed(looked.error());
  }
  return response_of(tool::json_of(*done, call.now));
}

Response rotate(const Call& call) {
  const std::string_view query = call.request.query;
  if (!query.empty() && query != "now" && query != "force") {
    return response_of(
        malformed("query: expected now, force or nothing",
                  "nothing does what is due; now rotates once all machines have the next key; "
                  "force does not wait for them"));
  }
  constexpr Event event{.done = "rotated", .failed = "not_rotated"};
  return changed(call, event, [&](KeyRing ring) {
    const Seconds lead = ring.schedule.lead;
    if (query == "force") return promote(std::move(ring), call.now, Seconds(0));
    return query == "now" ? promote(std::move(ring), call.now, lead)
                          : advance(std::move(ring), call.now);
  });
}

/// What shall end: one key by the beginning of its name, or all.
struct Target {
  std::string name;
  bool all = false;
};

std::expected<Target, Failure> target_in(const Request& request) {
  const std::string_view text(reinterpret_cast<const char*>(request.body.data()),
                              request.body.size());
  auto json = wire::parse_json(text, "body");
  if (!json) return std::unexpected(std::move(json.error()));
  Target target;
  if (json->is_object() && json->size() == 1) {
    const auto& member = *json->begin();
    const std::string_view name = json->begin().key();
    if (name == "all" && member.is_boolean()) target.all = member.get<bool>();
    if (name == "name" && member.is_string())
      target.name = member.get_ref<const wire::SecretText&>();
  }
  if (target.all || tool::is_a_beginning(target.name)) return target;
  return std::unexpected(
      Failure{.error = Error::malformed,
              .message = "body: expected {\"name\": \"db46ef85\"} or {\"all\": true}",
              .hint = "4 to 32 hex digits in lower case, as GET /v1/ring has them"});
}

Response revoke(const Call& call) {
  if (!call.request.query.empty()) return response_of(malformed("query: this route has none"));
  const auto target = target_in(call.request);
  if (!target) return response_of(400, target.error());
  constexpr Event event{.done = "revoked", .failed = "not_revoked"};
  if (target->all) {
    return changed(call, event,
                   [&](KeyRing ring) { return revoke_all(std::move(ring), call.now); });
  }
  const auto read = read_ring(call.oversight.service, call.now);
  if (!read) return failed(read.error());
  const auto name = tool::key_named(*read, target->name);
  if (!name && tool::keys_named(*read, target->name).size() > 1) {
    return response_of(Problem{.status = 409,
                               .name = "ambiguous_name",
                               .title = "several keys begin with it",
                               .detail = name.error().message,
                               .hint = name.error().hint});
  }
  if (!name) {
    return response_of(404, Failure{.error = Error::no_such_key,
                                    .message = name.error().message,
                                    .hint = name.error().hint});
  }
  return changed(call, event,
                 [&](KeyRing ring) { return stek::revoke(std::move(ring), *name, call.now); });
}

// ---- how it is

Response healthz(const Call& /*call*/) {
  return response_of("ok\n", "text/plain; charset=utf-8");
}

Instant last_sync_of(const Watch& watch) noexcept {
  return Instant(Seconds(watch.last_sync.load()));
}

std::vector<std::string> warnings_of(const Oversight& oversight, const Health& health,
                                     Instant now) {
  std::vector<std::string> warnings;
  const Seconds age = now - last_sync_of(oversight.watch);
  // Three quarters of a lead then remain for somebody to act.
  if (age > std::max(oversight.service.lead / 4, Seconds(1))) {
    warnings.push_back(fmt::format("the ring was read last {} ago", tool::text_of(age)));
  }
  if (!health.last_error.empty()) warnings.push_back(health.last_error);
  if (const auto trouble = oversight.watch.rotation.what()) {
    warnings.push_back("the ring is not rotated: " + *trouble);
  }
  if (!health.memory_locked) warnings.emplace_back("memory is not locked against swapping");
  return warnings;
}

Response readyz(const Call& call) {
  const Health health = call.oversight.service.ticketer->health(call.now);
  const bool ready = health.seals_until.has_value();
  wire::Json json = {{"ready", ready}, {"generation", health.generation}};
  if (ready) {
    json["seals_until"] = tool::json_of(*health.seals_until);
  } else {
    json["reason"] = "no_active_key";
  }
  wire::Json& warnings = json["warnings"] = wire::Json::array();
  for (const std::string& warning : warnings_of(call.oversight, health, call.now)) {
    warnings.push_back(warning);
  }
  return response_of(json, ready ? 200 : 503);
}

Gauges gauges_of(const Oversight& oversight, const std::expected<KeyRing, Failure>& ring,
                 Instant now) {
  return {.ring = ring ? &*ring : nullptr,
          .health = oversight.service.ticketer->health(now),
          .now = now,
          .last_sync = last_sync_of(oversight.watch),
          .sync_failures = oversight.watch.sync_failures,
          .turn_failures = oversight.watch.turn_failures,
          .refusals = oversight.tickets.refusals(),
          .untold_refusals = oversight.log.untold(),
          .connections = oversight.tickets.connections()};
}

Response metrics(const Call& call) {
  const auto ring = read_ring(call.oversight.service, call.now);
  return response_of(call.oversight.metrics.text(gauges_of(call.oversight, ring, call.now)),
                     "text/plain; version=0.0.4; charset=utf-8");
}

Response page(const Call& call) {
  const Oversight& oversight = call.oversight;
  const auto ring = read_ring(oversight.service, call.now);
  const Health health = oversight.service.ticketer->health(call.now);
  return response_of(Page{.ring = ring ? &*ring : nullptr,
                          .health = health,
                          .warnings = warnings_of(oversight, health, call.now),
                          .rates = oversight.history.rates(oversight.metrics.totals(), call.now),
                          .totals = oversight.metrics.totals(),
                          .events = oversight.log.last(),
                          .connections = oversight.tickets.connections(),
                          .now = call.now});
}

// ---- which route

struct RouteOf {
  std::string_view path;
  std::string_view method;
  bool only_tells;
  Response (*answer)(const Call& call);
};
constexpr auto table = std::to_array<RouteOf>({
    {"/", "GET", true, page},
    {"/healthz", "GET", true, healthz},
    {"/readyz", "GET", true, readyz},
    {"/metrics", "GET", true, metrics},
    {"/v1/ring", "GET", false, ring},
    {"/v1/rotate", "POST", false, rotate},
    {"/v1/revoke", "POST", false, revoke},
});

Response dispatch(const Oversight& oversight, const Request& request, Instant now,
                  bool only_what_tells) {
  const auto* const route = std::ranges::find(table, request.path, &RouteOf::path);
  if (route == table.end() || (only_what_tells && !route->only_tells)) return not_found();
  if (request.method != route->method) return method_not_allowed(route->method);
  try {
    return route->answer({.oversight = oversight, .request = request, .now = now});
  } catch (const std::exception&) {
    // Its text may quote a secret.
    oversight.log.write(Level::error, "not_answered", "no memory for a request, or a bug of stekd");
    return response_of(internal_problem);
  }
}

bool is_administrator(const Service& service, const Peer& peer) {
  return peer.user &&
         std::ranges::find(service.administrators, *peer.user) != service.administrators.end();
}

}  // namespace

Response answer_admin_request(const Oversight& oversight, const Request& request, Instant now) {
  if (!is_administrator(oversight.service, request.peer)) {
    return response_of(Problem{.status = 403,
                               .name = "not_admitted",
                               .title = "this user is no administrator of stekd",
                               .hint = "name it in 'users' of [admin]"});
  }
  return dispatch(oversight, request, now, false);
}

Response answer_public_request(const Oversight& oversight, const Request& request, Instant now) {
  return dispatch(oversight, request, now, true);
}

}  // namespace stek::daemon
