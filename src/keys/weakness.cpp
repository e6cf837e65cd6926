#include <algorithm>
#include <bitset>

#include "base/encoding.hpp"
#include "keys/flaw.hpp"

namespace stek {
namespace {

bool has_period(Bytes secret, std::size_t period) noexcept {
  return std::equal(secret.begin() + static_cast<std::ptrdiff_t>(period), secret.end(),
                    secret.begin());
}

bool repeats(Bytes secret) noexcept {
  for (std::size_t period = 1; period <= secret.size() / 2; ++period) {
    if (has_period(secret, period)) return true;
  }
  return false;
}

bool is_too_short(Bytes secret) noexcept {
  return secret.size() < 16;
}

bool counts(Bytes secret) noexcept {
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(secret[i]); };
  const unsigned step = (at(1) - at(0)) & 0xffU;
  for (std::size_t i = 1; i < secret.size(); ++i) {
    if (((at(i) - at(i - 1)) & 0xffU) != step) return false;
  }
  return true;
}

std::size_t distinct_bytes(Bytes secret) noexcept {
  std::bitset<256> seen;
  for (const std::byte b : secret) seen.set(std::to_integer<std::size_t>(b));
  return seen.count();
}

/// 13 of 32; the same share of what a shorter secret can have.
std::size_t fewest_distinct(std::size_t size) noexcept {
  return size >= 32 ? 13 : size * 13 / 32;
}

bool has_few_different_bytes(Bytes secret) noexcept {
  return distinct_bytes(secret) < fewest_distinct(secret.size());
}

bool is_text(Bytes secret) noexcept {
  return secret.size() >= 32 &&
         std::ranges::all_of(secret, [](std::byte b) { return b < std::byte{0x80}; });
}

bool is_half_zero(Bytes secret) noexcept {
  return static_cast<std::size_t>(std::ranges::count(secret, std::byte{0})) * 2 >= secret.size();
}

// Keys that anyone can read in a standard or in this source.
constexpr auto published = std::to_array<std::string_view>({
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",  // SP 800-38A F.1.5
    "eebc1f57487f51921c0465665f8ae6d1658bb26de6f8a069a3520293a572078f",  // SP 800-38D, GCMVS
    "92ace3e348cd821092cd921aa3546374299ab46209691bc28b8752d17f123c20",  // GCMVS gcmEncryptExtIV256
    "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",  // RFC 8439 A.5
    "1bc15e0f8d0f1e6c8a4d53b7296e2c4a5f7390d8be41a6c2f35d7e9180b4c6da",  // FORMAT.md, first key
    "74a9c83e5d021fb69047de6a31c8f5020b9e4d87a653c1f83e29507dbca46f18",  // FORMAT.md, second key
});

bool is_published(Bytes secret) noexcept {
  return std::ranges::any_of(published, [&](std::string_view hex) {
    std::array<std::byte, 32> bytes{};
    return from_hex(bytes, hex) && std::ranges::equal(secret, bytes);
  });
}

struct Check {
  bool (*fails)(Bytes secret) noexcept;
  std::string_view weakness;
};

/// Of 16 bytes or more.
constexpr auto checks = std::to_array<Check>({
    {[](Bytes secret) noexcept { return is_zero(secret); }, "all zero"},
    {counts, "bytes at a constant difference"},
    {repeats, "it repeats itself"},
    {is_half_zero, "half of it is zero"},
    {has_few_different_bytes, "too few different bytes"},
    {is_text, "it is text (ASCII only)"},
    {is_published, "a published test key"},
});
constexpr std::string_view too_short = "shorter than 16 bytes";

}  // namespace

std::optional<std::string_view> weakness_of(Bytes secret) noexcept {
  if (is_too_short(secret)) return too_short;
  const auto* const failing =
      std::ranges::find_if(checks, [&](const Check& check) { return check.fails(secret); });
  return failing == checks.end() ? std::nullopt : std::optional(failing->weakness);
}

std::vector<std::string_view> keys::weaknesses_of(Bytes secret) {
  if (is_too_short(secret)) return {too_short};
  std::vector<std::string_view> weaknesses;
  for (const Check& check : checks) {
    if (check.fails(secret)) weaknesses.push_back(check.weakness);
  }
  return weaknesses;
}

}  // namespace stek
