// Between BoringSSL's encoding of a session and a ticket.

#include <algorithm>
#include <cstring>
#include <new>

#include <openssl/x509.h>

#include "adapters/boringssl_connection.hpp"
#include "foreign/boringssl_session.hpp"
#include "ticketer/outer_layout.hpp"

namespace stek::boringssl {
namespace {

std::size_t overhead(SSL* ssl) noexcept;
int seal(SSL* ssl, std::uint8_t* out, std::size_t* out_size, std::size_t room,
         const std::uint8_t* in, std::size_t in_size) noexcept;
ssl_ticket_aead_result_t open(SSL* ssl, std::uint8_t* out, std::size_t* out_size, std::size_t room,
                              const std::uint8_t* in, std::size_t in_size) noexcept;

}  // namespace

const SSL_TICKET_AEAD_METHOD ticket_method{.max_overhead = &overhead, .seal = &seal, .open = &open};

namespace {

// ---- Opened

void settle(Connection& connection, Bytes ticket, SSL& ssl);
foreign::BoringsslSession least_session(const Connection& connection);

ssl_ticket_aead_result_t open(SSL* ssl, std::uint8_t* out, std::size_t* out_size, std::size_t room,
                              const std::uint8_t* in, std::size_t in_size) noexcept {
  Connection* connection = connection_of(*ssl);
  if (connection == nullptr || connection->tickets == nullptr) return ssl_ticket_aead_ignore_ticket;
  try {
    settle(*connection, std::as_bytes(std::span(in, in_size)), *ssl);
    if (connection->verdict.outcome != Outcome::resume) {
      connection->sealed.secret = SessionSecret();
      return ssl_ticket_aead_ignore_ticket;
    }
    const auto size = foreign::encode_boringssl_session(
        std::as_writable_bytes(std::span(out, room)), least_session(*connection));
    connection->sealed.secret = SessionSecret();
    if (!size) return ssl_ticket_aead_ignore_ticket;
    *out_size = *size;
    connection->opened = true;
    return ssl_ticket_aead_success;
  } catch (const std::bad_alloc&) {
    return ssl_ticket_aead_ignore_ticket;
  }
}

bool is_selected(CipherSuite suite, const SSL& ssl) noexcept {
  const SSL_CIPHER* selected = SSL_get_pending_cipher(&ssl);
  return selected != nullptr && CipherSuite{SSL_CIPHER_get_protocol_id(selected)} == suite;
}

/// The last word, now that BoringSSL has selected a suite, and a certificate callback of the
/// application may have changed what is asked of clients.
void settle(Connection& connection, Bytes ticket, SSL& ssl) {
  decide_tls13(connection, ticket, ssl);
  put_suites_back(connection, ssl);
  Verdict& verdict = connection.verdict;
  if (verdict.outcome != Outcome::resume) return;
  if (const auto reason = objection(connection.sealed, connection, ssl)) {
    verdict = {.reason = *reason};
  } else if (!is_selected(verdict.cipher_suite, ssl)) {
    // The certificate is one for other suites.
    verdict = {.reason = Reason::suite_not_enabled};
  }
}

/// What BoringSSL needs in its own encoding.
foreign::BoringsslSession least_session(const Connection& connection) {
  const Session& sealed = connection.sealed;
  foreign::BoringsslSession least;
  Session& session = least.session;
  session.version = sealed.version;
  // In TLS 1.3 another one than was sealed, of the same hash: BoringSSL wants the one it selected.
  session.cipher_suite = connection.verdict.cipher_suite;
  session.secret = sealed.secret.copy();
  session.extended_master_secret = sealed.extended_master_secret;
  session.client_identity = sealed.client_identity;
  // BoringSSL knows no skew.
  session.issued_at = std::min(sealed.issued_at, connection.met_at);
  session.lifetime = sealed.lifetime;
  if (is_tls13(sealed.version)) {
    session.ticket_age_add = sealed.ticket_age_add;
    session.max_early_data_size = 0;
  }
  least.session_id_context =
      foreign::OpensslId::from(session_id_context(connection)).value_or(foreign::OpensslId());
  return least;
}

// ---- Sealed

std::size_t issue(Room room, Connection& connection, Bytes der, const SSL& ssl);
std::optional<Session> neutral_session(Bytes der, const Connection& connection, const SSL& ssl);

std::size_t overhead(SSL* /*ssl*/) noexcept {
  return max_ticket;
}

std::size_t issue_if_possible(Room room, Bytes der, const SSL& ssl) noexcept {
  Connection* connection = connection_of(ssl);
  if (connection == nullptr || connection->tickets == nullptr) return 0;
  try {
    return issue(room, *connection, der, ssl);
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

// To fail would end the handshake.
int seal(SSL* ssl, std::uint8_t* out, std::size_t* out_size, std::size_t room,
         const std::uint8_t* in, std::size_t in_size) noexcept {
  // RFC 5077 section 3.3: "If the server determines that it does not want to include a ticket after
  // it has included the SessionTicket extension in the ServerHello, then it sends a zero-length
  // ticket in the NewSessionTicket handshake message."
  *out_size = issue_if_possible(std::as_writable_bytes(std::span(out, room)),
                                std::as_bytes(std::span(in, in_size)), *ssl);
  // RFC 8446 section 4.6.1 has "opaque ticket<1..2^16-1>".
  constexpr std::string_view placeholder = "NO TICKET";
  if (*out_size == 0 && SSL_version(ssl) == TLS1_3_VERSION) {
    std::memcpy(out, placeholder.data(), placeholder.size());
    *out_size = placeholder.size();
  }
  return 1;
}

std::size_t issue(Room room, Connection& connection, Bytes der, const SSL& ssl) {
  auto session = neutral_session(der, connection, ssl);
  if (!session) return 0;
  ticketer::OuterLayout::narrow(*session, *connection.tickets);
  const auto ticket = connection.tickets->issue(*session, room);
  if (!ticket) return 0;
  connection.issued = true;
  return ticket->bytes.size();
}

std::optional<Instant> end_of(CRYPTO_BUFFER* certificate) noexcept {
  const bssl::UniquePtr<X509> parsed(X509_parse_from_buffer(certificate));
  const bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (parsed == nullptr || epoch == nullptr ||
      ASN1_TIME_diff(&days, &seconds, epoch.get(), X509_get0_notAfter(parsed.get())) != 1) {
    return std::nullopt;
  }
  return Instant(Seconds(std::int64_t{days} * 86400 + seconds));
}

/// The least notAfter of the certificates that the client has sent: BoringSSL keeps no others.
std::optional<Instant> end_of_chain(const SSL& ssl) noexcept {
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(&ssl);
  std::optional<Instant> least;
  for (std::size_t i = 0; i < sk_CRYPTO_BUFFER_num(chain); ++i) {
    const auto end = end_of(sk_CRYPTO_BUFFER_value(chain, i));
    if (!end) return std::nullopt;
    least = std::min(least.value_or(*end), *end);
  }
  return least;
}

/// What BoringSSL knows of the session, and what it does not keep.
std::optional<Session> neutral_session(Bytes der, const Connection& connection, const SSL& ssl) {
  auto decoded = foreign::decode_boringssl_session(der);
  if (!decoded) return std::nullopt;
  Session session = std::move(decoded->session);
  const bool resumed = resumes(connection, ssl);
  const Session& sealed = connection.sealed;
  if (connection.server_name) session.server_name = *connection.server_name;
  session.extras.reset();
  if (is_tls13(session.version)) session.max_early_data_size = 0;
  if (!std::holds_alternative<std::monostate>(session.client_identity)) {
    // A certificate that was not found good makes nobody to resume as.
    if (decoded->verify_result != X509_V_OK) return std::nullopt;
    session.identity_expires = resumed ? sealed.identity_expires : end_of_chain(ssl);
  }
  if (resumed && sealed.application_data) {
    session.application_data = sealed.application_data->copy();
  }
  // 12.35, 13.18. RFC 9325 section 3.4 bounds the time since the first full handshake.
  session.authenticated_at = resumed ? sealed.authenticated_at : connection.met_at;
  return session;
}

}  // namespace

}  // namespace stek::boringssl
