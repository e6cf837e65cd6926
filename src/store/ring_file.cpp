#include "store/ring_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

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

/// True when the file holds exactly `document`: a disk can say that it wrote and not have written,
/// so what is cached is dropped first, as far as the kernel does on request.
bool reads_back(int fd, Bytes document) {
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  keys::Document back(document.size() + 1);
  return lseek(fd, 0, SEEK_SET) == 0 &&
         read_fully(fd, back) == static_cast<ssize_t>(document.size()) &&
         std::equal(document.begin(), document.end(), back.begin());
}

std::filesystem::path aside_of(const std::filesystem::path& path) {
  return path.string() + ".new";
}

/// A ring whose group changed would be one that its readers cannot read, or that others can.
std::expected<void, Failure> keep_owner_and_mode(int fd, const std::filesystem::path& path) {
  struct stat old{};
  struct stat fresh{};
  // A new ring: 0600 whatever the umask.
  if (stat(path.c_str(), &old) != 0) {
    return fchmod(fd, 0600) == 0 ? std::expected<void, Failure>()
                                 : fail("cannot set the mode of", path);
  }
  if (fstat(fd, &fresh) != 0) return fail("cannot look at the new", path);
  const bool same = old.st_uid == fresh.st_uid && old.st_gid == fresh.st_gid;
  if (!same && fchown(fd, old.st_uid, old.st_gid) != 0) {
    auto failure = failed("cannot keep owner and group of", path, errno);
    failure.hint = "rotate as the ring's owner, who has to be in its group, or as root";
    return std::unexpected(std::move(failure));
  }
  if (fchmod(fd, old.st_mode & 0640U) != 0) return fail("cannot keep the mode of", path);
  return {};
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::expected<void, Failure> write_aside(const std::filesystem::path& aside,
                                         const std::filesystem::path& path, Bytes document) {
  remove_leftover(path);
  const Descriptor file(open(aside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.open()) return fail("cannot write", aside);
  if (auto kept = keep_owner_and_mode(file.get(), path); !kept) return kept;
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

std::uint64_t mark_of(const std::filesystem::path& path) noexcept {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return 0;
  std::uint64_t mark = 1;
  // FNV's prime: nobody gains by two marks that are alike.
  const auto mix = [&](auto part) {
    mark = (mark ^ static_cast<std::uint64_t>(part)) * 0x100000001b3U;
  };
  mix(info.st_ino);
  mix(info.st_size);
  for (const timespec& time : {info.st_mtim, info.st_ctim}) {
    mix(time.tv_sec);
    mix(time.tv_nsec);
  }
  return mark == 0 ? 1 : mark;
}

std::expected<keys::Document, Failure> read_ring_file(const std::filesystem::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) return fail("cannot open ring", path);
  struct stat info{};
  if (fstat(file.get(), &info) != 0) return fail("cannot read ring", path);
  if (auto refusal = refuse_file(info, path)) return std::unexpected(*std::move(refusal));
  keys::Document document(static_cast<std::size_t>(info.st_size));
  const ssize_t got = read_fully(file.get(), document);
  if (got < 0) return fail("cannot read ring", path);
  document.resize(static_cast<std::size_t>(got));
  return document;
}

void remove_leftover(const std::filesystem::path& path) noexcept {
  unlink(aside_of(path).c_str());
}

std::expected<void, Failure> replace_ring_file(const std::filesystem::path& path, Bytes document) {
  const std::filesystem::path aside = aside_of(path);
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
  if (fd < 0) {
    auto failure = failed("cannot lock", path, errno);
    if (errno == EACCES) failure.hint = "the lock has to belong to the ring's owner, like the ring";
    return std::unexpected(std::move(failure));
  }
  FileLock lock(fd);
  // A writer holds it for milliseconds; one that was stopped must not stop all others without a
  // word.
  constexpr int tries = 200;
  constexpr timespec pause{.tv_sec = 0, .tv_nsec = 50'000'000};
  for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail("cannot lock", path);
    if (i == tries) {
      return std::unexpected(Failure{
          .error = Error::unreachable,
          .message = fmt::format("{} has been locked by another process for 10 s", path.string()),
          .hint = fmt::format("'fuser {}' names the process", path.string())});
    }
    nanosleep(&pause, nullptr);
  }
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ < 0) return;
  // A child forked meanwhile holds the same lock by its copy of the descriptor; unlocking takes it
  // from both.
  flock(descriptor_, LOCK_UN);
  close(descriptor_);
}

}  // namespace stek::store
