#include <stek/store.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>

#include "keys/document.hpp"
#include "keys/fingerprint.hpp"
#include "keys/sealed.hpp"
#include "random_sessions.hpp"
#include "store/ring_file.hpp"

namespace stek {
namespace {

using test::noon;

class Folder {
 public:
  Folder() {
    std::string name = "/tmp/stek-store-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path operator/(const char* name) const { return path_ / name; }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info{};
  REQUIRE_EQ(stat(path.c_str(), &info), 0);
  return info.st_mode & 07777U;
}

std::expected<KeyRing, Failure> announce(KeyRing ring) {
  const Instant due = next_due(ring, noon);
  return advance(std::move(ring), due);
}

TEST_CASE("a ring that was created is read back, with mode 0600") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  const KeyRing ring = new_ring({}, noon).value();
  REQUIRE(store.create(ring));
  CHECK_EQ(mode_of(folder / "ring.json"), 0600);
  CHECK(keys::fingerprint_of(store.read().value()) == keys::fingerprint_of(ring));
}

TEST_CASE("creating never overwrites") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  const KeyRing first = new_ring({}, noon).value();
  REQUIRE(store.create(first));
  CHECK_EQ(store.create(new_ring({}, noon).value()).error().error, Error::already_there);
  CHECK(store.read()->id == first.id);
}

TEST_CASE("an update writes a new file, and leaves nothing beside it but the lock") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  REQUIRE(store.update(announce));
  CHECK_EQ(store.read()->generation, 2);
  CHECK_EQ(store.read()->keys.size(), 2);
  CHECK_EQ(folder.files(), 2);
}

TEST_CASE("an update that changes nothing writes nothing") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  const std::uint64_t mark = store.mark();
  REQUIRE(store.update([](KeyRing ring) { return advance(std::move(ring), noon); }));
  CHECK_EQ(store.mark(), mark);
}

TEST_CASE("an update that fails leaves the ring as it was") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  const auto failed = store.update([](KeyRing) -> std::expected<KeyRing, Failure> {
    return std::unexpected(Failure{.error = Error::clock_behind, .message = {}, .hint = {}});
  });
  CHECK_EQ(failed.error().error, Error::clock_behind);
  CHECK_EQ(store.read()->generation, 1);
}

TEST_CASE("a ring keeps its mode when it is rotated") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  REQUIRE_EQ(chmod((folder / "ring.json").c_str(), 0640), 0);
  REQUIRE(store.update(announce));
  CHECK_EQ(mode_of(folder / "ring.json"), 0640);
}

TEST_CASE("a ring that others can read or its group can write is refused") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  for (const mode_t mode : {0644U, 0604U, 0660U, 0606U, 0601U}) {
    REQUIRE_EQ(chmod((folder / "ring.json").c_str(), mode), 0);
    CHECK_EQ(store.read().error().error, Error::exposed);
  }
}

TEST_CASE("no ring, a folder, something else, a cut ring: each has its name and says where") {
  const Folder folder;
  const auto error = [&](const char* name) {
    FileStore store(folder / name);
    const auto failure = store.read().error();
    CHECK(failure.message.find((folder / name).string()) != std::string::npos);
    return failure.error;
  };
  CHECK_EQ(error("absent"), Error::not_found);
  std::filesystem::create_directory(folder / "folder");
  CHECK_EQ(error("folder"), Error::damaged);
  const auto put = [&](const char* name, Bytes bytes) {
    std::ofstream(folder / name)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    chmod((folder / name).c_str(), 0600);
  };
  put("empty", {});
  CHECK_EQ(error("empty"), Error::damaged);
  put("text", std::as_bytes(std::span(std::string_view("hello"))));
  CHECK_EQ(error("text"), Error::damaged);
  const auto document = keys::document_of(new_ring({}, noon).value());
  put("cut", Bytes(document).first(document.size() - 1));
  CHECK_EQ(error("cut"), Error::damaged);
}

TEST_CASE("what a killed writer left aside does not stand in the way") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  std::ofstream(folder / "ring.json.new") << "half a ring";
  REQUIRE(store.update(announce));
  CHECK_EQ(folder.files(), 2);
}

