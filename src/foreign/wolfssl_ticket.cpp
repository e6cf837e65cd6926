#include "foreign/wolfssl_ticket.hpp"

#include "session/flaw.hpp"
#include "session/state.hpp"

namespace stek::foreign {
namespace {

struct InternalTicket {
  ProtocolVersion version{};
  CipherSuite cipher_suite{};
  SessionSecret secret;
  std::uint32_t timestamp = 0;
  std::array<std::byte, 4> timestamp_of_tls13{};
  bool extended_master_secret = false;
  std::array<std::byte, 15> tls13{};
  std::array<std::byte, 32> session_id{};
};

constexpr wire::Header layout{
    "InternalTicket",
    wire::Field<&InternalTicket::version>{"pv", ""},
    wire::Field<&InternalTicket::cipher_suite>{"suite", ""},
    wire::Field<&InternalTicket::secret>{"msecret", ""},
    wire::Field<&InternalTicket::timestamp>{"timestamp", ""},
    wire::Field<&InternalTicket::timestamp_of_tls13>{"timestamp", "TLS 1.3"},
    wire::Flags<&InternalTicket::extended_master_secret>{"haveEMS", {"haveEMS"}, {""}},
    wire::Field<&InternalTicket::tls13>{"ageAdd, namedGroup, ticketNonce", "TLS 1.3"},
    wire::Field<&InternalTicket::session_id>{"id", ""},
};
static_assert(layout.size == wolfssl_ticket_size);

constexpr std::int64_t last_timestamp = 0xffffffff;

bool is_suitable(ProtocolVersion version) noexcept {
  return version == ProtocolVersion::tls1_0 || version == ProtocolVersion::tls1_1 ||
         version == ProtocolVersion::tls1_2;
}

bool has_no_place(const Session& session) noexcept {
  return session.transport != Transport::tls || !is_suitable(session.version) ||
         !std::holds_alternative<std::monostate>(session.client_identity);
}

}  // namespace

std::expected<void, Error> encode_wolfssl_ticket(std::span<std::byte, wolfssl_ticket_size> room,
                                                 const WolfsslTicket& ticket) noexcept {
  const Session& session = ticket.session;
  if (has_no_place(session)) return std::unexpected(Error::unsuitable);
  const std::int64_t timestamp = session.issued_at.time_since_epoch().count();
  if (flaw_of_parameters(session) || timestamp < 0 || timestamp > last_timestamp) {
    return std::unexpected(Error::invalid_session);
  }
  layout.encode(room, InternalTicket{.version = session.version,
                                     .cipher_suite = session.cipher_suite,
                                     .secret = session.secret.copy(),
                                     .timestamp = static_cast<std::uint32_t>(timestamp),
                                     .extended_master_secret = session.extended_master_secret,
                                     .session_id = ticket.session_id});
  return {};
}

std::expected<WolfsslTicket, Error> decode_wolfssl_ticket(
    std::span<const std::byte, wolfssl_ticket_size> bytes) noexcept {
  InternalTicket read;
  if (!layout.decode(bytes, read)) return std::unexpected(Error::malformed);
  if (!is_suitable(read.version)) return std::unexpected(Error::unsuitable);
  if (!is_zero(read.timestamp_of_tls13) || !is_zero(read.tls13)) {
    return std::unexpected(Error::malformed);
  }
  WolfsslTicket ticket;
  Session& session = ticket.session;
  session.version = read.version;
  session.cipher_suite = read.cipher_suite;
  session.secret = std::move(read.secret);
  session.issued_at = Instant(Seconds(read.timestamp));
  session.extended_master_secret = read.extended_master_secret;
  ticket.session_id = read.session_id;
  if (flaw_of_parameters(session)) return std::unexpected(Error::invalid_session);
  return ticket;
}

}  // namespace stek::foreign
