// A timeline for a terminal.
#pragma once

#include "timeline.hpp"

namespace stek::tool {

constexpr std::size_t narrowest = 60;
constexpr std::size_t widest = 240;

struct TextStyle {
  std::size_t width = 80;  ///< columns at most, `narrowest` or more
  bool colour = false;     ///< by escape sequences; the characters say it all without
};

std::string text_of(const Timeline& timeline, const TextStyle& style);

}  // namespace stek::tool
