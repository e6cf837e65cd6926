// What was read last, remembered across restarts.
#pragma once

#include <filesystem>

#include "keys/succession.hpp"
#include "store/ring_file.hpp"

namespace stek::store {

/// The ring that was read last, as a file has it. While it is held, others wait: a reader holds it
/// from before it reads the ring, so that what it reads is no older than what it compares with.
class HighWater {
 public:
  /// `file` need not be there yet. `Error::damaged` where it does not say a ring.
  static std::expected<HighWater, Failure> hold(const std::filesystem::path& file);

  /// Why `next` may not follow.
  [[nodiscard]] std::optional<Failure> refusal(const keys::RingMark& next) const;
  /// `file` remembers `next` from here on; it is made with mode 0600.
  std::expected<void, Failure> raise(const keys::RingMark& next);

 private:
  HighWater(std::filesystem::path file, FileLock lock, std::optional<keys::RingMark> held)
      : file_(std::move(file)), lock_(std::move(lock)), held_(held) {}

  std::filesystem::path file_;
  FileLock lock_;
  std::optional<keys::RingMark> held_;
};

}  // namespace stek::store
