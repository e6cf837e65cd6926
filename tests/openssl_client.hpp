// A client on libssl, over memory: what it says, and what it saw of the server.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stek/resumption.hpp>

#include "deleter.hpp"

namespace openssl_client {

inline constexpr int extension_session_ticket = 35;
inline constexpr int extension_encrypt_then_mac = 22;
inline constexpr int extension_extended_master_secret = 23;

inline const std::string gcm = "ECDHE-ECDSA-AES128-GCM-SHA256";
inline const std::string other_gcm = "ECDHE-ECDSA-AES256-GCM-SHA384";
inline const std::string cbc = "ECDHE-ECDSA-AES128-SHA256";

using ClientContext = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Client = std::unique_ptr<SSL, Deleter<SSL_free>>;
using ClientSession = std::unique_ptr<SSL_SESSION, Deleter<SSL_SESSION_free>>;

// What a client says.
struct Hello {
  SSL_SESSION* session = nullptr;
  std::string server_name = "shop.example";
  std::string suites = gcm + ":" + cbc;
  std::string groups = "P-256";
  std::vector<unsigned char> raw_ticket{};  // without a session
  bool extended_master_secret = true;
  bool encrypt_then_mac = true;
  bool tickets = true;
  std::function<void(SSL_CTX&)> prepare{};  // last word on the context
  bool fallback = false;                    // TLS_FALLBACK_SCSV
  int highest_version = TLS1_2_VERSION;
  std::uint8_t max_fragment_length = 0;
};

// The session with something else in the place of `what`, of the same length.
using Change = std::function<void(std::span<unsigned char> what)>;
inline ClientSession changed_in(const SSL_SESSION& session, std::span<const unsigned char> what,
                                const Change& change) {
  unsigned char* der = nullptr;
  const int size = i2d_SSL_SESSION(&session, &der);
  REQUIRE(size > 0);
  auto* at = std::search(der, der + size, what.begin(), what.end());
  REQUIRE(at != der + size);
  change(std::span(at, what.size()));
  const unsigned char* read = der;
  ClientSession changed(d2i_SSL_SESSION(nullptr, &read, size));
  OPENSSL_free(der);
  REQUIRE(changed);
  return changed;
}

// What came of it.
struct Meeting {
  bool completed = false;
  bool resumed = false;         // as the client sees it
  bool server_resumed = false;  // from a ticket
  stek::Verdict verdict;
  bool issued = false;
  bool extended_master_secret = false;
  std::uint32_t verify_result = 0;
  int client_alert = 0;  // received by the client
  std::string suite;
  std::vector<int> extensions;           // of the ServerHello
  std::string offered_id;                // session id of the ClientHello
  std::string echoed_id;                 // of the ServerHello
  std::vector<std::size_t> new_tickets;  // sizes, of NewSessionTicket messages
  std::uint32_t lifetime_hint = 0;
  std::string server_name;                         // as the server has it
  std::unique_ptr<X509, Deleter<X509_free>> peer;  // the client's certificate, as the server has it
  ClientSession session;                           // the client's after it

