#include "hello.hpp"

#include <algorithm>

#include "input.hpp"
#include "resumption/json.hpp"

namespace stek::tool {

std::expected<ClientHello, Complaint> read_hello(const std::string& name) {
  const auto bytes = read_all(name, "hello");
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->starts_with('{')) {
    auto hello = hello_from_json(*bytes);
    if (!hello) return complain(std::move(hello.error()));
    return *std::move(hello);
  }
  auto hello = parse_client_hello(std::as_bytes(std::span(*bytes)));
  if (!hello) {
    return complain(
        Exit::failure, "hello: neither JSON nor one whole ClientHello",
        "as bytes it is what came off the socket, with its record headers (16 03 ...) or "
        "without (01 ...), up to the end of the ClientHello");
  }
  return *std::move(hello);
}

namespace {

ProtocolVersion legacy_version_of(const Session& session) noexcept {
  if (!is_tls13(session.version)) return session.version;
  return session.transport == Transport::dtls ? ProtocolVersion::dtls1_2 : ProtocolVersion::tls1_2;
}

PskIdentity identity_offering(Bytes ticket, const Session& session, Instant now) {
  using std::chrono::milliseconds;
  const milliseconds age = std::max(now - session.issued_at, Seconds(0));
  return {.identity = {ticket.begin(), ticket.end()},
          .obfuscated_ticket_age =
              static_cast<std::uint32_t>(age.count()) + session.ticket_age_add.value_or(0)};
}

}  // namespace

ClientHello hello_offering(Bytes ticket, const Session& session, Instant now) {
  ClientHello hello;
  hello.transport = session.transport;
  hello.legacy_version = legacy_version_of(session);
  hello.cipher_suites = {session.cipher_suite};
  hello.compression_methods = {session.compression_method};
  if (const auto* name = std::get_if<HostName>(&session.server_name)) hello.server_name = *name;
  hello.extended_master_secret = session.extended_master_secret;
  hello.encrypt_then_mac = session.encrypt_then_mac;
  if (session.max_fragment_length != MaxFragmentLength::unlimited) {
    hello.max_fragment_length = static_cast<std::uint8_t>(session.max_fragment_length);
  }
  if (is_tls13(session.version)) {
    hello.supported_versions = {session.version};
    hello.psk_key_exchange_modes = {{1}};
    hello.key_share = true;
  }
  return offering(std::move(hello), ticket, session, now);
}

bool brings_ticket(const ClientHello& hello) noexcept {
  return !hello.psk_identities.empty() || (hello.session_ticket && !hello.session_ticket->empty());
}

ClientHello offering(ClientHello hello, Bytes ticket, const Session& session, Instant now) {
  if (hello.psk_key_exchange_modes) {
    hello.psk_identities = {identity_offering(ticket, session, now)};
  } else {
    hello.session_ticket = {ticket.begin(), ticket.end()};
  }
  return hello;
}

}  // namespace stek::tool
