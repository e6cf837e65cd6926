#include <algorithm>
#include <memory>
#include <new>

#include "adapters/hello.hpp"
#include "adapters/openssl_connection.hpp"
#include "adapters/openssl_hello.hpp"
#include "ticketer/outer_layout.hpp"

#if OPENSSL_VERSION_MAJOR != 3
#error this adapter knows the handshake of OpenSSL 3 only
#endif

namespace stek::openssl {
namespace {

int on_client_hello(SSL* ssl, int* alert, void* attachment) noexcept;
int on_early_data(SSL* ssl, void* attachment) noexcept;
int attachment_index() noexcept;
std::optional<Failure> flaw_of(const SSL_CTX& context, const Tickets& tickets);

}  // namespace

std::expected<void, Failure> attach(SSL_CTX& context, Tickets tickets, Options options) {
  if (auto flaw = flaw_of(context, tickets)) return std::unexpected(*std::move(flaw));
  auto made = std::make_unique<Attachment>(std::move(tickets), std::move(options));
  if (SSL_CTX_set_ex_data(&context, attachment_index(), made.get()) != 1) throw std::bad_alloc();
  Attachment* attachment = made.release();
  SSL_CTX_set_client_hello_cb(&context, &on_client_hello, attachment);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &on_ticket_key);
  SSL_CTX_set_session_ticket_cb(&context, &on_new_ticket, &on_ticket, attachment);
  SSL_CTX_set_allow_early_data_cb(&context, &on_early_data, attachment);
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

Connection& connection_for(SSL& ssl, const Attachment& attached);
bool has_tickets_off(const SSL& ssl) noexcept;
void resume(Connection& connection, const ClientHello& hello, bool offers_extended_master_secret,
            SSL& ssl);

void set_session_id_context(const Connection& connection, SSL& ssl) noexcept {
  const Bytes context = session_id_context(connection);
  if (context.empty()) return;  // the application may have set one, and not told
  SSL_set_session_id_context(&ssl, reinterpret_cast<const unsigned char*>(context.data()),
                             static_cast<unsigned>(context.size()));
}

void meet(Connection& connection, SSL& ssl) {
  const Options& options = connection.attached->options;
  auto hello = read_hello(ssl);
  if (!hello || has_tickets_off(ssl)) return;
  const Tickets* tickets = options.host ? options.host(*hello) : &connection.attached->tickets;
  if (tickets == nullptr) return;

  const bool offers_extended_master_secret = hello->extended_master_secret;
  leave_what_is_enabled(*hello, ssl);
  connection.tickets = tickets;
  connection.met_at = system_now();
  connection.server_name = hello->server_name;
  connection.max_fragment_length = hello->max_fragment_length.value_or(0);
  connection.encrypt_then_mac = hello->encrypt_then_mac;
  connection.could_issue =
      hello->extended_master_secret || tickets->policy().legacy_ems == LegacyEms::resume;
  if (options.session_id_context.empty()) set_session_id_context(connection, ssl);
  if (offers_tls13(*hello)) {
    connection.hello = *std::move(hello);
  } else {
    resume(connection, *hello, offers_extended_master_secret, ssl);
  }
}

int on_client_hello(SSL* ssl, int* alert, void* attachment) noexcept {
  const auto& attached = *static_cast<const Attachment*>(attachment);
  // Nothing of another hello is left, should the application refuse this one.
  if (Connection* before = connection_of(*ssl)) *before = Connection();
  if (attached.options.client_hello != nullptr) {
    const int theirs =
        attached.options.client_hello(ssl, alert, attached.options.client_hello_argument);
    if (theirs != SSL_CLIENT_HELLO_SUCCESS) return theirs;
  }
  try {
    Connection& connection = connection_for(*ssl, attached);
    meet(connection, *ssl);
    if (connection.verdict.outcome != Outcome::abort) return SSL_CLIENT_HELLO_SUCCESS;
    *alert = static_cast<int>(connection.verdict.alert);
    return SSL_CLIENT_HELLO_ERROR;
  } catch (...) {
    // No memory, or `host` threw: a full handshake without a ticket.
    return SSL_CLIENT_HELLO_SUCCESS;
  }
}

/// OpenSSL looks at no ticket, and gives out none, or in TLS 1.3 what names a session in its cache.
bool has_tickets_off(const SSL& ssl) noexcept {
  return (SSL_get_options(&ssl) & SSL_OP_NO_TICKET) != 0;
}

bool is_enabled(CipherSuite suite, const SSL& ssl) noexcept {
  const STACK_OF(SSL_CIPHER)* enabled = SSL_get_ciphers(&ssl);
  for (int i = 0; i < sk_SSL_CIPHER_num(enabled); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(enabled, i);
    if (SSL_CIPHER_get_protocol_id(cipher) == static_cast<std::uint16_t>(suite)) return true;
  }
  return false;
}

/// What only this server's configuration has against a session that would resume.
std::optional<Reason> objection(const Session& session, const Connection& connection,
                                const SSL& ssl) noexcept {
  if (!is_tls13(session.version) && !is_enabled(session.cipher_suite, ssl)) {
    return Reason::suite_not_enabled;
  }
  const int mode = SSL_get_verify_mode(&ssl);
  constexpr int demanded = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  const bool anonymous = std::holds_alternative<std::monostate>(session.client_identity);
  // The application will ask OpenSSL for the certificate, which no hash gives back.
  const bool shows_certificate = std::holds_alternative<CertificateChain>(session.client_identity);
  if (anonymous ? (mode & demanded) == demanded : !shows_certificate) {
    return Reason::identity_missing;
  }
  // OpenSSL would break the connection off: who asks for certificates has to say in what context.
  if ((mode & SSL_VERIFY_PEER) != 0 && session_id_context(connection).empty()) {
    return Reason::context_differs;
  }
  return std::nullopt;
}

Bytes selected_ticket(const ClientHello& hello, const Resumption& resumption) noexcept {
  return is_tls13(resumption.session.version)
             ? Bytes(hello.psk_identities[resumption.selected_identity].identity)
             : Bytes(*hello.session_ticket);
}

void resume(Connection& connection, const ClientHello& hello, bool offers_extended_master_secret,
            SSL& ssl) {
  Resumption resumption = connection.tickets->resume(hello, connection.met_at);
  Verdict& verdict = connection.verdict = resumption.verdict;
  // The other alerts belong to rules that OpenSSL checks by itself, with or without a ticket. And
  // RFC 7627 section 5.3 has a client in mind that drops the extension, not a server that turned it
  // off.
  const bool ours = verdict.alert == Alert::handshake_failure && !offers_extended_master_secret;
  if (verdict.outcome == Outcome::abort && !ours) verdict = {.reason = verdict.reason};
  if (verdict.outcome != Outcome::resume) return;
  if (const auto reason = objection(resumption.session, connection, ssl)) {
    verdict = {.reason = *reason};
    return;
  }
  const Bytes ticket = selected_ticket(hello, resumption);
  std::ranges::copy(ticket.first(body_at), connection.opens.begin());
  connection.sealed = std::move(resumption.session);
}

// ---- Early data

/// OpenSSL asks last, and may be asked about a session that is not of a ticket of ours.
int on_early_data(SSL* ssl, void* attachment) noexcept {
  const Options& options = static_cast<const Attachment*>(attachment)->options;
  const Connection* connection = connection_of(*ssl);
  const bool ours = connection != nullptr && connection->restored;
  if (ours && connection->verdict.early_data != EarlyData::accept) return 0;
  if (options.allow_early_data == nullptr) return 1;
  return options.allow_early_data(ssl, options.allow_early_data_argument);
}

// ---- What OpenSSL keeps for us

void free_attachment(void* /*parent*/, void* attachment, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                     long /*number*/, void* /*argument*/) noexcept {
  delete static_cast<Attachment*>(attachment);
}

int attachment_index() noexcept {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_attachment);
  return index;
}

