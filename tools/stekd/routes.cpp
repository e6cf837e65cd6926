#include "routes.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "bodies.hpp"
#include "problem.hpp"
#include "session/state.hpp"

namespace stek::daemon {
namespace {

using Outcome = Or<Response>;

/// All that a route may use.
struct Call {
  const Realm& realm;
  Metrics& metrics;
  Log& log;
  const Request& request;
  Instant now;
};

// ---- the query

/// The value of `count`; 0 when there is none.
Or<std::size_t> count_in(std::string_view query) {
  if (query.empty()) return std::size_t{0};
  constexpr std::string_view name = "count=";
  std::size_t count = 0;
  const char* const end = query.data() + query.size();
  const bool named = query.starts_with(name);
  const auto [stop, error] = std::from_chars(query.data() + (named ? name.size() : 0), end, count);
  if (!named || error != std::errc{} || stop != end || count < 1 || count > most_tickets) {
    return refuse(malformed(fmt::format("query: expected count=1 to {}", most_tickets)));
  }
  return count;
}

Or<void> no_query(const Call& call) {
  if (call.request.query.empty()) return {};
  return refuse(malformed("query: this route has none"));
}

// ---- issue

/// The session as it would be sealed, for `flaw_of`.
std::string detail_of(Error error, const Session& session, const Call& call) {
  if (error != Error::invalid_session) return {};
  const Stamp stamp{.issued_at = call.now,
                    .authenticated_at = session.authenticated_at == Instant{}
                                            ? call.now
                                            : std::min(session.authenticated_at, call.now),
                    .lifetime = {},
                    .context = call.realm.tickets.policy().context};
  const auto flaw = flaw_of(session, stamp);
  return flaw ? fmt::format("session: /{}", *flaw) : std::string();
}

bool is_of_the_session(Error error) noexcept {
  return error != Error::no_active_key && error != Error::randomness_failed &&
         error != Error::cipher_unavailable && error != Error::no_memory;
}

std::string hint_for(Error error) {
  if (error == Error::no_active_key) {
    return "the handshake goes on without a ticket; 'stek keys rotate' gives the ring a new key";
  }
  if (error == Error::context_missing) {
    return "give the realm a context: what authenticated the client";
  }
  if (error == Error::no_extended_master_secret) {
    return "set \"extended_master_secret\": true where the handshake negotiated it (RFC 7627)";
  }
  return {};
}

/// 422 where the session is at fault, 503 where it is not, and may be tried again.
std::unexpected<Response> no_ticket(const Call& call, Error error, std::string detail) {
  call.metrics.not_sealed(error);
  const bool theirs = is_of_the_session(error);
  call.log.limited(Level::info, "no_ticket", stek::text_of(error),
                   {{"error", name_of(error)}, {"realm", call.realm.name}});
  Response response = response_of(Problem{.status = theirs ? 422U : 503U,
                                          .name = name_of(error),
                                          .title = stek::text_of(error),
                                          .detail = std::move(detail),
                                          .hint = hint_for(error)});
  // As often as a Ticketer looks at its ring.
  if (!theirs) response.fields.push_back({"Retry-After", "10"});
  return std::unexpected(std::move(response));
}

Outcome issue(const Call& call) {
  const auto count = count_in(call.request.query);
  if (!count) return std::unexpected(count.error());
  const auto form = form_of(call.request);
  if (!form) return std::unexpected(form.error());
  const auto session = session_in(call.request, *form);
  if (!session) return std::unexpected(session.error());
  Tray tray;
  for (std::size_t i = 0; i < std::max<std::size_t>(*count, 1); ++i) {
    const auto ticket = call.realm.tickets.issue(*session, tray.room, call.now);
    if (!ticket) {
      return no_ticket(call, ticket.error(), detail_of(ticket.error(), *session, call));
    }
    tray.take(*ticket);
  }
  call.metrics.sealed(Metrics::Kind::session, tray.tickets.size());
  return answer_with(tray, *form, *count != 0);
}

// ---- resume

void tell_of(const Call& call, Metrics::Kind kind, Reason reason) {
  if (reason == Reason::no_ticket) return;
  call.metrics.opened(kind, reason);
  if (reason == Reason::resumes) return;
  call.log.limited(Level::info, "refused", stek::text_of(reason),
                   {{"reason", name_of(reason)}, {"realm", call.realm.name}});
}

Outcome resume(const Call& call) {
  if (auto none = no_query(call); !none) return std::unexpected(none.error());
  const auto form = form_of(call.request);
  if (!form) return std::unexpected(form.error());
  const auto offered = offered_in(call.request, *form);
  if (!offered) return std::unexpected(offered.error());
  const Tickets& tickets = call.realm.tickets;
  const Resumption resumption = offered->ticket.empty()
                                    ? tickets.resume(offered->hello, call.now)
                                    : tickets.resume(offered->ticket, offered->hello, call.now);
  tell_of(call, Metrics::Kind::session, resumption.verdict.reason);
  return answer_with(resumption, *form);
}

// ---- seal and open

Or<void> refuse_label(const Realm& realm, const std::string& label) {
  if (std::ranges::find(realm.labels, label) != realm.labels.end()) return {};
  return refuse({.status = 403,
                 .name = "label_not_allowed",
                 .title = "this realm does not have the label",
                 .hint = "'labels' of the realm in stekd's configuration lists those it has"});
}

Outcome seal(const Call& call) {
  if (auto none = no_query(call); !none) return std::unexpected(none.error());
  const auto form = form_of(call.request);
  if (!form) return std::unexpected(form.error());
  const auto content = content_in(call.request, *form, "data");
  if (!content) return std::unexpected(content.error());
  if (auto had = refuse_label(call.realm, content->label); !had)
    return std::unexpected(had.error());
  Tray tray;
  const auto ticket =
      call.realm.tickets.seal_opaque(content->label, content->bytes, tray.room, call.now);
  if (!ticket) return no_ticket(call, ticket.error(), {});
  tray.take(*ticket);
  call.metrics.sealed(Metrics::Kind::opaque, 1);
  return answer_with(tray, *form, false);
}

Outcome open(const Call& call) {
  if (auto none = no_query(call); !none) return std::unexpected(none.error());
  const auto form = form_of(call.request);
  if (!form) return std::unexpected(form.error());
  const auto content = content_in(call.request, *form, "ticket");
  if (!content) return std::unexpected(content.error());
  if (auto had = refuse_label(call.realm, content->label); !had)
    return std::unexpected(had.error());
  Body room(content->bytes.size());
  const auto opened =
      call.realm.tickets.open_opaque(content->label, content->bytes, room, call.now);
  const Reason reason = opened ? Reason::resumes : opened.error();
  tell_of(call, Metrics::Kind::opaque, reason);
  return answer_with(Unsealed{.opened = opened.has_value(),
                              .reason = reason,
                              .data = opened ? Bytes(*opened) : Bytes()},
                     *form);
}

// ---- which route

struct RouteOf {
  std::string_view path;
  Metrics::Route route;
  Outcome (*answer)(const Call& call);
};
constexpr auto table = std::to_array<RouteOf>({
    {"/v1/issue", Metrics::Route::issue, issue},
    {"/v1/resume", Metrics::Route::resume, resume},
    {"/v1/seal", Metrics::Route::seal, seal},
    {"/v1/open", Metrics::Route::open, open},
});

Outcome dispatch(const RouteOf& route, const Service& service, Metrics& metrics, Log& log,
                 const Request& request, Instant now) {
  if (request.method != "POST") return method_not_allowed("POST");
  const Realm* realm = realm_of(service, request.peer);
  if (realm == nullptr) {
    log.limited(Level::info, "not_admitted", "a peer that the configuration serves in no realm",
                {{"listener", request.peer.listener},
                 {"user", request.peer.user ? static_cast<std::int64_t>(*request.peer.user) : -1}});
    return refuse({.status = 403,
                   .name = "not_admitted",
                   .title = "the configuration serves this peer in no realm",
                   .hint = "name it among the listener's users or clients"});
  }
  return route.answer(
      {.realm = *realm, .metrics = metrics, .log = log, .request = request, .now = now});
}

Outcome dispatch_safely(const RouteOf& route, const Service& service, Metrics& metrics, Log& log,
                        const Request& request, Instant now) {
  try {
    return dispatch(route, service, metrics, log, request, now);
  } catch (const std::exception&) {
    // Its text may quote a secret.
    log.limited(Level::error, "not_answered", "no memory for a request, or a bug of stekd",
                {{"path", route.path}});
    return refuse(internal_problem);
  }
}

}  // namespace

Response answer_ticket_request(const Service& service, Metrics& metrics, Log& log,
                               const Request& request, Instant now) {
  const auto begin = std::chrono::steady_clock::now();
  const auto* const route = std::ranges::find(table, request.path, &RouteOf::path);
  const bool known = route != table.end();
  Outcome outcome = known ? dispatch_safely(*route, service, metrics, log, request, now)
                          : not_found("POST to /v1/issue, /v1/resume, /v1/seal or /v1/open");
  Response response = outcome ? *std::move(outcome) : std::move(outcome.error());
  metrics.request(known ? route->route : Metrics::Route::other, response.status,
                  std::chrono::steady_clock::now() - begin);
  return response;
}

}  // namespace stek::daemon
