#include <stek/mbedtls.hpp>

#include <algorithm>
#include <expected>
#include <new>

#include <mbedtls/ssl_internal.h>
#include <mbedtls/version.h>

#include "ticketer/outer_layout.hpp"

#if MBEDTLS_VERSION_NUMBER < 0x021C0000 || MBEDTLS_VERSION_NUMBER >= 0x03000000
#error this adapter knows the handshake of mbed TLS 2.28 only
#endif

namespace stek::mbedtls {

struct Connection::State {
  State(mbedtls_ssl_context& connection, Tickets view);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static int on_ticket(void* self, mbedtls_ssl_session* session, unsigned char* ticket,
                       std::size_t size) noexcept;
  static int on_random(void* self, unsigned char* out, std::size_t size) noexcept;
  static int on_issue(void* self, const mbedtls_ssl_session* session, unsigned char* begin,
                      const unsigned char* end, std::size_t* size,
                      std::uint32_t* lifetime) noexcept;

  [[nodiscard]] Resumption open(Bytes ticket) const noexcept;
  int before_server_hello() noexcept;
  void answer_ticket() noexcept;
  [[nodiscard]] int abort() const noexcept;
  void resume() const noexcept;
  void refuse(Reason reason) noexcept;
  [[nodiscard]] bool could_issue() const noexcept;
  [[nodiscard]] bool may_issue(const mbedtls_ssl_session& session) const noexcept;
  [[nodiscard]] Session neutral(const mbedtls_ssl_session& session) const noexcept;

  mbedtls_ssl_context& ssl;
  const Tickets tickets;
  const mbedtls_ssl_config& theirs;
  mbedtls_ssl_config ours;

