#include "routes.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "json_body.hpp"
#include "problem.hpp"
#include "resumption/json.hpp"
#include "resumption/messages.hpp"
#include "session/json.hpp"
#include "session/state.hpp"

namespace stek::daemon {
namespace {

/// The first size class of a session between stekd and its clients.
constexpr std::size_t smallest_state = 128;

/// All that a route may use.
struct Call {
  const Realm& realm;
  Metrics& metrics;
  Log& log;
  const Request& request;
  std::string_view query;
  Instant now;
};

using Outcome = std::expected<Response, Response>;

template <class T>
using Or = std::expected<T, Response>;

std::unexpected<Response> refuse(Problem problem) {
  return std::unexpected(response_of(problem));
}

std::unexpected<Response> malformed(std::string detail, std::string hint = {}) {
  return refuse({.status = 400,
                 .name = name_of(Error::malformed),
                 .title = text_of(Error::malformed),
                 .detail = std::move(detail),
                 .hint = std::move(hint)});
}

std::unexpected<Response> malformed(const Failure& failure) {
  return std::unexpected(response_of(400, failure));
}

std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}

// ---- bodies

enum class Form : std::uint8_t { json, bytes };

Or<Form> form_of(const Request& request) {
  if (request.media_type == "application/json") return Form::json;
  if (request.media_type == "application/octet-stream") return Form::bytes;
  return refuse({.status = 415,
                 .name = "unsupported_media_type",
                 .title = "a body is application/json or application/octet-stream",
                 .hint = "name it in Content-Type"});
}

Response answer_in_bytes(Body body) {
  return {.content_type = "application/octet-stream", .body = std::move(body)};
}

/// Nothing when it is not there.
std::optional<wire::Json> take(wire::Json& object, std::string_view name) {
  const auto found = object.find(wire::SecretText(name));
  if (found == object.end()) return std::nullopt;
  wire::Json value = std::move(*found);
  object.erase(found);
  return value;
}

Or<wire::Json> object_in(const Request& request) {
  auto json = wire::parse_json(text_of(request.body), "body");
  if (!json) return malformed(json.error());
  if (!json->is_object()) return malformed("body: /: expected an object");
  return *std::move(json);
}

/// Base64 of RFC 4648 section 4.
Or<Body> base64_in(const std::optional<wire::Json>& json, std::string_view name) {
  const auto refused = [&](std::string_view what) {
    return malformed(fmt::format("body: /{}: {}", name, what),
                     "with + and / and padding (RFC 4648 section 4)");
  };
  if (!json) return refused("missing");
  if (!json->is_string()) return refused("expected base64");
  const std::string_view text = json->get_ref<const wire::SecretText&>();
  std::size_t size = text.size() / 4 * 3;
  size -= std::min<std::size_t>(size, static_cast<std::size_t>(std::ranges::count(text, '=')));
  Body bytes(size);
  if (!from_base64(bytes, text)) return refused("not base64");
  return bytes;
}

wire::SecretText secret_base64(Bytes bytes) {
  wire::SecretText text(((bytes.size() + 2) / 3 * 4) + 1, '\0');
  to_base64(text, bytes);
  text.pop_back();
  return text;
}

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
    return malformed(fmt::format("query: expected count=1 to {}", most_tickets));
  }
  return count;
}

Or<void> no_query(const Call& call) {
  if (call.query.empty()) return {};
  return malformed("query: this route has none");
}

// ---- issue

Or<Session> session_in(const Request& request, Form form) {
  if (form == Form::json) {
    auto session = session_from_json(text_of(request.body));
    if (!session) return malformed(session.error());
    return *std::move(session);
  }
  Session session;
  if (state::decode(session, request.body, smallest_state)) return session;
  return malformed("body: not the state of a session", "FORMAT.md has its bytes");
}

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

/// Tickets one behind the other, in one room.
struct Tray {
  std::array<std::byte, max_ticket> room;
  std::vector<std::vector<std::byte>> tickets;
  Seconds lifetime_hint{};

  void take(const Ticket& ticket) {
    tickets.emplace_back(ticket.bytes.begin(), ticket.bytes.end());
    lifetime_hint = ticket.lifetime_hint;
  }
};

Response answer_with(const Tray& tray, Form form, bool listed) {
  if (form == Form::bytes) {
    const messages::Issued issued{.lifetime_hint = tray.lifetime_hint};
    std::size_t size = messages::issued_header.size;
    for (const auto& ticket : tray.tickets) size += sizeof(std::uint16_t) + ticket.size();
    Body body(size);
    messages::issued_header.encode(Room(body).first<messages::issued_header.size>(), issued);
    wire::Writer out(Room(body).subspan(messages::issued_header.size));
    for (const auto& ticket : tray.tickets) {
      messages::issued_ticket.encode(out, messages::IssuedTicket{.ticket = ticket});
    }
    return answer_in_bytes(std::move(body));
  }
  wire::Json json = {{"lifetime_hint", tray.lifetime_hint.count()}};
  if (!listed) {
    json["ticket"] = to_base64(tray.tickets.front());
    return response_of(json);
  }
  wire::Json& list = json["tickets"] = wire::Json::array();
  for (const auto& ticket : tray.tickets) list.push_back(to_base64(ticket));
  return response_of(json);
}

