// What goes from one of OpenSSL's callbacks to the next, on one connection.
#pragma once

#include <vector>

#include <stek/openssl.hpp>

namespace stek::openssl {

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
  std::optional<ClientHello> hello;  ///< in TLS 1.3, until OpenSSL has selected a suite
  std::optional<HostName> server_name;
  std::uint8_t max_fragment_length = 0;
  bool encrypt_then_mac = false;
  bool could_issue = false;

  Verdict verdict;
  Session sealed;                     ///< what the ticket held, when the verdict is `resume`
  std::array<std::byte, 32> opens{};  ///< that ticket's first bytes: key name and iv
  bool restored = false;              ///< OpenSSL has taken the session up

  std::vector<std::byte> ticket;                ///< issued, and still to be laid out by OpenSSL
  std::optional<SecretBytes> application_data;  ///< whose place padding has taken meanwhile
  bool issued = false;

  SecretBytes transcoded;  ///< what the cipher puts out: a state, or a session
};

// RFC 5077 section 4. OpenSSL writes and reads the name and the iv, and computes the MAC.
inline constexpr std::size_t name_size = sizeof(KeyName);
inline constexpr std::size_t iv_size = 16;
inline constexpr std::size_t mac_size = 32;
inline constexpr std::size_t body_at = name_size + iv_size;

using WipedBytes = std::vector<std::byte, WipingAllocator<std::byte>>;

Connection* connection_of(const SSL& ssl) noexcept;

/// Of a TLS 1.3 hello, whose suite OpenSSL has selected by now. Does nothing the second time.
void decide_tls13(Connection& connection, SSL& ssl);

/// What a session is bound to in OpenSSL's eyes: what the application says that it has set, else
/// the context of the tickets. Empty when there is neither.
Bytes session_id_context(const Connection& connection) noexcept;

// OpenSSL's callbacks, but for that on the ClientHello.
int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int seals) noexcept;
SSL_TICKET_RETURN on_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* name,
                            std::size_t size, SSL_TICKET_STATUS status, void* attachment) noexcept;
int on_new_ticket(SSL* ssl, void* attachment) noexcept;

}  // namespace stek::openssl
