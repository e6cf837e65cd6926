// A timeline as a picture for a page: an SVG that needs nothing else, on light and on dark ground.
#pragma once

#include "timeline.hpp"

namespace stek::tool {

std::string svg_of(const Timeline& timeline);

}  // namespace stek::tool
