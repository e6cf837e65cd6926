#include "resumption/handshake.hpp"

#include <algorithm>
#include <functional>

#include "wire/reader.hpp"

namespace stek {
namespace {

using wire::Reader;

constexpr std::uint8_t handshake_record = 22;

std::uint32_t u24(Reader& reader) noexcept {
  const std::uint32_t high = reader.u8();
  return high << 16U | reader.u16();
}

std::vector<std::byte> copied(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

bool is_record(Bytes bytes) noexcept {
  return !bytes.empty() && std::to_integer<std::uint8_t>(bytes[0]) == handshake_record;
}

bool is_dtls_record(Bytes bytes) noexcept {
  // RFC 6347 section 4.1: versions of DTLS are the ones' complement of those of TLS.
  constexpr std::byte dtls_major{0xfe};
  return bytes.size() > 1 && bytes[1] == dtls_major;
}

/// What the records of TLS carry, end to end.
std::optional<std::vector<std::byte>> content_of_tls_records(Bytes bytes) {
  std::vector<std::byte> content;
  Reader records(bytes);
  while (!records.empty()) {
    const std::uint8_t type = records.u8();
    const std::uint8_t major = records.u8();
    records.u8();
    // RFC 8446 section 5.1: "Implementations MUST NOT send zero-length fragments of Handshake
    // types, even if those fragments contain padding." The longest has 2^14 bytes.
    const Bytes fragment = records.vector<std::uint16_t>(1, 1U << 14U);
    if (!records.ok() || type != handshake_record || major != 3) return std::nullopt;
    content.insert(content.end(), fragment.begin(), fragment.end());
  }
  return content;
}

/// What the records of DTLS carry; each begins with the header of a fragment.
std::optional<std::vector<std::byte>> content_of_dtls_records(Bytes bytes) {
  std::vector<std::byte> content;
  Reader records(bytes);
  while (!records.empty()) {
    constexpr std::size_t sequence_number_size = 6;
    const std::uint8_t type = records.u8();
    const std::uint8_t major = records.u8();
    records.u8();
    const std::uint16_t epoch = records.u16();
    records.bytes(sequence_number_size);
    const Bytes fragments = records.vector<std::uint16_t>(1, 1U << 14U);
    if (!records.ok() || type != handshake_record || major != 0xfe || epoch != 0) {
      return std::nullopt;
    }
    content.insert(content.end(), fragments.begin(), fragments.end());
  }
  return content;
}

std::optional<HandshakeMessage> tls_message(Bytes bytes) {
  Reader reader(bytes);
  const std::uint8_t type = reader.u8();
  const std::size_t length = u24(reader);
  const Bytes body = reader.bytes(length);
  if (!reader.done()) return std::nullopt;
  return HandshakeMessage{.transport = Transport::tls, .type = type, .body = copied(body)};
}

/// RFC 6347 section 4.2.2.
struct Fragment {
  std::uint8_t type;
  std::uint32_t length;
  std::uint16_t message_seq;
  std::uint32_t offset;
  Bytes bytes;

  [[nodiscard]] bool of_one_message_with(const Fragment& other) const noexcept {
    return type == other.type && length == other.length && message_seq == other.message_seq;
  }
};

std::optional<Fragment> read_fragment(Reader& reader) noexcept {
  Fragment fragment{};
  fragment.type = reader.u8();
  fragment.length = u24(reader);
  fragment.message_seq = reader.u16();
  fragment.offset = u24(reader);
  const std::size_t size = u24(reader);
  fragment.bytes = reader.bytes(size);
  if (!reader.ok() || fragment.offset + size > fragment.length) return std::nullopt;
  return fragment;
}

/// A message that is being put together.
class Assembly {
 public:
  explicit Assembly(std::size_t size) : body_(size), filled_(size) {}

  /// RFC 6347 section 4.2.3: "DTLS implementations MUST be able to handle overlapping fragment
  /// ranges." False when two of them differ.
  bool put(const Fragment& fragment) noexcept {
    for (std::size_t i = 0; i < fragment.bytes.size(); ++i) {
      const std::size_t at = fragment.offset + i;
      if (filled_[at] && body_[at] != fragment.bytes[i]) return false;
      body_[at] = fragment.bytes[i];
      filled_[at] = true;
    }
    return true;
  }
  [[nodiscard]] bool whole() const noexcept {
    return std::ranges::all_of(filled_, std::identity{});
  }
  std::vector<std::byte> take() noexcept { return std::move(body_); }

 private:
  std::vector<std::byte> body_;
  std::vector<bool> filled_;
};

std::optional<HandshakeMessage> dtls_message(Bytes bytes) {
  Reader reader(bytes);
  const auto first = read_fragment(reader);
  // Fragments that make up the message are no shorter than it.
  if (!first || first->length > bytes.size()) return std::nullopt;
  Assembly assembly(first->length);
  if (!assembly.put(*first)) return std::nullopt;
  while (!reader.empty()) {
    const auto next = read_fragment(reader);
    if (!next || !next->of_one_message_with(*first) || !assembly.put(*next)) return std::nullopt;
  }
  if (!assembly.whole()) return std::nullopt;
  return HandshakeMessage{
      .transport = Transport::dtls, .type = first->type, .body = assembly.take()};
}

}  // namespace

std::optional<HandshakeMessage> handshake_message(Bytes bytes) {
  if (!is_record(bytes)) {
    // The length that both headers begin with tells them apart: the bytes end where it says, behind
    // 4 bytes or behind 12.
    auto message = tls_message(bytes);
    return message ? std::move(message) : dtls_message(bytes);
  }
  const bool dtls = is_dtls_record(bytes);
  const auto content = dtls ? content_of_dtls_records(bytes) : content_of_tls_records(bytes);
  if (!content) return std::nullopt;
  return dtls ? dtls_message(*content) : tls_message(*content);
}

}  // namespace stek
