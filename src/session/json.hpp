// A session as JSON, with the RFCs' field names: what `stek ticket issue` reads and `inspect`
// prints.
#pragma once

#include <expected>

#include <stek/session.hpp>

#include "wire/json.hpp"

namespace stek {

enum class Reveal : bool { no, secret };

/// Without the secret unless asked for it.
wire::Json to_json(const Session& session, Reveal reveal);

/// Versions and suites by name or number, bytes in hex; `version`, `cipher_suite` and `secret` must
/// be there. The failure names the place, such as "session: /cipher_suite", and never quotes the
/// text.
std::expected<Session, Failure> session_from_json(std::string_view text);

std::string name_of(ProtocolVersion version);

}  // namespace stek
