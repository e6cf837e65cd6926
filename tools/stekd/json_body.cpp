#include "json_body.hpp"

namespace stek::daemon {

wire::SecretText line_of(const wire::Json& json) {
  constexpr int one_line = -1;
  constexpr bool ascii = true;
  return json.dump(one_line, ' ', ascii, wire::Json::error_handler_t::replace);
}

Response response_of(const wire::Json& json, unsigned status) {
  Response response = response_of(line_of(json), "application/json");
  response.body.push_back(std::byte{'\n'});
  response.status = status;
  return response;
}

Response response_of(std::string_view text, std::string_view content_type) {
  const Bytes bytes = std::as_bytes(std::span(text));
  return {.content_type = content_type, .body = Body(bytes.begin(), bytes.end())};
}

}  // namespace stek::daemon