TEST_CASE("a ring's mark changes with the ring, and only then") {
  const Folder folder;
  FileStore mine(folder / "ring.json");
  FileStore theirs(folder / "ring.json");
  REQUIRE(mine.create(new_ring({}, noon).value()));
  const std::uint64_t mark = mine.mark();
  REQUIRE(mine.read());
  CHECK_EQ(mine.mark(), mark);
  REQUIRE(theirs.update(announce));
  CHECK_NE(mine.mark(), mark);
  CHECK_EQ(FileStore(folder / "absent").mark(), 0);
}

std::expected<KeyRing, Failure> promote_at_its_time(KeyRing ring) {
  const Instant now = ring.written_at + Seconds(1);
  return promote(std::move(ring), now, Seconds(0));
}

TEST_CASE("concurrent updates from threads and processes all take effect") {
  const Folder folder;
  constexpr int each = 25;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  const auto rotate = [&] {
    FileStore mine(folder / "ring.json");
    for (int i = 0; i < each; ++i) {
      if (!mine.update([](KeyRing ring) -> std::expected<KeyRing, Failure> {
            ++ring.generation;
            return ring;
          })) {
        return false;
      }
    }
    return true;
  };
  const pid_t child = fork();
  if (child == 0) _exit(rotate() ? 0 : 1);
  std::jthread thread([&] { CHECK(rotate()); });
  CHECK(rotate());
  thread.join();
  int status = 1;
  REQUIRE_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  CHECK_EQ(store.read()->generation, 1 + 3 * each);
}

TEST_CASE("readers beside a writer see whole rings only") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::jthread reader([&] {
    FileStore mine(folder / "ring.json");
    std::uint64_t last = 0;
    while (!stop) {
      const auto ring = mine.read();
      REQUIRE_MESSAGE(ring, (ring ? "" : ring.error().message));
      CHECK(ring->generation >= last);
      last = ring->generation;
      ++reads;
    }
  });
  for (int i = 0; i < 100 || reads < 10; ++i) REQUIRE(store.update(promote_at_its_time));
  stop = true;
}

TEST_CASE("a link to a ring is followed, by readers, by writers and by their lock") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  std::filesystem::create_symlink("ring.json", folder / "link.json");
  FileStore link(folder / "link.json");
  REQUIRE(link.update(announce));
  CHECK_EQ(store.read()->generation, 2);
  CHECK(std::filesystem::is_symlink(folder / "link.json"));
  CHECK_EQ(folder.files(), 3);
}

TEST_CASE("creating does not write through a link that leads nowhere") {
  const Folder folder;
  std::filesystem::create_symlink("nowhere", folder / "link.json");
  FileStore store(folder / "link.json");
  CHECK_EQ(store.create(new_ring({}, noon).value()).error().error, Error::already_there);
}

TEST_CASE("a ring that contradicts itself is never written") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  const auto doubled = store.update([](KeyRing ring) -> std::expected<KeyRing, Failure> {
    ring.keys.push_back(ring.keys[0].copy());
    ++ring.generation;
    return ring;
  });
  CHECK_EQ(doubled.error().error, Error::invalid_ring);
  CHECK_EQ(store.read()->generation, 1);
  KeyRing broken = store.read().value();
  broken.keys[0].name[0] ^= std::byte{1};
  CHECK_FALSE(FileStore(folder / "other.json").create(broken));
}

TEST_CASE("a ring whose group cannot be kept is not replaced") {
  if (geteuid() != 0) return;  // only root can set the stage
  const Folder folder;
  const std::string path = folder / "ring.json";
  FileStore store(path);
  REQUIRE(store.create(new_ring({}, noon).value()));
  constexpr uid_t nobody = 65534;
  constexpr gid_t www = 33;
  for (const std::string& name :
       {path, path + ".lock", std::filesystem::path(path).parent_path().string()}) {
    REQUIRE_EQ(chown(name.c_str(), nobody, name == path ? www : nobody), 0);
  }
  const pid_t child = fork();
  if (child == 0) {
    const bool dropped = setgid(nobody) == 0 && setuid(nobody) == 0;
    const auto written = FileStore(path).update(announce);
    _exit(dropped && !written && written.error().error == Error::unreachable ? 0 : 1);
  }
  int status = 1;
  REQUIRE_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  struct stat info{};
  REQUIRE_EQ(stat(path.c_str(), &info), 0);
  CHECK_EQ(info.st_gid, www);
  CHECK_EQ(store.read()->generation, 1);
}

