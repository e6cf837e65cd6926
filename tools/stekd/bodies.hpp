// What requests on the ticket sockets carry and what their answers do, in JSON and in bytes;
// FORMAT.md has both forms. What is wrong with a request is an answer, too: a problem.
#pragma once

#include <stek/ticketer.hpp>

#include "http.hpp"
#include "problem.hpp"

namespace stek::daemon {

template <class T>
using Or = std::expected<T, Response>;

std::unexpected<Response> refuse(const Problem& problem);
/// 400.
std::unexpected<Response> refuse(const Failure& failure);

/// Of a request, and so of its answer.
enum class Form : std::uint8_t { json, bytes };
Or<Form> form_of(const Request& request);

// ---- requests

Or<Session> session_in(const Request& request, Form form);

struct Offered {
  std::vector<std::byte> ticket;  ///< empty: those that the hello offers
  ClientHello hello;
};
Or<Offered> offered_in(const Request& request, Form form);

/// Bytes under a label, or a ticket of them.
struct Content {
  std::string label;
  Body bytes;
};
/// `member` is what the bytes are called in JSON.
Or<Content> content_in(const Request& request, Form form, std::string_view member);

// ---- answers

/// Tickets one behind the other, made in one room.
struct Tray {
  std::array<std::byte, max_ticket> room;
  std::vector<std::vector<std::byte>> tickets;
  Seconds lifetime_hint{};

  void take(const Ticket& ticket);
};
/// Several are `listed`, and so is one when it was counted.
Response answer_with(const Tray& tray, Form form, bool listed);

Or<Response> answer_with(const Resumption& resumption, Form form);

/// What became of a ticket of opaque bytes.
struct Unsealed {
  bool opened = false;
  Reason reason{};
  Bytes data;
};
Response answer_with(const Unsealed& unsealed, Form form);

}  // namespace stek::daemon
