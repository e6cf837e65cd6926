// ClientHellos for the command: from a file, or made to suit a session.
#pragma once

#include <stek/resumption.hpp>

#include "complaint.hpp"

namespace stek::tool {

/// From a file ("-": standard input) that holds JSON when it begins with '{', else the bytes of one
/// ClientHello, with record headers or without.
std::expected<ClientHello, Complaint> read_hello(const std::string& name);

/// What a client would say that offers exactly what `session` has. Where the session holds its
/// server name only as a hash, the hello has none.
ClientHello hello_offering(Bytes ticket, const Session& session, Instant now);

/// Whether a ticket is in it.
bool brings_ticket(const ClientHello& hello) noexcept;

/// The same hello with `ticket` in it. `session` is what the ticket holds, where that is known.
ClientHello offering(ClientHello hello, Bytes ticket, const Session& session, Instant now);

}  // namespace stek::tool
