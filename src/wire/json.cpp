#include "wire/json.hpp"

#include <set>

#include <fmt/core.h>

// The library's lexer keeps the token that it is at in a std::vector of the input's character type,
// and quotes it in the text of its exceptions. A character of our own makes that vector wipe
// itself, and the quotation stars.
namespace stek::wire {
class Character {
 public:
  constexpr explicit Character(int byte) noexcept : byte_(static_cast<unsigned char>(byte)) {}
  [[nodiscard]] constexpr int byte() const noexcept { return byte_; }
  explicit operator char() const noexcept { return '*'; }
  explicit operator unsigned char() const noexcept { return '*'; }
  friend bool operator==(Character, Character) noexcept = default;

 private:
  unsigned char byte_;
};
}  // namespace stek::wire

template <>
struct std::allocator<stek::wire::Character> : stek::WipingAllocator<stek::wire::Character> {
  allocator() noexcept = default;
};

template <>
struct std::char_traits<stek::wire::Character> {
  using char_type = stek::wire::Character;
  using int_type = int;
  static constexpr int_type eof() noexcept { return -1; }
  static constexpr int_type to_int_type(char_type c) noexcept { return c.byte(); }
  static constexpr char_type to_char_type(int_type n) noexcept { return char_type(n); }
};

namespace stek::wire {
namespace {

/// Text, read as such characters.
struct Characters {
  using value_type = Character;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  using pointer = void;
  using reference = Character;

  std::string_view::const_iterator at;

  Character operator*() const noexcept { return Character(*at); }
  Characters& operator++() noexcept {
    ++at;
    return *this;
  }
  Characters operator++(int) noexcept { return {at++}; }
  friend bool operator==(const Characters&, const Characters&) noexcept = default;
};

/// RFC 8259 section 4: "The names within an object SHOULD be unique." Which of two counts would be
/// for the parser to choose.
class UniqueNames {
 public:
  [[nodiscard]] bool operator()(Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start) names_.emplace_back();
    if (event == Event::object_end) names_.pop_back();
    return event != Event::key || names_.back().insert(value.get_ref<const SecretText&>()).second;
  }

 private:
  std::vector<std::set<SecretText>> names_;
};

std::unexpected<Failure> refused(std::string_view what, std::string_view why) {
  return std::unexpected(
      Failure{.error = Error::malformed, .message = fmt::format("{}: {}", what, why), .hint = {}});
}

/// `byte` counts from 1.
std::unexpected<Failure> not_json(std::string_view text, std::string_view what, std::size_t byte) {
  const std::string_view before = text.substr(0, byte - 1);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return refused(
      what, fmt::format("not JSON at line {}, column {}", line, before.size() - line_start + 1));
}

}  // namespace

std::expected<Json, Failure> parse_json(std::string_view text, std::string_view what) {
  // The library would take it for the end.
  const std::size_t nul = text.find('\0');
  if (nul != std::string_view::npos) return not_json(text, what, nul + 1);
  try {
    UniqueNames names;
    bool unique = true;
    Json json = Json::parse(Characters{text.begin()}, Characters{text.end()},
                            [&](int /*depth*/, Json::parse_event_t event, const Json& value) {
                              unique = unique && names(event, value);
                              return unique;
                            });
    if (unique) return json;
    return refused(what, "a field is given twice");
  } catch (const Json::parse_error& error) {
    return not_json(text, what, error.byte);
  } catch (const Json::out_of_range&) {
    return refused(what, "a number is out of range");
  }
}

std::optional<Failure> refuse_leftovers(const Json& json, std::string_view place) {
  if (json.empty()) return std::nullopt;
  return misplaced(object_at(place),
                   json.size() == 1 ? "has a field of unknown name"
                                    : fmt::format("has {} fields of unknown name", json.size()));
}

}  // namespace stek::wire
