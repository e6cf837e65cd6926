// What goes from one of BoringSSL's callbacks to the next, on one connection.
#pragma once

#include <stek/boringssl.hpp>

#include "adapters/boringssl_suites.hpp"

namespace stek::boringssl {

/// What an SSL_CTX was attached with, for as long as it lives.
struct Attachment {
  Tickets tickets;
  Options options;
};

/// All of it is of the last ClientHello.
struct Connection {
  const Attachment* attached = nullptr;
  const Tickets* tickets = nullptr;  ///< nullptr: no ticket is opened or issued
  Instant met_at{};
  std::optional<ClientHello> hello;  ///< in TLS 1.3, until BoringSSL has selected a suite
  std::optional<HostName> server_name;

  Verdict verdict;
  Session sealed;       ///< what the ticket held, when the verdict is `resume`
  bool opened = false;  ///< BoringSSL has got that session, and may have taken it up
  bool issued = false;

  // What the application had set, and gets back.
  std::optional<OwnSuites> own_suites;
  bool tickets_turned_off = false;
};

Connection* connection_of(const SSL& ssl) noexcept;

/// What only this server's configuration has against a session that would resume.
std::optional<Reason> objection(const Session& session, const Connection& connection,
                                const SSL& ssl) noexcept;

/// Of a TLS 1.3 hello, whose suite BoringSSL has selected by now. Does nothing the second time.
void decide_tls13(Connection& connection, Bytes ticket, SSL& ssl);

/// As the application has them, once one is selected.
void put_suites_back(Connection& connection, SSL& ssl) noexcept;

/// No ticket is promised. Where it is known ahead that none can be issued.
void turn_tickets_off(Connection& connection, SSL& ssl) noexcept;

/// BoringSSL has the session of the ticket, and goes on with it.
bool resumes(const Connection& connection, const SSL& ssl) noexcept;

/// What a session is bound to in BoringSSL's eyes: what the application says that it has set, else
/// the context of the tickets. Empty when there is neither.
Bytes session_id_context(const Connection& connection) noexcept;

extern const SSL_TICKET_AEAD_METHOD ticket_method;

}  // namespace stek::boringssl
