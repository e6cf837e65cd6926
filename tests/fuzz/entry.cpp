#include <cstdio>
#include <cstdlib>

#include "fuzz/fuzz.hpp"

namespace stek::fuzz {

void check(bool holds, const char* rule) noexcept {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

}  // namespace stek::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  stek::fuzz::run(std::as_bytes(std::span(data, size)));
  return 0;
}
