// What a cipher suite means, all of it derived from its name in IANA's "TLS Cipher Suites"
// registry: RFC 5246 section 5 and appendix C, RFC 8446 appendix B.4, and the documents that the
// registry names for the others.
//
// A ticket seals a suite's number and nothing of this. Every function may be called from any
// thread.
#pragma once

#include <optional>
#include <string_view>

#include <stek/session.hpp>

namespace stek {

/// How the premaster secret comes about. `dhe` and `ecdhe` are those of the `_anon` suites too.
enum class KeyExchange : std::uint8_t {
  any,  ///< TLS 1.3, where extensions negotiate it
  rsa,
  dh,
  dhe,
  ecdh,
  ecdhe,
  psk,
  rsa_psk,
  dhe_psk,
  ecdhe_psk,
  srp,
  krb5,
  eccpwd,
  gost,
};

/// What the server proves itself by.
enum class Authentication : std::uint8_t {
  any,  ///< TLS 1.3, where extensions negotiate it
  anonymous,
  rsa,
  dss,
  ecdsa,
  psk,
  srp,
  krb5,
  eccpwd,
  gost,
};

enum class BulkCipher : std::uint8_t {
  null,
  rc2,
  rc4,
  des,
  triple_des,
  idea,
  seed,
  aes,
  camellia,
  aria,
  chacha20,
  sm4,
  aegis,
  kuznyechik,
  magma,
  gost28147,
};

enum class CipherMode : std::uint8_t { null, stream, cbc, gcm, ccm, poly1305, mgm, aegis };

constexpr bool is_aead(CipherMode mode) noexcept {
  return mode >= CipherMode::gcm;
}

/// What protects a record's integrity.
enum class Mac : std::uint8_t { aead, md5, sha1, sha256, sha384, omac, imit };

/// Of the PRF in TLS 1.2, of HKDF in TLS 1.3. (Before, the PRF is MD5 and SHA-1 whatever the
/// suite.)
enum class Hash : std::uint8_t { sha256, sha384, sm3, streebog256 };

/// In bytes.
constexpr std::size_t size_of(Hash hash) noexcept {
  return hash == Hash::sha384 ? 48 : 32;
}

struct CipherSpec {
  bool known = false;  ///< in the registry; if not, nothing else here means anything
  bool tls13 = false;  ///< of TLS 1.3, and of no version before
  bool dtls_ok = false;
  KeyExchange key_exchange = KeyExchange::any;
  Authentication authentication = Authentication::any;
  BulkCipher cipher = BulkCipher::null;
  CipherMode mode = CipherMode::null;
  Mac mac = Mac::aead;
  Hash hash = Hash::sha256;
  std::uint8_t tag_size = 0;   ///< in bytes: of the AEAD's tag, or of the MAC untruncated
  std::uint16_t key_bits = 0;  ///< effective ones: 40 in an export suite, 168 in 3DES

  friend bool operator==(const CipherSpec&, const CipherSpec&) = default;
};

/// Two loads from a table. TLS_NULL_WITH_NULL_NULL and the signalling values, under none of which a
/// session can be, are not known.
const CipherSpec& cipher_spec_of(CipherSuite suite) noexcept;

/// The length that a session's secret has under this version and suite.
constexpr std::size_t secret_size(ProtocolVersion version, const CipherSpec& suite) noexcept {
  constexpr std::size_t master_secret_size = 48;
  return is_tls13(version) ? size_of(suite.hash) : master_secret_size;
}

/// As IANA spells it: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256". Empty when unknown.
std::string_view name_of(CipherSuite suite) noexcept;
std::optional<CipherSuite> suite_named(std::string_view name) noexcept;

/// The enumerators as text: "ecdhe_psk".
std::string_view name_of(KeyExchange key_exchange) noexcept;
std::string_view name_of(Authentication authentication) noexcept;
std::string_view name_of(BulkCipher cipher) noexcept;
std::string_view name_of(CipherMode mode) noexcept;
std::string_view name_of(Mac mac) noexcept;
std::string_view name_of(Hash hash) noexcept;

}  // namespace stek
