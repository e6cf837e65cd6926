// Tickets for servers on mbed TLS 2.28 (TLS 1.0 to 1.2).
//
//   auto shop = ticketer->in("public");
//   mbedtls_ssl_setup(&ssl, &config);
//   auto connection = stek::mbedtls::Connection::attach(ssl, *shop);
//   if (!connection) return complain(connection.error());
//   mbedtls_ssl_handshake(&ssl);
//   log(connection->resumed(), name_of(connection->verdict().reason));
//
// mbed TLS asks its ticket callbacks without saying for which connection, and neither stores nor
// checks the extended master secret. So stek keeps one object per connection, which reads the
// ClientHello itself and applies every rule of resumption: extended master secret,
// encrypt-then-MAC, cipher suite, server name.
#pragma once

#include <expected>
#include <memory>

#include <mbedtls/ssl.h>

#include <stek/ticketer.hpp>

namespace stek::mbedtls {

/// One server connection's tickets. Make it after mbedtls_ssl_setup() and before the handshake; it
/// must live as long as `ssl` is used (destroy it before mbedtls_ssl_free()), also across
/// mbedtls_ssl_session_reset() and renegotiation.
///
/// It points `ssl` at its own copy of the configuration, with ticket callbacks and a random
/// generator that calls the one that was there. So finish the configuration first, and keep it:
/// later changes to it are not seen, but what it points to (certificates, suites, callbacks) stays
/// in use.
///
/// A session with a client certificate gets no ticket, and a connection that requires one resumes
/// none (by configuration or by mbedtls_ssl_set_hs_authmode): a ticket does not carry the
/// certificate. Where a certificate is optional, mbedtls_ssl_get_verify_result() of a resumed
/// session says that there was none.
///
/// Thread rule: that of `ssl`.
class Connection {
 public:
  /// Fails, and leaves `ssl` as it was, when it is not set up, has tickets of stek already, is a
  /// client, speaks DTLS, or has no random generator.
  static std::expected<Connection, Failure> attach(mbedtls_ssl_context& ssl, Tickets tickets);

  /// What was decided about the ticket of the last ClientHello that mbed TLS answered. An `abort`
  /// has ended the handshake with its alert; rules that mbed TLS checks itself (version, fallback,
  /// fragment length) never abort here.
  [[nodiscard]] const Verdict& verdict() const noexcept;
  /// The last handshake is over and resumed the session of a ticket.
  [[nodiscard]] bool resumed() const noexcept;
  /// The last handshake handed out a ticket: the first of its session, or a renewed one.
  [[nodiscard]] bool issued() const noexcept;
  /// The last handshake negotiated the extended master secret (RFC 7627), which mbed TLS forgets.
  [[nodiscard]] bool extended_master_secret() const noexcept;

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace stek::mbedtls