  [[nodiscard]] bool answered(int extension) const {
    return std::ranges::find(extensions, extension) != extensions.end();
  }
};

inline std::vector<unsigned char> ticket_of(const SSL_SESSION& session) {
  const unsigned char* ticket = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket(&session, &ticket, &size);
  return {ticket, ticket + size};
}

inline std::vector<unsigned char> key_name_of(const SSL_SESSION& session) {
  auto ticket = ticket_of(session);
  REQUIRE(ticket.size() > 16);
  ticket.resize(16);
  return ticket;
}

// The session with one bit of its ticket turned.
inline ClientSession altered(const SSL_SESSION& session, std::size_t bit) {
  return changed_in(session, ticket_of(session), [&](std::span<unsigned char> ticket) {
    ticket[bit / 8] = static_cast<unsigned char>(ticket[bit / 8] ^ (1U << bit % 8));
  });
}

// The session as somebody has it who knows the ticket and not the master secret.
inline ClientSession stolen(const SSL_SESSION& session) {
  std::array<unsigned char, 48> secret{};
  REQUIRE(SSL_SESSION_get_master_key(&session, secret.data(), secret.size()) == secret.size());
  return changed_in(session, secret, [](std::span<unsigned char> bytes) { bytes[0] ^= 1; });
}

inline void note_extension(SSL*, int from_server, int type, const unsigned char*, int,
                           void* meeting) {
  if (from_server != 0) static_cast<Meeting*>(meeting)->extensions.push_back(type);
}

inline void note_message(int written, int, int type, const void* data, std::size_t size, SSL*,
                         void* meeting) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  auto& noted = *static_cast<Meeting*>(meeting);
  constexpr std::size_t id_at = 38;
  if (type == SSL3_RT_HANDSHAKE && size > id_at && bytes[0] <= SSL3_MT_SERVER_HELLO) {
    const auto* id = reinterpret_cast<const char*>(bytes + id_at);
    (written != 0 ? noted.offered_id : noted.echoed_id) =
        std::string(id + 1, static_cast<std::size_t>(*id));
  }
  if (written != 0) return;
  if (type == SSL3_RT_ALERT && size == 2) noted.client_alert = bytes[1];
  if (type == SSL3_RT_HANDSHAKE && size >= 10 && bytes[0] == SSL3_MT_NEWSESSION_TICKET) {
    noted.new_tickets.push_back(size - 10);
    noted.lifetime_hint = static_cast<std::uint32_t>(bytes[4]) << 24 |
                          static_cast<std::uint32_t>(bytes[5]) << 16 |
                          static_cast<std::uint32_t>(bytes[6]) << 8 | bytes[7];
  }
}

inline ClientContext context_for(const Hello& hello) {
  ClientContext context(SSL_CTX_new(TLS_client_method()));
  REQUIRE(context);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), hello.highest_version);
  if (hello.fallback) SSL_CTX_set_mode(context.get(), SSL_MODE_SEND_FALLBACK_SCSV);
  if (!hello.extended_master_secret) {
    SSL_CTX_set_options(context.get(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  }
  if (!hello.encrypt_then_mac) SSL_CTX_set_options(context.get(), SSL_OP_NO_ENCRYPT_THEN_MAC);
  if (!hello.tickets) SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  if (hello.max_fragment_length != 0) {
    REQUIRE(SSL_CTX_set_tlsext_max_fragment_length(context.get(), hello.max_fragment_length) == 1);
  }
  REQUIRE(SSL_CTX_set_cipher_list(context.get(), hello.suites.c_str()) == 1);
  auto groups = hello.groups;
  REQUIRE(SSL_CTX_ctrl(context.get(), SSL_CTRL_SET_GROUPS_LIST, 0, groups.data()) == 1);
  if (hello.prepare) hello.prepare(*context);
  return context;
}

inline Client client_for(SSL_CTX& context, const Hello& hello, Meeting& meeting) {
  Client client(SSL_new(&context));
  REQUIRE(client);
  SSL_set_connect_state(client.get());
  SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (!hello.server_name.empty()) {
    auto name = hello.server_name;
    REQUIRE(SSL_ctrl(client.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     name.data()) == 1);
  }
  SSL_callback_ctrl(client.get(), SSL_CTRL_SET_TLSEXT_DEBUG_CB,
                    reinterpret_cast<void (*)()>(note_extension));
  SSL_set_tlsext_debug_arg(client.get(), &meeting);
  SSL_set_msg_callback(client.get(), note_message);
  SSL_set_msg_callback_arg(client.get(), &meeting);
  if (hello.session != nullptr) {
    const ClientSession own(SSL_SESSION_dup(hello.session));
    REQUIRE(SSL_set_session(client.get(), own.get()) == 1);
  }
  if (!hello.raw_ticket.empty()) {
    auto ticket = hello.raw_ticket;
    REQUIRE(SSL_set_session_ticket_ext(client.get(), ticket.data(),
                                       static_cast<int>(ticket.size())) == 1);
  }
  return client;
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

}  // namespace openssl_client
