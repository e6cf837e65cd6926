// A cipher without a provider is made by calls that OpenSSL 3 deprecates.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <stek/openssl.hpp>

#include <algorithm>
#include <ctime>
#include <memory>
#include <new>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stek/cipher_suite.hpp>

#include "adapters/openssl_hello.hpp"
#include "foreign/openssl_session.hpp"
#include "ticketer/outer_layout.hpp"

#if OPENSSL_VERSION_MAJOR != 3
#error this adapter knows the handshake of OpenSSL 3 only
#endif

namespace stek::openssl {
namespace {

/// What an SSL_CTX was attached with, for as long as it lives.
struct Attachment {
  Tickets tickets;
  Options options;
};

/// What goes from one of OpenSSL's callbacks to the next: all of it of the last ClientHello.
struct Connection {
  const Tickets* tickets = nullptr;  ///< nullptr: no ticket is opened or issued
  Verdict verdict;
  Session sealed;                     ///< what the ticket held, when the verdict is `resume`
  std::array<std::byte, 32> opens{};  ///< that ticket's first bytes: key name and iv
  std::optional<HostName> server_name;
  std::uint8_t max_fragment_length = 0;
  bool encrypt_then_mac = false;
  bool could_issue = false;

  std::vector<std::byte> ticket;                ///< issued, and still to be laid out by OpenSSL
  SecretBytes transcoded;                       ///< what the cipher puts out: a state, or a session
  std::optional<SecretBytes> application_data;  ///< whose place padding has taken meanwhile
  bool issued = false;
};

// RFC 5077 section 4. OpenSSL writes and reads the name and the iv, and computes the MAC.
constexpr std::size_t name_size = sizeof(KeyName);
constexpr std::size_t iv_size = 16;
constexpr std::size_t mac_size = 32;
constexpr std::size_t body_at = name_size + iv_size;

using WipedBytes = std::vector<std::byte, WipingAllocator<std::byte>>;

int on_client_hello(SSL* ssl, int* alert, void* attachment) noexcept;
int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int seals) noexcept;
SSL_TICKET_RETURN on_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* name,
                            std::size_t size, SSL_TICKET_STATUS status, void* attachment) noexcept;
int on_new_ticket(SSL* ssl, void* attachment) noexcept;

int attachment_index() noexcept;
std::optional<Failure> flaw_of(const SSL_CTX& context, const Tickets& tickets);
Connection* connection_of(const SSL& ssl) noexcept;

}  // namespace

std::expected<void, Failure> attach(SSL_CTX& context, Tickets tickets, Options options) {
  try {
    if (auto flaw = flaw_of(context, tickets)) return std::unexpected(*std::move(flaw));
    auto made = std::make_unique<Attachment>(std::move(tickets), std::move(options));
    if (SSL_CTX_set_ex_data(&context, attachment_index(), made.get()) != 1) throw std::bad_alloc();
    Attachment* attachment = made.release();
    SSL_CTX_set_client_hello_cb(&context, &on_client_hello, attachment);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &on_ticket_key);
    SSL_CTX_set_session_ticket_cb(&context, &on_new_ticket, &on_ticket, attachment);
    return {};
  } catch (const std::bad_alloc&) {
    return std::unexpected(Failure{.error = Error::no_memory, .message = {}, .hint = {}});
  }
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

// ---- The ClientHello: everything is decided here

Connection& connection_for(SSL& ssl);
Resumption decide(const Tickets& tickets, const ClientHello& offered, const SSL& ssl);
std::optional<Reason> objection(const Session& session, const SSL& ssl) noexcept;
Bytes selected_ticket(const ClientHello& hello, const Resumption& resumption) noexcept;
int refuse_early_data(SSL* ssl, void* argument) noexcept;

const unsigned char* session_id_context(const Tickets& tickets) noexcept {
  return reinterpret_cast<const unsigned char*>(tickets.policy().context.data());
}

