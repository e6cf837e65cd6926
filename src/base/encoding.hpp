// Hex and base64, by libsodium's codecs, whose time does not depend on the bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stek/bytes.hpp>

namespace stek {

std::string to_hex(Bytes bytes);
/// Into `text`, of twice as many characters and a zero: for secrets, which no std::string may hold.
void to_hex(std::span<char> text, Bytes bytes) noexcept;
/// Nothing unless `text` is exactly `room.size()` bytes in hex.
bool from_hex(Room room, std::string_view text) noexcept;

/// RFC 4648 section 4, with padding.
std::string to_base64(Bytes bytes);
/// Into `text`, of four characters for each three bytes begun, and a zero: for secrets.
void to_base64(std::span<char> text, Bytes bytes) noexcept;
/// False unless `text` is exactly `room.size()` bytes in base64, without white space: for secrets,
/// which no plain vector may hold.
bool from_base64(Room room, std::string_view text) noexcept;
/// White space is skipped. Nothing when the rest is not base64.
std::optional<std::vector<std::byte>> from_base64(std::string_view text);

}  // namespace stek
