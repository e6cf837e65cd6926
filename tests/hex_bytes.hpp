// Bytes that a test spells in hex.
#pragma once

#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "base/encoding.hpp"

namespace stek::test {

inline std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  REQUIRE(from_hex(bytes, hex));
  return bytes;
}

}  // namespace stek::test
