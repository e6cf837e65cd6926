#include <stek/wolfssl.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include <stek/cipher_suite.hpp>

#include "base/random.hpp"
#include "foreign/wolfssl_ticket.hpp"
#include "ticket/layout.hpp"
#include "ticketer/outer_layout.hpp"

#if LIBWOLFSSL_VERSION_HEX < 0x05005000 || LIBWOLFSSL_VERSION_HEX >= 0x05006000
#error this adapter knows the tickets of wolfSSL 5.5 only
#endif
#if !defined(HAVE_SESSION_TICKET) || !defined(OPENSSL_EXTRA) || !defined(HAVE_EX_DATA)
#error wolfSSL is built without tickets, message callbacks or data of applications
#endif

namespace stek::wolfssl {
namespace {

// Of stek's size classes one fits in a ticket of wolfSSL.
constexpr const ticket::Layout& layout = ticket::layout_of(Profile::rfc5077);
constexpr std::size_t name_size = ticket::name_size;
constexpr std::size_t iv_size = layout.nonce_size;
constexpr std::size_t mac_size = layout.tag_size;
constexpr std::size_t body_at = layout.body_at();
constexpr std::size_t body_size = layout.smallest_state;
static_assert(name_size == WOLFSSL_TICKET_NAME_SZ && iv_size == WOLFSSL_TICKET_IV_SZ &&
              mac_size == WOLFSSL_TICKET_MAC_SZ && body_size >= foreign::wolfssl_ticket_size);

// Where a ClientHello has its random: behind the handshake header and a version.
constexpr std::size_t random_at = 4 + 2;
constexpr std::size_t random_size = 32;
using Random = std::array<std::byte, random_size>;

/// A ticket as wolfSSL hands it around, in its own memory. Sealed, the body has room for 140 bytes.
struct Parts {
  unsigned char* name;
  unsigned char* iv;
  unsigned char* body;
  unsigned char* mac;
};

}  // namespace

struct Connection::State {
  State(WOLFSSL& connection, Tickets view, Options chosen);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static void on_message(int written, int version, int type, const void* message, std::size_t size,
                         WOLFSSL* ssl, void* self) noexcept;
  static int on_ticket(WOLFSSL* ssl, unsigned char* name, unsigned char* iv, unsigned char* mac,
                       int seals, unsigned char* body, int size, int* new_size,
                       void* marker) noexcept;

  void listen() noexcept;
  void meet(Bytes message);
  [[nodiscard]] bool could_issue() const noexcept;
  [[nodiscard]] bool is_of_this_handshake() const noexcept;

  bool open(unsigned char* body, std::size_t size);
  Session decide();
  [[nodiscard]] std::optional<Reason> objection(const Session& session) const noexcept;
  [[nodiscard]] bool is_enabled(CipherSuite suite) const noexcept;

  bool issue(const Parts& parts);
  [[nodiscard]] std::optional<Session> neutral(const unsigned char* body) const noexcept;

  WOLFSSL& ssl;
  const Tickets tickets;
  const Options options;

