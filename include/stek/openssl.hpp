// Tickets for servers on OpenSSL 3 (TLS 1.0 to 1.3), tested with 3.0.
//
//   auto shop = ticketer->in("public", context);
//   SSL_CTX* ctx = ...;                                  // certificates, versions, suites: as ever
//   if (auto attached = stek::openssl::attach(*ctx, *shop); !attached) {
//     return complain(attached.error());
//   }
//   SSL_accept(ssl);
//   log(SSL_session_reused(ssl), name_of(stek::openssl::verdict_of(*ssl).reason));
//
// The ticket on the wire is stek's `rfc5077` profile to the byte, so the ring has to be of that
// profile; up to TLS 1.2, a server on another TLS library that holds the ring resumes the session.
// Every rule of `<stek/resumption.hpp>` is decided from the ClientHello.
#pragma once

#include <expected>
#include <functional>
#include <string>

#include <openssl/ssl.h>

#include <stek/ticketer.hpp>

#if defined(OPENSSL_IS_BORINGSSL)
#error these are the headers of BoringSSL, which go with <stek/boringssl.hpp>
#endif

namespace stek::openssl {

struct Options {
  /// The tickets of the virtual host that this hello is for, where one SSL_CTX serves several; what
  /// it points to must live as long as the SSL_CTX. nullptr: no tickets for this one. Without it,
  /// those given to `attach`. Called by every thread that serves a connection.
  ///
  /// OpenSSL opens tickets before its servername callback runs, so whatever differs between hosts,
  /// client authentication above all, has to differ in the `context` of their tickets.
  std::function<const Tickets*(const ClientHello& hello)> host{};

  /// What the application gives to SSL_CTX_set_session_id_context, if it does: OpenSSL resumes no
  /// session under another one. If it is empty, the `context` of the tickets takes its place.
  std::string session_id_context{};

  /// OpenSSL has one place for each of these, which `attach` takes; the application's own go here.
  /// `client_hello` runs before stek decides, and may end the handshake or have it retried.
  /// `generate_ticket` runs first, so that what it puts into the session's ticket_appdata is
  /// sealed; `decrypt_ticket` last, with the session restored. These two share an argument.
  /// `allow_early_data` is asked when everything else allows it: the place to look up the replay
  /// identity, after the binder is verified and before the data are read.
  SSL_client_hello_cb_fn client_hello = nullptr;
  void* client_hello_argument = nullptr;
  SSL_CTX_generate_session_ticket_fn generate_ticket = nullptr;
  SSL_CTX_decrypt_session_ticket_fn decrypt_ticket = nullptr;
  void* ticket_argument = nullptr;
  SSL_allow_early_data_cb_fn allow_early_data = nullptr;
  void* allow_early_data_argument = nullptr;
};

/// Makes `context` issue and accept tickets of stek, from its next connection on. Its Ticketer must
/// outlive it. Takes the callbacks named in `Options`, and that for ticket keys, for good. After
/// SSL_set_SSL_CTX, OpenSSL takes that on a further ClientHello (HelloRetryRequest, renegotiation)
/// from the new SSL_CTX and all others from the first: attach the same tickets to both, or use
/// `host`.
///
/// Where tickets have a `context`, and `session_id_context` is empty, it becomes the session id
/// context of the connection. With neither, a connection that asks for a client certificate resumes
/// nothing. OpenSSL's own session cache goes on serving clients without tickets, by OpenSSL's own
/// rules; to have every resumption decided here, turn it off (SSL_CTX_set_session_cache_mode).
///
/// No ticket of stek: under SSL_OP_NO_TICKET; in TLS 1.3 with early data and without
/// SSL_OP_NO_ANTI_REPLAY, where OpenSSL keeps sessions itself; for a session out of OpenSSL's cache
/// or of an external PSK; in DTLS.
///
/// A session with a verified client certificate is sealed with that certificate, and only under a
/// context; without a context it gets no ticket. Early data goes with a ticket of stek when
/// `decide` and OpenSSL both accept it, and `allow_early_data` does.
///
/// Fails, and leaves `context` as it was, when it has tickets of stek already, has tickets turned
/// off, or the ring is of another profile. Throws std::bad_alloc.
///
/// Threads: `context` may be used by any, from `attach` on.
std::expected<void, Failure> attach(SSL_CTX& context, Tickets tickets, Options options = {});

/// What was decided about the ticket of the last ClientHello; `no_ticket` when there was none. An
/// `abort` has ended the handshake with its alert; rules that OpenSSL checks itself (version,
/// fallback, extensions of TLS 1.3) never abort here. Whether the session was taken up,
/// SSL_session_reused says: `decrypt_ticket` may have refused it.
Verdict verdict_of(const SSL& connection) noexcept;

/// The last handshake has given out a ticket of stek.
bool issued(const SSL& connection) noexcept;

}  // namespace stek::openssl
