// Between OpenSSL's encoding of a session and ours: a ticket that was issued is laid out, one that
// was decided upon is opened.

// A cipher without a provider is made by calls that OpenSSL 3 deprecates.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <algorithm>
#include <new>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "adapters/openssl_connection.hpp"
#include "foreign/openssl_session.hpp"
#include "ticketer/outer_layout.hpp"

namespace stek::openssl {
namespace {

constexpr int no_ticket = 0;
constexpr int use = 1;
constexpr int use_and_renew = 2;

int seal(SSL& ssl, Connection& connection, unsigned char* name, unsigned char* iv,
         EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac);
int open(SSL& ssl, Connection& connection, Bytes start, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac);

}  // namespace

// OpenSSL's one callback for two things. It calls it between encoding a session and encrypting it,
// or before it looks at a ticket's MAC.
int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int seals) noexcept {
  Connection* connection = connection_of(*ssl);
  if (connection == nullptr || connection->tickets == nullptr) return no_ticket;
  try {
    if (seals != 0) return seal(*ssl, *connection, name, iv, cipher, mac);
    // The iv lies behind the name: this is the ticket.
    return open(*ssl, *connection, std::as_bytes(std::span(name, body_at)), cipher, mac);
  } catch (const std::bad_alloc&) {
    return no_ticket;
  }
}

namespace {

bool key_mac(EVP_MAC_CTX* mac, const Connection& connection, Bytes ticket) noexcept;
bool set_cipher(EVP_CIPHER_CTX* cipher, Connection& connection, bool seals) noexcept;
void put_application_data_back(SSL_SESSION& session, Connection& connection) noexcept;
foreign::OpensslSession least_session(const Connection& connection);

int seal(SSL& ssl, Connection& connection, unsigned char* name, unsigned char* iv,
         EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  // OpenSSL has encoded the session by now.
  put_application_data_back(*SSL_get_session(&ssl), connection);
  const Bytes ticket = connection.ticket;
  if (ticket.empty()) return no_ticket;
  if (!key_mac(mac, connection, ticket) || !set_cipher(cipher, connection, true)) return no_ticket;
  std::memcpy(name, ticket.data(), name_size);
  std::memcpy(iv, ticket.data() + name_size, iv_size);
  connection.transcoded = SecretBytes(ticket.subspan(body_at, ticket.size() - body_at - mac_size));
  connection.issued = true;
  return use;
}

int open(SSL& ssl, Connection& connection, Bytes start, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  decide_tls13(connection, ssl);
  const bool decided =
      connection.verdict.outcome == Outcome::resume && std::ranges::equal(connection.opens, start);
  if (!decided || !key_mac(mac, connection, start)) return no_ticket;
  const foreign::OpensslSession session = least_session(connection);
  WipedBytes der(size_of(session));
  if (!foreign::encode_openssl_session(der, session)) return no_ticket;
  connection.transcoded = SecretBytes(der);
  if (!set_cipher(cipher, connection, false)) return no_ticket;
  return connection.verdict.renew ? use_and_renew : use;
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

/// With the key under which the ticket that begins with these bytes is sealed.
bool key_mac(EVP_MAC_CTX* mac, const Connection& connection, Bytes ticket) noexcept {
  KeyName name;
  std::ranges::copy(ticket.first(name_size), name.begin());
  const auto key = ticketer::OuterLayout::mac_key(*connection.tickets, name);
  if (!key) return false;
  const auto bytes = key->expose();
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<std::byte*>(bytes.data()),
                                        bytes.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

// The cipher puts out what is at hand already, in two pieces: OpenSSL insists on a last one.
int transcode(EVP_CIPHER_CTX* cipher, unsigned char* out, const unsigned char* in,
              std::size_t size) noexcept {
  auto& connection = *static_cast<Connection*>(EVP_CIPHER_CTX_get_app_data(cipher));
  const Bytes bytes = connection.transcoded.expose();
  const bool last = in == nullptr;
  if (bytes.empty() || (!last && bytes.size() > size)) return -1;
  const Bytes piece = last ? bytes.last(1) : bytes.first(bytes.size() - 1);
  std::memcpy(out, piece.data(), piece.size());
  const int written = static_cast<int>(piece.size());
  if (last) connection.transcoded = SecretBytes();
  return written;
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

bool set_cipher(EVP_CIPHER_CTX* cipher, Connection& connection, bool seals) noexcept {
  if (EVP_CipherInit_ex(cipher, transcoder(), nullptr, nullptr, nullptr, seals ? 1 : 0) != 1) {
    return false;
  }
  EVP_CIPHER_CTX_set_app_data(cipher, &connection);
  return true;
}

void put_application_data_back(SSL_SESSION& session, Connection& connection) noexcept {
  if (!connection.application_data) return;
  const Bytes data = connection.application_data->expose();
  SSL_SESSION_set1_ticket_appdata(&session, data.data(), data.size());
  connection.application_data.reset();
}

// ---- Opened: the session is OpenSSL's, and has to be whole

const unsigned char* u8(Bytes bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

bool restore(SSL_SESSION& session, const Connection& connection) noexcept {
  const Session& sealed = connection.sealed;
  const Bytes context = session_id_context(connection);
  SSL_SESSION_set_time(&session, sealed.issued_at.time_since_epoch().count());
  SSL_SESSION_set_timeout(&session, sealed.lifetime.count());
  bool whole = SSL_SESSION_set1_id_context(&session, u8(context),
                                           static_cast<unsigned>(context.size())) == 1;
  if (connection.server_name) {
    std::array<char, HostName::max_size + 1> text{};
    std::ranges::copy(connection.server_name->text(), text.begin());
    whole = whole && SSL_SESSION_set1_hostname(&session, text.data()) == 1;
  }
  if (sealed.alpn) {
    const Bytes protocol = std::as_bytes(std::span(sealed.alpn->bytes));
    whole = whole && SSL_SESSION_set1_alpn_selected(&session, u8(protocol), protocol.size()) == 1;
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
  connection->restored = true;
  connection->sealed.secret = SessionSecret();
  connection->sealed.application_data.reset();
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

bool uses_session(SSL_TICKET_RETURN answer) noexcept {
  return answer == SSL_TICKET_RETURN_USE || answer == SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace

SSL_TICKET_RETURN on_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* name,
                            std::size_t size, SSL_TICKET_STATUS status, void* attachment) noexcept {
  const Options& options = static_cast<const Attachment*>(attachment)->options;
  const SSL_TICKET_RETURN ours = answer(session, connection_of(*ssl), status);
  if (options.decrypt_ticket == nullptr) return ours;
  const SSL_TICKET_RETURN theirs =
      options.decrypt_ticket(ssl, session, name, size, status, options.ticket_argument);
  return uses_session(ours) || theirs == SSL_TICKET_RETURN_ABORT ? theirs : ours;
}

}  // namespace stek::openssl
