// A ring as a document: JSON for what is public, then the secrets, which no text parser sees.
//
//   JSON object, 0x00, the secrets in the order of "keys" and "foreign", BLAKE2b-256 of all before
#pragma once

#include <vector>

#include <stek/ring.hpp>

#include "wire/json.hpp"

namespace stek::keys {

using Document = std::vector<std::byte, WipingAllocator<std::byte>>;

Document document_of(const KeyRing& ring);

/// The ring, checked by `flaw_of`. `Error::damaged`, `Error::unknown_format`, or what `flaw_of`
/// says.
std::expected<KeyRing, Failure> ring_from(Bytes document);

/// The same without that check, so that `flaws_of` can say all that is wrong with it.
std::expected<KeyRing, Failure> unchecked_ring_from(Bytes document);
/// The other half of `ring_from`: `ring`, unless it has a flaw.
std::expected<KeyRing, Failure> checked(std::expected<KeyRing, Failure> ring);

/// What is public: `stek keys list --json` builds on it.
wire::Json public_json(const KeyRing& ring);

}  // namespace stek::keys
