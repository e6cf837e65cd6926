// Text inside of SVG and HTML.
#pragma once

#include <string>
#include <string_view>

namespace stek::tool {

/// Fit to stand between tags and in quotation marks.
std::string escaped(std::string_view text);

}  // namespace stek::tool
