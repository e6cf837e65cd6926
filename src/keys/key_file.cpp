#include "keys/key_file.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/core.h>

#include "base/encoding.hpp"

namespace stek::keys {
namespace {

using Keys = std::vector<ForeignKey>;
using Decoded = std::vector<std::byte, WipingAllocator<std::byte>>;

constexpr std::size_t small = 48;
constexpr std::size_t large = 80;

bool is_white(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// 48 random bytes are text with odds below 2^-70, and would be weak besides.
bool is_text(Bytes file) noexcept {
  return std::ranges::all_of(file, [](std::byte b) {
    const char c = static_cast<char>(b);
    return is_white(c) || (c > ' ' && c <= '~');
  });
}

std::unexpected<Failure> malformed(std::string message) {
  return std::unexpected(
      Failure{.error = Error::malformed,
              .message = std::move(message),
              .hint = "a key has 48 or 80 bytes, as they are, in hex, or a line of base64 each"});
}

ForeignKey key_from(Bytes bytes) {
  ForeignKey key;
  std::ranges::copy(bytes.first(key.name.size()), key.name.begin());
  key.file_size = static_cast<std::uint16_t>(bytes.size());
  key.secret = SecretBytes(bytes.subspan(key.name.size()));
  return key;
}

std::expected<Keys, Failure> keys_of_bytes(Bytes bytes) {
  const bool is_small = bytes.size() % small == 0;
  const bool is_large = bytes.size() % large == 0;
  if (!is_small && !is_large) {
    return malformed(fmt::format("{} bytes, which are no whole keys", bytes.size()));
  }
  if (is_small && is_large) {
    return malformed(
        fmt::format("{} bytes, which may be keys of 48 or of 80: cut it into files "
                    "of one key each",
                    bytes.size()));
  }
  const std::size_t size = is_small ? small : large;
  Keys keys;
  for (; !bytes.empty(); bytes = bytes.subspan(size)) keys.push_back(key_from(bytes.first(size)));
  return keys;
}

// ---- text

std::string_view trimmed(std::string_view line) noexcept {
  while (!line.empty() && is_white(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_white(line.back())) line.remove_suffix(1);
  return line;
}

/// The first line of `text`, which is taken off.
std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(line);
}

bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

/// The key that `line` is. Digits that are all hex are never base64, though they could be.
std::optional<ForeignKey> key_of_line(std::string_view line) {
  for (const std::size_t size : {small, large}) {
    Decoded bytes(size);
    if (is_hex(line) ? from_hex(bytes, line) : from_base64(bytes, line)) return key_from(bytes);
  }
  return std::nullopt;
}

std::expected<Keys, Failure> keys_of_lines(std::string_view text) {
  Keys keys;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (line.empty()) continue;
    auto key = key_of_line(line);
    if (!key) return malformed(fmt::format("line {}: no key in base64 or hex", number));
    keys.push_back(*std::move(key));
  }
  return keys;
}

std::optional<Decoded> bytes_of_hex(std::string_view text) {
  std::vector<char, WipingAllocator<char>> digits;
  digits.reserve(text.size());
  std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return !is_white(c); });
  Decoded bytes(digits.size() / 2);
  if (!from_hex(bytes, std::string_view(digits.data(), digits.size()))) return std::nullopt;
  return bytes;
}

/// Whether keys stand by the line, rather than in lines that end anywhere.
bool begins_with_whole_key(std::string_view text) {
  text = trimmed(text);
  return key_of_line(take_line(text)).has_value();
}

std::expected<Keys, Failure> keys_of_text(std::string_view text) {
  if (!begins_with_whole_key(text)) {
    if (const auto bytes = bytes_of_hex(text)) return keys_of_bytes(*bytes);
  }
  return keys_of_lines(text);
}

}  // namespace

std::expected<std::vector<ForeignKey>, Failure> keys_from(Bytes file) {
  if (!is_text(file)) return keys_of_bytes(file);
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (trimmed(text).empty()) return malformed("no key in it");
  return keys_of_text(text);
}

}  // namespace stek::keys
