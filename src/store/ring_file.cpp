#include "store/ring_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/core.h>

namespace stek::store {
namespace {

constexpr off_t largest_ring = off_t{16} << 20U;

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

std::string error_text(int number) {
  std::array<char, 128> room{};
  return strerror_r(number, room.data(), room.size());
}

Failure failed(std::string_view what, const std::filesystem::path& path, int number) {
  Failure failure{.error = Error::unreachable,
                  .message = fmt::format("{} {}: {}", what, path.string(), error_text(number)),
                  .hint = {}};
  if (number == ENOENT) {
    failure.error = Error::not_found;
    failure.hint = "make a ring with 'stek keys init', or name another with --ring";
  }
  if (number == EACCES || number == EPERM) {
    failure.hint = "run as the ring's owner, or as a member of its group with mode 0640";
  }
  if (number == ENOSPC) failure.hint = "the old ring is untouched; free some space and try again";
  return failure;
}

std::unexpected<Failure> fail(std::string_view what, const std::filesystem::path& path) {
  return std::unexpected(failed(what, path, errno));
}

FileStamp stamp_of(const struct stat& info) noexcept {
  return {.device = info.st_dev,
          .inode = info.st_ino,
          .size = info.st_size,
          .modified_ns = info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec};
}

std::optional<Failure> refuse_file(const struct stat& info, const std::filesystem::path& path) {
  if (!S_ISREG(info.st_mode)) {
    return Failure{.error = Error::damaged,
                   .message = fmt::format("ring {} is not a regular file", path.string()),
                   .hint = "name the ring's file with --ring"};
  }
  if ((info.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return Failure{
        .error = Error::exposed,
        .message = fmt::format("ring {} has mode {:04o}: others can read or change its keys",
                               path.string(), info.st_mode & 07777U),
        .hint = fmt::format(
            "'chmod 600 {}'; if anyone may have read it, move it away, then 'stek keys init'",
            path.string())};
  }
  if (info.st_size > largest_ring) {
    return Failure{.error = Error::damaged,
                   .message = fmt::format("{} is too large for a ring", path.string()),
                   .hint = {}};
  }
  return std::nullopt;
}

/// Reads up to `room.size()` bytes; fewer at the file's end. -1 on error.
ssize_t read_fully(int fd, Room room) noexcept {
  std::size_t filled = 0;
  while (filled < room.size()) {
    const ssize_t got = read(fd, room.data() + filled, room.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(filled);
}

bool write_fully(int fd, Bytes bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

bool sync(int fd) noexcept {
  while (fsync(fd) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

/// True when the file holds exactly `document`: a disk can say that it wrote and not have written.
bool reads_back(int fd, Bytes document) {
  keys::Document back(document.size() + 1);
  return lseek(fd, 0, SEEK_SET) == 0 &&
         read_fully(fd, back) == static_cast<ssize_t>(document.size()) &&
         std::equal(document.begin(), document.end(), back.begin());
}

void keep_owner_and_mode(int fd, const std::filesystem::path& path) noexcept {
  struct stat old{};
  if (stat(path.c_str(), &old) != 0) return;
  // Only root can give a file away; anyone else who may write here is the owner already.
  [[maybe_unused]] const int ignored = fchown(fd, old.st_uid, old.st_gid);
  fchmod(fd, old.st_mode & 0640U);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::expected<void, Failure> write_aside(const std::filesystem::path& aside,
                                         const std::filesystem::path& path, Bytes document) {
  // What a killed writer left; nobody else is writing, as the lock is ours.
  unlink(aside.c_str());
  const Descriptor file(open(aside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.open()) return fail("cannot write", aside);
  keep_owner_and_mode(file.get(), path);
  if (!write_fully(file.get(), document)) return fail("cannot write", aside);
  if (!sync(file.get())) return fail("cannot sync", aside);
  if (!reads_back(file.get(), document)) {
    return std::unexpected(
        Failure{.error = Error::unreachable,
                .message = fmt::format("{} does not read back as written", aside.string()),
                .hint = "the old ring is untouched; check the disk"});
  }
  return {};
}

}  // namespace

std::optional<FileStamp> stamp_of(const std::filesystem::path& path) noexcept {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  return stamp_of(info);
}

std::expected<RingFile, Failure> read_ring_file(const std::filesystem::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) return fail("cannot open ring", path);
  struct stat info{};
  if (fstat(file.get(), &info) != 0) return fail("cannot read ring", path);
  if (auto refusal = refuse_file(info, path)) return std::unexpected(*std::move(refusal));
  RingFile ring{.document = keys::Document(static_cast<std::size_t>(info.st_size)),
                .stamp = stamp_of(info)};
  const ssize_t got = read_fully(file.get(), ring.document);
  if (got < 0) return fail("cannot read ring", path);
  ring.document.resize(static_cast<std::size_t>(got));
  return ring;
}

std::expected<void, Failure> replace_ring_file(const std::filesystem::path& path, Bytes document) {
  const std::filesystem::path aside = path.string() + ".new";
  if (auto written = write_aside(aside, path, document); !written) {
    unlink(aside.c_str());
    return written;
  }
  if (rename(aside.c_str(), path.c_str()) != 0) {
    auto failure = fail("cannot replace ring", path);
    unlink(aside.c_str());
    return failure;
  }
  const Descriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open() || !sync(folder.get())) return fail("cannot sync the folder of", path);
  return {};
}

std::expected<FileLock, Failure> FileLock::take(const std::filesystem::path& ring_path) {
  const std::filesystem::path path = ring_path.string() + ".lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail("cannot lock", path);
  while (flock(fd, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    auto failure = fail("cannot lock", path);
    close(fd);
    return failure;
  }
  return FileLock(fd);
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace stek::store
