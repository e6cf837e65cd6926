// What a client says first, as far as resumption cares: ClientHello and its parser.
//
//   auto hello = stek::parse_client_hello(bytes);   // as they came off the socket
//   if (!hello) return;                             // not one whole ClientHello
//   auto resumption = shop.resume(*hello);
#pragma once

#include <expected>
#include <vector>

#include <stek/session.hpp>

namespace stek {

/// RFC 8446 section 4.2.11. The identity is the ticket.
struct PskIdentity {
  std::vector<std::byte> identity;
  std::uint32_t obfuscated_ticket_age = 0;  ///< milliseconds plus ticket_age_add, modulo 2^32
  friend bool operator==(const PskIdentity&, const PskIdentity&) = default;
};

/// Filled by `parse_client_hello`, or by an adapter from what its library tells. Lists are in the
/// client's order; an empty one is an absent extension, but for two where that would matter.
struct ClientHello {
  Transport transport = Transport::tls;
  ProtocolVersion legacy_version = ProtocolVersion::none;
  std::optional<std::vector<ProtocolVersion>> supported_versions;  ///< RFC 8446 section 4.2.1
  std::vector<CipherSuite> cipher_suites;                          ///< signalling values among them
  std::vector<std::uint8_t> compression_methods;
  std::vector<std::byte> session_id;

  std::optional<HostName> server_name;  ///< RFC 6066 section 3
  bool extended_master_secret = false;  ///< RFC 7627
  bool encrypt_then_mac = false;        ///< RFC 7366
  bool truncated_hmac = false;          ///< RFC 6066 section 7
  std::optional<std::uint8_t>
      max_fragment_length;  ///< RFC 6066 section 4: the raw code, so that an invalid one is seen
  std::optional<std::vector<std::byte>>
      session_ticket;  ///< RFC 5077 section 3.2: absent, empty (asks for one), or a ticket
  std::vector<ProtocolName> application_protocols;                  ///< ALPN (RFC 7301)
  std::vector<std::uint16_t> supported_groups;                      ///< RFC 8422 section 5.1.1
  std::vector<std::uint16_t> signature_algorithms;                  ///< RFC 8446 section 4.2.3
  std::optional<std::vector<std::uint8_t>> psk_key_exchange_modes;  ///< RFC 8446 section 4.2.9
  std::vector<PskIdentity> psk_identities;                          ///< RFC 8446 section 4.2.11
  bool pre_shared_key_last = true;    ///< of all extensions, where it is there
  bool key_share = false;             ///< RFC 8446 section 4.2.8
  bool early_data = false;            ///< RFC 8446 section 4.2.10
  bool fallback = false;              ///< TLS_FALLBACK_SCSV (RFC 7507)
  bool secure_renegotiation = false;  ///< RFC 5746: the extension or its SCSV

  friend bool operator==(const ClientHello&, const ClientHello&) = default;
};

/// Parses one ClientHello of TLS 1.0 to 1.3 or DTLS 1.0 to 1.3, and nothing behind it:
///
/// - as it comes off the wire, in one record or several (RFC 8446 section 5.1, RFC 6347 section
///   4.1), DTLS fragments in any order;
/// - or without records: a handshake message with its header of 4 bytes, 12 in DTLS.
///
/// QUIC carries the message without records; set `transport` afterwards. GREASE values (RFC 8701)
/// are left out of every list. `Error::malformed` when it is cut short, has bytes to spare, names
/// an extension twice, or breaks the syntax of an extension named above. Throws nothing but
/// `std::bad_alloc`; takes memory in proportion to the input.
std::expected<ClientHello, Error> parse_client_hello(Bytes bytes);

}  // namespace stek
