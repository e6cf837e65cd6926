// Session: what both ends must remember to resume a TLS connection.
//
// Neutral between TLS libraries: an adapter fills one from its library's session and rebuilds its
// library's session from one. Names are those of the RFCs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <stek/error.hpp>
#include <stek/secret.hpp>
#include <stek/time.hpp>

namespace stek {

enum class Transport : std::uint8_t { tls = 1, dtls = 2, quic = 3 };

/// As on the wire (RFC 8446 section 4.1.2, RFC 9147 section 5.3). Higher TLS versions have higher
/// values; higher DTLS versions have lower ones.
enum class ProtocolVersion : std::uint16_t {
  none = 0,
  tls1_0 = 0x0301,
  tls1_1 = 0x0302,
  tls1_2 = 0x0303,
  tls1_3 = 0x0304,
  dtls1_0 = 0xfeff,
  dtls1_2 = 0xfefd,
  dtls1_3 = 0xfefc,
};

constexpr bool is_tls13(ProtocolVersion version) noexcept {
  return version == ProtocolVersion::tls1_3 || version == ProtocolVersion::dtls1_3;
}

/// A value of IANA's "TLS Cipher Suites" registry.
enum class CipherSuite : std::uint16_t { none = 0 };

/// RFC 6066 section 4.
enum class MaxFragmentLength : std::uint8_t {
  unlimited = 0,  ///< not negotiated: 2^14
  bytes_512 = 1,
  bytes_1024 = 2,
  bytes_2048 = 3,
  bytes_4096 = 4,
};

/// Hash of the configuration that authenticated a session: virtual host, client-authentication
/// policy, trust anchors. All zero means none.
using Context = std::array<std::byte, 16>;

/// The secret to resume from: the master secret of exactly 48 bytes up to TLS 1.2, the resumption
/// PSK of exactly the suite's hash length in TLS 1.3 (RFC 8446 section 4.6.1; not the resumption
/// master secret).
class SessionSecret {
 public:
  static constexpr std::size_t max_size = 48;

  SessionSecret() noexcept = default;
  /// `bytes.size()` is at most `max_size`; a longer one leaves the secret empty, which no ticket
  /// takes.
  explicit SessionSecret(Bytes bytes) noexcept { assign(bytes); }

