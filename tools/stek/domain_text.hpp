// A trust domain as people read it.
#pragma once

#include <string>
#include <string_view>

namespace stek::tool {

/// As it is where all of it is printable ASCII, else in hex: a domain is any bytes.
std::string domain_text(std::string_view domain);

}  // namespace stek::tool
