#include <algorithm>
#include <memory>
#include <new>

#include "adapters/boringssl_connection.hpp"
#include "adapters/boringssl_hello.hpp"
#include "adapters/hello.hpp"

namespace stek::boringssl {
namespace {

ssl_select_cert_result_t on_client_hello(const SSL_CLIENT_HELLO* shown) noexcept;
int on_session_settled(const SSL_CLIENT_HELLO* shown) noexcept;
int attachment_index() noexcept;
std::optional<Failure> flaw_of(const SSL_CTX& context);

}  // namespace

std::expected<void, Failure> attach(SSL_CTX& context, Tickets tickets, Options options) {
  if (auto flaw = flaw_of(context)) return std::unexpected(*std::move(flaw));
  auto made = std::make_unique<Attachment>(std::move(tickets), std::move(options));
  if (SSL_CTX_set_ex_data(&context, attachment_index(), made.get()) != 1) throw std::bad_alloc();
  (void)made.release();
  SSL_CTX_set_select_certificate_cb(&context, &on_client_hello);
  SSL_CTX_set_dos_protection_cb(&context, &on_session_settled);
  SSL_CTX_set_ticket_aead_method(&context, &ticket_method);
  return {};
}

Verdict verdict_of(const SSL& connection) noexcept {
  const Connection* known = connection_of(connection);
  return known == nullptr ? Verdict{} : known->verdict;
}

bool issued(const SSL& connection) noexcept {
  const Connection* known = connection_of(connection);
  return known != nullptr && known->issued;
}

namespace {

// ---- The ClientHello

const Attachment& attachment_of(const SSL& ssl) noexcept;
Connection& connection_for(SSL& ssl, const Attachment& attached);
void forget(Connection& connection, SSL& ssl) noexcept;
void meet(Connection& connection, const SSL_CLIENT_HELLO& shown);
void resume_up_to_tls12(Connection& connection, const ClientHello& hello, SSL& ssl);
bool could_issue(const Connection& connection, const ClientHello& hello, const SSL& ssl) noexcept;

ssl_select_cert_result_t on_client_hello(const SSL_CLIENT_HELLO* shown) noexcept {
  SSL& ssl = *shown->ssl;
  const Attachment& attached = attachment_of(ssl);
  // Nothing of another hello is left, should the application refuse this one.
  if (Connection* before = connection_of(ssl)) forget(*before, ssl);
  if (attached.options.select_certificate != nullptr) {
    const ssl_select_cert_result_t theirs = attached.options.select_certificate(shown);
    if (theirs != ssl_select_cert_success) return theirs;
  }
  try {
    Connection& connection = connection_for(ssl, attached);
    meet(connection, *shown);
    return connection.verdict.outcome == Outcome::abort ? ssl_select_cert_error
                                                        : ssl_select_cert_success;
  } catch (...) {
    // No memory, or `host` threw: a full handshake without a ticket.
    return ssl_select_cert_success;
  }
}

void set_session_id_context(const Connection& connection, SSL& ssl) noexcept {
  const Bytes context = session_id_context(connection);
  if (context.empty()) return;  // the application may have set one, and not told
  SSL_set_session_id_context(&ssl, reinterpret_cast<const unsigned char*>(context.data()),
                             context.size());
}

void meet(Connection& connection, const SSL_CLIENT_HELLO& shown) {
  SSL& ssl = *shown.ssl;
  const Options& options = connection.attached->options;
  SSL_set_early_data_enabled(&ssl, 0);
  if ((SSL_get_options(&ssl) & SSL_OP_NO_TICKET) != 0) return;
  auto hello = read_hello(shown);
  const Tickets* tickets = nullptr;
  if (hello) tickets = options.host ? options.host(*hello) : &connection.attached->tickets;
  if (tickets == nullptr) return turn_tickets_off(connection, ssl);

  leave_what_is_enabled(*hello, ssl);
  connection.tickets = tickets;
  connection.met_at = system_now();
  connection.server_name = hello->server_name;
  if (options.session_id_context.empty()) set_session_id_context(connection, ssl);
  const bool tls13 = offers_tls13(*hello);
  if (!tls13) resume_up_to_tls12(connection, *hello, ssl);
  // A TLS 1.3 ticket has still to be opened.
  const bool opens_later = tls13 && !hello->psk_identities.empty();
  const bool resumes = connection.verdict.outcome == Outcome::resume;
  if (!opens_later && !resumes && !could_issue(connection, *hello, ssl)) {
    turn_tickets_off(connection, ssl);
  }
  if (opens_later) connection.hello = *std::move(hello);
}

bool demands_certificate(const SSL& ssl) noexcept {
  constexpr int demanded = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  return (SSL_get_verify_mode(&ssl) & demanded) == demanded;
}

/// As far as the hello tells.
bool could_issue(const Connection& connection, const ClientHello& hello, const SSL& ssl) noexcept {
  const Policy& policy = connection.tickets->policy();
  const bool bound =
      offers_tls13(hello) || hello.extended_master_secret || policy.legacy_ems == LegacyEms::resume;
  const bool identity_has_a_context = !demands_certificate(ssl) || policy.context != Context{};
  return bound && identity_has_a_context &&
         connection.tickets->lifetime_hint(connection.met_at) > Seconds(0);
}

void resume_up_to_tls12(Connection& connection, const ClientHello& hello, SSL& ssl) {
  Resumption resumption = connection.tickets->resume(hello, connection.met_at);
  Verdict& verdict = connection.verdict = resumption.verdict;
  // The other alerts belong to rules that BoringSSL checks by itself, with or without a ticket.
  if (verdict.outcome == Outcome::abort && verdict.alert != Alert::handshake_failure) {
    verdict = {.reason = verdict.reason};
  }
  if (verdict.outcome != Outcome::resume) return;
  if (const auto reason = objection(resumption.session, connection, ssl)) {
    verdict = {.reason = *reason};
    return;
  }
  connection.sealed = std::move(resumption.session);
  connection.own_suites = prefer(connection.sealed.cipher_suite, hello.cipher_suites, ssl);
}

// ---- Before a ticket is written

Seconds lifetime_hint(const Connection& connection, bool resumed) noexcept {
  const Seconds hint = connection.tickets->lifetime_hint(connection.met_at);
  const auto& identity_expires = connection.sealed.identity_expires;
  if (!resumed || !identity_expires) return hint;
  return std::min(hint, *identity_expires - connection.met_at);
}

/// BoringSSL hints at what is left of a session's timeout. It is asked for no ticket when it has
/// resumed one up to TLS 1.2, whose timeout stays.
void set_lifetime_hint(const Connection& connection, SSL& ssl) noexcept {
  const bool resumed = SSL_session_reused(&ssl) != 0;
  if (resumed && SSL_version(&ssl) != TLS1_3_VERSION) return;
  const Seconds hint = lifetime_hint(connection, resumed);
  if (hint > Seconds(0)) {
    SSL_SESSION_set_timeout(SSL_get_session(&ssl), static_cast<std::uint32_t>(hint.count()));
  }
}

int on_session_settled(const SSL_CLIENT_HELLO* shown) noexcept {
  SSL& ssl = *shown->ssl;
  Connection* connection = connection_of(ssl);
  if (connection != nullptr && connection->tickets != nullptr) {
    // Where BoringSSL has looked at no ticket, these are still here.
    connection->hello.reset();
    put_suites_back(*connection, ssl);
    set_lifetime_hint(*connection, ssl);
  }
  const Options& options = attachment_of(ssl).options;
  return options.dos_protection == nullptr ? 1 : options.dos_protection(shown);
}

// ---- What BoringSSL keeps for us

void free_attachment(void* /*parent*/, void* attachment, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                     long /*number*/, void* /*argument*/) noexcept {
  delete static_cast<Attachment*>(attachment);
}

int attachment_index() noexcept {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_attachment);
  return index;
}

const Attachment& attachment_of(const SSL& ssl) noexcept {
  return *static_cast<const Attachment*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(&ssl), attachment_index()));
}

