#include "foreign/der.hpp"

namespace stek::foreign::der {
namespace {

constexpr std::uint8_t long_form = 0x80;

void put_number(wire::Writer& out, std::uint64_t n, std::size_t size) noexcept {
  while (size-- > 0) out.number(static_cast<std::uint8_t>(n >> 8 * size));
}

std::uint64_t number_in(Bytes bytes) noexcept {
  std::uint64_t n = 0;
  for (const std::byte b : bytes) n = n << 8U | std::to_integer<std::uint64_t>(b);
  return n;
}

std::optional<std::size_t> get_length(wire::Reader& in) noexcept {
  const std::uint8_t first = in.u8();
  if (first < long_form) return first;
  const Bytes bytes = in.bytes(first - long_form);
  if (bytes.size() > sizeof(std::uint32_t)) return std::nullopt;
  const std::uint64_t length = number_in(bytes);
  // The indefinite form, of no bytes, is one of those that the short form holds.
  if (length < long_form || bytes_in(length) != bytes.size()) return std::nullopt;
  return length;
}

}  // namespace

void put_head(wire::Writer& out, Tag tag, std::size_t contents) noexcept {
  out.number(static_cast<std::uint8_t>(tag));
  if (contents >= long_form) {
    out.number(static_cast<std::uint8_t>(long_form + bytes_in(contents)));
    put_number(out, contents, bytes_in(contents));
  } else {
    out.number(static_cast<std::uint8_t>(contents));
  }
}

void put_integer(wire::Writer& out, std::uint64_t n) noexcept {
  put_head(out, Tag::integer, integer_bytes(n));
  put_number(out, n, integer_bytes(n));
}

bool next_is(const wire::Reader& in, Tag tag) noexcept {
  return !in.empty() && in.rest().front() == static_cast<std::byte>(tag);
}

std::optional<Bytes> get(wire::Reader& in, Tag tag) noexcept {
  if (in.u8() != static_cast<std::uint8_t>(tag)) return std::nullopt;
  const auto length = get_length(in);
  if (!length) return std::nullopt;
  const Bytes contents = in.bytes(*length);
  return in.ok() ? std::optional(contents) : std::nullopt;
}

std::optional<std::uint64_t> get_integer(wire::Reader& in) noexcept {
  const auto contents = get(in, Tag::integer);
  if (!contents || contents->size() > sizeof(std::uint64_t)) return std::nullopt;
  const std::uint64_t n = number_in(*contents);
  // A negative number has the bit set for which a positive one has a byte more.
  return integer_bytes(n) == contents->size() ? std::optional(n) : std::nullopt;
}

}  // namespace stek::foreign::der
