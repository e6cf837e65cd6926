// A ring at rest under a key-encryption key (KEK): a header, and the ring's document sealed by
// XChaCha20-Poly1305 with the header as associated data.
#pragma once

#include <span>

#include "base/cipher.hpp"
#include "keys/document.hpp"
#include "wire/record.hpp"

namespace stek::keys {

/// What tells one KEK from another, and nothing else about it: BLAKE2b-128(key = KEK, "stek/1
/// kek"), its first 8 bytes.
using KekId = std::array<std::byte, 8>;
KekId id_of(const Kek& kek) noexcept;

struct SealedHeader {
  std::array<std::byte, 8> magic{};
  KekId kek{};
  RingId ring{};
  std::uint64_t generation = 0;
  std::array<std::byte, xchacha20poly1305::nonce_size> nonce{};
};
inline constexpr std::uint8_t sealed_version = 1;
inline constexpr wire::Header sealed_record{
    "SealedRing",
    wire::Field<&SealedHeader::magic>{"magic", "\"stekring\""},
    wire::Constant{"version", sealed_version, ""},
    wire::Field<&SealedHeader::kek>{"kek_id", "names the KEK"},
    wire::Field<&SealedHeader::ring>{"ring_id", "that of the ring"},
    wire::Field<&SealedHeader::generation>{"generation", "that of the ring"},
    wire::Field<&SealedHeader::nonce>{"nonce", "random"},
};

/// True when `blob` begins as a sealed ring does; a document in plain begins otherwise.
bool is_sealed(Bytes blob) noexcept;

/// `Error::randomness_failed` without a nonce.
std::expected<Document, Failure> seal_ring(const KeyRing& ring, const Kek& kek);

/// As it lies in a store: sealed under `kek`, or in plain without one.
std::expected<Document, Failure> at_rest(const KeyRing& ring, const Kek* kek);

/// The one of `keks` that `blob`, a sealed ring, names; nullptr where none is.
const Kek* kek_of(Bytes blob, std::span<const Kek> keks) noexcept;

/// Opens with the KEK of `keks` that `blob` names. `Error::wrong_kek` where none of them is it,
/// `Error::damaged` where it does not open, and what `ring_from` says.
std::expected<KeyRing, Failure> open_ring(Bytes blob, std::span<const Kek> keks);
/// The same without `flaw_of`, as `unchecked_ring_from`.
std::expected<KeyRing, Failure> open_unchecked_ring(Bytes blob, std::span<const Kek> keks);

}  // namespace stek::keys
