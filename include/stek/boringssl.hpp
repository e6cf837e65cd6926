// Tickets for servers on BoringSSL (TLS 1.0 to 1.3), tested with that of Android 13.
//
//   auto shop = ticketer->in("public", context);
//   SSL_CTX* ctx = ...;                                  // certificates, versions, suites: as ever
//   if (auto attached = stek::boringssl::attach(*ctx, *shop); !attached) {
//     return complain(attached.error());
//   }
//   SSL_accept(ssl);
//   log(SSL_session_reused(ssl), name_of(stek::boringssl::verdict_of(*ssl).reason));
//
// BoringSSL leaves the whole ticket to whoever seals it, so a ring of any profile does. With one of
// `rfc5077`, sessions move between servers on different TLS libraries. Every rule of
// `<stek/resumption.hpp>` is decided from the ClientHello.
//
// What BoringSSL cannot say, and what happens instead:
//
// - Of the aborts only handshake_failure is sent by this adapter; other alerts are those of rules
//   that BoringSSL checks by itself.
// - Up to TLS 1.2 no fresh ticket comes with a resumption, though `Verdict::renew` asks for one:
//   once its ticket has ended, a client does a full handshake. In TLS 1.3 every connection brings
//   fresh tickets, SSL_CTX_set_num_tickets of them.
// - In TLS 1.3 it looks at the first ticket that the client offers and at no other.
// - Early data: none. It is turned off on every connection.
// - A ticket that was promised in TLS 1.3 has to have bytes. Where none can be issued after all,
//   because the client's certificate is not good or too large for a ticket, some are sent that open
//   nowhere. Whatever is known with the ClientHello takes the promise back instead.
//
// Its symbols are those of OpenSSL: a program has one of the two, and one of `<stek/openssl.hpp>`
// and this.
#pragma once

#include <expected>
#include <functional>
#include <string>

#include <openssl/ssl.h>

#include <stek/ticketer.hpp>

#if !defined(OPENSSL_IS_BORINGSSL)
#error these are not the headers of BoringSSL; those of OpenSSL go with <stek/openssl.hpp>
#endif

namespace stek::boringssl {

struct Options {
  /// The tickets of the virtual host that this hello is for, where one SSL_CTX serves several; what
  /// it points to must live as long as the SSL_CTX. nullptr: no tickets for this one. Without it,
  /// those given to `attach`. Called by every thread that serves a connection.
  ///
  /// It is asked before BoringSSL's servername callback runs, so whatever differs between hosts,
  /// client authentication above all, has to differ in the `context` of their tickets.
  std::function<const Tickets*(const ClientHello& hello)> host{};

  /// What the application gives to SSL_CTX_set_session_id_context, if it does: BoringSSL resumes no
  /// session under another one. If it is empty, the `context` of the tickets takes its place.
  std::string session_id_context{};

  /// BoringSSL has one place for each of these, which `attach` takes; the application's own go
  /// here. `select_certificate` runs before stek decides, and may end the handshake or have it
  /// retried; `dos_protection` runs once the session is settled, and may end the handshake.
  ssl_select_cert_result_t (*select_certificate)(const SSL_CLIENT_HELLO* hello) = nullptr;
  int (*dos_protection)(const SSL_CLIENT_HELLO* hello) = nullptr;
};

/// Makes `context` issue and accept tickets of stek, from its next connection on. Its Ticketer must
/// outlive it. Takes the callbacks named in `Options`, and the ticket method
/// (SSL_CTX_set_ticket_aead_method), for good. BoringSSL does not tell whether these were taken
/// before: an earlier one is forgotten, and ticket keys are not used any more.
///
/// Where tickets have a `context`, and `session_id_context` is empty, it becomes the session id
/// context of the connection. With neither, a connection that asks for a client certificate resumes
/// nothing. BoringSSL's own session cache goes on serving clients without tickets, by BoringSSL's
/// own rules; to have every resumption decided here, turn it off (SSL_CTX_set_session_cache_mode).
///
/// BoringSSL resumes only under the suite that it selects. Up to TLS 1.2, where the verdict is
/// `resume`, the sealed suite goes to the head of the connection's list until one is selected; in
/// TLS 1.3 the session goes on under the selected suite, of the same hash.
///
/// No ticket of stek: under SSL_OP_NO_TICKET; for a session of an external PSK or with Channel ID;
/// in DTLS and QUIC, where none resumes either. Where no key seals, or the policy lets no ticket
/// out, BoringSSL is told SSL_OP_NO_TICKET for the handshake.
///
/// A session with a verified client certificate is sealed with the certificates that the client
/// sent, or with their hash where SSL_CTX_set_retain_only_sha256_of_client_certs says so, and only
/// under a context; without a context it gets no ticket. It ends with the first of these
/// certificates, of which the lifetime hint of a full handshake knows nothing yet.
///
/// Fails, and leaves `context` as it was, when it has tickets of stek already, or has tickets
/// turned off. Throws std::bad_alloc.
///
/// Threads: `context` may be used by any, from `attach` on.
std::expected<void, Failure> attach(SSL_CTX& context, Tickets tickets, Options options = {});

/// What was decided about the ticket of the last ClientHello; `no_ticket` when there was none. An
/// `abort` has ended the handshake with its alert. Whether the session was taken up,
/// SSL_session_reused says.
Verdict verdict_of(const SSL& connection) noexcept;

/// The last handshake has given out a ticket of stek.
bool issued(const SSL& connection) noexcept;

}  // namespace stek::boringssl
