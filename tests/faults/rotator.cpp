// Writes the ring at PATH anew, as its next generation, and prints which: rotator PATH. The command
// has nothing to do more than once within a second, and kills.py wants more saves than that.
#include <cstdio>

#include <stek/store.hpp>

namespace {

std::expected<stek::KeyRing, stek::Failure> next_generation(stek::KeyRing ring) {
  ++ring.generation;
  return ring;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const auto ring = stek::FileStore(arguments[1]).update(next_generation);
  if (!ring) {
    std::fprintf(stderr, "%s\n%s\n", ring.error().message.c_str(), ring.error().hint.c_str());
    return 1;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(ring->generation));
  return 0;
}
