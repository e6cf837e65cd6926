#include <type_traits>

#include <doctest/doctest.h>

#include <stek/error.hpp>
#include <stek/secret.hpp>

#include "base/cipher.hpp"
#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "base/memory.hpp"

namespace stek {
namespace {

std::array<std::byte, 32> counting() {
  std::array<std::byte, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

TEST_CASE("a secret is not copied by accident") {
  static_assert(!std::is_copy_constructible_v<Secret<32>>);
  static_assert(!std::is_copy_assignable_v<Secret<32>>);
  static_assert(std::is_nothrow_move_constructible_v<Secret<32>>);
}

TEST_CASE("a secret that is moved leaves zeros behind") {
  Secret<32> from(counting());
  Secret<32> to = std::move(from);
  CHECK(is_zero(from.expose()));  // NOLINT(bugprone-use-after-move): that is the point
  CHECK(to == Secret<32>(counting()));
  from = std::move(to);
  CHECK(is_zero(to.expose()));  // NOLINT(bugprone-use-after-move)
}

TEST_CASE("a secret wipes the memory it lay in") {
  alignas(Secret<32>) std::array<std::byte, sizeof(Secret<32>)> room{};
  auto* secret = ::new (room.data()) Secret<32>(counting());
  CHECK_FALSE(is_zero(room));
  secret->~Secret();
  CHECK(is_zero(room));
}

TEST_CASE("secrets compare by length and bytes") {
  const auto a = counting();
  auto b = counting();
  CHECK(equal_secrets(a, b));
  b[31] ^= std::byte{0x80};
  CHECK_FALSE(equal_secrets(a, b));
  CHECK_FALSE(equal_secrets(a, Bytes(a).first(31)));
  CHECK(equal_secrets(Bytes(a).first(5), Bytes(b).first(5)));
  CHECK(equal_secrets({}, {}));
}

TEST_CASE("zero is zero in every byte, at every length") {
  for (std::size_t size = 0; size < 40; ++size) {
    std::vector<std::byte> bytes(size);
    CHECK(is_zero(bytes));
    for (std::byte& b : bytes) {
      b = std::byte{0x10};
      CHECK_FALSE(is_zero(bytes));
      b = std::byte{0};
    }
  }
}

TEST_CASE("every error and reason has a name and a text of its own") {
  const auto check = [](auto value, std::vector<std::string_view>& names) {
    CHECK_NE(name_of(value), "unknown");
    CHECK_FALSE(text_of(value).empty());
    CHECK(std::ranges::find(names, name_of(value)) == names.end());
    names.push_back(name_of(value));
  };
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(last_error); ++i) check(Error(i), names);
  names.clear();
  for (int i = 0; i <= static_cast<int>(last_reason); ++i) check(Reason(i), names);
}

TEST_CASE("hex and base64 decode what they encode, and nothing else") {
  const auto bytes = counting();
  std::array<std::byte, 32> back{};
  CHECK(from_hex(back, to_hex(bytes)));
  CHECK(back == bytes);
  CHECK_FALSE(from_hex(back, to_hex(bytes).substr(1)));
  CHECK_FALSE(from_hex(back, to_hex(bytes) + "00"));
  CHECK_FALSE(from_hex(back, std::string(64, 'g')));
  CHECK(from_hex({}, ""));
  CHECK_FALSE(from_hex({}, "00"));
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const auto decoded = from_base64(to_base64(Bytes(bytes).first(n)));
    REQUIRE(decoded);
    CHECK(std::ranges::equal(*decoded, Bytes(bytes).first(n)));
  }
  CHECK(from_base64("AAEC\nAwQF  \n"));
  CHECK_FALSE(from_base64("AAE"));
  CHECK_FALSE(from_base64("AA*C"));
  CHECK_FALSE(from_base64("AAEC===="));
}

TEST_CASE("BLAKE2b of parts is BLAKE2b of the whole") {
  const auto bytes = counting();
  std::array<std::byte, 32> whole{};
  std::array<std::byte, 32> parts{};
  blake2b(whole, bytes, {Bytes(bytes)});
  blake2b(parts, bytes, {Bytes(bytes).first(7), Bytes{}, Bytes(bytes).subspan(7)});
  CHECK(whole == parts);
  // RFC 7693 appendix A, BLAKE2b-512("abc").
  std::array<std::byte, 64> abc{};
  blake2b(abc, {}, {std::as_bytes(std::span(std::string_view("abc")))});
  CHECK_EQ(to_hex(Bytes(abc).first(16)), "ba80a53f981c4d0d6a2797b69f12f6e9");
}

TEST_CASE("SipHash-2-4-128 gives the reference's first vectors") {
  const auto bytes = counting();
  const auto key = std::span(bytes).first<16>();
  CHECK_EQ(to_hex(siphash(key, {})), "a3817f04ba25a8e66df67214c7550293");
  CHECK_EQ(to_hex(siphash(key, Bytes(bytes).first(1))), "da87c1d86b99af44347659119b22fc45");
}

TEST_CASE("every cipher that runs here has passed its known-answer test") {
  CHECK(cipher_tests().xchacha20poly1305);
  CHECK(cipher_tests().xchacha20_hmac);
  MESSAGE("AES-256-GCM runs here: ", cipher_tests().aes256gcm);
}

TEST_CASE("a failed open leaves zeros in the whole output") {
  const auto key = counting();
  const std::array<std::byte, 24> nonce{};
  const auto check = [](auto&& seal, auto&& open) {
    for (const std::size_t size : {1UL, 16UL, 112UL, 128UL, 129UL, 1000UL}) {
      std::vector<std::byte> sealed(size);
      std::vector<std::byte> out(size, std::byte{0xaa});
      std::array<std::byte, 16> tag{};
      seal(sealed, tag);
      CHECK(open(out, sealed, tag));
      tag[15] ^= std::byte{1};
      std::ranges::fill(out, std::byte{0xaa});
      CHECK_FALSE(open(out, sealed, tag));
      CHECK(is_zero(out));
    }
  };
  check(
      [&](Room out, std::span<std::byte, 16> tag) {
        xchacha20poly1305::seal(out, tag, out, {}, nonce, key);
      },
      [&](Room out, Bytes in, std::span<const std::byte, 16> tag) {
        return xchacha20poly1305::open(out, in, tag, {}, nonce, key);
      });
  if (!cipher_tests().aes256gcm) return;
  Aes256GcmKey gcm;
  gcm.assign(key);
  const auto short_nonce = std::span(nonce).first<12>();
  check([&](Room out, std::span<std::byte, 16> tag) { gcm.seal(out, tag, out, {}, short_nonce); },
        [&](Room out, Bytes in, std::span<const std::byte, 16> tag) {
          return gcm.open(out, in, tag, {}, short_nonce);
        });
}

}  // namespace
}  // namespace stek
