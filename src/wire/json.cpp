#include "wire/json.hpp"

#include <fmt/core.h>

namespace stek::wire {
namespace {

std::string line_and_column(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte == 0 ? 0 : std::min(byte - 1, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return fmt::format("line {}, column {}", line, before.size() - line_start + 1);
}

}  // namespace

std::expected<Json, Failure> parse_json(std::string_view text, std::string_view what) {
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& error) {
    // Its own text quotes the input.
    return std::unexpected(Failure{
        .error = Error::malformed,
        .message = fmt::format("{}: not JSON at {}", what, line_and_column(text, error.byte)),
        .hint = {}});
  } catch (const Json::exception&) {
    return std::unexpected(Failure{
        .error = Error::malformed, .message = fmt::format("{}: not JSON", what), .hint = {}});
  }
}

std::optional<Failure> refuse_leftovers(const Json& json, std::string_view place) {
  if (json.empty()) return std::nullopt;
  return misplaced(place.empty() ? "/" : place,
                   json.size() == 1 ? "has a field of unknown name"
                                    : fmt::format("has {} fields of unknown name", json.size()));
}

}  // namespace stek::wire
