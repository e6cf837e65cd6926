#include "keys/sealed.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "base/random.hpp"

namespace stek::keys {

KekId id_of(const Kek& kek) noexcept {
  constexpr std::string_view label = "stek/1 kek";
  std::array<std::byte, 16> hash{};
  blake2b(hash, kek.expose(), {std::as_bytes(std::span(label))});
  KekId id{};
  std::ranges::copy(std::span(hash).first<id.size()>(), id.begin());
  return id;
}

namespace {

constexpr auto magic = [] {
  constexpr std::string_view text = "stekring";
  std::array<std::byte, text.size()> bytes{};
  std::ranges::transform(text, bytes.begin(), [](char c) { return std::byte(c); });
  return bytes;
}();
constexpr std::size_t header_size = sealed_record.size;
constexpr std::size_t tag_size = xchacha20poly1305::tag_size;

std::unexpected<Failure> damaged(std::string message) {
  return std::unexpected(Failure{.error = Error::damaged,
                                 .message = std::move(message),
                                 .hint = "restore the ring from another machine or a backup"});
}

Secret<32> sealing_key(const Kek& kek, const RingId& ring) noexcept {
  constexpr std::string_view label = "stek/1 ring";
  Secret<32> key;
  blake2b(key.expose_room(), kek.expose(), {std::as_bytes(std::span(label)), ring});
  return key;
}

std::string names_of(std::span<const Kek> keks) {
  std::string names;
  for (const Kek& kek : keks) names += (names.empty() ? "" : " and ") + to_hex(id_of(kek));
  return names;
}

std::expected<SealedHeader, Failure> header_of(Bytes blob) {
  SealedHeader header;
  if (blob.size() < header_size + tag_size) return damaged("the sealed ring is cut short");
  if (std::to_integer<int>(blob[magic.size()]) != sealed_version) {
    return std::unexpected(
        Failure{.error = Error::unknown_format,
                .message = fmt::format("the sealed ring has version {}, this stek opens version {}",
                                       std::to_integer<int>(blob[magic.size()]), sealed_version),
                .hint = "use the stek that wrote it, or a newer one"});
  }
  if (!sealed_record.decode(blob.first<header_size>(), header)) {
    return damaged("not a sealed ring of stek");
  }
  return header;
}

std::expected<Document, Failure> opened(Bytes blob, const SealedHeader& header, const Kek& kek) {
  const Bytes sealed = blob.subspan(header_size);
  Document document(sealed.size() - tag_size);
  const Secret<32> key = sealing_key(kek, header.ring);
  if (!xchacha20poly1305::open(document, sealed.first(document.size()), sealed.last<tag_size>(),
                               blob.first(header_size), header.nonce, key.expose())) {
    return damaged("the sealed ring was altered: it does not open under its KEK");
  }
  return document;
}

}  // namespace

bool is_sealed(Bytes blob) noexcept {
  return blob.size() > magic.size() && std::ranges::equal(blob.first(magic.size()), magic);
}

std::expected<Document, Failure> seal_ring(const KeyRing& ring, const Kek& kek) {
  SealedHeader header{.magic = magic,
                      .kek = id_of(kek),
                      .ring = ring.id,
                      .generation = ring.generation,
                      .nonce = {}};
  if (!system_random(header.nonce)) {
    return std::unexpected(Failure{.error = Error::randomness_failed,
                                   .message =
                                       "the ring cannot be sealed: the kernel gave no random "
                                       "bytes",
                                   .hint = {}});
  }
  const Document document = document_of(ring);
  Document blob(header_size + document.size() + tag_size);
  const Room room(blob);
  sealed_record.encode(room.first<header_size>(), header);
  const Secret<32> key = sealing_key(kek, ring.id);
  xchacha20poly1305::seal(room.subspan(header_size, document.size()), room.last<tag_size>(),
                          document, room.first(header_size), header.nonce, key.expose());
  return blob;
}

std::expected<Document, Failure> at_rest(const KeyRing& ring, const Kek* kek) {
  if (kek == nullptr) return document_of(ring);
  return seal_ring(ring, *kek);
}

const Kek* kek_of(Bytes blob, std::span<const Kek> keks) noexcept {
  SealedHeader header;
  if (blob.size() < header_size || !sealed_record.decode(blob.first<header_size>(), header)) {
    return nullptr;
  }
  const auto kek = std::ranges::find(keks, header.kek, id_of);
  return kek == keks.end() ? nullptr : &*kek;
}

std::expected<KeyRing, Failure> open_ring(Bytes blob, std::span<const Kek> keks) {
  return checked(open_unchecked_ring(blob, keks));
}

std::expected<KeyRing, Failure> open_unchecked_ring(Bytes blob, std::span<const Kek> keks) {
  const auto header = header_of(blob);
  if (!header) return std::unexpected(header.error());
  const Kek* kek = kek_of(blob, keks);
  if (kek == nullptr) {
    return std::unexpected(Failure{
        .error = Error::wrong_kek,
        .message = fmt::format("the ring is sealed under KEK {}, {}", to_hex(header->kek),
                               keks.empty() ? "and none was given" : "given is " + names_of(keks)),
        .hint = "name the KEK's file with --kek"});
  }
  const auto document = opened(blob, *header, *kek);
  if (!document) return std::unexpected(document.error());
  auto ring = unchecked_ring_from(*document);
  if (ring && (ring->id != header->ring || ring->generation != header->generation)) {
    return damaged("the sealed ring's header is not that of its ring");
  }
  return ring;
}

}  // namespace stek::keys
