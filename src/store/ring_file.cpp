#include "store/ring_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fmt/core.h>

namespace stek::store {
namespace {

constexpr off_t largest_ring = off_t{16} << 20U;
constexpr const char* access_list = "system.posix_acl_access";

/// Makes a call again that a signal has interrupted.
template <typename Call>
auto again(Call call) noexcept {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

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

int open_file(const std::filesystem::path& path, int flags, mode_t mode = 0) noexcept {
  return again([&] { return open(path.c_str(), flags | O_CLOEXEC, mode); });
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Failure failed(std::string_view what, const std::filesystem::path& path, int number,
               std::string hint) {
  return {.error = number == ENOENT ? Error::not_found : Error::unreachable,
          .message = fmt::format("{} {}: {}", what, path.string(), error_text(number)),
          .hint = std::move(hint)};
}

std::string hint_of_reader(int number, const std::filesystem::path& path) {
  const bool forbidden = number == EACCES || number == EPERM;
  if (number == ENOENT) return "make a ring with 'stek keys init', or name another with --ring";
  if (forbidden && in_kubernetes_volume(path)) {
    return "set 'fsGroup' of the pod and 'defaultMode: 0440' of the secret's volume";
  }
  if (forbidden) return "run as the ring's owner, or as a member of its group with mode 0640";
  return number == EIO ? "check the disk" : "";
}

std::string hint_of_writer(int number, const std::filesystem::path& path) {
  const std::string folder = folder_of(path).string();
  switch (number) {
    case ENOENT:
      return hint_of_reader(number, path);
    case EACCES:
    case EPERM:
      return fmt::format("a writer makes files beside the ring: run as the owner of the folder {}",
                         folder);
    case EROFS:
      return in_kubernetes_volume(path)
                 ? "a secret's volume is for readers: rotate the ring that the secret is made of"
                 : fmt::format("mount what {} lies on for writing, or rotate where it is", folder);
    case ENOSPC:
      return fmt::format("free some space on the file system of {}, then try again", folder);
    case EDQUOT:
      return fmt::format("this user's quota is used up: free some space in {}, or raise it",
                         folder);
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files";
    case EIO:
      return "check the disk";
    case EINTR:
      return "try again";
    default:
      return {};
  }
}

std::unexpected<Failure> not_read(std::string_view what, const std::filesystem::path& path) {
  const int number = errno;
  return std::unexpected(failed(what, path, number, hint_of_reader(number, path)));
}

std::unexpected<Failure> not_written(std::string_view what, const std::filesystem::path& path) {
  const int number = errno;
  return std::unexpected(failed(what, path, number, hint_of_writer(number, path)));
}

/// Of a writer that gave up before it replaced anything.
Failure untouched(Failure failure, const std::filesystem::path& path) {
  if (access(path.c_str(), F_OK) != 0) return failure;
  failure.hint = fmt::format("the old {} is untouched{}{}", path.filename().string(),
                             failure.hint.empty() ? "" : "; ", failure.hint);
  return failure;
}

std::string hint_of_exposed(int fd, const std::filesystem::path& path) {
  if (in_kubernetes_volume(path)) {
    return "set 'defaultMode: 0400' of the secret's volume; with 'fsGroup', 0440, which its group "
           "reads";
  }
  // With a list the group's bits of the mode are its mask, and chmod would cut off who is on it.
  const bool listed = again([&] { return fgetxattr(fd, access_list, nullptr, 0); }) > 0;
  return fmt::format(
      "'{} {}'{}; if anyone may have read it, move it away, then 'stek keys init'",
      listed ? "setfacl -m m::r,o::-" : "chmod 600", path.string(),
      listed ? " leaves those on its access control list, whom getfacl shows, to read it" : "");
}

std::optional<Failure> refuse_file(int fd, const struct stat& info,
                                   const std::filesystem::path& path) {
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
        .hint = hint_of_exposed(fd, path)};
  }
  if (info.st_size > largest_ring) {
    return Failure{.error = Error::damaged,
                   .message = fmt::format("{} is too large", path.string()),
                   .hint = {}};
  }
  return std::nullopt;
}

/// Reads up to `room.size()` bytes; fewer at the file's end. -1 on error.
ssize_t read_fully(int fd, Room room) noexcept {
  std::size_t filled = 0;
  while (filled < room.size()) {
    const ssize_t got = again([&] { return read(fd, room.data() + filled, room.size() - filled); });
    if (got < 0) return -1;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(filled);
}

bool write_fully(int fd, Bytes bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = again([&] { return write(fd, bytes.data(), bytes.size()); });
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

bool sync(int fd) noexcept {
  return again([&] { return fsync(fd); }) == 0;
}

/// True when the file holds exactly `document`: a disk can say that it wrote and not have written,
/// so what is cached is dropped first, as far as the kernel does on request.
bool reads_back(int fd, Bytes document) {
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  keys::Document back(document.size() + 1);
  return again([&] { return lseek(fd, 0, SEEK_SET); }) == 0 &&
         read_fully(fd, back) == static_cast<ssize_t>(document.size()) &&
         std::equal(document.begin(), document.end(), back.begin());
}

std::filesystem::path aside_of(const std::filesystem::path& path) {
  return path.string() + ".new";
}

/// What `call(room, size)` gives, which is asked for its size first; an errno on error.
template <typename Call>
std::expected<std::string, int> sized(Call call) {
  std::string value;
  while (true) {
    const ssize_t size = again([&] { return call(nullptr, std::size_t{0}); });
    if (size <= 0) return size == 0 ? std::expected<std::string, int>() : std::unexpected(errno);
    value.resize(static_cast<std::size_t>(size));
    const ssize_t got = again([&] { return call(value.data(), value.size()); });
    // It may have grown in between.
    if (got < 0 && errno == ERANGE) continue;
    if (got < 0) return std::unexpected(errno);
    value.resize(static_cast<std::size_t>(got));
    return value;
  }
}

std::expected<std::string, int> attribute_of(int fd, const std::string& name) {
  return sized(
      [&](char* room, std::size_t size) { return fgetxattr(fd, name.c_str(), room, size); });
}

/// Each name ends with a zero.
std::expected<std::string, int> attribute_names(int fd) {
  auto names = sized([&](char* room, std::size_t size) { return flistxattr(fd, room, size); });
  if (!names && names.error() == ENOTSUP) return {};
  return names;
}

std::unexpected<Failure> cannot_keep(const std::string& attribute,
                                     const std::filesystem::path& path, int number) {
  const bool refused = number == EPERM || number == EACCES || number == ENOTSUP;
  std::string hint =
      refused ? fmt::format("rotate as who may set it or, if nobody needs it, 'setfattr -x {} {}'",
                            attribute, path.string())
              : hint_of_writer(number, path);
  return std::unexpected(failed(fmt::format("cannot keep the attribute {} of", attribute), path,
                                number, std::move(hint)));
}

std::expected<void, Failure> keep_attribute(int fd, int old, const std::string& name,
                                            const std::filesystem::path& path) {
  const auto value = attribute_of(old, name);
  if (!value && value.error() == ENODATA) return {};
  if (!value) return cannot_keep(name, path, value.error());
  // A security module's label, for one, which few may set, is mostly there already.
  if (attribute_of(fd, name) == value) return {};
  const auto set = [&] { return fsetxattr(fd, name.c_str(), value->data(), value->size(), 0); };
  return again(set) == 0 ? std::expected<void, Failure>() : cannot_keep(name, path, errno);
}

/// The list that a new file has from its folder would let in whom the ring's own does not.
std::expected<void, Failure> drop_inherited_list(int fd, const std::filesystem::path& path) {
  if (again([&] { return fremovexattr(fd, access_list); }) == 0) return {};
  if (errno == ENODATA || errno == ENOTSUP) return {};
  return not_written("cannot drop the inherited access control list of", path);
}

/// The access control list comes last: it may take from a file's owner the right to set the others.
std::expected<void, Failure> keep_attributes(int fd, int old, const std::filesystem::path& path) {
  const auto names = attribute_names(old);
  if (!names) {
    return std::unexpected(failed("cannot list the attributes of", path, names.error(),
                                  hint_of_writer(names.error(), path)));
  }
  bool listed = false;
  for (std::size_t at = 0; at < names->size();) {
    const std::string name = names->c_str() + at;
    at += name.size() + 1;
    listed = listed || name == access_list;
    // The kernel's own sums over what a file holds and who owns it.
    if (name == access_list || name == "security.ima" || name == "security.evm") continue;
    if (auto kept = keep_attribute(fd, old, name, path); !kept) return kept;
  }
  return listed ? keep_attribute(fd, old, access_list, path) : drop_inherited_list(fd, path);
}

std::expected<void, Failure> keep_owner(int fd, const struct stat& old,
                                        const std::filesystem::path& path) {
  struct stat fresh{};
  if (again([&] { return fstat(fd, &fresh); }) != 0) {
    return not_written("cannot look at the new", path);
  }
  if (old.st_uid == fresh.st_uid && old.st_gid == fresh.st_gid) return {};
  if (again([&] { return fchown(fd, old.st_uid, old.st_gid); }) == 0) return {};
  return std::unexpected(
      failed("cannot keep owner and group of", path, errno,
             "rotate as the ring's owner, who has to be in its group, or as root"));
}

/// What root makes in somebody's folder is theirs: their service has to open it, too.
bool give_to_folder(int fd, const std::filesystem::path& path) {
  struct stat folder{};
  if (geteuid() != 0 || stat(folder_of(path).c_str(), &folder) != 0) return true;
  return folder.st_uid == 0 || again([&] { return fchown(fd, folder.st_uid, folder.st_gid); }) == 0;
}

/// 0600 whatever the umask and the folder's default access control list.
std::expected<void, Failure> close_to_others(int fd, const std::filesystem::path& path) {
  if (auto dropped = drop_inherited_list(fd, path); !dropped) return dropped;
  if (!give_to_folder(fd, path)) return not_written("cannot set the owner of", path);
  if (again([&] { return fchmod(fd, 0600); }) == 0) return {};
  return not_written("cannot set the mode of", path);
}

/// A ring whose group or list changed would be one that its readers cannot read, or that others
/// can. The mode comes last: until then, nobody else reads what is still empty.
std::expected<void, Failure> keep_access(int fd, const std::filesystem::path& path) {
  const Descriptor old(open_file(path, O_RDONLY | O_NONBLOCK));
  if (!old.open() && errno == ENOENT) return close_to_others(fd, path);
  struct stat info{};
  if (!old.open() || again([&] { return fstat(old.get(), &info); }) != 0) {
    return not_written("cannot look at the old", path);
  }
  if (auto kept = keep_owner(fd, info, path); !kept) return kept;
  if (auto kept = keep_attributes(fd, old.get(), path); !kept) return kept;
  if (again([&] { return fchmod(fd, info.st_mode & 0640U); }) == 0) return {};
  return not_written("cannot keep the mode of", path);
}

std::expected<void, Failure> write_aside(const std::filesystem::path& aside,
                                         const std::filesystem::path& path, Bytes document) {
  remove_leftover(path);
  const Descriptor file(open_file(aside, O_RDWR | O_CREAT | O_EXCL, 0600));
  if (!file.open()) return not_written("cannot write", aside);
  if (auto kept = keep_access(file.get(), path); !kept) return kept;
  if (!write_fully(file.get(), document)) return not_written("cannot write", aside);
  if (!sync(file.get())) return not_written("cannot sync", aside);
  if (!reads_back(file.get(), document)) {
    return std::unexpected(
        Failure{.error = Error::unreachable,
                .message = fmt::format("{} does not read back as written", aside.string()),
                .hint = "check the disk"});
  }
  return {};
}

std::expected<FileLock, Failure> not_locked(const std::filesystem::path& lock,
                                            const std::filesystem::path& ring) {
  const int number = errno;
  std::string hint = hint_of_writer(number, ring);
  if (number == EACCES && access(lock.c_str(), F_OK) == 0) {
    hint = "the lock has to belong to the ring's owner, like the ring";
  }
  return std::unexpected(untouched(failed("cannot lock", lock, number, hint), ring));
}

}  // namespace

std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_symlink(path, ignored)) return path;
  auto real = std::filesystem::canonical(path, ignored);
  return real.empty() ? path : real;
}

bool in_kubernetes_volume(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::filesystem::path real = std::filesystem::canonical(path, ignored);
  const auto is_theirs = [](const std::filesystem::path& part) {
    return part.native().size() > 2 && part.native().starts_with("..");
  };
  return std::ranges::any_of(path, is_theirs) || std::ranges::any_of(real, is_theirs);
}

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
  const Descriptor file(open_file(path, O_RDONLY | O_NONBLOCK));
  if (!file.open()) return not_read("cannot open ring", path);
  struct stat info{};
  if (again([&] { return fstat(file.get(), &info); }) != 0) {
    return not_read("cannot read ring", path);
  }
  if (auto refusal = refuse_file(file.get(), info, path)) {
    return std::unexpected(*std::move(refusal));
  }
  keys::Document document(static_cast<std::size_t>(info.st_size));
  const ssize_t got = read_fully(file.get(), document);
  if (got < 0) return not_read("cannot read ring", path);
  document.resize(static_cast<std::size_t>(got));
  return document;
}

