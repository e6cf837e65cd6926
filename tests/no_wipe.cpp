// Preloaded, it switches wiping off: canary.py must then find what it looks for.
#include <cstddef>

extern "C" {
[[gnu::visibility("default")]] void sodium_memzero(void* room, std::size_t size);
[[gnu::visibility("default")]] void sodium_stackzero(std::size_t size);

void sodium_memzero(void* /*room*/, std::size_t /*size*/) {}
void sodium_stackzero(std::size_t /*size*/) {}
}
