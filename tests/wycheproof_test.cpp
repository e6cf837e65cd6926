// Project Wycheproof's vectors through the very functions that tickets are sealed and opened with.
// The files are looked for in $STEK_WYCHEPROOF, or in ../shared/wycheproof beside the sources. What
// is missing is skipped, but in CI, where it fails.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/cipher.hpp"
#include "base/encoding.hpp"
#include "base/hash.hpp"

namespace stek {
namespace {

using Json = nlohmann::json;
using Buffer = std::vector<std::byte>;

std::filesystem::path folder() {
  if (const char* named = std::getenv("STEK_WYCHEPROOF")) return named;
  const char* source = std::getenv("STEK_SOURCE");
  return std::filesystem::path(source == nullptr ? "." : source) / "../shared/wycheproof";
}

/// The groups of vectors in a file.
Json groups_in(const std::string& name) {
  std::ifstream in(folder() / name);
  REQUIRE_MESSAGE(in, "no ", name);
  return Json::parse(in).at("testGroups");
}

/// Never at the null pointer, which libsodium declares never to take, be it empty.
Buffer buffer(std::size_t size) {
  Buffer buffer;
  buffer.reserve(size + 1);
  buffer.resize(size, std::byte{0xaa});
  return buffer;
}

Buffer bytes(const Json& vector, const char* name) {
  const auto hex = vector.at(name).get<std::string>();
  Buffer bytes = buffer(hex.size() / 2);
  REQUIRE(from_hex(bytes, hex));
  return bytes;
}

bool is_valid(const Json& vector) {
  return vector.at("result") == "valid";
}

/// One vector of an AEAD.
struct Sealed {
  explicit Sealed(const Json& vector)
      : key(bytes(vector, "key")),
        nonce(bytes(vector, "iv")),
        associated(bytes(vector, "aad")),
        message(bytes(vector, "msg")),
        ciphertext(bytes(vector, "ct")),
        tag(bytes(vector, "tag")) {}

  Buffer key;
  Buffer nonce;
  Buffer associated;
  Buffer message;
  Buffer ciphertext;
  Buffer tag;
};

struct Aes256Gcm {
  static constexpr std::size_t nonce_size = 12;
  static void seal(Room out, Room tag, Bytes in, const Sealed& v) {
    Aes256GcmKey key;
    key.assign(Bytes(v.key).first<32>());
    key.seal(out, tag.first<16>(), in, v.associated, Bytes(v.nonce).first<nonce_size>());
  }
  static bool open(Room out, const Sealed& v) {
    Aes256GcmKey key;
    key.assign(Bytes(v.key).first<32>());
    return key.open(out, v.ciphertext, Bytes(v.tag).first<16>(), v.associated,
                    Bytes(v.nonce).first<nonce_size>());
  }
};

struct XChaCha20Poly1305 {
  static constexpr std::size_t nonce_size = 24;
  static void seal(Room out, Room tag, Bytes in, const Sealed& v) {
    xchacha20poly1305::seal(out, tag.first<16>(), in, v.associated,
                            Bytes(v.nonce).first<nonce_size>(), Bytes(v.key).first<32>());
  }
  static bool open(Room out, const Sealed& v) {
    return xchacha20poly1305::open(out, v.ciphertext, Bytes(v.tag).first<16>(), v.associated,
                                   Bytes(v.nonce).first<nonce_size>(), Bytes(v.key).first<32>());
  }
};

template <class Cipher>
void check_sealing(const Sealed& v) {
  Buffer out = buffer(v.message.size());
  Buffer tag(16);
  Cipher::seal(out, tag, v.message, v);
  CHECK(out == v.ciphertext);
  CHECK(tag == v.tag);
  Buffer in_place = buffer(v.message.size());
  std::ranges::copy(v.message, in_place.begin());
  Cipher::seal(in_place, tag, in_place, v);
  CHECK(in_place == v.ciphertext);
  CHECK(tag == v.tag);
}

template <class Cipher>
void check_opening(const Sealed& v, bool valid) {
  Buffer out = buffer(v.ciphertext.size());
  CHECK_EQ(Cipher::open(out, v), valid);
  if (valid) {
    CHECK(out == v.message);
  } else {
    CHECK(is_zero(out));
  }
}

struct Counts {
  std::size_t run = 0;
  std::size_t other_size = 0;
};

template <class Cipher>
Counts run_aead(const std::string& name) {
  Counts counts;
  const Json groups = groups_in(name);
  for (const Json& group : groups) {
    const bool ours = group.at("keySize") == 256 && group.at("tagSize") == 128 &&
                      group.at("ivSize") == Cipher::nonce_size * 8;
    for (const Json& vector : group.at("tests")) {
      if (!ours) {
        ++counts.other_size;
        continue;
      }
      CAPTURE(vector.at("tcId").get<int>());
      const Sealed sealed(vector);
      if (is_valid(vector)) check_sealing<Cipher>(sealed);
      check_opening<Cipher>(sealed, is_valid(vector));
      ++counts.run;
    }
  }
  MESSAGE(name, ": ", counts.run, " run, ", counts.other_size,
          " not applicable: of another key, nonce or tag size");
  return counts;
}

TEST_CASE("AES-256-GCM does what Wycheproof says") {
  REQUIRE_MESSAGE(cipher_tests().aes256gcm, "this CPU has no AES");
  CHECK_GE(run_aead<Aes256Gcm>("aes_gcm_test.json").run, 66);
}

TEST_CASE("XChaCha20-Poly1305 does what Wycheproof says") {
  CHECK_GE(run_aead<XChaCha20Poly1305>("xchacha20_poly1305_test.json").run, 306);
}

TEST_CASE("HMAC-SHA-256 does what Wycheproof says") {
  const std::string name = "hmac_sha256_test.json";
  Counts counts;
  const Json groups = groups_in(name);
  for (const Json& group : groups) {
    const bool ours = group.at("keySize") == 256 && group.at("tagSize") == 256;
    for (const Json& vector : group.at("tests")) {
      if (!ours) {
        ++counts.other_size;
        continue;
      }
      CAPTURE(vector.at("tcId").get<int>());
      const Buffer key = bytes(vector, "key");
      std::array<std::byte, 32> mac{};
      HmacSha256Key(Bytes(key).first<32>()).mac(mac, bytes(vector, "msg"));
      CHECK_EQ(equal_secrets(mac, bytes(vector, "tag")), is_valid(vector));
      ++counts.run;
    }
  }
  MESSAGE(name, ": ", counts.run, " run, ", counts.other_size,
          " not applicable: of another key or tag size");
  CHECK_GE(counts.run, 81);
}

}  // namespace
}  // namespace stek

int main(int argc, char** argv) {
  constexpr int skipped = 77;
  if (!std::filesystem::exists(stek::folder()) && std::getenv("CI") == nullptr) return skipped;
  return doctest::Context(argc, argv).run();
}
