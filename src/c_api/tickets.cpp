#include <cstring>

#include "c_api/call.hpp"
#include "c_api/outputs.hpp"
#include "c_api/sized.hpp"
#include "c_api/structs.hpp"

namespace stek::c_api {
namespace {

static_assert(STEK_MAX_TICKET == max_ticket);

stek_error issue(const stek_tickets* tickets, const stek_session* given, std::int64_t now,
                 void* ticket, std::size_t* ticket_size, std::uint32_t* lifetime_hint) {
  const auto instant = instant_from(now);
  const auto room = room_from(ticket, ticket_size);
  zero(ticket_size, lifetime_hint);
  if (tickets == nullptr || !fits(given) || !instant || !room || ticket_size == nullptr) {
    return STEK_INVALID_ARGUMENT;
  }
  Session session;
  if (const auto error = read(given, session)) return number(*error);
  return deliver(tickets->tickets.issue(session, *room, *instant), session, *ticket_size,
                 lifetime_hint);
}

stek_error seal_opaque(const stek_tickets* tickets, const char* label, std::optional<Bytes> data,
                       std::int64_t now, void* ticket, std::size_t* ticket_size,
                       std::uint32_t* lifetime_hint) noexcept {
  const auto instant = instant_from(now);
  const auto room = room_from(ticket, ticket_size);
  zero(ticket_size, lifetime_hint);
  if (tickets == nullptr || label == nullptr || !data || !instant || !room ||
      ticket_size == nullptr) {
    return STEK_INVALID_ARGUMENT;
  }
  const std::string_view name(label);
  const state::Opaque opaque{.label = std::as_bytes(std::span(name)), .data = *data};
  return deliver(tickets->tickets.seal_opaque(name, *data, *room, *instant), opaque, *ticket_size,
                 lifetime_hint);
}

stek_error open_opaque(const stek_tickets* tickets, const char* label, std::optional<Bytes> ticket,
                       std::int64_t now, std::int32_t* reason, void* data,
                       std::size_t* data_size) noexcept {
  const auto instant = instant_from(now);
  const auto room = room_from(data, data_size);
  zero(data_size);
  if (reason != nullptr) *reason = STEK_REASON_NO_TICKET;
  if (tickets == nullptr || label == nullptr || !ticket || !instant || reason == nullptr || !room ||
      data_size == nullptr) {
    return STEK_INVALID_ARGUMENT;
  }
  // A longer one is refused for its length.
  if (room->size() < ticket->size() && ticket->size() <= max_ticket) {
    *data_size = ticket->size();
    return STEK_ROOM_TOO_SMALL;
  }
  const auto opened = tickets->tickets.open_opaque(label, *ticket, *room, *instant);
  *reason = number_of(opened ? Reason::resumes : opened.error());
  if (!opened) return STEK_OK;
  *data_size = opened->size();
  // It lies inside the room, behind its label.
  std::memmove(room->data(), opened->data(), opened->size());
  wipe(room->subspan(opened->size(), ticket->size() - opened->size()));
  return STEK_OK;
}

std::expected<ClientHello, stek_error> hello_from(Bytes bytes, int transport) {
  if (transport != 0 && transport != STEK_QUIC) return std::unexpected(STEK_INVALID_ARGUMENT);
  auto hello = parse_client_hello(bytes);
  if (!hello) return std::unexpected(number(hello.error()));
  if (transport == STEK_QUIC) hello->transport = Transport::quic;
  return *std::move(hello);
}

/// Where a resumption goes.
struct Outputs {
  stek_verdict* verdict;
  stek_session* session;
  void* room;
  std::size_t* room_size;
};

stek_error deliver(const Resumption& resumption, const Outputs& to, Room room) noexcept {
  const bool resumes = resumption.verdict.outcome == Outcome::resume;
  const std::size_t needed = resumes ? room_for(resumption.session, to.session) : 0;
  if (to.room_size != nullptr) *to.room_size = needed;
  if (needed > room.size()) return STEK_ROOM_TOO_SMALL;
  write(to.verdict, resumption);
  if (resumes) write(to.session, resumption.session, room);
  return STEK_OK;
}

/// `resume` takes the hello and the instant.
template <class Resume>
stek_error resume(const stek_tickets* tickets, std::optional<Bytes> hello_bytes, int transport,
                  std::int64_t now, const Outputs& to, const Resume& resume) {
  const auto instant = instant_from(now);
  const auto room = room_from(to.room, to.room_size);
  zero(to.room_size);
  if (fits(to.verdict)) write(to.verdict, Resumption());
  if (fits(to.session)) clear(to.session);
  if (tickets == nullptr || !hello_bytes || !instant || !fits(to.verdict) || !fits(to.session) ||
      !room) {
    return STEK_INVALID_ARGUMENT;
  }
  const auto hello = hello_from(*hello_bytes, transport);
  if (!hello) return hello.error();
  return deliver(resume(*hello, *instant), to, *room);
}

}  // namespace
}  // namespace stek::c_api

using namespace stek;
using namespace stek::c_api;

stek_error stek_tickets_issue(const stek_tickets* tickets, const stek_session* session, int64_t now,
                              void* ticket, size_t* ticket_size, uint32_t* lifetime_hint) {
  return guarded([&] { return issue(tickets, session, now, ticket, ticket_size, lifetime_hint); });
}

stek_error stek_tickets_resume(const stek_tickets* tickets, const void* hello, size_t hello_size,
                               int transport, int64_t now, stek_verdict* verdict,
                               stek_session* session, void* room, size_t* room_size) {
  return guarded([&] {
    return resume(tickets, bytes_from(hello, hello_size), transport, now,
                  {verdict, session, room, room_size},
                  [&](const ClientHello& parsed, Instant instant) {
                    return tickets->tickets.resume(parsed, instant);
                  });
  });
}

stek_error stek_tickets_resume_one(const stek_tickets* tickets, const void* ticket,
                                   size_t ticket_size, const void* hello, size_t hello_size,
                                   int transport, int64_t now, stek_verdict* verdict,
                                   stek_session* session, void* room, size_t* room_size) {
  const auto one = bytes_from(ticket, ticket_size);
  return guarded([&] {
    // Without a ticket there is none of the arguments to go on with.
    return resume(one ? tickets : nullptr, bytes_from(hello, hello_size), transport, now,
                  {verdict, session, room, room_size},
                  [&](const ClientHello& parsed, Instant instant) {
                    return tickets->tickets.resume(*one, parsed, instant);
                  });
  });
}

stek_error stek_tickets_seal(const stek_tickets* tickets, const char* label, const void* data,
                             size_t data_size, int64_t now, void* ticket, size_t* ticket_size,
                             uint32_t* lifetime_hint) {
  return seal_opaque(tickets, label, bytes_from(data, data_size), now, ticket, ticket_size,
                     lifetime_hint);
}

stek_error stek_tickets_open(const stek_tickets* tickets, const char* label, const void* ticket,
                             size_t ticket_size, int64_t now, int32_t* reason, void* data,
                             size_t* data_size) {
  return open_opaque(tickets, label, bytes_from(ticket, ticket_size), now, reason, data, data_size);
}

void stek_session_wipe(stek_session* session) {
  if (fits(session)) clear(session);
}

void stek_wipe(void* room, size_t size) {
  if (const auto bytes = bytes_from(room, size)) {
    wipe(Room(static_cast<std::byte*>(room), bytes->size()));
  }
}
