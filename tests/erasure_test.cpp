// Expired means erased: one refresh after a key's end, no memory of the server process holds
// anything of it. Looks into another process, because a scan of one's own memory finds what the
// scan itself put there.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include <stek/ticketer.hpp>

#include "base/cipher.hpp"
#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "test_keys.hpp"

namespace stek {
namespace {

using std::chrono::hours;
using test::noon;

/// The server, its input and its output.
class Server {
 public:
  explicit Server(const std::string& ring) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    REQUIRE_EQ(pipe(in.data()), 0);
    REQUIRE_EQ(pipe(out.data()), 0);
    const std::string program = std::getenv("STEK_ERASURE_SERVER");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      close(in[1]);
      execl(program.c_str(), program.c_str(), ring.c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_ = fdopen(in[1], "w");
    from_ = fdopen(out[0], "r");
    CHECK_EQ(line(), "ready\n");
  }
  ~Server() {
    (void)std::fclose(to_);
    (void)std::fclose(from_);
    waitpid(pid_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void refresh(Instant now) {
    (void)std::fprintf(to_, "refresh %lld\n",
                       static_cast<long long>(now.time_since_epoch().count()));
    (void)std::fflush(to_);
    CHECK_EQ(line(), "refreshed\n");
  }
  /// All memory that the server can write.
  [[nodiscard]] std::vector<std::string> memory() const {
    const std::string proc = "/proc/" + std::to_string(pid_);
    std::ifstream maps(proc + "/maps");
    std::ifstream memory(proc + "/mem", std::ios::binary);
    std::vector<std::string> regions;
    for (std::string text; std::getline(maps, text);) {
      if (text.find(" rw") == std::string::npos) continue;
      std::size_t begin = 0;
      std::size_t end = 0;
      char dash = 0;
      std::istringstream(text) >> std::hex >> begin >> dash >> end;
      std::string& region = regions.emplace_back(end - begin, '\0');
      memory.clear();
      memory.seekg(static_cast<std::streamoff>(begin));
      memory.read(region.data(), static_cast<std::streamsize>(region.size()));
      region.resize(static_cast<std::size_t>(std::max<std::streamsize>(memory.gcount(), 0)));
    }
    return regions;
  }

 private:
  std::string line() {
    std::array<char, 100> text{};
    return std::fgets(text.data(), text.size(), from_) == nullptr ? "" : text.data();
  }

  pid_t pid_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

struct Needle {
  std::string name;
  std::string bytes;
};

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Everything that is derived from `key`, raw; and the secret itself as text.
std::vector<Needle> derived_from(const Key& key, std::string_view domain) {
  std::vector<Needle> needles{{"STEK", text_of(key.secret.expose())},
                              {"STEK in hex", to_hex(key.secret.expose())},
                              {"STEK in base64", to_base64(key.secret.expose()).substr(0, 42)}};
  const auto domain_key = ticket::domain_key(key.secret, domain);
  needles.push_back({"K_dom", text_of(domain_key.expose())});
  const auto add = [&](const char* name, ticket::Purpose purpose, std::uint8_t lane) {
    auto subkey = ticket::subkey(domain_key, purpose, lane);
    needles.push_back({name, text_of(subkey.expose())});
    return subkey;
  };
  switch (key.profile) {
    case Profile::aes256gcm:
      for (const std::uint8_t lane : {std::uint8_t{0}, std::uint8_t{7}, std::uint8_t{255}}) {
        Aes256GcmKey expanded;
        expanded.assign(add("lane", ticket::Purpose::aes256gcm, lane).expose());
        // Behind the first two round keys, which are the subkey itself.
        const Bytes bytes(reinterpret_cast<const std::byte*>(&expanded), sizeof expanded);
        needles.push_back({"expanded lane", text_of(bytes.subspan(64, 64))});
      }
      break;
    case Profile::xchacha20poly1305:
      add("subkey", ticket::Purpose::xchacha20poly1305, 0);
      break;
    case Profile::rfc5077: {
      add("cipher subkey", ticket::Purpose::rfc5077_cipher, 0);
      const auto mac = add("mac subkey", ticket::Purpose::rfc5077_mac, 0);
      const HmacSha256Key absorbed(mac.expose());
      const Bytes bytes(reinterpret_cast<const std::byte*>(&absorbed), sizeof absorbed);
      needles.push_back({"absorbed mac key", text_of(bytes.first(32))});
      break;
    }
  }
  return needles;
}

std::vector<std::string> found_in(const std::vector<std::string>& memory,
                                  const std::vector<Needle>& needles) {
  std::vector<std::string> found;
  for (const Needle& needle : needles) {
    const bool there = std::ranges::any_of(memory, [&](const std::string& region) {
      return region.find(needle.bytes) != std::string::npos;
    });
    if (there) found.push_back(needle.name);
  }
  return found;
}

/// What a live key leaves findable: what it is held for, and nothing else. The STEK itself is not
/// kept.
std::vector<std::string> held_by(Profile profile) {
  switch (profile) {
    case Profile::aes256gcm:
      return {"K_dom", "lane", "expanded lane", "lane", "expanded lane", "lane", "expanded lane"};
    case Profile::xchacha20poly1305:
      return {"K_dom", "subkey"};
    case Profile::rfc5077:
      break;
  }
  return {"K_dom", "cipher subkey", "absorbed mac key"};
}

TEST_CASE(
    "three threads that opened tickets and sleep hold nothing of a key one refresh after its end") {
  for (const Profile profile : test::profiles) {
    CAPTURE(std::string(name_of(profile)));
    const std::string path = "/tmp/stek-erasure-" + std::to_string(getpid()) + ".ring";
    FileStore store(path);
    const auto ring = new_ring({.profile = profile}, noon).value();
    REQUIRE(store.create(ring));
    const auto needles = derived_from(ring.keys[0], "public");
    {
      Server server(path);
      CHECK_EQ(found_in(server.memory(), needles), held_by(profile));

      const Instant end = ring.keys[0].expires_at;
      REQUIRE(store.update([&](KeyRing r) { return advance(std::move(r), end); }));
      server.refresh(end);
      CHECK_EQ(found_in(server.memory(), needles), std::vector<std::string>{});
    }
    std::filesystem::remove(path);
    std::filesystem::remove(path + ".lock");
  }
}

}  // namespace
}  // namespace stek
