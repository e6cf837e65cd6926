// A response's body from JSON or from text.
#pragma once

#include "http.hpp"
#include "wire/json.hpp"

namespace stek::daemon {

/// One line, in ASCII.
Response response_of(const wire::Json& json, unsigned status = 200);

Response response_of(std::string_view text, std::string_view content_type);

/// On one line and in ASCII, whatever bytes its strings hold.
wire::SecretText line_of(const wire::Json& json);

}  // namespace stek::daemon
