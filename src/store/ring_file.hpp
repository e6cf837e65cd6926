// The file operations of a ring: read whole, replace whole.
#pragma once

#include <sys/stat.h>

#include <filesystem>

#include <stek/error.hpp>

#include "keys/document.hpp"

namespace stek::store {

/// A file's identity and version, as far as stat(2) tells.
struct FileStamp {
  dev_t device{};
  ino_t inode{};
  off_t size{};
  std::int64_t modified_ns{};

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
std::optional<FileStamp> stamp_of(const std::filesystem::path& path) noexcept;

struct RingFile {
  keys::Document document;
  FileStamp stamp;
};
/// Refuses what others can read, what is no regular file, and what is too large to be a ring.
std::expected<RingFile, Failure> read_ring_file(const std::filesystem::path& path);

/// Replaces the file, or makes it with mode 0600: after a crash at any point it is the old one or
/// the new one. A file that is there keeps its owner, group and mode. The caller holds the lock.
std::expected<void, Failure> replace_ring_file(const std::filesystem::path& path, Bytes document);

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