  void assign(Bytes bytes) noexcept {
    const bool fits = bytes.size() <= max_size;
    const std::span<std::byte, max_size> room = bytes_.expose_room();
    if (fits && !bytes.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
    truncate(fits ? bytes.size() : 0);
  }
  /// Keeps the first `size` bytes, of at least as many.
  void truncate(std::size_t size) noexcept {
    if (size < size_) wipe(bytes_.expose_room().subspan(size));
    size_ = static_cast<std::uint8_t>(size);
  }

  [[nodiscard]] SessionSecret copy() const noexcept { return SessionSecret(expose()); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Bytes expose() const noexcept { return bytes_.expose().first(size_); }
  /// With the zeros behind a shorter one.
  [[nodiscard]] std::span<const std::byte, max_size> expose_padded() const noexcept {
    return bytes_.expose();
  }
  /// In constant time.
  [[nodiscard]] bool is_zero() const noexcept { return stek::is_zero(expose_padded()); }

  friend bool operator==(const SessionSecret& a, const SessionSecret& b) noexcept {
    return equal_secrets(a.expose(), b.expose());
  }

 private:
  Secret<max_size> bytes_;
  std::uint8_t size_ = 0;
};

/// A host name as `server_name` carries it (RFC 6066 section 3), in canonical form: lower case, no
/// trailing dot, 1 to 255 bytes. Held inline, so that a Session costs no allocation.
class HostName {
 public:
  static constexpr std::size_t max_size = 255;

  // By hand, so that `HostName()` leaves the text as it is: zeros for all of it would cost more
  // than to write a name.
  HostName() noexcept {}  // NOLINT(modernize-use-equals-default)

  /// Nothing when the name is empty, too long, or holds a byte outside printable ASCII.
  static std::optional<HostName> from(std::string_view name) noexcept;
  /// Whether a name is one, and spelled as it is held.
  static bool is_canonical(std::string_view name) noexcept;
  /// False for such a name, which leaves nothing of use.
  [[nodiscard]] bool assign(std::string_view name) noexcept;

  [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }
  friend bool operator==(const HostName& a, const HostName& b) noexcept {
    return a.text() == b.text();
  }

 private:
  std::array<char, max_size> text_;
  std::uint8_t size_ = 0;
};

/// What stands for a host name where its text does not fit: BLAKE2b-128 of the canonical text under
/// the key "stek/1 server name". Two names compare by hash when either is only a hash.
struct HostNameHash {
  std::array<std::byte, 16> bytes;
  friend bool operator==(const HostNameHash&, const HostNameHash&) = default;
};
HostNameHash hash_of(const HostName& name) noexcept;

/// The name that the client asked for: none, its text, or its hash.
using ServerName = std::variant<std::monostate, HostName, HostNameHash>;
/// Whether a client of the session is asking for the same now.
bool same_server(const ServerName& sealed, const std::optional<HostName>& asked) noexcept;

/// What the client proved to be, in 32 bytes: SHA-256 of its certificate in DER, which is what
/// `openssl x509 -fingerprint -sha256` prints, or whatever else the application tells clients apart
/// by.
struct ClientIdentityHash {
  std::array<std::byte, 32> bytes;
  friend bool operator==(const ClientIdentityHash&, const ClientIdentityHash&) = default;
};
ClientIdentityHash fingerprint_of(Bytes certificate) noexcept;

/// In DER, the client's own certificate first (RFC 5246 section 7.4.2).
struct CertificateChain {
  std::vector<std::vector<std::byte>> certificates;
  friend bool operator==(const CertificateChain&, const CertificateChain&) noexcept = default;
};

/// RFC 5077 section 4's ClientIdentity: none, a hash, or where the application wants to look at it
/// after a resumption, the whole chain.
using ClientIdentity = std::variant<std::monostate, ClientIdentityHash, CertificateChain>;

/// An application protocol's name, 1 to 255 bytes (RFC 7301 section 3.1).
struct ProtocolName {
  static constexpr std::size_t max_size = 255;

  std::string bytes;
  friend bool operator==(const ProtocolName&, const ProtocolName&) noexcept = default;
};

/// RFC 6520 section 2.
enum class HeartbeatMode : std::uint8_t { peer_allowed_to_send = 1, peer_not_allowed_to_send = 2 };

/// What only some stacks compare before they resume. `decide` never looks at it: the RFCs have
/// these ignored or negotiated afresh. An empty list is an absent one; a list has at most 255
/// values.
struct Extras {
  std::optional<std::uint16_t> named_group;  ///< of the key exchange (RFC 8446 section 4.2.7)
  std::optional<HeartbeatMode> heartbeat_mode;
  std::vector<std::uint16_t> signature_algorithms;  ///< RFC 8446 section 4.2.3
  std::vector<std::uint16_t> supported_groups;      ///< RFC 8422 section 5.1.1
  std::vector<std::uint8_t> ec_point_formats;       ///< RFC 8422 section 5.1.2
  std::vector<std::uint16_t> ffdhe_groups;          ///< RFC 7919 section 2
  friend bool operator==(const Extras&, const Extras&) noexcept = default;
};

/// Plain data. Move-only because of its secrets; `copy()` on purpose. On the heap are only ALPN
/// names of over 15 bytes, chains, application data and extras: few sessions have any.
struct Session {
  Transport transport = Transport::tls;
  ProtocolVersion version = ProtocolVersion::none;
  CipherSuite cipher_suite = CipherSuite::none;
  bool extended_master_secret = false;  ///< RFC 7627; always false in TLS 1.3, which needs none
  bool encrypt_then_mac = false;        ///< RFC 7366; only with a CBC suite
  bool truncated_hmac = false;  ///< RFC 6066 section 7; never sealed true (RFC 9325 section 4.6)
  MaxFragmentLength max_fragment_length = MaxFragmentLength::unlimited;
  Instant issued_at{};  ///< of the ticket; `issue` sets it
  SessionSecret secret;
  Instant
      authenticated_at{};  ///< of the first full handshake, kept across renewals; unset means now
  Seconds lifetime{};      ///< of the ticket, from `issued_at`; `issue` sets it
  Context context{};       ///< `issue` sets it
  std::uint8_t compression_method = 0;  ///< only null (RFC 9325 section 3.3)
  ServerName server_name;
  std::optional<std::uint32_t>
      ticket_age_add;  ///< TLS 1.3, there mandatory (RFC 8446 section 4.6.1)
  std::optional<std::uint32_t> max_early_data_size;  ///< TLS 1.3, there mandatory; 0 for none
  std::optional<ProtocolName> alpn;  ///< decides on early data alone (RFC 8446 section 4.2.10)
  /// A session with an identity is sealed only under a context: what authenticated the client.
  ClientIdentity client_identity;
  /// The least notAfter of the chain; mandatory beside an identity.
  std::optional<Instant> identity_expires;
  std::optional<SecretBytes> application_data;  ///< at least one byte; the application's own
  std::optional<Extras> extras;                 ///< at least one of its fields

  [[nodiscard]] Session copy() const;
  friend bool operator==(const Session&, const Session&) noexcept = default;
};

/// What stands against sealing `session`, were it issued as it is: a field out of its range or a
/// rule of its version broken. The text names the field. Nothing when it is fine.
std::optional<std::string_view> flaw_of(const Session& session) noexcept;

}  // namespace stek