void meet(Connection& connection, SSL& ssl, const Attachment& attached) {
  const auto hello = read_hello(ssl);
  if (!hello) return;
  const Tickets& tickets = attached.options.host ? attached.options.host(*hello) : attached.tickets;
  SSL_set_session_id_context(&ssl, session_id_context(tickets), sizeof(Context));

  Resumption resumption = decide(tickets, *hello, ssl);
  if (resumption.verdict.outcome == Outcome::resume) {
    const Bytes ticket = selected_ticket(*hello, resumption);
    std::ranges::copy(ticket.first(body_at), connection.opens.begin());
  }
  if (resumption.verdict.early_data != EarlyData::accept && hello->early_data) {
    SSL_set_allow_early_data_cb(&ssl, &refuse_early_data, nullptr);
  }
  connection.tickets = &tickets;
  connection.verdict = resumption.verdict;
  connection.sealed = std::move(resumption.session);
  connection.server_name = hello->server_name;
  connection.max_fragment_length = hello->max_fragment_length.value_or(0);
  connection.encrypt_then_mac = hello->encrypt_then_mac;
  connection.could_issue =
      hello->extended_master_secret || tickets.policy().legacy_ems == LegacyEms::resume;
}

int on_client_hello(SSL* ssl, int* alert, void* attachment) noexcept {
  const auto& attached = *static_cast<const Attachment*>(attachment);
  if (attached.options.client_hello != nullptr) {
    const int theirs =
        attached.options.client_hello(ssl, alert, attached.options.client_hello_argument);
    if (theirs != SSL_CLIENT_HELLO_SUCCESS) return theirs;
  }
  try {
    Connection& connection = connection_for(*ssl);
    meet(connection, *ssl, attached);
    if (connection.verdict.outcome != Outcome::abort) return SSL_CLIENT_HELLO_SUCCESS;
    *alert = static_cast<int>(connection.verdict.alert);
    return SSL_CLIENT_HELLO_ERROR;
  } catch (...) {
    // No memory, or `host` threw: a full handshake without a ticket.
    return SSL_CLIENT_HELLO_SUCCESS;
  }
}

Resumption decide(const Tickets& tickets, const ClientHello& offered, const SSL& ssl) {
  ClientHello hello = offered;
  leave_what_is_enabled(hello, ssl);
  Resumption resumption = tickets.resume(hello);
  Verdict& verdict = resumption.verdict;
  const auto fall_back = [&](Reason reason) { verdict = {.reason = reason}; };

  // The other alerts belong to rules that OpenSSL checks by itself, with or without a ticket. And
  // RFC 7627 section 5.3 has a client in mind that drops the extension, not a server that turned it
  // off.
  const bool ours = verdict.alert == Alert::handshake_failure && !offered.extended_master_secret;
  if (verdict.outcome == Outcome::abort && !ours) fall_back(verdict.reason);
  if (verdict.outcome == Outcome::resume) {
    if (const auto reason = objection(resumption.session, ssl)) fall_back(*reason);
  }
  return resumption;
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
std::optional<Reason> objection(const Session& session, const SSL& ssl) noexcept {
  if (!is_tls13(session.version) && !is_enabled(session.cipher_suite, ssl)) {
    return Reason::suite_not_enabled;
  }
  constexpr int demanded = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  const bool demands_certificate = (SSL_get_verify_mode(&ssl) & demanded) == demanded;
  const bool anonymous = std::holds_alternative<std::monostate>(session.client_identity);
  // The application will ask OpenSSL for the certificate, which no hash gives back.
  const bool shows_certificate = std::holds_alternative<CertificateChain>(session.client_identity);
  if (anonymous ? demands_certificate : !shows_certificate) return Reason::identity_missing;
  return std::nullopt;
}

Bytes selected_ticket(const ClientHello& hello, const Resumption& resumption) noexcept {
  return is_tls13(resumption.session.version)
             ? Bytes(hello.psk_identities[resumption.selected_identity].identity)
             : Bytes(*hello.session_ticket);
}

int refuse_early_data(SSL* /*ssl*/, void* /*argument*/) noexcept {
  return 0;
}

// ---- A ticket, between OpenSSL's encoding of the session and ours

const EVP_CIPHER* transcoder() noexcept;
bool set_mac(EVP_MAC_CTX* mac, const Secret<32>& key) noexcept;
bool set_cipher(EVP_CIPHER_CTX* cipher, Connection& connection, bool seals) noexcept;
void put_application_data_back(SSL_SESSION& session, Connection& connection) noexcept;

/// The key under which the ticket that begins with these bytes is sealed, set into `mac`.
bool find_key(EVP_MAC_CTX* mac, const Connection& connection, Bytes ticket) noexcept {
  KeyName name;
  std::ranges::copy(ticket.first(name_size), name.begin());
  const auto key = ticketer::mac_key(*connection.tickets, name);
  return key && set_mac(mac, *key);
}

constexpr int no_ticket = 0;
constexpr int use = 1;
constexpr int use_and_renew = 2;

int seal(SSL& ssl, Connection& connection, unsigned char* name, unsigned char* iv,
         EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  const Bytes ticket = connection.ticket;
  if (ticket.empty()) return no_ticket;
  // OpenSSL has encoded the session by now.
  put_application_data_back(*SSL_get_session(&ssl), connection);
  if (!find_key(mac, connection, ticket) || !set_cipher(cipher, connection, true)) return no_ticket;
  std::memcpy(name, ticket.data(), name_size);
  std::memcpy(iv, ticket.data() + name_size, iv_size);
  connection.transcoded = SecretBytes(ticket.subspan(body_at, ticket.size() - body_at - mac_size));
  connection.issued = true;
  return use;
}

/// What OpenSSL needs in its own encoding; the rest is set on the session that it makes of it.
foreign::OpensslSession least_session(const Connection& connection) {
  const Session& sealed = connection.sealed;
  foreign::OpensslSession least;
  Session& session = least.session;
  session.version = sealed.version;
  session.cipher_suite = sealed.cipher_suite;
  session.secret = sealed.secret.copy();
  session.extended_master_secret = sealed.extended_master_secret;
  session.client_identity = sealed.client_identity;
  session.max_fragment_length = sealed.max_fragment_length;
  if (is_tls13(sealed.version)) {
    session.ticket_age_add = sealed.ticket_age_add;
    session.max_early_data_size = 0;
    // Negotiated afresh, but OpenSSL compares it in this version too.
    session.max_fragment_length = static_cast<MaxFragmentLength>(connection.max_fragment_length);
  }
  return least;
}

int open(Connection& connection, Bytes start, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  const bool decided =
      connection.verdict.outcome == Outcome::resume && std::ranges::equal(connection.opens, start);
  if (!decided || !find_key(mac, connection, start)) return no_ticket;
  const foreign::OpensslSession session = least_session(connection);
  WipedBytes der(size_of(session));
  if (!foreign::encode_openssl_session(der, session)) return no_ticket;
  connection.transcoded = SecretBytes(der);
  if (!set_cipher(cipher, connection, false)) return no_ticket;
  return connection.verdict.renew ? use_and_renew : use;
}

// OpenSSL's one callback for two things, and it calls it between encoding a session and encrypting
// it, or before it looks at a ticket's MAC.
int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int seals) noexcept {
  Connection* connection = connection_of(*ssl);
  if (connection == nullptr || connection->tickets == nullptr) return no_ticket;
  try {
    if (seals != 0) return seal(*ssl, *connection, name, iv, cipher, mac);
    // The iv lies behind the name: this is the ticket.
    return open(*connection, std::as_bytes(std::span(name, body_at)), cipher, mac);
  } catch (const std::bad_alloc&) {
    return no_ticket;
  }
}

