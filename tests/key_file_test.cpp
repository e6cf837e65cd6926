// Server's key files: what is a key, and where a file stops being one.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "base/encoding.hpp"
#include "base/random.hpp"
#include "keys/key_file.hpp"

namespace stek {
namespace {

using Content = std::vector<std::byte>;

Content random_bytes(std::size_t size) {
  Content bytes(size);
  REQUIRE(system_random(bytes));
  return bytes;
}

Content operator+(Content a, const Content& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

bool is(const ForeignKey& key, Bytes bytes) {
  return key.file_size == bytes.size() && std::ranges::equal(key.name, bytes.first(16)) &&
         std::ranges::equal(key.secret.expose(), bytes.subspan(16));
}

std::size_t count(Bytes file) {
  const auto keys = keys::keys_from(file);
  return keys ? keys->size() : 0;
}

std::string refusal(Bytes file) {
  const auto keys = keys::keys_from(file);
  if (keys) return "none";
  CHECK_EQ(keys.error().error, Error::malformed);
  return keys.error().message;
}

std::string wrapped(const std::string& text, std::size_t width) {
  std::string lines;
  for (std::size_t at = 0; at < text.size(); at += width) lines += text.substr(at, width) + "\n";
  return lines;
}

TEST_CASE("a key is a key in every form") {
  for (const std::size_t size : {48U, 80U}) {
    const Content one = random_bytes(size);
    for (const std::string& text :
         {to_hex(one), to_hex(one) + "\n", wrapped(to_hex(one), 60), wrapped(to_hex(one), 2),
          to_base64(one), to_base64(one) + "\n", "\r\n " + to_base64(one) + " \r\n\r\n"}) {
      const auto keys = keys::keys_from(as_bytes(text));
      REQUIRE(keys);
      REQUIRE_EQ(keys->size(), 1);
      CHECK(is(keys->front(), one));
    }
    const auto keys = keys::keys_from(one);
    REQUIRE(keys);
    CHECK(is(keys->front(), one));
  }
}

TEST_CASE("several keys stand one after the other") {
  for (const std::size_t size : {48U, 80U}) {
    const Content one = random_bytes(size);
    const Content other = random_bytes(size);
    const std::string lines = to_base64(one) + "\n" + to_base64(other) + "\n";
    for (const Content& file :
         {one + other, Content(as_bytes(lines).begin(), as_bytes(lines).end())}) {
      const auto keys = keys::keys_from(file);
      REQUIRE(keys);
      REQUIRE_EQ(keys->size(), 2);
      CHECK(is(keys->front(), one));
      CHECK(is(keys->back(), other));
    }
    CHECK_EQ(count(as_bytes(to_hex(one) + to_hex(other))), 2);
  }
}

TEST_CASE("lines may be of both sizes, in hex and in base64") {
  const std::string text = to_base64(random_bytes(80)) + "\n" + to_hex(random_bytes(48)) + "\n" +
                           to_base64(random_bytes(48));
  CHECK_EQ(count(as_bytes(text)), 3);
}

TEST_CASE("48 bytes in hex are never taken for base64") {
  CHECK_EQ(count(as_bytes(wrapped(to_hex(random_bytes(96)), 64))), 2);
}

TEST_CASE("what is no key is refused with its place") {
  CHECK_EQ(refusal({}), "no key in it");
  CHECK_EQ(refusal(as_bytes(" \n\n")), "no key in it");
  CHECK_EQ(refusal(random_bytes(47) + Content(1, std::byte{0xff}) + Content(1, std::byte{0xff})),
           "49 bytes, which are no whole keys");
  const std::string good = to_base64(random_bytes(48));
  CHECK_EQ(refusal(as_bytes(good + "\n\n" + good.substr(1) + "\n")),
           "line 3: no key in base64 or hex");
  CHECK_EQ(refusal(as_bytes("\nticket keys\n")), "line 2: no key in base64 or hex");
  CHECK_EQ(refusal(as_bytes(to_hex(random_bytes(47)))), "47 bytes, which are no whole keys");
}

TEST_CASE("bytes that may be keys of either size are not guessed at") {
  Content both = random_bytes(240);
  both[0] = std::byte{0xff};
  CHECK_EQ(refusal(both),
           "240 bytes, which may be keys of 48 or of 80: cut it into files of one key each");
}

// 64 characters of the 108 that a key of 80 bytes has are a key of 48: base64 cannot tell.
TEST_CASE("no cut of a file crashes, and none but whole keys are taken") {
  const std::string text = to_base64(random_bytes(80)) + "\n" + to_base64(random_bytes(80)) + "\n";
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const std::size_t keys = count(as_bytes(text).first(n));
    const bool one = n == 64 || n == 108 || n == 109;
    const bool two = n == 173 || n >= 217;
    CHECK_EQ(keys, two ? 2 : (one ? 1 : 0));
  }
}

}  // namespace
}  // namespace stek
