// Preloaded: once a lock was taken, one call moves less than it was asked to, as a kernel may.
// Which one say STEK_SHORT_CALL, "read" or "write", STEK_SHORT_WHEN, counted from 1, and
// STEK_SHORT_MOST, the bytes that it moves at most. Says so on standard error.
#include <dlfcn.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace {

bool locked = false;

template <typename Call>
Call next(const char* name) {
  return reinterpret_cast<Call>(dlsym(RTLD_NEXT, name));
}

std::size_t number_in(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}

/// How much of `size` the call moves that is the `count`-th of its name.
std::size_t allowed(std::string_view name, std::size_t count, std::size_t size) {
  const char* chosen = std::getenv("STEK_SHORT_CALL");
  if (chosen == nullptr || name != chosen || count != number_in("STEK_SHORT_WHEN")) return size;
  const std::size_t most = std::min(size, number_in("STEK_SHORT_MOST"));
  constexpr std::string_view note = "(SHORT)\n";
  using Write = ssize_t (*)(int, const void*, std::size_t);
  if (most < size) next<Write>("write")(STDERR_FILENO, note.data(), note.size());
  return most;
}

}  // namespace

extern "C" {

[[gnu::visibility("default")]] int flock(int fd, int operation);
[[gnu::visibility("default")]] ssize_t read(int fd, void* room, std::size_t size);
[[gnu::visibility("default")]] ssize_t write(int fd, const void* bytes, std::size_t size);

int flock(int fd, int operation) {
  locked = true;
  return next<int (*)(int, int)>("flock")(fd, operation);
}

ssize_t read(int fd, void* room, std::size_t size) {
  static std::size_t count = 0;
  if (locked) size = allowed("read", ++count, size);
  return next<ssize_t (*)(int, void*, std::size_t)>("read")(fd, room, size);
}

ssize_t write(int fd, const void* bytes, std::size_t size) {
  static std::size_t count = 0;
  if (locked) size = allowed("write", ++count, size);
  return next<ssize_t (*)(int, const void*, std::size_t)>("write")(fd, bytes, size);
}

}  // extern "C"