  // Of the last ClientHello.
  std::optional<ClientHello> hello;
  Random random{};  ///< the client's, by which wolfSSL's handshake is known to be of this hello
  Verdict verdict;
  bool issued = false;
};

namespace {

int connection_index() noexcept;
bool fill_with_nothing(const Parts& parts) noexcept;
std::optional<Failure> flaw_of(WOLFSSL& ssl, const Tickets& tickets);

/// What tells a WOLFSSL_CTX that `prepare` has seen: wolfSSL gives no callback back.
char prepared;

ProtocolVersion version_of(WOLFSSL& ssl) noexcept {
  return static_cast<ProtocolVersion>(wolfSSL_version(&ssl));
}

}  // namespace

void Connection::prepare(WOLFSSL_CTX& context, const Tickets& tickets) noexcept {
  wolfSSL_CTX_set_TicketEncCb(&context, &State::on_ticket);
  wolfSSL_CTX_set_TicketEncCtx(&context, &prepared);
  wolfSSL_CTX_set_TicketHint(&context, static_cast<int>(tickets.lifetime_hint().count()));
  // Off, it looks nothing up, and still keeps each session with a ticket.
  wolfSSL_CTX_set_session_cache_mode(&context, WOLFSSL_SESS_CACHE_OFF);
  wolfSSL_CTX_set_session_cache_mode(&context, WOLFSSL_SESS_CACHE_NO_INTERNAL);
}

std::expected<Connection, Failure> Connection::attach(WOLFSSL& ssl, Tickets tickets,
                                                      Options options) {
  try {
    if (auto flaw = flaw_of(ssl, tickets)) return std::unexpected(*std::move(flaw));
    auto state = std::make_unique<State>(ssl, std::move(tickets), options);
    if (wolfSSL_set_ex_data(&ssl, connection_index(), state.get()) != WOLFSSL_SUCCESS) {
      return std::unexpected(Failure{.error = Error::unsuitable,
                                     .message = "the connection has no place left for data",
                                     .hint = "wolfSSL has five, wolfSSL_get_ex_new_index()"});
    }
    state->listen();
    return Connection(std::move(state));
  } catch (const std::bad_alloc&) {
    return std::unexpected(Failure{.error = Error::no_memory, .message = {}, .hint = {}});
  }
}

Connection::State::State(WOLFSSL& connection, Tickets view, Options chosen)
    : ssl(connection), tickets(std::move(view)), options(chosen) {}

void Connection::State::listen() noexcept {
  wolfSSL_set_msg_callback(&ssl, &on_message);
  wolfSSL_set_msg_callback_arg(&ssl, this);
  wolfSSL_AllowEncryptThenMac(&ssl, options.encrypt_then_mac ? 1 : 0);
}

Connection::State::~State() {
  if (wolfSSL_get_ex_data(&ssl, connection_index()) != this) return;
  wolfSSL_set_ex_data(&ssl, connection_index(), nullptr);
  wolfSSL_set_msg_callback(&ssl, nullptr);
  wolfSSL_set_msg_callback_arg(&ssl, nullptr);
}

// ---- The ClientHello

// wolfSSL shows each message whole before it looks into it, with its handshake header. Not those of
// a renegotiation.
void Connection::State::on_message(int written, int /*version*/, int type, const void* message,
                                   std::size_t size, WOLFSSL* /*ssl*/, void* self) noexcept {
  constexpr int handshake = 22;
  constexpr std::byte client_hello{1};
  if (self == nullptr || written != 0 || type != handshake) return;
  const Bytes bytes(static_cast<const std::byte*>(message), size);
  if (bytes.size() < random_at + random_size || bytes.front() != client_hello) return;
  auto& state = *static_cast<State*>(self);
  try {
    state.meet(bytes);
  } catch (const std::bad_alloc&) {
    state.hello.reset();
  }
}

void Connection::State::meet(Bytes message) {
  hello.reset();
  verdict = {};
  issued = false;
  auto parsed = parse_client_hello(message);
  if (!parsed) return;
  hello = *std::move(parsed);
  std::ranges::copy(message.subspan(random_at, random_size), random.begin());
  hello->encrypt_then_mac &= options.encrypt_then_mac;
  // RFC 5077 section 3.3 lets a server send a ticket of no bytes where it promised one. wolfSSL
  // cannot, and no promise is better.
  const bool asks = hello->session_ticket && hello->session_ticket->empty();
  if (asks && !could_issue()) wolfSSL_NoTicketTLSv12(&ssl);
}

namespace {

bool asks_for_certificate(WOLFSSL& ssl) noexcept {
  return (wolfSSL_get_verify_mode(&ssl) & WOLFSSL_VERIFY_PEER) != 0;
}

/// wolfSSL_CTX_mutual_auth makes a demand of what only asks, and does not show.
bool demands_certificate(WOLFSSL& ssl, const Options& options) noexcept {
  constexpr int demanded = WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT | WOLFSSL_VERIFY_FAIL_EXCEPT_PSK;
  const bool shown = (wolfSSL_get_verify_mode(&ssl) & demanded) != 0;
  return asks_for_certificate(ssl) && (shown || !options.certificate_is_optional);
}

}  // namespace

bool Connection::State::could_issue() const noexcept {
  const bool bound =
      hello->extended_master_secret || tickets.policy().legacy_ems == LegacyEms::resume;
  return bound && !hello->truncated_hmac && !demands_certificate(ssl, options) &&
         tickets.lifetime_hint() > Seconds(0);
}

bool Connection::State::is_of_this_handshake() const noexcept {
  Random met;
  const std::size_t size =
      wolfSSL_get_client_random(&ssl, reinterpret_cast<unsigned char*>(met.data()), met.size());
  return hello && size == met.size() && met == random;
}

// wolfSSL's one callback for two things. To fail where a ticket was promised would end the
// handshake, so one is sent that opens nowhere.
int Connection::State::on_ticket(WOLFSSL* ssl, unsigned char* name, unsigned char* iv,
                                 unsigned char* mac, int seals, unsigned char* body, int size,
                                 int* new_size, void* /*marker*/) noexcept {
  auto* state = static_cast<State*>(wolfSSL_get_ex_data(ssl, connection_index()));
  const Parts parts{.name = name, .iv = iv, .body = body, .mac = mac};
  bool done = false;
  try {
    done = state != nullptr &&
           (seals != 0 ? state->issue(parts) : state->open(body, static_cast<std::size_t>(size)));
  } catch (const std::bad_alloc&) {
    done = false;
  }
  *new_size = seals != 0 ? body_size : foreign::wolfssl_ticket_size;
  if (seals != 0 && !done) done = fill_with_nothing(parts);
  return done ? WOLFSSL_TICKET_RET_OK : WOLFSSL_TICKET_RET_REJECT;
}

// ---- A ticket is opened

namespace {

/// Over which wolfSSL aborts as RFC 7627 section 5.3 has it: any with the extension.
Session session_to_abort_over(WOLFSSL& ssl) noexcept {
  std::array<std::byte, SessionSecret::max_size> secret;
  Session session;
  session.version = version_of(ssl);
  session.cipher_suite = CipherSuite{0x002f};  // of every version
  session.extended_master_secret = true;
  if (system_random(secret)) session.secret = SessionSecret(secret);
  return session;
}

/// A build of wolfSSL calls its suites by names of its own or by IANA's, and does not number them.
bool is_name_of(CipherSuite suite, const char* name) noexcept {
  const auto number = static_cast<unsigned>(suite);
  const char* own = wolfSSL_get_cipher_name_from_suite(static_cast<unsigned char>(number >> 8U),
                                                       static_cast<unsigned char>(number));
  return name != nullptr &&
         (name_of(suite) == name || (own != nullptr && std::string_view(own) == name));
}

}  // namespace

bool Connection::State::open(unsigned char* body, std::size_t size) {
  // wolfSSL takes the body's length from the ticket, and looks for a MAC behind it, wherever that
  // is. The hello has the ticket itself.
  const std::size_t whole = body_at + size + mac_size;
  if (!is_of_this_handshake() || !hello->session_ticket || hello->session_ticket->size() != whole ||
      is_tls13(version_of(ssl))) {
    return false;
  }
  foreign::WolfsslTicket ticket{.session = decide()};
  if (verdict.outcome == Outcome::full_handshake) return false;
  // Its age is decided upon already, and wolfSSL has a timeout that counts from here.
  ticket.session.issued_at = system_now();
  const std::span<unsigned char, foreign::wolfssl_ticket_size> out(body,
                                                                   foreign::wolfssl_ticket_size);
  return system_random(ticket.session_id) &&
         foreign::encode_wolfssl_ticket(std::as_writable_bytes(out), ticket);
}

/// The session to go on with, unless the verdict is a full handshake.
Session Connection::State::decide() {
  // wolfSSL has settled on a version by now.
  hello->supported_versions.reset();
  hello->legacy_version = version_of(ssl);
  hello->fallback = false;
  Resumption resumption = tickets.resume(*hello);
  verdict = resumption.verdict;
  if (verdict.outcome == Outcome::abort) {
    if (!hello->extended_master_secret && verdict.alert == Alert::handshake_failure) {
      return session_to_abort_over(ssl);
    }
    // The other alerts belong to rules that wolfSSL checks by itself, with or without a ticket.
    verdict = {.reason = verdict.reason};
  }
  if (verdict.outcome == Outcome::resume) {
    if (const auto reason = objection(resumption.session)) verdict = {.reason = *reason};
  }
  return std::move(resumption.session);
}

std::optional<Reason> Connection::State::objection(const Session& session) const noexcept {
  // RFC 5077 section 4 has the client's identity in the state. wolfSSL has no place for one.
  const bool anonymous = std::holds_alternative<std::monostate>(session.client_identity);
  if (!anonymous || demands_certificate(ssl, options)) return Reason::identity_missing;
  // Who asks for certificates has to say in what context.
  if (asks_for_certificate(ssl) && tickets.policy().context == Context{}) {
    return Reason::context_differs;
  }
  if (!is_enabled(session.cipher_suite)) return Reason::suite_not_enabled;
  return std::nullopt;
}

bool Connection::State::is_enabled(CipherSuite suite) const noexcept {
  WOLF_STACK_OF(WOLFSSL_CIPHER)* enabled = wolfSSL_get_ciphers_compat(&ssl);
  for (int i = 0; i < wolfSSL_sk_SSL_CIPHER_num(enabled); ++i) {
    if (is_name_of(suite, wolfSSL_CIPHER_get_name(wolfSSL_sk_SSL_CIPHER_value(enabled, i)))) {
      return true;
    }
  }
  return false;
}

// ---- A ticket is issued

namespace {

bool shows_certificate(WOLFSSL& ssl) noexcept {
  WOLFSSL_X509* certificate = wolfSSL_get_peer_certificate(&ssl);
  wolfSSL_X509_free(certificate);
  return certificate != nullptr;
}

void put(Bytes bytes, unsigned char* out) noexcept {
  std::memcpy(out, bytes.data(), bytes.size());
}

}  // namespace

bool Connection::State::issue(const Parts& parts) {
  if (!is_of_this_handshake() || shows_certificate(ssl)) return false;
  auto session = neutral(parts.body);
  if (!session) return false;
  ticketer::OuterLayout::narrow(*session, tickets);
  std::array<std::byte, body_at + body_size + mac_size> room;
  const auto ticket = tickets.issue(*session, room);
  if (!ticket) return false;
  const Bytes bytes = ticket->bytes;
  put(bytes.first(name_size), parts.name);
  put(bytes.subspan(name_size, iv_size), parts.iv);
  put(bytes.subspan(body_at, body_size), parts.body);
  put(bytes.last(mac_size), parts.mac);
  issued = true;
  return true;
}

/// What wolfSSL knows of the session, and what it does not keep.
std::optional<Session> Connection::State::neutral(const unsigned char* body) const noexcept {
  const std::span<const unsigned char, foreign::wolfssl_ticket_size> bytes(
      body, foreign::wolfssl_ticket_size);
  auto ticket = foreign::decode_wolfssl_ticket(std::as_bytes(bytes));
  if (!ticket) return std::nullopt;
  Session session = std::move(ticket->session);
  const bool cbc = cipher_spec_of(session.cipher_suite).mode == CipherMode::cbc;
  session.encrypt_then_mac = cbc && hello->encrypt_then_mac;
  session.truncated_hmac = hello->truncated_hmac;
  session.max_fragment_length =
      static_cast<MaxFragmentLength>(hello->max_fragment_length.value_or(0));
  if (hello->server_name) session.server_name = *hello->server_name;
  return session;
}

namespace {

/// A ticket that opens nowhere: its name is nobody's. wolfSSL takes no zeros.
bool fill_with_nothing(const Parts& parts) noexcept {
  const auto fill = [](unsigned char* out, std::size_t size) {
    return system_random(std::as_writable_bytes(std::span(out, size)));
  };
  return fill(parts.name, name_size) && fill(parts.iv, iv_size) && fill(parts.body, body_size) &&
         fill(parts.mac, mac_size);
}

}  // namespace

const Verdict& Connection::verdict() const noexcept {
  return state_->verdict;
}
bool Connection::resumed() const noexcept {
  return state_->verdict.outcome == Outcome::resume &&
         wolfSSL_is_init_finished(&state_->ssl) != 0 && wolfSSL_session_reused(&state_->ssl) != 0;
}
bool Connection::issued() const noexcept {
  return state_->issued;
}

Connection::Connection(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

namespace {

/// Not the first, which applications use without asking.
int connection_index() noexcept {
  static const int index = [] {
    const int first = wolfSSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return first > 0 ? first : wolfSSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  }();
  return index;
}

std::optional<Failure> flaw_of(WOLFSSL& ssl, const Tickets& tickets) {
  const auto flaw = [](Error error, std::string message, std::string hint) {
    return Failure{.error = error, .message = std::move(message), .hint = std::move(hint)};
  };
  if (wolfSSL_get_ex_data(&ssl, connection_index()) != nullptr) {
    return flaw(Error::already_there, "the connection has tickets already",
                "attach once after wolfSSL_new()");
  }
  if (wolfSSL_is_server(&ssl) == 0 || wolfSSL_dtls(&ssl) != 0) {
    return flaw(Error::unsuitable, "the connection is not that of a TLS server", "");
  }
  if (is_tls13(version_of(ssl))) {
    return flaw(Error::unsuitable,
                "the connection may speak TLS 1.3, and then shows no ClientHello",
                "make the WOLFSSL_CTX with wolfTLSv1_2_server_method()");
  }
  if (wolfSSL_CTX_get_TicketEncCtx(wolfSSL_get_SSL_CTX(&ssl)) != &prepared) {
    return flaw(Error::unsuitable, "the WOLFSSL_CTX does not ask stek for its tickets",
                "call stek::wolfssl::Connection::prepare() before its first connection");
  }
  if (const Profile profile = ticketer::OuterLayout::profile_of(tickets);
      profile != Profile::rfc5077) {
    return flaw(Error::unsuitable,
                "the ring's profile is " + std::string(name_of(profile)) +
                    ", and wolfSSL lays tickets out as rfc5077 does",
                "make a ring with 'stek keys init --profile rfc5077'");
  }
  return std::nullopt;
}

}  // namespace

}  // namespace stek::wolfssl
