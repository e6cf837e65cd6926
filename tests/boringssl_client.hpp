// A client on BoringSSL, over memory: what it says, and what it saw of the server.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stek/resumption.hpp>

namespace boringssl_client {

inline const std::string gcm = "ECDHE-ECDSA-AES128-GCM-SHA256";
inline const std::string other_gcm = "ECDHE-ECDSA-AES256-GCM-SHA384";
inline const std::string rsa_gcm = "ECDHE-RSA-AES128-GCM-SHA256";

using Context = bssl::UniquePtr<SSL_CTX>;
using Connection = bssl::UniquePtr<SSL>;
using Session = bssl::UniquePtr<SSL_SESSION>;
using Message = std::vector<unsigned char>;

// What a client says.
struct Hello {
  SSL_SESSION* session = nullptr;
  std::string server_name = "shop.example";
  std::string suites = gcm;
  int highest_version = TLS1_2_VERSION;
  std::string protocols{};                  // ALPN, as on the wire
  std::function<void(SSL_CTX&)> prepare{};  // last word on the context
  std::function<void(Message&)> rewrite{};  // last word on the ClientHello, in its record
};

// What came of it.
struct Meeting {
  bool completed = false;
  bool resumed = false;         // as the client sees it
  bool server_resumed = false;  // as BoringSSL's server sees it
  stek::Verdict verdict;
  bool issued = false;
  long verify_result = 0;
  int client_alert = 0;  // received by the client
  std::string suite;
  std::vector<std::size_t> new_tickets;             // sizes, of NewSessionTicket messages
  std::uint32_t lifetime_hint = 0;                  // of the last of them
  Message server_hello;                             // of a server that does not encrypt it
  std::vector<std::vector<unsigned char>> clients;  // the client's certificates, as the server has
  bool clients_hash = false;                        // or only their hash
  Session session;                                  // the client's after it
};

inline Message ticket_of(const SSL_SESSION& session) {
  const unsigned char* ticket = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket(&session, &ticket, &size);
  return {ticket, ticket + size};
}

// The session with one bit of its ticket turned.
inline Session altered(const SSL_SESSION& session, std::size_t bit, SSL_CTX& context) {
  unsigned char* der = nullptr;
  std::size_t size = 0;
  REQUIRE(SSL_SESSION_to_bytes(&session, &der, &size) == 1);
  const bssl::UniquePtr<unsigned char> owned(der);
  const Message ticket = ticket_of(session);
  auto* at = std::search(der, der + size, ticket.begin(), ticket.end());
  REQUIRE(at != der + size);
  at[bit / 8] = static_cast<unsigned char>(at[bit / 8] ^ (1U << bit % 8));
  Session changed(SSL_SESSION_from_bytes(der, size, &context));
  REQUIRE(changed);
  return changed;
}

inline unsigned u16_at(const Message& bytes, std::size_t at) {
  return static_cast<unsigned>(bytes.at(at)) << 8U | bytes.at(at + 1);
}

// Where an extension's type stands in a ClientHello that BoringSSL has written.
inline unsigned char* extension_in(Message& hello, int type) {
  std::size_t at = 5 + 4 + 2 + 32;
  at += 1U + hello.at(at);
  at += 2U + u16_at(hello, at);
  at += 1U + hello.at(at);
  at += 2;
  while (at + 4 <= hello.size()) {
    if (u16_at(hello, at) == static_cast<unsigned>(type)) return hello.data() + at;
    at += 4U + u16_at(hello, at + 2);
  }
  return nullptr;
}

// As of a client that knows nothing of it: under a type that nobody has.
inline void hide_extension(Message& hello, int type) {
  unsigned char* at = extension_in(hello, type);
  REQUIRE(at != nullptr);
  at[0] = 0x7e;
  at[1] = 0x7e;
}

inline bool answers(const Message& server_hello, int type) {
  constexpr std::size_t id_at = 4 + 2 + 32;
  if (server_hello.size() <= id_at) return false;
  std::size_t at = id_at + 1 + server_hello[id_at] + 2 + 1 + 2;
  while (at + 4 <= server_hello.size()) {
    if (u16_at(server_hello, at) == static_cast<unsigned>(type)) return true;
    at += 4U + u16_at(server_hello, at + 2);
  }
  return false;
}

inline void note_message(int written, int, int type, const void* data, std::size_t size, SSL*,
                         void* meeting) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  auto& noted = *static_cast<Meeting*>(meeting);
  if (written != 0) return;
  if (type == SSL3_RT_ALERT && size == 2) noted.client_alert = bytes[1];
  if (type != SSL3_RT_HANDSHAKE || size < 10) return;
  if (bytes[0] == SSL3_MT_SERVER_HELLO) noted.server_hello.assign(bytes, bytes + size);
  if (bytes[0] == SSL3_MT_NEW_SESSION_TICKET) {
    noted.new_tickets.push_back(size - 10);
    noted.lifetime_hint = static_cast<std::uint32_t>(bytes[4]) << 24 |
                          static_cast<std::uint32_t>(bytes[5]) << 16 |
                          static_cast<std::uint32_t>(bytes[6]) << 8 | bytes[7];
  }
}

