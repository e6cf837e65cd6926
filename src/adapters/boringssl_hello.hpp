// The ClientHello, as BoringSSL shows it before it looks into it.
#pragma once

#include <optional>

#include <openssl/ssl.h>

#include <stek/client_hello.hpp>

namespace stek::boringssl {

/// Nothing for DTLS. Throws std::bad_alloc.
std::optional<ClientHello> read_hello(const SSL_CLIENT_HELLO& shown);

/// Takes out of `hello` what this connection does not negotiate: versions that are turned off, and
/// what BoringSSL does not know, encrypt-then-MAC, maximum fragment length and truncated HMAC.
/// BoringSSL negotiates what both sides have; so does `decide`, of what is left.
void leave_what_is_enabled(ClientHello& hello, const SSL& ssl);

}  // namespace stek::boringssl
