#include "ticket/domain_ring.hpp"

#include "ticket/derive.hpp"

namespace stek::ticket {

std::expected<KeyRing, Failure> ring_of_domain(const KeyRing& ring, std::string_view domain) {
  if (ring.domain) {
    return std::unexpected(Failure{.error = Error::unsuitable,
                                   .message = "the ring is one of a single trust domain already",
                                   .hint = "export from the ring that 'stek keys rotate' rotates"});
  }
  if (domain.size() > max_domain) {
    return std::unexpected(Failure{.error = Error::malformed,
                                   .message = "a trust domain's name has at most 255 bytes",
                                   .hint = {}});
  }
  KeyRing exported = ring.copy();
  exported.foreign.clear();
  exported.domain = domain;
  for (Key& key : exported.keys) {
    const DomainKey derived = domain_key(key.secret, domain);
    key.secret = StekSecret(derived.expose());
  }
  return exported;
}

}  // namespace stek::ticket
