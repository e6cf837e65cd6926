#include "keys/fingerprint.hpp"

#include "base/hash.hpp"
#include "keys/records.hpp"

namespace stek::keys {
namespace {

template <class Record, class T>
std::array<std::byte, Record::size> encoded(const Record& record, const T& value) noexcept {
  std::array<std::byte, Record::size> bytes{};
  record.encode(bytes, value);
  return bytes;
}

}  // namespace

Fingerprint fingerprint_of(const KeyRing& ring) noexcept {
  Fingerprint chain{};
  blake2b(chain, {}, {encoded(ring_record, ring), encoded(schedule_record, ring.schedule)});
  for (const Key& key : ring.keys) {
    blake2b(chain, chain, {encoded(key_record, key), key.secret.expose()});
  }
  for (const ForeignKey& key : ring.foreign) {
    blake2b(chain, chain, {encoded(foreign_record, key), key.secret.expose()});
  }
  for (const Tombstone& tombstone : ring.revoked) {
    blake2b(chain, chain, {encoded(tombstone_record, tombstone)});
  }
  if (ring.domain) blake2b(chain, chain, {std::as_bytes(std::span(*ring.domain))});
  return chain;
}

}  // namespace stek::keys