  // Of the last ClientHello.
  Verdict verdict;
  Session sealed;  ///< what its ticket held, without the secret, when the verdict is `resume`
  ServerName server_name;
  bool extended_master_secret = false;
  bool issued = false;
};

namespace {

std::optional<Failure> flaw_of(const mbedtls_ssl_context& ssl, const void* our_callback);
std::optional<ClientHello> read_hello(const mbedtls_ssl_context& ssl) noexcept;
bool offers_ticket(const std::optional<ClientHello>& hello,
                   const mbedtls_ssl_context& ssl) noexcept;
bool is_enabled(CipherSuite suite, const mbedtls_ssl_context& ssl) noexcept;
int authmode_of(const mbedtls_ssl_context& ssl) noexcept;

ProtocolVersion version_of(const mbedtls_ssl_context& ssl) noexcept {
  return static_cast<ProtocolVersion>(ssl.major_ver << 8 | ssl.minor_ver);
}

Verdict full_handshake(Reason reason) noexcept {
  return {.outcome = Outcome::full_handshake, .reason = reason};
}

}  // namespace

std::expected<Connection, Failure> Connection::attach(mbedtls_ssl_context& ssl, Tickets tickets) {
  try {
    if (auto flaw = flaw_of(ssl, reinterpret_cast<const void*>(&State::on_issue))) {
      return std::unexpected(*std::move(flaw));
    }
    return Connection(std::make_unique<State>(ssl, std::move(tickets)));
  } catch (const std::bad_alloc&) {
    return std::unexpected(Failure{.error = Error::no_memory, .message = {}, .hint = {}});
  }
}

Connection::State::State(mbedtls_ssl_context& connection, Tickets view)
    : ssl(connection), tickets(std::move(view)), theirs(*connection.conf), ours(*connection.conf) {
  mbedtls_ssl_conf_session_tickets_cb(&ours, &on_issue, &on_ticket, this);
  mbedtls_ssl_conf_rng(&ours, &on_random, this);
  ssl.conf = &ours;
}

Connection::State::~State() {
  if (ssl.conf == &ours) ssl.conf = &theirs;
}

// mbed TLS calls this for a ticket that is not empty, outside renegotiation, at some point among
// the other extensions. Every non-zero result means full handshake.
int Connection::State::on_ticket(void* self, mbedtls_ssl_session* session, unsigned char* ticket,
                                 std::size_t size) noexcept {
  auto& state = *static_cast<State*>(self);
  Resumption resumption = state.open(std::as_bytes(std::span(ticket, size)));
  state.verdict = resumption.verdict;
  if (state.verdict.outcome != Outcome::resume) return MBEDTLS_ERR_SSL_INVALID_MAC;

  // `session` takes the place of the one under negotiation. What extensions have put there stays,
  // should the session not resume after all.
  const mbedtls_ssl_session& negotiated = *state.ssl.session_negotiate;
  session->compression = negotiated.compression;
  session->mfl_code = negotiated.mfl_code;
  session->trunc_hmac = negotiated.trunc_hmac;
  session->encrypt_then_mac = negotiated.encrypt_then_mac;
  session->start = resumption.session.issued_at.time_since_epoch().count();
  std::ranges::copy(std::as_bytes(resumption.session.secret.expose()),
                    std::as_writable_bytes(std::span(session->master)).begin());
  state.sealed = std::move(resumption.session);
  state.sealed.secret = SessionSecret();
  return 0;
}

Resumption Connection::State::open(Bytes ticket) const noexcept {
  auto hello = read_hello(ssl);
  if (!hello) return {};
  const bool offers_extended_master_secret = hello->extended_master_secret;
  hello->extended_master_secret &= ours.extended_ms == MBEDTLS_SSL_EXTENDED_MS_ENABLED;
  hello->encrypt_then_mac &= ours.encrypt_then_mac == MBEDTLS_SSL_ETM_ENABLED;

  Resumption resumption = tickets.resume(ticket, *hello);
  Verdict& decided = resumption.verdict;
  // The other alerts belong to rules that mbed TLS checks by itself, with or without a ticket. And
  // RFC 7627 section 5.3 has a client in mind that drops the extension, not a server that turned it
  // off.
  if (decided.outcome == Outcome::abort &&
      (decided.alert != Alert::handshake_failure || offers_extended_master_secret)) {
    decided = full_handshake(decided.reason);
  }
  if (decided.outcome == Outcome::resume && !is_enabled(resumption.session.cipher_suite, ssl)) {
    decided = full_handshake(Reason::suite_not_enabled);
  }
  return resumption;
}

// The random bytes of the ServerHello are drawn after the whole ClientHello is read and before
// anything of the answer is settled or written: the only call in this state, and the one place to
// have a last word.
int Connection::State::on_random(void* self, unsigned char* out, std::size_t size) noexcept {
  auto& state = *static_cast<State*>(self);
  if (state.ssl.state == MBEDTLS_SSL_SERVER_HELLO) {
    if (const int failure = state.before_server_hello()) return failure;
  }
  return state.theirs.f_rng(state.theirs.p_rng, out, size);
}

int Connection::State::before_server_hello() noexcept {
  issued = false;
  extended_master_secret = ssl.handshake->extended_ms == MBEDTLS_SSL_EXTENDED_MS_ENABLED;
  // Only on_ticket has set this by now, so the verdict is of this ClientHello.
  if (ssl.handshake->resume != 0) {
    answer_ticket();
    return 0;
  }
  const auto hello = read_hello(ssl);
  if (!offers_ticket(hello, ssl)) verdict = {};
  if (verdict.outcome == Outcome::abort) return abort();
  server_name = {};
  if (hello && hello->server_name) server_name = *hello->server_name;
  if (!hello || !could_issue()) ssl.handshake->new_session_ticket = 0;
  return 0;
}

void Connection::State::answer_ticket() noexcept {
  server_name = sealed.server_name;
  // RFC 5077 section 4 has the client's identity in the state. Ours has none that mbed TLS could
  // show to the application.
  if (authmode_of(ssl) == MBEDTLS_SSL_VERIFY_REQUIRED) {
    refuse(Reason::identity_missing);
  } else {
    resume();
  }
}

int Connection::State::abort() const noexcept {
  mbedtls_ssl_send_alert_message(&ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                 static_cast<unsigned char>(verdict.alert));
  return MBEDTLS_ERR_SSL_BAD_HS_CLIENT_HELLO;
}

// RFC 5246 section 7.4.1.3: "For resumed sessions, this field is the value from the state of the
// session being resumed." mbed TLS would send the suite that it prefers now.
void Connection::State::resume() const noexcept {
  mbedtls_ssl_session& session = *ssl.session_negotiate;
  session.ciphersuite = static_cast<int>(sealed.cipher_suite);
  session.compression = sealed.compression_method;
  session.mfl_code = static_cast<unsigned char>(sealed.max_fragment_length);
  session.trunc_hmac = MBEDTLS_SSL_TRUNC_HMAC_DISABLED;
  session.encrypt_then_mac =
      sealed.encrypt_then_mac ? MBEDTLS_SSL_ETM_ENABLED : MBEDTLS_SSL_ETM_DISABLED;
  session.verify_result = authmode_of(ssl) == MBEDTLS_SSL_VERIFY_NONE
                              ? MBEDTLS_X509_BADCERT_SKIP_VERIFY
                              : MBEDTLS_X509_BADCERT_MISSING;
  ssl.handshake->ciphersuite_info = mbedtls_ssl_ciphersuite_from_id(session.ciphersuite);
  ssl.handshake->new_session_ticket = verdict.renew ? 1 : 0;
}

void Connection::State::refuse(Reason reason) noexcept {
  verdict = full_handshake(reason);
  ssl.handshake->resume = 0;
  ssl.handshake->new_session_ticket = 0;
  mbedtls_platform_zeroize(ssl.session_negotiate->master, sizeof ssl.session_negotiate->master);
}

// What is known so far; a promise kept by an empty ticket is allowed (RFC 5077 section 3.3), but no
// promise is better.
bool Connection::State::could_issue() const noexcept {
  return authmode_of(ssl) != MBEDTLS_SSL_VERIFY_REQUIRED &&
         (extended_master_secret || tickets.policy().legacy_ems == LegacyEms::resume);
}

// mbed TLS sends what `size` and `lifetime` hold even when this fails.
int Connection::State::on_issue(void* self, const mbedtls_ssl_session* session,
                                unsigned char* begin, const unsigned char* end, std::size_t* size,
                                std::uint32_t* lifetime) noexcept {
  auto& state = *static_cast<State*>(self);
  *size = 0;
  *lifetime = 0;
  if (!state.may_issue(*session)) return 0;
  const auto room = std::as_writable_bytes(std::span(begin, static_cast<std::size_t>(end - begin)));
  Session neutral = state.neutral(*session);
  ticketer::OuterLayout::narrow(neutral, state.tickets);
  const auto ticket = state.tickets.issue(neutral, room);
  if (!ticket) return 0;
  *size = ticket->bytes.size();
  *lifetime = static_cast<std::uint32_t>(ticket->lifetime_hint.count());
  state.issued = true;
  return 0;
}

bool Connection::State::may_issue(const mbedtls_ssl_session& session) const noexcept {
  // A session out of mbed TLS's own cache may be one without extended master secret, whatever this
  // handshake negotiated.
  const bool from_cache = ssl.handshake->resume != 0 && verdict.outcome != Outcome::resume;
  return session.peer_cert == nullptr && !from_cache;
}

Session Connection::State::neutral(const mbedtls_ssl_session& session) const noexcept {
  Session neutral;
  neutral.version = version_of(ssl);
  neutral.cipher_suite = static_cast<CipherSuite>(session.ciphersuite);
  neutral.extended_master_secret = extended_master_secret;
  neutral.encrypt_then_mac = session.encrypt_then_mac == MBEDTLS_SSL_ETM_ENABLED;
  neutral.truncated_hmac = session.trunc_hmac == MBEDTLS_SSL_TRUNC_HMAC_ENABLED;
  neutral.max_fragment_length = static_cast<MaxFragmentLength>(session.mfl_code);
  neutral.compression_method = static_cast<std::uint8_t>(session.compression);
  neutral.secret = SessionSecret(std::as_bytes(std::span(session.master)));
  neutral.server_name = server_name;
  // RFC 9325 section 3.4 bounds the time since the first full handshake, so a renewal keeps it.
  if (verdict.outcome == Outcome::resume) neutral.authenticated_at = sealed.authenticated_at;
  return neutral;
}

const Verdict& Connection::verdict() const noexcept {
  return state_->verdict;
}
bool Connection::resumed() const noexcept {
  return state_->verdict.outcome == Outcome::resume &&
         state_->ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER;
}
bool Connection::issued() const noexcept {
  return state_->issued;
}
bool Connection::extended_master_secret() const noexcept {
  return state_->extended_master_secret;
}

Connection::Connection(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

namespace {

std::optional<Failure> flaw_of(const mbedtls_ssl_context& ssl, const void* our_callback) {
  const auto flaw = [](Error error, const char* message, const char* hint) {
    return Failure{.error = error, .message = message, .hint = hint};
  };
  if (ssl.conf == nullptr) {
    return flaw(Error::unsuitable, "the connection has no configuration",
                "call mbedtls_ssl_setup() first");
  }
  const mbedtls_ssl_config& config = *ssl.conf;
  if (reinterpret_cast<const void*>(config.f_ticket_write) == our_callback) {
    return flaw(Error::already_there, "the connection has tickets already",
                "attach once after mbedtls_ssl_setup(); a session reset keeps them");
  }
  if (config.endpoint != MBEDTLS_SSL_IS_SERVER ||
      config.transport != MBEDTLS_SSL_TRANSPORT_STREAM) {
    return flaw(Error::unsuitable, "the configuration is not that of a TLS server", "");
  }
  if (config.f_rng == nullptr) {
    return flaw(Error::unsuitable, "the configuration has no random generator",
                "call mbedtls_ssl_conf_rng() first");
  }
  return std::nullopt;
}

// The ClientHello as mbed TLS negotiates it. It is whole in the input buffer, and stays there until
// the next read: mbed TLS takes none in fragments, and has checked its length.
std::optional<ClientHello> read_hello(const mbedtls_ssl_context& ssl) noexcept {
  constexpr std::size_t header = 4;
  const unsigned char* message = ssl.in_msg;
  const auto body = static_cast<std::size_t>(message[2] << 8 | message[3]);
  if (message[0] != MBEDTLS_SSL_HS_CLIENT_HELLO || message[1] != 0 ||
      header + body > MBEDTLS_SSL_IN_CONTENT_LEN) {
    return std::nullopt;
  }
  try {
    auto parsed = parse_client_hello(std::as_bytes(std::span(message, header + body)));
    if (!parsed) return std::nullopt;
    std::optional<ClientHello> hello(*std::move(parsed));
    hello->supported_versions.reset();
    hello->legacy_version = version_of(ssl);
    hello->fallback = false;
    return hello;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

bool offers_ticket(const std::optional<ClientHello>& hello,
                   const mbedtls_ssl_context& ssl) noexcept {
  return hello && hello->session_ticket && !hello->session_ticket->empty() &&
         ssl.renego_status == MBEDTLS_SSL_INITIAL_HANDSHAKE;
}

bool is_enabled(CipherSuite suite, const mbedtls_ssl_context& ssl) noexcept {
  const int id = static_cast<int>(suite);
  const auto* known = mbedtls_ssl_ciphersuite_from_id(id);
  if (known == nullptr || ssl.minor_ver < known->min_minor_ver ||
      ssl.minor_ver > known->max_minor_ver) {
    return false;
  }
  const int* enabled = ssl.conf->ciphersuite_list[ssl.minor_ver];
  while (*enabled != 0 && *enabled != id) ++enabled;
  return *enabled == id;
}

int authmode_of(const mbedtls_ssl_context& ssl) noexcept {
  const int from_server_name = ssl.handshake->sni_authmode;
  return from_server_name != MBEDTLS_SSL_VERIFY_UNSET ? from_server_name : ssl.conf->authmode;
}

}  // namespace

}  // namespace stek::mbedtls
