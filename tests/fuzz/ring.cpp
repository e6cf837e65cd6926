// Ring documents of any bytes: whatever parses is written to a document that parses to an equal
// ring, and is what the writer gives again.
//
// An input is one byte and a document. The byte chooses what is made good before it is parsed:
// nothing, the checksum, or the names of keys too. No mutation would meet a hash.
#include <algorithm>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "fuzz/fuzz.hpp"
#include "keys/document.hpp"
#include "keys/fingerprint.hpp"
#include "keys/names.hpp"

namespace stek::fuzz {
namespace {

using keys::Document;

constexpr std::size_t checksum_size = 32;

void make_checksum_good(Document& document) {
  if (document.size() < checksum_size) return;
  const Room sum = Room(document).last(checksum_size);
  blake2b(sum, {}, {Bytes(document).first(document.size() - checksum_size)});
}

/// Where a name's digits are, behind `from`. Empty when there are no more.
std::span<char> next_name(std::span<char> json, std::size_t& from) {
  constexpr std::string_view start = "\"name\": \"";
  constexpr std::size_t digits = 2 * sizeof(KeyName);
  const std::string_view text(json.data(), json.size());
  const std::size_t found = text.find(start, from);
  if (found == std::string_view::npos || text.size() - found < start.size() + digits) return {};
  from = found + start.size() + digits;
  return json.subspan(found + start.size(), digits);
}

/// The names of keys, in their order, from the secrets behind the JSON.
void make_names_good(Document& document) {
  const auto end = std::ranges::find(document, std::byte{0});
  const auto json_size = static_cast<std::size_t>(end - document.begin());
  const std::span<char> json(reinterpret_cast<char*>(document.data()), json_size);
  Bytes secrets = Bytes(document).subspan(std::min(json_size + 1, document.size()));
  for (std::size_t from = 0; secrets.size() >= StekSecret::size + checksum_size;) {
    const std::span<char> name = next_name(json, from);
    if (name.empty()) return;
    const StekSecret secret(secrets.first<StekSecret::size>());
    std::ranges::copy(to_hex(keys::name_for(secret)), name.begin());
    secrets = secrets.subspan(StekSecret::size);
  }
}

Document document_from(std::uint8_t choice, Bytes bytes) {
  Document document(bytes.begin(), bytes.end());
  if (choice % 4 > 1) make_names_good(document);
  if (choice % 4 > 0) make_checksum_good(document);
  return document;
}

}  // namespace

void run(Bytes input) {
  if (input.empty()) return;
  const Document document =
      document_from(std::to_integer<std::uint8_t>(input.front()), input.subspan(1));
  const auto ring = keys::ring_from(document);
  if (!ring) {
    check(!ring.error().message.empty(), "a refusal says why");
    return;
  }
  check(!flaw_of(*ring), "a ring that parses has no flaw");
  const Document written = keys::document_of(*ring);
  const auto again = keys::ring_from(written);
  check(again.has_value(), "what is written parses");
  check(keys::fingerprint_of(*again) == keys::fingerprint_of(*ring), "it parses to the same ring");
  check(keys::document_of(*again) == written, "writing is a fixed point");
}

}  // namespace stek::fuzz
