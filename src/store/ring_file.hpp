// The file operations of a ring: read whole, replace whole.
#pragma once

#include <filesystem>

#include <stek/error.hpp>

#include "keys/document.hpp"

namespace stek::store {

/// Where a link leads, so that lock and rename act on the file and not on the link.
std::filesystem::path resolved(const std::filesystem::path& path);

/// A number that differs when the file is another or was changed; 0 when it cannot be looked at.
std::uint64_t mark_of(const std::filesystem::path& path) noexcept;

/// Refuses what others can read, what is no regular file, and what is too large to be a ring.
std::expected<keys::Document, Failure> read_ring_file(const std::filesystem::path& path);

/// Replaces the file, or makes it with mode 0600: after a crash at any point it is the old one or
/// the new one. A file that is there keeps its owner, group, mode and extended attributes, its
/// access control list among them, or is not replaced. The caller holds the lock.
std::expected<void, Failure> replace_ring_file(const std::filesystem::path& path, Bytes document);

/// Removes what a killed writer left: it holds secrets. The caller holds the lock.
void remove_leftover(const std::filesystem::path& path);

/// True for what lies in a Kubernetes volume: its files are links through a folder `..data` to one
/// that is named after its time, `..2026_11_25_18_00_00.1`.
bool in_kubernetes_volume(const std::filesystem::path& path);

/// True when `path`, or its folder where it is not there yet, lies on a file system that ends with
/// the machine's power (tmpfs, ramfs). False when that cannot be told.
bool on_memory(const std::filesystem::path& path);

/// An exclusive lock on PATH.lock, which the kernel gives back when its holder ends, however that
/// happens.
class FileLock {
 public:
  static std::expected<FileLock, Failure> take(const std::filesystem::path& ring_path);
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace stek::store
