// The little of DER that sessions of OpenSSL and BoringSSL need (X.690 sections 8.1 to 8.3, 8.7 and
// 10.1). One form of everything: lengths definite and, like INTEGERs, in the fewest bytes; INTEGERs
// not negative. Any other form is refused.
#pragma once

#include <bit>
#include <optional>

#include "wire/reader.hpp"
#include "wire/writer.hpp"

namespace stek::foreign::der {

enum class Tag : std::uint8_t {
  boolean = 0x01,
  integer = 0x02,
  octet_string = 0x04,
  sequence = 0x30
};

/// `[number] EXPLICIT`, of a number up to 30.
constexpr Tag explicit_tag(unsigned number) noexcept {
  return static_cast<Tag>(0xa0U | number);
}

constexpr std::size_t bytes_in(std::uint64_t n) noexcept {
  return (std::bit_width(n) + 7) / 8;
}

/// Of an element, tag and length included, with so many bytes of contents.
constexpr std::size_t element_size(std::size_t contents) noexcept {
  return (contents < 0x80 ? 2 : 2 + bytes_in(contents)) + contents;
}

/// Of an INTEGER's contents: one bit more than `n` has, for the sign.
constexpr std::size_t integer_bytes(std::uint64_t n) noexcept {
  return (std::bit_width(n) / 8) + 1;
}
constexpr std::size_t integer_size(std::uint64_t n) noexcept {
  return element_size(integer_bytes(n));
}

/// An element up to its contents, which will have so many bytes.
void put_head(wire::Writer& out, Tag tag, std::size_t contents) noexcept;
/// `n` is below 2^63.
void put_integer(wire::Writer& out, std::uint64_t n) noexcept;

/// Whether the next element, if there is one, has this tag.
bool next_is(const wire::Reader& in, Tag tag) noexcept;
/// The contents of the next element. Nothing when it has another tag or is not DER.
std::optional<Bytes> get(wire::Reader& in, Tag tag) noexcept;
/// Nothing either when the number is 2^63 or more.
std::optional<std::uint64_t> get_integer(wire::Reader& in) noexcept;

}  // namespace stek::foreign::der
