#include "domain_text.hpp"

#include <algorithm>
#include <span>

#include "base/encoding.hpp"

namespace stek::tool {

std::string domain_text(std::string_view domain) {
  const bool printable = std::ranges::all_of(domain, [](char c) { return c >= ' ' && c <= '~'; });
  if (printable) return "'" + std::string(domain) + "'";
  return to_hex(std::as_bytes(std::span(domain)));
}

}  // namespace stek::tool
