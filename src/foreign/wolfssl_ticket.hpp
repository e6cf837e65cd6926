// wolfSSL's InternalTicket, as Debian's build of 5.5 lays it out, without wolfSSL: what it hands to
// its ticket callback to be sealed, and takes back opened. 108 bytes:
//
//   at  size
//    0     2  version, as on the wire             Session::version
//    2     2  cipher suite                        cipher_suite
//    4    48  master secret                       secret
//   52     4  seconds since 1970                  issued_at
//   56     4  zero; used in TLS 1.3
//   60     1  extended master secret, 0 or 1      extended_master_secret
//   61    15  zero; used in TLS 1.3
//   76    32  session id, beside the ticket's     WolfsslTicket::session_id
//
// Up to TLS 1.2. In TLS 1.3 it holds the resumption master secret and a nonce, where a Session has
// the PSK that these give (RFC 8446 section 4.6.1): there is no way back.
#pragma once

#include <expected>

#include <stek/session.hpp>

namespace stek::foreign {

inline constexpr std::size_t wolfssl_ticket_size = 108;

struct WolfsslTicket {
  Session session;
  /// wolfSSL looks a session up in its own cache by this when a ticket opens, and takes the peer's
  /// certificates from there. So it must not be one that wolfSSL has given out.
  std::array<std::byte, 32> session_id{};

  friend bool operator==(const WolfsslTicket&, const WolfsslTicket&) noexcept = default;
};

/// Not written is what wolfSSL has no place for: encrypt-then-MAC, maximum fragment length, server
/// name, ALPN, context, authenticated_at, lifetime, application data, extras.
///
/// `Error::unsuitable` for TLS 1.3, DTLS and QUIC, and for a session with a client identity:
/// wolfSSL would resume as if the client were nobody. `Error::invalid_session` for a field out of
/// its range; `issued_at` ends in 2106.
std::expected<void, Error> encode_wolfssl_ticket(std::span<std::byte, wolfssl_ticket_size> room,
                                                 const WolfsslTicket& ticket) noexcept;

/// Takes what `encode_wolfssl_ticket` would have written, and nothing else. `Error::malformed` for
/// any other bytes; `Error::unsuitable` for a version other than TLS 1.0 to 1.2;
/// `Error::invalid_session` for what is well written and no session.
std::expected<WolfsslTicket, Error> decode_wolfssl_ticket(
    std::span<const std::byte, wolfssl_ticket_size> bytes) noexcept;

}  // namespace stek::foreign