bool set_mac(EVP_MAC_CTX* mac, const Secret<32>& key) noexcept {
  const auto bytes = key.expose();
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<std::byte*>(bytes.data()),
                                        bytes.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

bool set_cipher(EVP_CIPHER_CTX* cipher, Connection& connection, bool seals) noexcept {
  if (EVP_CipherInit_ex(cipher, transcoder(), nullptr, nullptr, nullptr, seals ? 1 : 0) != 1) {
    return false;
  }
  EVP_CIPHER_CTX_set_app_data(cipher, &connection);
  return true;
}

// The cipher puts out what is at hand already, in two pieces: OpenSSL insists on a last one.
int transcode(EVP_CIPHER_CTX* cipher, unsigned char* out, const unsigned char* in,
              std::size_t size) noexcept {
  const auto& connection = *static_cast<const Connection*>(EVP_CIPHER_CTX_get_app_data(cipher));
  const Bytes bytes = connection.transcoded.expose();
  const bool last = in == nullptr;
  const Bytes piece = last ? bytes.last(1) : bytes.first(bytes.size() - 1);
  if (!last && bytes.size() > size) return -1;
  std::memcpy(out, piece.data(), piece.size());
  return static_cast<int>(piece.size());
}

const EVP_CIPHER* transcoder() noexcept {
  static const EVP_CIPHER* const cipher = [] {
    constexpr int block_size = 1;
    constexpr int key_size = 32;
    EVP_CIPHER* made = EVP_CIPHER_meth_new(NID_undef, block_size, key_size);
    if (made == nullptr) return made;
    EVP_CIPHER_meth_set_iv_length(made, iv_size);
    EVP_CIPHER_meth_set_flags(made, EVP_CIPH_FLAG_CUSTOM_CIPHER | EVP_CIPH_CUSTOM_IV);
    EVP_CIPHER_meth_set_do_cipher(made, &transcode);
    return made;
  }();
  return cipher;
}

// ---- Opened: the session is OpenSSL's, and has to be whole

bool restore(SSL_SESSION& session, const Connection& connection) noexcept {
  const Session& sealed = connection.sealed;
  const auto u8 = [](const auto& bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
  };
  SSL_SESSION_set_time(&session, sealed.issued_at.time_since_epoch().count());
  SSL_SESSION_set_timeout(&session, sealed.lifetime.count());
  bool whole = SSL_SESSION_set1_id_context(&session, session_id_context(*connection.tickets),
                                           sizeof(Context)) == 1;
  if (connection.server_name) {
    const std::string_view name = connection.server_name->text();
    std::array<char, HostName::max_size + 1> text{};
    std::ranges::copy(name, text.begin());
    whole = whole && SSL_SESSION_set1_hostname(&session, text.data()) == 1;
  }
  if (sealed.alpn) {
    whole = whole && SSL_SESSION_set1_alpn_selected(&session, u8(sealed.alpn->bytes),
                                                    sealed.alpn->bytes.size()) == 1;
  }
  if (sealed.max_early_data_size) {
    whole = whole && SSL_SESSION_set_max_early_data(&session, *sealed.max_early_data_size) == 1;
  }
  if (sealed.application_data) {
    const Bytes data = sealed.application_data->expose();
    whole = whole && SSL_SESSION_set1_ticket_appdata(&session, data.data(), data.size()) == 1;
  }
  return whole;
}

/// For what did not open, or for a client that has no ticket yet.
SSL_TICKET_RETURN answer_without_session(const Connection* connection,
                                         SSL_TICKET_STATUS status) noexcept {
  // RFC 5077 section 3.3 allows an empty ticket where one was promised; no promise is better.
  const bool promise = connection != nullptr && connection->could_issue;
  return status == SSL_TICKET_EMPTY && !promise ? SSL_TICKET_RETURN_IGNORE
                                                : SSL_TICKET_RETURN_IGNORE_RENEW;
}

SSL_TICKET_RETURN answer(SSL_SESSION* session, Connection* connection,
                         SSL_TICKET_STATUS status) noexcept {
  const bool opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (!opened || !restore(*session, *connection)) return answer_without_session(connection, status);
  connection->sealed.secret = SessionSecret();
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

bool uses_session(SSL_TICKET_RETURN answer) noexcept {
  return answer == SSL_TICKET_RETURN_USE || answer == SSL_TICKET_RETURN_USE_RENEW;
}

SSL_TICKET_RETURN on_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* name,
                            std::size_t size, SSL_TICKET_STATUS status, void* attachment) noexcept {
  const Options& options = static_cast<const Attachment*>(attachment)->options;
  const SSL_TICKET_RETURN ours = answer(session, connection_of(*ssl), status);
  if (options.decrypt_ticket == nullptr) return ours;
  const SSL_TICKET_RETURN theirs =
      options.decrypt_ticket(ssl, session, name, size, status, options.ticket_argument);
  return uses_session(ours) || theirs == SSL_TICKET_RETURN_ABORT ? theirs : ours;
}

// ---- Issuing

bool is_stateful(const SSL& ssl) noexcept;
std::optional<Session> neutral_session(SSL& ssl, const Connection& connection);
bool make_room(SSL_SESSION& session, Connection& connection);

void issue(SSL& ssl, Connection& connection) {
  const bool resumes = connection.verdict.outcome == Outcome::resume;
  const bool reused = SSL_session_reused(&ssl) != 0;
  // A session out of OpenSSL's own cache was never held to the rules of a ticket.
  if ((reused && !resumes) || is_stateful(ssl)) return;
  const auto session = neutral_session(ssl, connection);
  if (!session) return;
  std::array<std::byte, max_ticket> room;
  const auto ticket = connection.tickets->issue(*session, room);
  if (!ticket) return;
  connection.ticket.assign(ticket->bytes.begin(), ticket->bytes.end());
  SSL_SESSION& theirs = *SSL_get_session(&ssl);
  SSL_SESSION_set_timeout(&theirs, ticket->lifetime_hint.count());
  if (!make_room(theirs, connection)) connection.ticket.clear();
}

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

/// OpenSSL keeps the session itself, and gives out what names it in its cache.
bool is_stateful(const SSL& ssl) noexcept {
  const std::uint64_t options = SSL_get_options(&ssl);
  const bool anti_replay =
      SSL_get_max_early_data(&ssl) > 0 && (options & SSL_OP_NO_ANTI_REPLAY) == 0;
  return SSL_version(&ssl) == TLS1_3_VERSION && ((options & SSL_OP_NO_TICKET) != 0 || anti_replay);
}

std::optional<Instant> end_of(const X509& certificate) noexcept {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &end) != 1) return std::nullopt;
  return Instant(Seconds(timegm(&end)));
}

