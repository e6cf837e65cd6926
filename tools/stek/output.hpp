// Data goes to standard output; all else to standard error, as "stek: kind: text" in lower case and
// without a full stop.
#pragma once

#include <string_view>

#include "complaint.hpp"
#include "wire/json.hpp"

namespace stek::tool {

/// Writes all of `data` past any buffer of the C library, where a secret would stay. Gives `exit`,
/// or a complaint about standard output.
Result print(std::string_view data, Exit exit = Exit::done);
Result print_json(const wire::Json& json, Exit exit = Exit::done);

/// `kind` is error, hint, warning or note.
void say(std::string_view kind, std::string_view text);

}  // namespace stek::tool
