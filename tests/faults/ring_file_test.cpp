// What a ring's file goes through: attributes and lists that have to be kept, places that cannot be
// written, locks whose holder died.
#include "store/ring_file.hpp"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include <doctest/doctest.h>

#include <stek/store.hpp>

#include "random_sessions.hpp"

namespace stek {
namespace {

using test::noon;

constexpr uid_t nobody = 65534;
constexpr gid_t www = 33;
constexpr const char* access_list = "system.posix_acl_access";
constexpr const char* default_list = "system.posix_acl_default";

class Folder {
 public:
  Folder() {
    std::string name = "/tmp/stek-ring-file-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() {
    chmod(path_.c_str(), 0700);
    std::filesystem::remove_all(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path operator/(const char* name) const { return path_ / name; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A ring in a folder of its own.
struct Ring {
  Folder folder;
  std::string path = folder / "ring.json";
  Ring() { REQUIRE(FileStore(path).create(new_ring({}, noon).value())); }

  [[nodiscard]] std::uint64_t generation() const { return FileStore(path).read()->generation; }
  [[nodiscard]] mode_t mode() const {
    struct stat info{};
    REQUIRE_EQ(stat(path.c_str(), &info), 0);
    return info.st_mode & 07777U;
  }
  void set_mode(mode_t mode) const { REQUIRE_EQ(chmod(path.c_str(), mode), 0); }
  void give_to(uid_t user) const {
    for (const std::string& name : {path, path + ".lock", folder.path().string()}) {
      REQUIRE_EQ(chown(name.c_str(), user, user), 0);
    }
  }
  [[nodiscard]] bool left_alone() const {
    return generation() == 1 && !std::filesystem::exists(path + ".new");
  }
};

std::expected<KeyRing, Failure> rotate(const std::string& path) {
  return FileStore(path).update([](KeyRing ring) -> std::expected<KeyRing, Failure> {
    ++ring.generation;
    return ring;
  });
}

std::string words_of(const Failure& failure) {
  return failure.message + "\n" + failure.hint;
}

std::string complaint_of_rotating(const std::string& path) {
  const auto rotated = rotate(path);
  return rotated ? "rotated" : words_of(rotated.error());
}

bool holds(const std::string& text, std::string_view part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE(text << " has no " << part);
  return found;
}

/// What `work` says in a process of its own.
template <typename Work>
std::string in_child(Work work) {
  std::array<int, 2> ends{};
  REQUIRE_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string said = work();
    _exit(write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string said(4096, '\0');
  const ssize_t got = read(ends[0], said.data(), said.size());
  close(ends[0]);
  int status = 1;
  REQUIRE_EQ(waitpid(child, &status, 0), child);
  REQUIRE_EQ(status, 0);
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return said;
}

template <typename Work>
std::string as_stranger(Work work) {
  return in_child([&] {
    const bool dropped = setgroups(0, nullptr) == 0 && setgid(nobody) == 0 && setuid(nobody) == 0;
    return dropped ? work() : std::string("cannot become another user");
  });
}

/// `work` where mounts are seen by nobody else. Empty where this machine does not let us.
template <typename Work>
std::string among_own_mounts(Work work) {
  return in_child([&]() -> std::string {
    if (unshare(CLONE_NEWNS) != 0) return {};
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return {};
    return work();
  });
}

bool set(const std::string& path, const char* name, std::string_view value) {
  return setxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
}

/// "(none)" where there is none.
std::string get(const std::string& path, const char* name) {
  std::array<char, 1024> room{};
  const ssize_t size = getxattr(path.c_str(), name, room.data(), room.size());
  return size < 0 ? "(none)" : std::string(room.data(), static_cast<std::size_t>(size));
}

/// A list that gives the owner all, `user` and the mask `rights`, the group and others nothing.
/// The kernel's layout, little-endian: version 2, then tag, rights and id of each entry.
std::string list_for(uid_t user, unsigned rights) {
  std::string list;
  const auto put = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) list.push_back(static_cast<char>(value >> (8 * i)));
  };
  const auto entry = [&](unsigned tag, unsigned granted, std::uint32_t id) {
    put(tag, 2);
    put(granted, 2);
    put(id, 4);
  };
  constexpr std::uint32_t no_id = 0xffffffff;
  put(2, 4);
  entry(0x01, 6, no_id);
  entry(0x02, rights, user);
  entry(0x04, 0, no_id);
  entry(0x10, rights, no_id);
  entry(0x20, 0, no_id);
  return list;
}

TEST_CASE("a ring keeps its extended attributes, however long, when it is rotated") {
  const Ring ring;
  if (!set(ring.path, "user.owner", "web team")) return;  // a file system without
  REQUIRE(set(ring.path, "user.empty", ""));
  REQUIRE(set(ring.path, "user.long", std::string(1000, 'x')));
  REQUIRE(rotate(ring.path));
  CHECK_EQ(ring.generation(), 2);
  CHECK_EQ(get(ring.path, "user.owner"), "web team");
  CHECK_EQ(get(ring.path, "user.empty"), "");
  CHECK_EQ(get(ring.path, "user.long"), std::string(1000, 'x'));
}

TEST_CASE("a ring that its owner may only read keeps its attributes and its mode") {
  const Ring ring;
  if (!set(ring.path, "user.owner", "web team") || geteuid() != 0) return;
  ring.set_mode(0440);
  ring.give_to(nobody);
  CHECK_EQ(as_stranger([&] { return complaint_of_rotating(ring.path); }), "rotated");
  CHECK_EQ(get(ring.path, "user.owner"), "web team");
  CHECK_EQ(ring.mode(), 0440);
}

TEST_CASE("a ring keeps its access control list, and its group gains nothing by a rotation") {
  const Ring ring;
  const std::string list = list_for(www, 4);
  if (!set(ring.path, access_list, list)) return;  // a file system without
  CHECK_EQ(ring.mode(), 0640);
  REQUIRE(rotate(ring.path));
  CHECK_EQ(ring.generation(), 2);
  CHECK_EQ(get(ring.path, access_list), list);
  CHECK_EQ(ring.mode(), 0640);
}

TEST_CASE("a ring gets no access control list from its folder") {
  const Ring ring;
  if (!set(ring.folder.path(), default_list, list_for(www, 4))) return;
  ring.set_mode(0640);
  REQUIRE(rotate(ring.path));
  CHECK_EQ(get(ring.path, access_list), "(none)");
  CHECK_EQ(ring.mode(), 0640);
  const std::string another = ring.folder / "another.json";
  REQUIRE(FileStore(another).create(new_ring({}, noon).value()));
  CHECK_EQ(get(another, access_list), "(none)");
}

TEST_CASE("an access control list that lets somebody write is refused, with what narrows it") {
  const Ring ring;
  if (!set(ring.path, access_list, list_for(www, 6))) return;
  const auto read = FileStore(ring.path).read();
  REQUIRE_FALSE(read);
  CHECK_EQ(read.error().error, Error::exposed);
  CHECK(holds(read.error().message, "mode 0660"));
  CHECK(holds(read.error().hint, "setfacl -m m::r,o::- " + ring.path));
}

TEST_CASE("an attribute that cannot be kept is named, and the old ring untouched") {
  const Ring ring;
  if (geteuid() != 0 || !set(ring.path, "security.stek-test", "label")) return;
  ring.give_to(nobody);
  const std::string said = as_stranger([&] { return complaint_of_rotating(ring.path); });
  CHECK(holds(said, "cannot keep the attribute security.stek-test of " + ring.path));
  CHECK(holds(said, "the old ring.json is untouched"));
  CHECK(ring.left_alone());
  REQUIRE(rotate(ring.path));
  CHECK_EQ(get(ring.path, "security.stek-test"), "label");
}

TEST_CASE("a folder that is not writable is named, and the old ring untouched") {
  const Ring ring;
  if (geteuid() != 0) return;  // only root can become another user
  REQUIRE_EQ(chmod(ring.folder.path().c_str(), 0755), 0);
  REQUIRE_EQ(chown(ring.path.c_str(), nobody, nobody), 0);
  const std::string without_lock = [&] {
    std::filesystem::remove(ring.path + ".lock");
    return as_stranger([&] { return complaint_of_rotating(ring.path); });
  }();
  CHECK(holds(without_lock, "cannot lock " + ring.path + ".lock"));
  CHECK(holds(without_lock, "the owner of the folder " + ring.folder.path().string()));
  CHECK(holds(without_lock, "the old ring.json is untouched"));
  std::ofstream(ring.path + ".lock").close();
  REQUIRE_EQ(chown((ring.path + ".lock").c_str(), nobody, nobody), 0);
  const std::string with_lock = as_stranger([&] { return complaint_of_rotating(ring.path); });
  CHECK(holds(with_lock, "cannot write " + ring.path + ".new"));
  CHECK(holds(with_lock, "the owner of the folder " + ring.folder.path().string()));
  CHECK(holds(with_lock, "the old ring.json is untouched"));
  CHECK(ring.left_alone());
}

TEST_CASE("a folder that cannot be synced is found out before the ring is replaced") {
  const Ring ring;
  if (geteuid() != 0) return;  // only root can become another user
  ring.give_to(nobody);
  REQUIRE_EQ(chmod(ring.folder.path().c_str(), 0300), 0);
  const std::string said = as_stranger([&] { return complaint_of_rotating(ring.path); });
  CHECK(holds(said, "cannot open the folder of " + ring.path));
  CHECK(holds(said, "the old ring.json is untouched"));
  CHECK(ring.left_alone());
}

TEST_CASE("a lock of another user is named") {
  const Ring ring;
  if (geteuid() != 0) return;
  ring.give_to(nobody);
  REQUIRE_EQ(chown((ring.path + ".lock").c_str(), 0, 0), 0);
  const std::string said = as_stranger([&] { return complaint_of_rotating(ring.path); });
  CHECK(holds(said, "cannot lock " + ring.path + ".lock"));
  CHECK(holds(said, "the lock has to belong to the ring's owner"));
  CHECK(ring.left_alone());
}

TEST_CASE("a file system that is read-only is named, and the old ring untouched") {
  const Ring ring;
  const std::string place = ring.folder.path();
  const std::string said = among_own_mounts([&]() -> std::string {
    const char* at = place.c_str();
    if (mount(at, at, nullptr, MS_BIND, nullptr) != 0) return {};
    if (mount(nullptr, at, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) return {};
    return complaint_of_rotating(ring.path);
  });
  if (said.empty()) return;  // only root mounts
  CHECK(holds(said, "cannot lock " + ring.path + ".lock: Read-only file system"));
  CHECK(holds(said, "mount what " + place + " lies on for writing"));
  CHECK(holds(said, "the old ring.json is untouched"));
  CHECK(ring.left_alone());
}

TEST_CASE("a full disk is named, the old ring untouched, and nothing left on the disk") {
  const Folder folder;
  const std::string path = folder / "ring.json";
  const std::string said = among_own_mounts([&]() -> std::string {
    if (mount("none", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) return {};
    if (!FileStore(path).create(new_ring({}, noon).value())) return "not made";
    std::ofstream(folder / "filler") << std::string(100'000, 'x');
    const std::string complaint = complaint_of_rotating(path);
    const bool untouched =
        FileStore(path).read()->generation == 1 && !std::filesystem::exists(path + ".new");
    std::filesystem::remove(folder / "filler");
    return complaint + (untouched ? "" : "\ntouched") + "\nthen " + complaint_of_rotating(path);
  });
  if (said.empty()) return;  // only root mounts
  CHECK(holds(said, "cannot write " + path + ".new: No space left on device"));
  CHECK(holds(said, "free some space on the file system of " + folder.path().string()));
  CHECK(holds(said, "the old ring.json is untouched"));
  CHECK_EQ(said.find("\ntouched"), std::string::npos);
  CHECK(holds(said, "then rotated"));
}

TEST_CASE("a lock goes with its process, however that ends") {
  const Ring ring;
  std::array<int, 2> ends{};
  REQUIRE_EQ(pipe(ends.data()), 0);
  const pid_t holder = fork();
  if (holder == 0) {
    const auto lock = store::FileLock::take(ring.path);
    [[maybe_unused]] const ssize_t told = write(ends[1], lock ? "y" : "n", 1);
    pause();
    _exit(0);
  }
  char held = 'n';
  REQUIRE_EQ(read(ends[0], &held, 1), 1);
  REQUIRE_EQ(held, 'y');
  REQUIRE_EQ(kill(holder, SIGKILL), 0);
  REQUIRE_EQ(waitpid(holder, nullptr, 0), holder);
  const auto before = std::chrono::steady_clock::now();
  CHECK(rotate(ring.path));
  CHECK(std::chrono::steady_clock::now() - before < Seconds(5));
  close(ends[0]);
  close(ends[1]);
}

/// A secret's volume as the kubelet makes it: a link through `..data` to a folder named by its
/// time.
void mount_secret(const Ring& ring, const std::filesystem::path& volume) {
  std::filesystem::create_directories(volume / "..2026_11_25_18_00_00.1");
  std::filesystem::copy_file(ring.path, volume / "..2026_11_25_18_00_00.1/ring.json");
  std::filesystem::create_symlink("..2026_11_25_18_00_00.1", volume / "..data");
  std::filesystem::create_symlink("..data/ring.json", volume / "ring.json");
}

TEST_CASE(
    "a ring in a Kubernetes secret that all can read is refused with the setting that helps") {
  const Ring ring;
  const std::filesystem::path volume = ring.folder / "volume";
  mount_secret(ring, volume);
  REQUIRE_EQ(chmod((volume / "..data/ring.json").c_str(), 0644), 0);
  std::filesystem::create_symlink("volume/ring.json", ring.folder / "link.json");
  for (const std::filesystem::path& path :
       {volume / "ring.json", volume / "..data/ring.json", ring.folder / "link.json"}) {
    const auto read = FileStore(path).read();
    REQUIRE_FALSE(read);
    CHECK_EQ(read.error().error, Error::exposed);
    CHECK(holds(read.error().message, "mode 0644"));
    CHECK(holds(read.error().hint, "'defaultMode: 0400'"));
    CHECK(holds(read.error().hint, "with 'fsGroup', 0440"));
    CHECK(holds(complaint_of_rotating(path), "'defaultMode: 0400'"));
  }
  for (const mode_t mode : {0400U, 0440U}) {
    REQUIRE_EQ(chmod((volume / "..data/ring.json").c_str(), mode), 0);
    CHECK(FileStore(volume / "ring.json").read());
  }
}

TEST_CASE("an exposed ring elsewhere is not blamed on Kubernetes") {
  const Ring ring;
  ring.set_mode(0644);
  const std::string path = ring.folder.path() / ".." / ring.folder.path().filename() / "ring.json";
  const auto read = FileStore(path).read();
  REQUIRE_FALSE(read);
  CHECK(holds(read.error().hint, "chmod 600"));
}

TEST_CASE("tmpfs and ramfs are memory, also for a ring that is not there yet; a disk is none") {
  CHECK_FALSE(store::on_memory("/proc/self/status"));
  CHECK_FALSE(store::on_memory("/no/such/folder/ring.json"));
  for (const char* type : {"tmpfs", "ramfs"}) {
    const Folder folder;
    const std::string said = among_own_mounts([&]() -> std::string {
      if (mount("none", folder.path().c_str(), type, 0, nullptr) != 0) return {};
      std::ofstream(folder / "there").close();
      const bool there = store::on_memory(folder / "there");
      return there && store::on_memory(folder / "absent") ? "memory" : "no memory";
    });
    if (!said.empty()) CHECK_EQ(said, "memory");
  }
}

}  // namespace
}  // namespace stek
