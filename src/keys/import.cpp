#include <algorithm>

#include <stek/ring.hpp>

#include "base/encoding.hpp"
#include "keys/cover.hpp"

namespace stek {

std::expected<KeyRing, Failure> import_keys(KeyRing ring, std::vector<ForeignKey> keys,
                                            Instant now) {
  if (auto failure = keys::refusal_to_change(ring, now))
    return std::unexpected(*std::move(failure));
  bool taken = false;
  for (ForeignKey& key : keys) {
    if (std::ranges::find(ring.revoked, key.name, &Tombstone::name) != ring.revoked.end()) {
      return std::unexpected(
          Failure{.error = Error::no_such_key,
                  .message = "key " + to_hex(key.name) + " was revoked in this ring",
                  .hint = "a revoked key does not come back; take it out of the file"});
    }
    const auto there = std::ranges::find(ring.foreign, key.name, &ForeignKey::name);
    if (there != ring.foreign.end() && there->secret == key.secret) continue;
    ring.foreign.push_back(std::move(key));
    taken = true;
  }
  if (!taken) return ring;
  auto next = keys::next_generation(std::move(ring), now);
  // The ring was without a flaw before.
  if (!next) next.error().hint = "take that key out of its file; nothing was imported";
  return next;
}

}  // namespace stek