void free_connection(void* /*parent*/, void* connection, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                     long /*number*/, void* /*argument*/) noexcept {
  delete static_cast<Connection*>(connection);
}

int connection_index() noexcept {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_connection);
  return index;
}

/// As new. Throws std::bad_alloc.
Connection& connection_for(SSL& ssl, const Attachment& attached) {
  Connection* known = connection_of(ssl);
  if (known == nullptr) {
    auto made = std::make_unique<Connection>();
    if (SSL_set_ex_data(&ssl, connection_index(), made.get()) != 1) throw std::bad_alloc();
    known = made.release();
  }
  known->attached = &attached;
  return *known;
}

/// After SSL_clear, the next handshake is as the application has configured it.
void forget(Connection& connection, SSL& ssl) noexcept {
  put_suites_back(connection, ssl);
  if (connection.tickets_turned_off) SSL_clear_options(&ssl, SSL_OP_NO_TICKET);
  connection = Connection();
}

std::optional<Failure> flaw_of(const SSL_CTX& context) {
  if (SSL_CTX_get_ex_data(&context, attachment_index()) != nullptr) {
    return Failure{.error = Error::already_there,
                   .message = "the SSL_CTX has tickets already",
                   .hint = "attach once; Options::host tells virtual hosts apart"};
  }
  if ((SSL_CTX_get_options(&context) & SSL_OP_NO_TICKET) != 0) {
    return Failure{.error = Error::unsuitable,
                   .message = "the SSL_CTX has tickets turned off (SSL_OP_NO_TICKET)",
                   .hint = "SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET) turns them on"};
  }
  return std::nullopt;
}

}  // namespace

