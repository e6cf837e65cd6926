#include "bodies.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "json_body.hpp"
#include "resumption/json.hpp"
#include "resumption/messages.hpp"
#include "session/json.hpp"
#include "session/state.hpp"

namespace stek::daemon {

using messages::smallest_state;

std::unexpected<Response> refuse(const Problem& problem) {
  return std::unexpected(response_of(problem));
}

std::unexpected<Response> refuse(const Failure& failure) {
  return std::unexpected(response_of(400, failure));
}

Or<Form> form_of(const Request& request) {
  if (request.media_type == "application/json") return Form::json;
  if (request.media_type == "application/octet-stream") return Form::bytes;
  return refuse({.status = 415,
                 .name = "unsupported_media_type",
                 .title = "a body is application/json or application/octet-stream",
                 .hint = "name it in Content-Type"});
}

namespace {

std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
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
  if (!json) return refuse(json.error());
  if (!json->is_object()) return refuse(malformed("body: /: expected an object"));
  return *std::move(json);
}

/// Base64 of RFC 4648 section 4.
Or<Body> base64_in(const std::optional<wire::Json>& json, std::string_view name) {
  const auto refused = [&](std::string_view what) {
    return refuse(malformed(fmt::format("body: /{}: {}", name, what),
                            "with + and / and padding (RFC 4648 section 4)"));
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

// ---- requests

}  // namespace

Or<Session> session_in(const Request& request, Form form) {
  if (form == Form::json) {
    auto session = session_from_json(text_of(request.body));
    if (!session) return refuse(session.error());
    return *std::move(session);
  }
  Session session;
  if (state::decode(session, request.body, smallest_state)) return session;
  return refuse(malformed("body: not the state of a session", "FORMAT.md has its bytes"));
}

namespace {

Or<ClientHello> hello_in(Bytes bytes) {
  auto hello = parse_client_hello(bytes);
  if (hello) return *std::move(hello);
  return refuse(malformed("hello: not one whole ClientHello",
                          "as it came off the socket, with its record headers or without"));
}

Or<ClientHello> hello_in(std::optional<wire::Json> json) {
  if (!json) return refuse(malformed("body: /hello: missing"));
  if (json->is_object()) {
    auto hello = hello_from(*std::move(json));
    if (!hello) return refuse(hello.error());
    return *std::move(hello);
  }
  const auto bytes = base64_in(json, "hello");
  if (!bytes) return std::unexpected(bytes.error());
  return hello_in(Bytes(*bytes));
}

Or<void> no_more(const wire::Json& object) {
  if (const auto failure = wire::refuse_leftovers(object, "body: ")) {
    return refuse(*failure);
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
  if (!in.ok()) return refuse(malformed("body: cut short in the ticket"));
  auto hello = hello_in(in.rest());
  if (!hello) return std::unexpected(hello.error());
  return Offered{.ticket = {offer.ticket.begin(), offer.ticket.end()}, .hello = *std::move(hello)};
}

}  // namespace

Or<Offered> offered_in(const Request& request, Form form) {
  return form == Form::json ? offered_in_json(request) : offered_in_bytes(request);
}

namespace {

Or<Content> content_in_json(const Request& request, std::string_view member) {
  auto object = object_in(request);
  if (!object) return std::unexpected(object.error());
  const auto label = take(*object, "label");
  if (!label || !label->is_string()) return refuse(malformed("body: /label: expected a text"));
  auto bytes = base64_in(take(*object, member), member);
  if (!bytes) return std::unexpected(bytes.error());
  if (auto whole = no_more(*object); !whole) return std::unexpected(whole.error());
  const std::string_view text = label->get_ref<const wire::SecretText&>();
  return Content{.label = std::string(text), .bytes = *std::move(bytes)};
}

Or<Content> content_in_bytes(const Request& request) {
  wire::Reader in(request.body);
  messages::Labelled labelled;
  messages::labelled.decode(in, labelled);
  if (!in.ok()) return refuse(malformed("body: cut short in the label"));
  return Content{.label = std::string(text_of(labelled.label)),
                 .bytes = {in.rest().begin(), in.rest().end()}};
}

}  // namespace

Or<Content> content_in(const Request& request, Form form, std::string_view member) {
  return form == Form::json ? content_in_json(request, member) : content_in_bytes(request);
}

// ---- answers

void Tray::take(const Ticket& ticket) {
  tickets.emplace_back(ticket.bytes.begin(), ticket.bytes.end());
  lifetime_hint = ticket.lifetime_hint;
}

namespace {

Response tickets_in_bytes(const Tray& tray) {
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

Response tickets_in_json(const Tray& tray, bool listed) {
  wire::Json json = {{"lifetime_hint", tray.lifetime_hint.count()}};
  if (!listed) {
    json["ticket"] = to_base64(tray.tickets.front());
    return response_of(json);
  }
  wire::Json& list = json["tickets"] = wire::Json::array();
  for (const auto& ticket : tray.tickets) list.push_back(to_base64(ticket));
  return response_of(json);
}

}  // namespace

Response answer_with(const Tray& tray, Form form, bool listed) {
  return form == Form::json ? tickets_in_json(tray, listed) : tickets_in_bytes(tray);
}

namespace {

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

messages::Resumed resumed_of(const Resumption& resumption) noexcept {
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

Or<Response> resumption_in_bytes(const Resumption& resumption) {
  const bool resumes = resumption.verdict.outcome == stek::Outcome::resume;
  const Session& session = resumption.session;
  const std::size_t size = resumes ? state::size_of(session, smallest_state).value_or(0) : 0;
  Body body = record_with_reason(messages::resumed_header, resumed_of(resumption),
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

}  // namespace

Or<Response> answer_with(const Resumption& resumption, Form form) {
  if (form == Form::json) return resumption_in_json(resumption);
  return resumption_in_bytes(resumption);
}

namespace {

Response unsealed_in_bytes(const Unsealed& unsealed) {
  const Bytes data = unsealed.data;
  Body body =
      record_with_reason(messages::unsealed_header, messages::Unsealed{.opened = unsealed.opened},
                         unsealed.reason, data.size());
  std::ranges::copy(data, body.end() - static_cast<std::ptrdiff_t>(data.size()));
  return answer_in_bytes(std::move(body));
}

Response unsealed_in_json(const Unsealed& unsealed) {
  wire::Json json = {{"opened", unsealed.opened}};
  if (unsealed.opened) {
    json["data"] = secret_base64(unsealed.data);
  } else {
    json["reason"] = name_of(unsealed.reason);
    json["text"] = stek::text_of(unsealed.reason);
  }
  return response_of(json);
}

}  // namespace

Response answer_with(const Unsealed& unsealed, Form form) {
  return form == Form::json ? unsealed_in_json(unsealed) : unsealed_in_bytes(unsealed);
}

}  // namespace stek::daemon
