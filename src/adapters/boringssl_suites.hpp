// The suites of one connection, up to TLS 1.2, and the one that it is to be resumed under.
#pragma once

#include <optional>
#include <span>
#include <string>

#include <openssl/ssl.h>

#include <stek/session.hpp>

namespace stek::boringssl {

/// What a connection had before `prefer`.
struct OwnSuites {
  std::string list;  ///< in BoringSSL's notation
  bool client_prefers;
};

bool is_enabled(CipherSuite suite, const SSL& ssl) noexcept;

/// Has BoringSSL select `suite`, which is enabled, before all others. Where the certificate does
/// not suit it, BoringSSL selects among the rest as it would have. Throws std::bad_alloc.
OwnSuites prefer(CipherSuite suite, std::span<const CipherSuite> offered, SSL& ssl);
void put_back(const OwnSuites& own, SSL& ssl) noexcept;

}  // namespace stek::boringssl
