// The hello that nobody has seen.
#pragma once

#include <stek/client_hello.hpp>

namespace stek {

/// What the client that has `session` says to resume it, as far as its TLS library compares that
/// with the session: version, suite, server name, extended master secret. Of what a library does
/// not compare nothing is said, so that a session which depends on it does not resume: transport
/// other than the session's own, encrypt-then-MAC, maximum fragment length.
///
/// `asked` is the server name that the client does ask for, where that is known.
ClientHello hello_of(const Session& session, const std::optional<HostName>& asked);

}  // namespace stek
