// ClientHellos for the command: from a file, or made to suit a session.
#pragma once

#include <stek/resumption.hpp>

#include "complaint.hpp"

namespace stek::tool {

/// From a file ("-": standard input) that holds JSON when it begins with '{', else the bytes of one
/// ClientHello handshake message.
std::expected<ClientHello, Complaint> read_hello(const std::string& name);

/// What a client would say that offers exactly what `session` has. Where the session holds its
/// server name only as a hash, the hello has none.
ClientHello hello_offering(const Session& session);

}  // namespace stek::tool
