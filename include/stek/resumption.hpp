// Whether a session resumes: every rule of the RFCs in one pure function.
#pragma once

#include <expected>
#include <vector>

#include <stek/session.hpp>

namespace stek {

/// What the client said, as far as resumption cares. Filled by `parse_client_hello`, or by an
/// adapter from what its library tells. Lists are in the client's order; GREASE values may stay in
/// them.
struct ClientHello {
  Transport transport = Transport::tls;
  ProtocolVersion legacy_version = ProtocolVersion::none;
  std::vector<ProtocolVersion> supported_versions;  ///< empty: the extension was absent
  std::vector<CipherSuite> cipher_suites;
  std::vector<std::uint8_t> compression_methods;
  std::optional<HostName> server_name;
  bool extended_master_secret = false;
  bool encrypt_then_mac = false;
  std::optional<std::uint8_t>
      max_fragment_length;  ///< the raw code, so that an invalid one is seen
  std::optional<std::vector<std::byte>>
      session_ticket;  ///< absent, empty (asks for one), or a ticket
  std::vector<std::byte> session_id;
  std::optional<std::vector<std::uint8_t>> psk_key_exchange_modes;
  bool pre_shared_key = false;
  bool key_share = false;
  bool fallback = false;  ///< TLS_FALLBACK_SCSV (RFC 7507)
};

/// Parses one ClientHello handshake message of TLS: its 4-byte header and body, without record
/// headers. `Error::malformed` when it is cut short, has bytes to spare, or names an extension
/// twice.
std::expected<ClientHello, Error> parse_client_hello(Bytes message);

/// What this server negotiates and accepts. The defaults suit most servers.
struct Policy {
  ProtocolVersion min_version = ProtocolVersion::tls1_2;
  ProtocolVersion max_version = ProtocolVersion::tls1_3;
  /// Suites that are enabled here; empty means all. A session resumes under its own suite, whatever
  /// the order.
  std::vector<CipherSuite> cipher_suites{};
  /// Issues and resumes TLS up to 1.2 without extended master secret (RFC 7627 section 5.4 says
  /// what is lost).
  bool legacy_ems = false;
  /// The configuration of this virtual host; a session of another one is a full handshake.
  Context context{};
  /// Lets a TLS 1.3 session without a client identity resume under another server name (RFC 8446
  /// section 4.6.1).
  bool tls13_any_server_name = false;
  /// Tickets are given and accepted for at most this long; the ring's schedule may say less.
  Seconds lifetime = std::chrono::hours(24 * 7);
  /// Time since the first full handshake, across renewals.
  Seconds cap = std::chrono::hours(24);
  Seconds cap_tls13 = std::chrono::hours(24 * 7);
  /// A ticket issued this far ahead of our clock counts as issued now.
  Seconds skew = Seconds(60);
};

enum class Outcome : std::uint8_t { resume, full_handshake, abort };

/// RFC 8446 section 6, those that resumption can cause.
enum class Alert : std::uint8_t {
  none = 0,
  handshake_failure = 40,
  illegal_parameter = 47,
  protocol_version = 70,
  inappropriate_fallback = 86,
  missing_extension = 109,
};

struct Verdict {
  Outcome outcome = Outcome::full_handshake;
  Reason reason = Reason::no_ticket;
  Alert alert = Alert::none;  ///< with `abort`
  bool renew = false;         ///< with `resume`: hand out a fresh ticket
  Seconds age{};              ///< of the ticket; not below zero

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// What stands against the hello itself, ticket or no ticket: an abort, or nothing.
std::optional<Verdict> decide_hello(const ClientHello& hello, const Policy& policy) noexcept;

/// Decides. Pure; reads no clock. Rules are applied in the order in which a server meets them, each
/// with its RFC in the source.
Verdict decide(const Session& session, const ClientHello& hello, const Policy& policy,
               Instant now) noexcept;

/// Why `session` gets no ticket under `policy`, or nothing.
std::optional<Error> refusal_to_issue(const Session& session, const Policy& policy,
                                      Instant now) noexcept;

std::string_view name_of(Outcome outcome) noexcept;
std::string_view name_of(Alert alert) noexcept;

}  // namespace stek
