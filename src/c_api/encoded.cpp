#include "c_api/call.hpp"
#include "c_api/outputs.hpp"
#include "c_api/sized.hpp"
#include "c_api/structs.hpp"
#include "foreign/rustls_session.hpp"
#include "ticketer/outer_layout.hpp"

namespace stek::c_api {
namespace {

bool is_known(int encoding) noexcept {
  return encoding == STEK_ENCODING_RUSTLS_0_20;
}

/// Unset for zero.
std::optional<Instant> authentication_from(std::int64_t seconds) noexcept {
  if (seconds < 0 || seconds >= end_of_time) return std::nullopt;
  return Instant(Seconds(seconds));
}

stek_error issue(const stek_tickets* tickets, int encoding, std::optional<Bytes> bytes,
                 std::int64_t authenticated_at, std::int64_t now, void* ticket,
                 std::size_t* ticket_size, std::uint32_t* lifetime_hint) noexcept {
  const auto instant = instant_from(now);
  const auto authenticated = authentication_from(authenticated_at);
  const auto room = room_from(ticket, ticket_size);
  zero(ticket_size, lifetime_hint);
  if (tickets == nullptr || !is_known(encoding) || !bytes || !authenticated || !instant || !room ||
      ticket_size == nullptr) {
    return STEK_INVALID_ARGUMENT;
  }
  auto session = foreign::decode_rustls_session(*bytes);
  if (!session) return number(session.error());
  session->authenticated_at = *authenticated;
  ticketer::OuterLayout::narrow(*session, tickets->tickets);
  return deliver(tickets->tickets.issue(*session, *room, *instant), *session, *ticket_size,
                 lifetime_hint);
}

/// A name that is none is no answer.
std::optional<std::optional<HostName>> name_from(std::optional<Bytes> bytes) noexcept {
  if (!bytes) return std::nullopt;
  if (bytes->empty()) return std::optional<HostName>();
  const auto name = HostName::from({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!name) return std::nullopt;
  return name;
}

struct Outputs {
  stek_verdict* verdict;
  std::int64_t* authenticated_at;
  void* session;
  std::size_t* session_size;
};

stek_error deliver(const Resumption& resumption, const Outputs& to, Room room) noexcept {
  if (resumption.verdict.outcome == Outcome::resume) {
    const std::size_t size = foreign::rustls_size_of(resumption.session);
    const auto written = foreign::encode_rustls_session(room, resumption.session);
    if (written || written.error() == Error::room_too_small) *to.session_size = size;
    if (!written) return number(written.error());
    *to.authenticated_at = resumption.session.authenticated_at.time_since_epoch().count();
  }
  write(to.verdict, resumption);
  return STEK_OK;
}

stek_error resume(const stek_tickets* tickets, int encoding, std::optional<Bytes> ticket,
                  std::optional<Bytes> server_name, std::int64_t now, const Outputs& to) noexcept {
  const auto instant = instant_from(now);
  const auto asked = name_from(server_name);
  const auto room = room_from(to.session, to.session_size);
  zero(to.session_size, to.authenticated_at);
  if (fits(to.verdict)) write(to.verdict, Resumption());
  if (tickets == nullptr || !is_known(encoding) || !ticket || !asked || !instant ||
      !fits(to.verdict) || to.authenticated_at == nullptr || !room || to.session_size == nullptr) {
    return STEK_INVALID_ARGUMENT;
  }
  Resumption resumption = tickets->tickets.resume_without_hello(*ticket, *asked, *instant);
  if (resumption.verdict.outcome == Outcome::resume) {
    if (const auto reason = foreign::objection_of_rustls(resumption.session)) {
      resumption.verdict = {.reason = *reason, .age = resumption.verdict.age};
    }
  }
  return deliver(resumption, to, *room);
}

}  // namespace
}  // namespace stek::c_api

using namespace stek;
using namespace stek::c_api;

stek_error stek_tickets_issue_encoded(const stek_tickets* tickets, int encoding,
                                      const void* session, size_t session_size,
                                      int64_t authenticated_at, int64_t now, void* ticket,
                                      size_t* ticket_size, uint32_t* lifetime_hint) {
  return issue(tickets, encoding, bytes_from(session, session_size), authenticated_at, now, ticket,
               ticket_size, lifetime_hint);
}

stek_error stek_tickets_resume_encoded(const stek_tickets* tickets, int encoding,
                                       const void* ticket, size_t ticket_size,
                                       const char* server_name, size_t server_name_size,
                                       int64_t now, stek_verdict* verdict,
                                       int64_t* authenticated_at, void* session,
                                       size_t* session_size) {
  return resume(tickets, encoding, bytes_from(ticket, ticket_size),
                bytes_from(server_name, server_name_size), now,
                {verdict, authenticated_at, session, session_size});
}