TEST_CASE("a child forked in the middle of an update does not keep the lock") {
  const Folder folder;
  FileStore store(folder / "ring.json");
  REQUIRE(store.create(new_ring({}, noon).value()));
  pid_t child = -1;
  REQUIRE(store.update([&](KeyRing ring) {
    child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    return announce(std::move(ring));
  }));
  CHECK(store.update(announce));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_CASE("a ring in memory lives as long as its store") {
  MemoryStore store;
  CHECK_EQ(store.read().error().error, Error::not_found);
  CHECK_EQ(store.update(announce).error().error, Error::not_found);
  REQUIRE(store.create(new_ring({}, noon).value()));
  CHECK_EQ(store.create(new_ring({}, noon).value()).error().error, Error::already_there);
  const std::uint64_t mark = store.mark();
  REQUIRE(store.update(announce));
  CHECK_NE(store.mark(), mark);
  CHECK_EQ(store.read()->generation, 2);
}

// ---- sealed at rest

void write_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0600) {
  std::ofstream(path) << content;
  REQUIRE_EQ(chmod(path.c_str(), mode), 0);
}

constexpr std::string_view first_kek =
    "3d1f0a9be27c4458861ac5f3907be1d426f8a05c7719e3b2804fd6913ce57ab8\n";
constexpr std::string_view second_kek =
    "a70e5b92c4f1d8366b2e9047df83150ac9b47e16f2580d3ba1c6e4f78d29035e";

/// The KEKs in these files, the first of which seals.
FileStoreOptions under(std::initializer_list<std::filesystem::path> files) {
  FileStoreOptions options;
  for (const auto& file : files) options.keks.push_back(read_kek(file).value());
  return options;
}

TEST_CASE("a ring under a KEK is read and rotated under it, and is plain nowhere") {
  const Folder folder;
  write_file(folder / "kek", first_kek);
  FileStore store(folder / "ring", under({folder / "kek"}));
  const KeyRing ring = new_ring({}, noon).value();
  REQUIRE(store.create(ring));
  REQUIRE(store.update(announce));
  CHECK_EQ(store.read()->generation, 2);
  const auto bytes = store::read_ring_file(folder / "ring").value();
  CHECK(keys::is_sealed(bytes));
  CHECK(std::ranges::search(bytes, ring.keys[0].secret.expose()).empty());
  CHECK_EQ(FileStore(folder / "ring").read().error().error, Error::wrong_kek);
}

TEST_CASE("one KEK takes over from another, and then stands alone") {
  const Folder folder;
  write_file(folder / "old", first_kek);
  write_file(folder / "new", second_kek);
  const auto ring = folder / "ring";
  REQUIRE(FileStore(ring, under({folder / "old"})).create(new_ring({}, noon).value()));
  const auto rekey = [](KeyRing held) { return rewritten(std::move(held), noon); };
  auto options = under({folder / "new", folder / "old"});
  options.rekey = true;
  REQUIRE(FileStore(ring, std::move(options)).update(rekey));
  // A rotation by who has them in the other order leaves it so.
  FileStore other_order(ring, under({folder / "old", folder / "new"}));
  REQUIRE(other_order.update(announce));
  CHECK(FileStore(ring, under({folder / "new"})).read());
  CHECK_EQ(FileStore(ring, under({folder / "old"})).read().error().error, Error::wrong_kek);
}

TEST_CASE("under a KEK a ring in plain is not taken, but to seal it") {
  const Folder folder;
  write_file(folder / "kek", first_kek);
  const auto ring = folder / "ring";
  REQUIRE(FileStore(ring).create(new_ring({}, noon).value()));
  CHECK_EQ(FileStore(ring, under({folder / "kek"})).read().error().error, Error::wrong_kek);
  auto options = under({folder / "kek"});
  options.take_plain = true;
  REQUIRE(FileStore(ring, std::move(options)).update([](KeyRing held) {
    return rewritten(std::move(held), noon);
  }));
  CHECK(FileStore(ring, under({folder / "kek"})).read());
}

