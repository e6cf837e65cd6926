// What a verb reads. The bytes may hold secrets, so they are wiped when freed.
#pragma once

#include <string>
#include <vector>

#include "complaint.hpp"
#include "wire/json.hpp"

namespace stek::tool {

/// All of the file `name`, or of standard input where it is "-"; at most 1 MiB. `what` is what is
/// read, for messages: "ticket", "session".
std::expected<wire::SecretText, Complaint> read_all(const std::string& name, std::string_view what);

/// A ticket in base64, decoded.
std::expected<std::vector<std::byte>, Complaint> read_ticket(const std::string& name);

}  // namespace stek::tool
