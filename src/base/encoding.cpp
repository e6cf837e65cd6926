#include "base/encoding.hpp"

#include <sodium.h>

#include "base/sodium_bytes.hpp"

namespace stek {

void to_hex(std::span<char> text, Bytes bytes) noexcept {
  sodium_bin2hex(text.data(), text.size(), u8(bytes), bytes.size());
}

std::string to_hex(Bytes bytes) {
  std::string text((bytes.size() * 2) + 1, '\0');
  to_hex(text, bytes);
  text.pop_back();
  return text;
}

bool from_hex(Room room, std::string_view text) noexcept {
  // libsodium takes no null, as an empty room may be.
  if (room.empty()) return text.empty();
  std::size_t filled = 0;
  return text.size() == room.size() * 2 &&
         sodium_hex2bin(u8(room), room.size(), text.data(), text.size(), nullptr, &filled,
                        nullptr) == 0 &&
         filled == room.size();
}

void to_base64(std::span<char> text, Bytes bytes) noexcept {
  sodium_bin2base64(text.data(), text.size(), u8(bytes), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
}

std::string to_base64(Bytes bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  to_base64(text, bytes);
  text.pop_back();
  return text;
}

bool from_base64(Room room, std::string_view text) noexcept {
  if (room.empty()) return text.empty();
  std::size_t filled = 0;
  return sodium_base642bin(u8(room), room.size(), text.data(), text.size(), nullptr, &filled,
                           nullptr, sodium_base64_VARIANT_ORIGINAL) == 0 &&
         filled == room.size();
}

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
  std::vector<std::byte> bytes((text.size() / 4 * 3) + 3);
  std::size_t filled = 0;
  if (sodium_base642bin(u8(bytes), bytes.size(), text.data(), text.size(), " \t\r\n", &filled,
                        nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return std::nullopt;
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace stek
