// ClientHellos for the command: from a file, or made to suit a session.
#pragma once

#include <stek/resumption.hpp>

#include "complaint.hpp"

namespace stek {

/// A hello as a JSON object with the fields of `ClientHello`; `legacy_version` and `cipher_suites`
/// must be there, `compression_methods` is [0] unless given. Versions and suites by name or number,
/// bytes in hex.
std::expected<ClientHello, Failure> hello_from_json(std::string_view text);

namespace tool {

/// From a file ("-": standard input) that holds JSON when it begins with '{', else the bytes of one
/// ClientHello handshake message.
std::expected<ClientHello, Complaint> read_hello(const std::string& name);

/// What a client would say that offers exactly what `session` has. Where the session holds its
/// server name only as a hash, the hello has none.
ClientHello hello_offering(const Session& session);

}  // namespace tool
}  // namespace stek
