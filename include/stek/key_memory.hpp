// Where a process keeps what is derived from its keys.
#pragma once

#include <cstdint>

namespace stek {

/// Pages of their own in either case, out of core dumps, and wiped when a key ends.
enum class KeyMemory : std::uint8_t {
  /// Locked against swapping as far as RLIMIT_MEMLOCK allows. A forked child has them too, and
  /// works on. Root reads them in /proc/PID/mem, and so does the same user while the process is
  /// dumpable (prctl(2)).
  forkable,
  /// For a process that does not fork with it, such as a daemon: memfd_secret(2) where the kernel
  /// gives it. Nobody reads that from outside, not even root in /proc/PID/mem, nor a debugger, and
  /// it is never swapped; while it is there, the machine does not hibernate. It counts against
  /// RLIMIT_MEMLOCK. Where it is refused (by Linux before 5.14, before 6.5 without
  /// secretmem.enable=1, by a container's filter or the limit): as `forkable`, and
  /// `Health::key_memory` says so. A forked child has none of it either way: there it issues and
  /// resumes nothing.
  secret,
};

}  // namespace stek
