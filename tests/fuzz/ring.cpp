// Ring documents of any bytes: whatever parses is written to a document that parses to an equal
// ring, and is what the writer gives again.
//
// An input is one byte and a document. The byte chooses what is made good before it is parsed:
// nothing, the checksum, or the names of keys too. No mutation would meet a hash. It chooses too
// whether the document is met under a KEK. What parses is rotated at any instant: that gives a ring
// without a flaw, or a refusal with a name.
#include <algorithm>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "fuzz/fuzz.hpp"
#include "keys/document.hpp"
#include "keys/fingerprint.hpp"
#include "keys/names.hpp"
#include "keys/sealed.hpp"

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

/// A secret for every call, and the same ones in every run.
FreshSecret counted_secrets() {
  return [n = std::uint64_t{0}]() mutable -> std::expected<StekSecret, Error> {
    StekSecret secret;
    blake2b(secret.expose_room(), {}, {std::as_bytes(std::span(&n, 1))});
    ++n;
    return secret;
  };
}

void check_change(const std::expected<KeyRing, Failure>& changed) {
  check(changed ? !flaw_of(*changed) : !changed.error().message.empty(),
        "a change gives a ring without a flaw, or says why not");
}

void rotate(const KeyRing& ring, Instant now) {
  const auto fresh = counted_secrets();
  const auto once = advance(ring.copy(), now, fresh);
  check_change(once);
  check_change(promote(ring.copy(), now, ring.schedule.lead, fresh));
  check_change(revoke_all(ring.copy(), now, fresh));
  if (!ring.keys.empty()) check_change(revoke(ring.copy(), ring.keys.back().name, now, fresh));
  if (!once) return;
  check(active_key(*once, now) != nullptr, "something seals once it was advanced");
  const auto twice = advance(once->copy(), now, fresh);
  check(twice && keys::fingerprint_of(*twice) == keys::fingerprint_of(*once),
        "advancing twice is advancing once");
  check(next_due(*once, now) > now, "nothing is due behind an advance");
}

/// Instants around which something happens, and one far off.
void rotate_around(const KeyRing& ring) {
  rotate(ring, ring.written_at);
  rotate(ring, ring.written_at + std::chrono::hours(24 * 400));
  for (const Key& key : ring.keys) {
    for (const Instant at : {key.activates_at, key.retires_at, key.expires_at}) {
      rotate(ring, at);
      rotate(ring, at - Seconds(1));
    }
  }
}

const Kek& kek() {
  static const Kek made = [] {
    Kek fixed;
    blake2b(fixed.expose_room(), {}, {std::as_bytes(std::span("fuzz"))});
    return fixed;
  }();
  return made;
}

std::expected<KeyRing, Failure> parsed(std::uint8_t choice, const Document& document) {
  auto ring = keys::ring_from(document);
  const std::span keks(&kek(), 1);
  // The bytes as a sealed ring of their own, which they are not.
  check(!keys::open_ring(document, keks), "no bytes are a sealed ring without its KEK");
  if (choice % 8 < 4 || !ring) return ring;
  const auto blob = keys::seal_ring(*ring, kek());
  check(blob.has_value(), "what parses can be sealed");
  return keys::open_ring(*blob, keks);
}

}  // namespace

void run(Bytes input) {
  if (input.empty()) return;
  const auto choice = std::to_integer<std::uint8_t>(input.front());
  const auto ring = parsed(choice, document_from(choice, input.subspan(1)));
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
  if (ring->keys.size() <= 8) rotate_around(*ring);
}

}  // namespace stek::fuzz
