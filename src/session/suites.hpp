// What a cipher suite means for a session.
#pragma once

#include <optional>
#include <string_view>

#include <stek/session.hpp>

namespace stek {

struct SuiteTraits {
  bool known = false;           ///< in IANA's registry
  bool tls13 = false;           ///< of TLS 1.3, and of no version before
  bool cbc = false;             ///< the suites that encrypt-then-MAC applies to
  std::uint8_t hash_size = 32;  ///< of its PRF or HKDF
};
SuiteTraits traits_of(CipherSuite suite) noexcept;

/// As IANA spells it: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256". Empty when unknown.
std::string_view name_of(CipherSuite suite) noexcept;
std::optional<CipherSuite> suite_named(std::string_view name) noexcept;

}  // namespace stek
