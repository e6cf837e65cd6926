// A ticket for the session that OpenSSL has just established, or resumed.

#include <algorithm>
#include <ctime>
#include <new>

#include <openssl/x509.h>

#include <stek/cipher_suite.hpp>

#include "adapters/openssl_connection.hpp"
#include "foreign/openssl_session.hpp"
#include "ticketer/outer_layout.hpp"

namespace stek::openssl {
namespace {

void issue(SSL& ssl, Connection& connection);
bool is_stateful(const SSL& ssl) noexcept;
std::optional<Session> neutral_session(SSL& ssl, const Connection& connection);
bool make_room(SSL_SESSION& session, Connection& connection);

}  // namespace

int on_new_ticket(SSL* ssl, void* attachment) noexcept {
  const Options& options = static_cast<const Attachment*>(attachment)->options;
  if (options.generate_ticket != nullptr) {
    const int theirs = options.generate_ticket(ssl, options.ticket_argument);
    if (theirs == 0) return theirs;
  }
  Connection* connection = connection_of(*ssl);
  if (connection == nullptr || connection->tickets == nullptr) return 1;
  connection->ticket.clear();
  try {
    issue(*ssl, *connection);
  } catch (const std::bad_alloc&) {
    connection->ticket.clear();
  }
  return 1;
}

namespace {

void issue(SSL& ssl, Connection& connection) {
  // A session out of OpenSSL's own cache, or of an external PSK, was never held to the rules of a
  // ticket.
  const bool elsewhere = SSL_session_reused(&ssl) != 0 && !connection.restored;
  if (elsewhere || is_stateful(ssl)) return;
  SSL_SESSION& theirs = *SSL_get_session(&ssl);
  // What would be refused is not offered either.
  if (!connection.tickets->policy().early_data) SSL_SESSION_set_max_early_data(&theirs, 0);
  auto session = neutral_session(ssl, connection);
  if (!session) return;
  ticketer::OuterLayout::narrow(*session, *connection.tickets);
  std::array<std::byte, max_ticket> room;
  const auto ticket = connection.tickets->issue(*session, room);
  if (!ticket) return;
  connection.ticket.assign(ticket->bytes.begin(), ticket->bytes.end());
  SSL_SESSION_set_timeout(&theirs, ticket->lifetime_hint.count());
  if (!make_room(theirs, connection)) connection.ticket.clear();
}

/// OpenSSL keeps the session itself, and gives out what names it in its cache.
bool is_stateful(const SSL& ssl) noexcept {
  return SSL_version(&ssl) == TLS1_3_VERSION && SSL_get_max_early_data(&ssl) > 0 &&
         (SSL_get_options(&ssl) & SSL_OP_NO_ANTI_REPLAY) == 0;
}

std::optional<Instant> end_of(const X509& certificate) noexcept {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &end) != 1) return std::nullopt;
  return Instant(Seconds(timegm(&end)));
}

/// The least notAfter of the chain that was verified.
std::optional<Instant> end_of_verified_chain(const SSL& ssl) noexcept {
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(&ssl);
  std::optional<Instant> least;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const auto end = end_of(*sk_X509_value(chain, i));
    if (!end) return std::nullopt;
    least = std::min(least.value_or(*end), *end);
  }
  return least;
}

bool has_identity(const Session& session) noexcept {
  return !std::holds_alternative<std::monostate>(session.client_identity);
}

/// When the client's identity ends. It may be another than that of the ticket: a client of TLS 1.3
/// can show a certificate at any time.
std::optional<Instant> identity_end(const Session& session, const SSL& ssl,
                                    const Connection& connection) {
  const bool sealed =
      connection.restored && session.client_identity == connection.sealed.client_identity;
  return sealed ? connection.sealed.identity_expires : end_of_verified_chain(ssl);
}

WipedBytes encoded(const SSL_SESSION& session) {
  const int size = i2d_SSL_SESSION(&session, nullptr);
  WipedBytes der(static_cast<std::size_t>(std::max(size, 0)));
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (!der.empty()) i2d_SSL_SESSION(&session, &out);
  return der;
}

/// What OpenSSL knows of the session, and what it does not keep. Only its encoding has a PSK's
/// ticket_age_add, and says so early whether the master secret is extended.
std::optional<Session> neutral_session(SSL& ssl, const Connection& connection) {
  const WipedBytes der = encoded(*SSL_get_session(&ssl));
  auto decoded = foreign::decode_openssl_session(der, foreign::Hostname::passed_over);
  if (!decoded) return std::nullopt;
  Session session = std::move(decoded->session);
  if (connection.server_name) session.server_name = *connection.server_name;
  const bool cbc = cipher_spec_of(session.cipher_suite).mode == CipherMode::cbc;
  session.encrypt_then_mac = cbc && connection.encrypt_then_mac;
  session.extras.reset();
  // 12.29. Up to TLS 1.2 a protocol is negotiated afresh, whatever it was.
  if (!is_tls13(session.version)) session.alpn.reset();
  if (has_identity(session)) {
    // A certificate that was not found good makes nobody to resume as.
    if (SSL_get_verify_result(&ssl) != X509_V_OK) return std::nullopt;
    session.identity_expires = identity_end(session, ssl, connection);
  }
  // 12.35, 13.18. RFC 9325 section 3.4 bounds the time since the first full handshake, also where
  // the application asks for a ticket hours later.
  session.authenticated_at =
      connection.restored ? connection.sealed.authenticated_at : connection.met_at;
  return session;
}

// The room for a ticket is as long as OpenSSL's encoding of the session. Application data lengthen
// that, in place of the application's own, which the ticket has already.
bool make_room(SSL_SESSION& session, Connection& connection) {
  void* data = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket_appdata(&session, &data, &size);
  connection.application_data = SecretBytes(Bytes(static_cast<const std::byte*>(data), size));
  const std::vector<std::byte> padding(connection.ticket.size());
  return SSL_SESSION_set1_ticket_appdata(&session, padding.data(), padding.size()) == 1;
}

}  // namespace

}  // namespace stek::openssl