Connection* connection_of(const SSL& ssl) noexcept {
  return static_cast<Connection*>(SSL_get_ex_data(&ssl, connection_index()));
}

std::optional<Reason> objection(const Session& session, const Connection& connection,
                                const SSL& ssl) noexcept {
  if (!is_tls13(session.version) && !is_enabled(session.cipher_suite, ssl)) {
    return Reason::suite_not_enabled;
  }
  const bool anonymous = std::holds_alternative<std::monostate>(session.client_identity);
  if (anonymous && demands_certificate(ssl)) return Reason::identity_missing;
  // Who asks for certificates has to say in what context.
  const bool asks = (SSL_get_verify_mode(&ssl) & SSL_VERIFY_PEER) != 0;
  if (asks && session_id_context(connection).empty()) return Reason::context_differs;
  return std::nullopt;
}

void decide_tls13(Connection& connection, Bytes ticket, SSL& ssl) {
  if (!connection.hello) return;
  ClientHello hello = *std::move(connection.hello);
  connection.hello.reset();
  // 13.4. Whatever else the client offers, this is what its ticket has to fit.
  hello.cipher_suites = {CipherSuite{SSL_CIPHER_get_protocol_id(SSL_get_pending_cipher(&ssl))}};
  Resumption resumption = connection.tickets->resume(ticket, hello, connection.met_at);
  Verdict& verdict = connection.verdict = resumption.verdict;
  // 13.1, 13.2, 13.9 are BoringSSL's, which has found nothing.
  if (verdict.outcome == Outcome::abort) verdict = {.reason = verdict.reason};
  if (verdict.early_data == EarlyData::accept) verdict.early_data = EarlyData::disabled;
  verdict.replay_identity.reset();
  const bool goes_on = verdict.outcome == Outcome::resume;
  if (goes_on) connection.sealed = std::move(resumption.session);
  const bool cannot_renew =
      goes_on &&
      refusal_to_issue(connection.sealed, connection.tickets->policy(), connection.met_at);
  if (cannot_renew || !could_issue(connection, hello, ssl)) turn_tickets_off(connection, ssl);
}

void put_suites_back(Connection& connection, SSL& ssl) noexcept {
  if (connection.own_suites) put_back(*connection.own_suites, ssl);
  connection.own_suites.reset();
}

void turn_tickets_off(Connection& connection, SSL& ssl) noexcept {
  SSL_set_options(&ssl, SSL_OP_NO_TICKET);
  connection.tickets_turned_off = true;
}

bool resumes(const Connection& connection, const SSL& ssl) noexcept {
  return connection.opened && SSL_session_reused(&ssl) != 0;
}

Bytes session_id_context(const Connection& connection) noexcept {
  const std::string& own = connection.attached->options.session_id_context;
  if (!own.empty()) return std::as_bytes(std::span(own));
  const Context& context = connection.tickets->policy().context;
  return context == Context{} ? Bytes() : Bytes(context);
}

}  // namespace stek::boringssl