Outcome issue(const Call& call) {
  const auto count = count_in(call.query);
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

struct Offered {
  std::vector<std::byte> ticket;  ///< empty: those that the hello offers
  ClientHello hello;
};

Or<ClientHello> hello_in(Bytes bytes) {
  auto hello = parse_client_hello(bytes);
  if (hello) return *std::move(hello);
  return malformed("hello: not one whole ClientHello",
                   "as it came off the socket, with its record headers or without");
}

Or<ClientHello> hello_in(std::optional<wire::Json> json) {
  if (!json) return malformed("body: /hello: missing");
  if (json->is_object()) {
    auto hello = hello_from(*std::move(json));
    if (!hello) return malformed(hello.error());
    return *std::move(hello);
  }
  const auto bytes = base64_in(json, "hello");
  if (!bytes) return std::unexpected(bytes.error());
  return hello_in(Bytes(*bytes));
}

Or<void> no_more(const wire::Json& object) {
  if (const auto failure = wire::refuse_leftovers(object, "body: ")) {
    return malformed(*failure);
  }
  return {};
}

Or<Offered> offered_in_json(const Request& request) {
  auto object = object_in(request);
  if (!object) return std::unexpected(object.error());
  Offered offered;
  if (const auto json = take(*object, "ticket")) {
    const auto ticket = base64_in(json, "ticket");
    if (!ticket) return std::unexpected(ticket.error());
    offered.ticket.assign(ticket->begin(), ticket->end());
  }
  auto hello = hello_in(take(*object, "hello"));
  if (!hello) return std::unexpected(hello.error());
  offered.hello = *std::move(hello);
  if (auto whole = no_more(*object); !whole) return std::unexpected(whole.error());
  return offered;
}

Or<Offered> offered_in_bytes(const Request& request) {
  wire::Reader in(request.body);
  messages::Offer offer;
  messages::offer.decode(in, offer);
  if (!in.ok()) return malformed("body: cut short in the ticket");
  auto hello = hello_in(in.rest());
  if (!hello) return std::unexpected(hello.error());
  return Offered{.ticket = {offer.ticket.begin(), offer.ticket.end()}, .hello = *std::move(hello)};
}

/// `size` bytes behind a header and why.
template <class HeaderOf, class Record>
Body record_with_reason(const HeaderOf& header, const Record& record, Reason reason,
                        std::size_t size) {
  const messages::Why why{.reason = bytes_of(name_of(reason))};
  Body body(header.size + messages::why.size(why) + size);
  header.encode(Room(body).template first<HeaderOf::size>(), record);
  wire::Writer out(Room(body).subspan(header.size));
  messages::why.encode(out, why);
  return body;
}

messages::Judgement judgement_of(const Resumption& resumption) noexcept {
  const Verdict& verdict = resumption.verdict;
  return {.outcome = static_cast<std::uint8_t>(static_cast<unsigned>(verdict.outcome) + 1),
          .alert = verdict.alert,
          .renew = verdict.renew,
          .early_data = verdict.early_data == EarlyData::accept,
          .age = verdict.age,
          .cipher_suite = verdict.cipher_suite,
          .selected_identity = static_cast<std::uint16_t>(resumption.selected_identity),
          .replay_identity = verdict.replay_identity.value_or(ReplayIdentity{})};
}

Outcome resumption_in_bytes(const Resumption& resumption) {
  const bool resumes = resumption.verdict.outcome == stek::Outcome::resume;
  const Session& session = resumption.session;
  const std::size_t size = resumes ? state::size_of(session, smallest_state).value_or(0) : 0;
  Body body = record_with_reason(messages::judgement_header, judgement_of(resumption),
                                 resumption.verdict.reason, size);
  if (resumes && !state::encode(std::span(body).last(size), session, stamp_of(session))) {
    return refuse(internal_problem);
  }
  return answer_in_bytes(std::move(body));
}

Response resumption_in_json(const Resumption& resumption) {
  wire::Json json = {{"verdict", to_json(resumption.verdict)}};
  if (resumption.verdict.outcome == stek::Outcome::resume) {
    json["session"] = to_json(resumption.session, Reveal::secret);
    json["selected_identity"] = resumption.selected_identity;
  }
  return response_of(json);
}

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
  const auto offered =
      *form == Form::json ? offered_in_json(call.request) : offered_in_bytes(call.request);
  if (!offered) return std::unexpected(offered.error());
  const Tickets& tickets = call.realm.tickets;
  const Resumption resumption = offered->ticket.empty()
                                    ? tickets.resume(offered->hello, call.now)
                                    : tickets.resume(offered->ticket, offered->hello, call.now);
  tell_of(call, Metrics::Kind::session, resumption.verdict.reason);
  return *form == Form::json ? resumption_in_json(resumption) : resumption_in_bytes(resumption);
}

// ---- seal and open

