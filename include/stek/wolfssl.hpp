// Tickets for servers on wolfSSL 5.5 (TLS 1.0 to 1.2).
//
//   auto shop = ticketer->in("public", context);
//   stek::wolfssl::Connection::prepare(*ctx, *shop);         // once
//   auto connection = stek::wolfssl::Connection::attach(*ssl, *shop);
//   if (!connection) return complain(connection.error());
//   wolfSSL_accept(ssl);
//   log(connection->resumed(), name_of(connection->verdict().reason));
//
// wolfSSL lays tickets out as RFC 5077 section 4 does, with 108 to 140 bytes for the state. stek's
// `rfc5077` tickets are just that, so the ring has to be of that profile, and a server on another
// TLS library that holds the ring resumes the session.
//
// What wolfSSL 5.5 cannot say, and what happens instead:
//
// - Of the aborts only that for a missing extended master secret is sent, as handshake_failure.
//   Every other one is a full handshake, or wolfSSL finds the fault by itself.
// - No fresh ticket comes with a resumption, nor in a full handshake for a ticket that was refused:
//   the client asks for one in its next.
// - A lifetime hint is one for all connections: that of a ticket at the time of `prepare`.
// - In TLS 1.3 it seals what a PSK is derived from, which no other stack can give back; and a
// server
//   that enables TLS 1.3 shows no ClientHello, of any version. So `attach` wants one that does not.
// - A server name of over 16 bytes is sealed as its hash.
// - A handshake that brings a ticket of over 206 bytes ends with a fatal error, before anybody is
//   asked. A fleet with wolfSSL in it issues none that long in TLS 1.2, unless it seals client
//   certificates or application data.
#pragma once

#include <expected>
#include <memory>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <stek/ticketer.hpp>

namespace stek::wolfssl {

struct Options {
  /// Whether encrypt-then-MAC is negotiated (RFC 7366). wolfSSL does not tell what it is set to, so
  /// `attach` calls wolfSSL_AllowEncryptThenMac with this.
  bool encrypt_then_mac = true;

  /// A client that is asked for a certificate (WOLFSSL_VERIFY_PEER) may do without. wolfSSL does
  /// not tell whether wolfSSL_CTX_mutual_auth demands one after all, so without this it counts as a
  /// demand.
  bool certificate_is_optional = false;
};

/// One server connection's tickets. Make it after wolfSSL_new() and before the handshake; it must
/// live as long as `ssl` is used (destroy it before wolfSSL_free()). It takes the message callback
/// of `ssl`, in which it reads the ClientHello.
///
/// For one handshake: never use `ssl` again by wolfSSL_clear(). wolfSSL keeps a resumed session's
/// secret and its having been resumed, and takes the next client for the last one.
///
/// A session with a client certificate gets no ticket, and a connection that requires one resumes
/// none: a ticket does not carry the certificate. Where one is optional, sessions resume only with
/// tickets that have a `context`; wolfSSL_get_peer_certificate() of a resumed session has none.
/// wolfSSL opens tickets before its servername callback runs, so a certificate that is asked for
/// there is asked for too late.
///
/// Thread rule: that of `ssl`.
class Connection {
 public:
  /// Makes `context` ask stek for its tickets, and gives it their lifetime hint: once, before its
  /// first connection, and for good. Connections of it without tickets give out some that nobody
  /// opens. wolfSSL_CTX_set_timeout sets a hint too, so it comes before this. Where a servername
  /// callback changes to another WOLFSSL_CTX, prepare that too.
  ///
  /// Turns wolfSSL's own session cache off. All contexts of a process share that one, master
  /// secrets in it outlive their connections, and a session in it resumes for any server name,
  /// whoever demands a certificate now, also beside a ticket that stek refuses.
  static void prepare(WOLFSSL_CTX& context, const Tickets& tickets) noexcept;

  /// Fails, and leaves `ssl` as it was, when it has tickets of stek already, is a client, speaks
  /// DTLS or may speak TLS 1.3, is of a WOLFSSL_CTX that `prepare` has not seen, has no place left
  /// for data of applications (wolfSSL has five), or the ring is of another profile.
  static std::expected<Connection, Failure> attach(WOLFSSL& ssl, Tickets tickets,
                                                   Options options = {});

  /// What was decided about the ticket of the last ClientHello.
  [[nodiscard]] const Verdict& verdict() const noexcept;
  /// The last handshake is over and resumed the session of a ticket.
  [[nodiscard]] bool resumed() const noexcept;
  /// The last handshake handed out a ticket of stek.
  [[nodiscard]] bool issued() const noexcept;

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace stek::wolfssl