void free_connection(void* /*parent*/, void* connection, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                     long /*number*/, void* /*argument*/) noexcept {
  delete static_cast<Connection*>(connection);
}

// SSL_dup would have two connections own one.
int forget_connection(CRYPTO_EX_DATA* /*to*/, const CRYPTO_EX_DATA* /*from*/, void** connection,
                      int /*index*/, long /*number*/, void* /*argument*/) noexcept {
  *connection = nullptr;
  return 1;
}

int connection_index() noexcept {
  static const int index =
      SSL_get_ex_new_index(0, nullptr, nullptr, &forget_connection, &free_connection);
  return index;
}

/// As new, for the next ClientHello. Throws std::bad_alloc.
Connection& connection_for(SSL& ssl, const Attachment& attached) {
  Connection* known = connection_of(ssl);
  if (known == nullptr) {
    auto made = std::make_unique<Connection>();
    if (SSL_set_ex_data(&ssl, connection_index(), made.get()) != 1) throw std::bad_alloc();
    known = made.release();
  }
  *known = Connection();
  known->attached = &attached;
  return *known;
}

std::optional<Failure> flaw_of(const SSL_CTX& context, const Tickets& tickets) {
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
  if (const Profile profile = ticketer::OuterLayout::profile_of(tickets);
      profile != Profile::rfc5077) {
    return Failure{.error = Error::unsuitable,
                   .message = "the ring's profile is " + std::string(name_of(profile)) +
                              ", and OpenSSL lays tickets out as rfc5077 does",
                   .hint = "make a ring with 'stek keys init --profile rfc5077'"};
  }
  return std::nullopt;
}

}  // namespace

Connection* connection_of(const SSL& ssl) noexcept {
  return static_cast<Connection*>(SSL_get_ex_data(&ssl, connection_index()));
}

Bytes session_id_context(const Connection& connection) noexcept {
  const std::string& own = connection.attached->options.session_id_context;
  if (!own.empty()) return std::as_bytes(std::span(own));
  const Context& context = connection.tickets->policy().context;
  return context == Context{} ? Bytes() : Bytes(context);
}

void decide_tls13(Connection& connection, SSL& ssl) {
  if (!connection.hello) return;
  ClientHello hello = *std::move(connection.hello);
  connection.hello.reset();
  // 13.4. Whatever else the client offers, this is what its ticket has to fit.
  hello.cipher_suites = {CipherSuite{SSL_CIPHER_get_protocol_id(SSL_get_pending_cipher(&ssl))}};
  resume(connection, hello, hello.extended_master_secret, ssl);
}

}  // namespace stek::openssl
