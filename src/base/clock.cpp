#include <ctime>

#include <stek/time.hpp>

namespace stek {

Instant system_now() noexcept {
  return Instant(Seconds(std::time(nullptr)));
}

}  // namespace stek
