// The ticket-key files of TLS servers: 48 bytes a key (16 of name, 16 for AES, 16 for HMAC) or 80
// (16, 32 and 32). nginx, Apache and others have them as bytes; HAProxy has a line of base64 a key.
#pragma once

#include <vector>

#include <stek/ring.hpp>

namespace stek::keys {

/// The keys of such a file, one after the other: as bytes, as hex digits with white space wherever
/// it stands, or a line of hex or base64 each. Their instants are left to the caller, and so is
/// what makes a key weak. `Error::malformed` with the line, where there are lines; a message never
/// has a byte of the file.
std::expected<std::vector<ForeignKey>, Failure> keys_from(Bytes file);

}  // namespace stek::keys
