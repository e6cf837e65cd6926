// The ClientHello, as OpenSSL's client-hello callback shows it.
#pragma once

#include <optional>

#include <openssl/ssl.h>

#include <stek/client_hello.hpp>

namespace stek::openssl {

/// Nothing for DTLS, and for a hello in the format of SSL 2. Throws std::bad_alloc.
std::optional<ClientHello> read_hello(SSL& ssl);

/// Takes out of `hello` what this connection has turned off: versions, extended master secret,
/// encrypt-then-MAC. OpenSSL negotiates what both sides have; so does `decide`, of what is left.
void leave_what_is_enabled(ClientHello& hello, const SSL& ssl);

}  // namespace stek::openssl