inline int keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<Meeting*>(SSL_get_app_data(ssl))->session.reset(session);
  return 1;
}

inline Context context_for(const Hello& hello) {
  Context context(SSL_CTX_new(TLS_method()));
  REQUIRE(context);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), static_cast<std::uint16_t>(hello.highest_version));
  REQUIRE(SSL_CTX_set_strict_cipher_list(context.get(), hello.suites.c_str()) == 1);
  REQUIRE(SSL_CTX_set_alpn_protos(context.get(),
                                  reinterpret_cast<const unsigned char*>(hello.protocols.data()),
                                  static_cast<unsigned>(hello.protocols.size())) == 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT);
  SSL_CTX_sess_set_new_cb(context.get(), keep_session);
  if (hello.prepare) hello.prepare(*context);
  return context;
}

inline Connection client_for(SSL_CTX& context, const Hello& hello, Meeting& meeting) {
  Connection client(SSL_new(&context));
  REQUIRE(client);
  SSL_set_connect_state(client.get());
  SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (!hello.server_name.empty()) {
    REQUIRE(SSL_set_tlsext_host_name(client.get(), hello.server_name.c_str()) == 1);
  }
  SSL_set_app_data(client.get(), &meeting);
  SSL_set_msg_callback(client.get(), note_message);
  SSL_set_msg_callback_arg(client.get(), &meeting);
  if (hello.session != nullptr) REQUIRE(SSL_set_session(client.get(), hello.session) == 1);
  return client;
}

inline void carry(SSL& from, SSL& to, const std::function<void(Message&)>& rewrite = {}) {
  Message bytes(65'536);
  const int n = BIO_read(SSL_get_wbio(&from), bytes.data(), static_cast<int>(bytes.size()));
  if (n <= 0) return;
  bytes.resize(static_cast<std::size_t>(n));
  if (rewrite) rewrite(bytes);
  BIO_write(SSL_get_rbio(&to), bytes.data(), n);
}

inline bool says(SSL& from, SSL& to, std::string_view word) {
  if (SSL_write(&from, word.data(), static_cast<int>(word.size())) <= 0) return false;
  carry(from, to);
  std::array<char, 64> heard{};
  const int n = SSL_read(&to, heard.data(), heard.size());
  return n > 0 && std::string_view(heard.data(), static_cast<std::size_t>(n)) == word;
}

// A handshake, and a word each way: what is said under TLS 1.3 brings the tickets along.
inline bool talk(SSL& client, SSL& server, const std::function<void(Message&)>& rewrite) {
  int client_result = -1;
  int server_result = -1;
  for (int round = 0; round < 8; ++round) {
    if (client_result != 1) client_result = SSL_do_handshake(&client);
    carry(client, server, round == 0 ? rewrite : std::function<void(Message&)>());
    if (server_result != 1) server_result = SSL_do_handshake(&server);
    carry(server, client);
  }
  ERR_clear_error();
  const bool done = client_result == 1 && server_result == 1;
  return done && says(client, server, "ping") && says(server, client, "pong");
}

// ---- What to expect of a meeting

inline void check_full_handshake(const Meeting& meeting, stek::Reason reason) {
  CHECK(meeting.completed);
  CHECK_FALSE(meeting.resumed);
  CHECK_FALSE(meeting.server_resumed);
  CHECK(meeting.client_alert == 0);
  CHECK(meeting.verdict.outcome == stek::Outcome::full_handshake);
  CHECK(name_of(meeting.verdict.reason) == name_of(reason));
}

inline void check_resumed(const Meeting& meeting) {
  CHECK(meeting.completed);
  CHECK(meeting.resumed);
  CHECK(meeting.server_resumed);
  CHECK(meeting.verdict.outcome == stek::Outcome::resume);
  CHECK(name_of(meeting.verdict.reason) == name_of(stek::Reason::resumes));
}

}  // namespace boringssl_client