/// What /v1/seal and /v1/open read: bytes under a label.
struct Content {
  Form form;
  std::string label;
  Body bytes;
};

Or<Content> content_in_json(const Request& request, std::string_view member) {
  auto object = object_in(request);
  if (!object) return std::unexpected(object.error());
  const auto label = take(*object, "label");
  if (!label || !label->is_string()) return malformed("body: /label: expected a text");
  auto bytes = base64_in(take(*object, member), member);
  if (!bytes) return std::unexpected(bytes.error());
  if (auto whole = no_more(*object); !whole) return std::unexpected(whole.error());
  const std::string_view text = label->get_ref<const wire::SecretText&>();
  return Content{.form = Form::json, .label = std::string(text), .bytes = *std::move(bytes)};
}

Or<Content> content_in_bytes(const Request& request) {
  wire::Reader in(request.body);
  messages::Labelled labelled;
  messages::labelled.decode(in, labelled);
  if (!in.ok()) return malformed("body: cut short in the label");
  return Content{.form = Form::bytes,
                 .label = std::string(text_of(labelled.label)),
                 .bytes = {in.rest().begin(), in.rest().end()}};
}

/// `member` is what the bytes are called in JSON.
Or<Content> content_in(const Call& call, std::string_view member) {
  if (auto none = no_query(call); !none) return std::unexpected(none.error());
  const auto form = form_of(call.request);
  if (!form) return std::unexpected(form.error());
  auto content =
      *form == Form::json ? content_in_json(call.request, member) : content_in_bytes(call.request);
  if (!content) return content;
  if (std::ranges::find(call.realm.labels, content->label) != call.realm.labels.end()) {
    return content;
  }
  return refuse({.status = 403,
                 .name = "label_not_allowed",
                 .title = "this realm does not have the label",
                 .hint = "'labels' of the realm in stekd's configuration lists those it has"});
}

Outcome seal(const Call& call) {
  const auto content = content_in(call, "data");
  if (!content) return std::unexpected(content.error());
  Tray tray;
  const auto ticket =
      call.realm.tickets.seal_opaque(content->label, content->bytes, tray.room, call.now);
  if (!ticket) return no_ticket(call, ticket.error(), {});
  tray.take(*ticket);
  call.metrics.sealed(Metrics::Kind::opaque, 1);
  return answer_with(tray, content->form, false);
}

Response unsealed_in_bytes(bool opened, Reason reason, Bytes data) {
  Body body = record_with_reason(messages::unsealed_header, messages::Unsealed{.opened = opened},
                                 reason, data.size());
  std::ranges::copy(data, body.end() - static_cast<std::ptrdiff_t>(data.size()));
  return answer_in_bytes(std::move(body));
}

Response unsealed_in_json(bool opened, Reason reason, Bytes data) {
  wire::Json json = {{"opened", opened}};
  if (opened) {
    json["data"] = secret_base64(data);
  } else {
    json["reason"] = name_of(reason);
    json["text"] = stek::text_of(reason);
  }
  return response_of(json);
}

Outcome open(const Call& call) {
  const auto content = content_in(call, "ticket");
  if (!content) return std::unexpected(content.error());
  Body room(content->bytes.size());
  const auto opened =
      call.realm.tickets.open_opaque(content->label, content->bytes, room, call.now);
  const Reason reason = opened ? Reason::resumes : opened.error();
  tell_of(call, Metrics::Kind::opaque, reason);
  const Bytes data = opened ? Bytes(*opened) : Bytes();
  return content->form == Form::json ? unsealed_in_json(opened.has_value(), reason, data)
                                     : unsealed_in_bytes(opened.has_value(), reason, data);
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
                 const Request& request, std::string_view query, Instant now) {
  if (request.method != "POST") {
    Response response = response_of(Problem{
        .status = 405, .name = "method_not_allowed", .title = "this route takes POST alone"});
    response.fields.push_back({"Allow", "POST"});
    return response;
  }
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
  return route.answer({.realm = *realm,
                       .metrics = metrics,
                       .log = log,
                       .request = request,
                       .query = query,
                       .now = now});
}

Outcome dispatch_safely(const RouteOf& route, const Service& service, Metrics& metrics, Log& log,
                        const Request& request, std::string_view query, Instant now) {
  try {
    return dispatch(route, service, metrics, log, request, query, now);
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
  const std::size_t mark = request.target.find('?');
  const std::string_view path = request.target.substr(0, mark);
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : request.target.substr(mark + 1);
  const auto* const route = std::ranges::find(table, path, &RouteOf::path);
  const bool known = route != table.end();
  Outcome outcome = known ? dispatch_safely(*route, service, metrics, log, request, query, now)
                          : refuse({.status = 404,
                                    .name = "not_found",
                                    .title = "there is nothing here",
                                    .hint = "POST to /v1/issue, /v1/resume, /v1/seal or /v1/open"});
  Response response = outcome ? *std::move(outcome) : std::move(outcome.error());
  metrics.request(known ? route->route : Metrics::Route::other, response.status,
                  std::chrono::steady_clock::now() - begin);
  return response;
}

}  // namespace stek::daemon