/// The least notAfter of the chain that was verified.
std::optional<Instant> identity_end(const SSL& ssl) noexcept {
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(&ssl);
  std::optional<Instant> least;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const auto end = end_of(*sk_X509_value(chain, i));
    if (!end) return std::nullopt;
    least = std::min(least.value_or(*end), *end);
  }
  return least;
}

/// False: the client has shown a certificate that was not found good, and is nobody to resume as.
bool set_identity(Session& session, const SSL& ssl, const Connection& connection) {
  if (std::holds_alternative<std::monostate>(session.client_identity)) return true;
  if (SSL_get_verify_result(&ssl) != X509_V_OK) return false;
  session.identity_expires =
      SSL_session_reused(&ssl) != 0 ? connection.sealed.identity_expires : identity_end(ssl);
  return session.identity_expires.has_value();
}

/// Without the server name, which is there in the client's spelling, if at all.
WipedBytes encoded(const SSL_SESSION& session) {
  const std::unique_ptr<SSL_SESSION, decltype([](SSL_SESSION* s) { SSL_SESSION_free(s); })> copy(
      SSL_SESSION_dup(&session));
  if (!copy || SSL_SESSION_set1_hostname(copy.get(), nullptr) != 1) throw std::bad_alloc();
  const int size = i2d_SSL_SESSION(copy.get(), nullptr);
  WipedBytes der(static_cast<std::size_t>(std::max(size, 0)));
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (!der.empty()) i2d_SSL_SESSION(copy.get(), &out);
  return der;
}