TEST_CASE("a KEK is 32 random bytes, raw or in hex, that others cannot read") {
  const Folder folder;
  const auto refusal = [&](std::string_view content, mode_t mode = 0600) {
    write_file(folder / "kek", content, mode);
    return read_kek(folder / "kek").error().error;
  };
  CHECK_EQ(refusal(first_kek, 0644), Error::exposed);
  CHECK_EQ(refusal("correct horse battery staple"), Error::malformed);
  CHECK_EQ(refusal(std::string(32, 'x')), Error::weak_secret);
  CHECK_EQ(refusal(std::string(64, '0')), Error::weak_secret);
  CHECK_EQ(read_kek(folder / "none").error().error, Error::not_found);
  write_file(folder / "kek", first_kek);
  const Kek in_hex = read_kek(folder / "kek").value();
  const auto raw = in_hex.expose();
  write_file(folder / "kek", {reinterpret_cast<const char*>(raw.data()), raw.size()});
  CHECK(read_kek(folder / "kek").value() == in_hex);
}

// ---- what was read last

FileStoreOptions remembering_in(const std::filesystem::path& file) {
  FileStoreOptions options;
  options.remember_in = file;
  return options;
}

TEST_CASE("a store that remembers refuses, after a restart too, what was there before") {
  const Folder folder;
  const auto ring = folder / "ring";
  const auto remembering = [&] { return FileStore(ring, remembering_in(folder / "seen")); };
  REQUIRE(remembering().create(new_ring({}, noon).value()));
  const auto older = folder / "older";
  std::filesystem::copy_file(ring, older);
  REQUIRE(remembering().update(announce));
  CHECK(remembering().read());

  std::filesystem::copy_file(older, ring, std::filesystem::copy_options::overwrite_existing);
  CHECK_EQ(remembering().read().error().error, Error::rolled_back);
  CHECK_EQ(remembering().update(announce).error().error, Error::rolled_back);
  // The same generation with other bytes: rotated apart.
  REQUIRE(FileStore(ring).update(announce));
  CHECK_EQ(remembering().read().error().error, Error::rolled_back);
  std::filesystem::remove(ring);
  REQUIRE(FileStore(ring).create(new_ring({}, noon).value()));
  CHECK_EQ(remembering().read().error().error, Error::other_ring);
  std::filesystem::remove(folder / "seen");
  CHECK(remembering().read());
  CHECK_EQ(mode_of(folder / "seen"), 0600);
}

TEST_CASE("what was read last is not guessed from a file that does not say it") {
  const Folder folder;
  write_file(folder / "seen", "generation 3");
  FileStore store(folder / "ring", remembering_in(folder / "seen"));
  CHECK_EQ(store.create(new_ring({}, noon).value()).error().error, Error::damaged);
}

TEST_CASE("a ring that may not follow the one read last is not put there") {
  const Folder folder;
  REQUIRE(FileStore(folder / "first", remembering_in(folder / "seen"))
              .create(new_ring({}, noon).value()));
  FileStore second(folder / "second", remembering_in(folder / "seen"));
  CHECK_EQ(second.create(new_ring({}, noon).value()).error().error, Error::other_ring);
  CHECK_FALSE(std::filesystem::exists(folder / "second"));
}

TEST_CASE("readers that remember are not told of a rollback while the ring is written") {
  const Folder folder;
  FileStore writer(folder / "ring", remembering_in(folder / "seen"));
  REQUIRE(writer.create(new_ring({}, noon).value()));
  std::atomic<bool> over{false};
  std::atomic<int> reads{0};
  std::atomic<int> refused{0};
  const auto look = [&] {
    FileStore reader(folder / "ring", remembering_in(folder / "seen"));
    while (!over) {
      if (!reader.read()) ++refused;
      ++reads;
    }
  };
  std::thread one(look);
  std::thread other(look);
  int writes = 0;
  for (; writes < 50 || (writes < 2000 && reads < 30); ++writes) {
    CHECK(writer.update([](KeyRing held) { return rewritten(std::move(held), noon); }));
    // Who waits for the lock looks for it every few milliseconds.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  over = true;
  one.join();
  other.join();
  CHECK_EQ(refused, 0);
  CHECK(reads >= 30);
}

}  // namespace
}  // namespace stek