void remove_leftover(const std::filesystem::path& path) {
  unlink(aside_of(path).c_str());
}

std::expected<void, Failure> replace_ring_file(const std::filesystem::path& path, Bytes document) {
  const std::filesystem::path aside = aside_of(path);
  // Opened while giving up costs nothing.
  const Descriptor folder(open_file(folder_of(path), O_RDONLY | O_DIRECTORY));
  std::expected<void, Failure> done;
  if (!folder.open()) done = not_written("cannot open the folder of", path);
  if (done) done = write_aside(aside, path, document);
  if (done && rename(aside.c_str(), path.c_str()) != 0) {
    done = not_written("cannot replace", path);
  }
  if (!done) {
    unlink(aside.c_str());
    return std::unexpected(untouched(std::move(done.error()), path));
  }
  if (sync(folder.get())) return {};
  return std::unexpected(
      failed("cannot sync the folder of", path, errno,
             "the new one is in place, but a crash of this machine may bring the "
             "old one back; check the disk"));
}

bool on_memory(const std::filesystem::path& path) {
  struct statfs info{};
  const auto look = [&](const std::filesystem::path& place) {
    return again([&] { return statfs(place.c_str(), &info); }) == 0;
  };
  if (!look(path) && (errno != ENOENT || !look(folder_of(path)))) return false;
  // Unsigned on both sides: the field's type differs between machines.
  const auto type = static_cast<std::uint32_t>(info.f_type);
  return type == TMPFS_MAGIC || type == RAMFS_MAGIC;
}

std::expected<FileLock, Failure> FileLock::take(const std::filesystem::path& ring_path) {
  const std::filesystem::path path = ring_path.string() + ".lock";
  const bool is_new = access(path.c_str(), F_OK) != 0;
  const int fd = open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (fd < 0) return not_locked(path, ring_path);
  FileLock lock(fd);
  if (is_new && !give_to_folder(fd, path)) return not_locked(path, ring_path);
  // A writer holds it for milliseconds; one that was stopped must not stop all others without a
  // word.
  constexpr int tries = 2000;
  constexpr timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
  for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK && errno != EINTR) return not_locked(path, ring_path);
    if (i == tries) {
      return std::unexpected(untouched(
          {.error = Error::unreachable,
           .message = fmt::format("{} has been locked by another process for 10 s", path.string()),
           .hint = fmt::format("'fuser {}' names the process", path.string())},
          ring_path));
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