/// What OpenSSL knows of the session, and what it does not keep. Only its encoding has a PSK's
/// ticket_age_add, and says so early whether the master secret is extended.
std::optional<Session> neutral_session(SSL& ssl, const Connection& connection) {
  const WipedBytes der = encoded(*SSL_get_session(&ssl));
  auto decoded = foreign::decode_openssl_session(der);
  if (!decoded) return std::nullopt;
  Session session = std::move(decoded->session);
  if (connection.server_name) session.server_name = *connection.server_name;
  const bool cbc = cipher_spec_of(session.cipher_suite).mode == CipherMode::cbc;
  session.encrypt_then_mac = cbc && connection.encrypt_then_mac;
  session.extras.reset();
  // 12.29. Up to TLS 1.2 a protocol is negotiated afresh, whatever it was.
  if (!is_tls13(session.version)) session.alpn.reset();
  if (!set_identity(session, ssl, connection)) return std::nullopt;
  // 12.35, 13.18. RFC 9325 section 3.4 bounds the time since the first full handshake.
  session.authenticated_at =
      SSL_session_reused(&ssl) != 0 ? connection.sealed.authenticated_at : Instant{};
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

void put_application_data_back(SSL_SESSION& session, Connection& connection) noexcept {
  if (!connection.application_data) return;
  const Bytes data = connection.application_data->expose();
  SSL_SESSION_set1_ticket_appdata(&session, data.data(), data.size());
  connection.application_data.reset();
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

Connection* connection_of(const SSL& ssl) noexcept {
  return static_cast<Connection*>(SSL_get_ex_data(&ssl, connection_index()));
}

/// As new, for the next ClientHello. Throws std::bad_alloc.
Connection& connection_for(SSL& ssl) {
  if (Connection* known = connection_of(ssl)) return *known = Connection();
  auto made = std::make_unique<Connection>();
  if (SSL_set_ex_data(&ssl, connection_index(), made.get()) != 1) throw std::bad_alloc();
  return *made.release();
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
  if (const Profile profile = ticketer::profile_of(tickets); profile != Profile::rfc5077) {
    return Failure{.error = Error::unsuitable,
                   .message = "the ring's profile is " + std::string(name_of(profile)) +
                              ", and OpenSSL lays tickets out as rfc5077 does",
                   .hint = "make a ring with 'stek keys init --profile rfc5077'"};
  }
  return std::nullopt;
}

}  // namespace

}  // namespace stek::openssl
