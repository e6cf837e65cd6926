#include "ticket/derive.hpp"

#include "base/hash.hpp"

namespace stek::ticket {
namespace {

Bytes as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}

std::array<std::byte, 1> one_byte(std::size_t n) noexcept {
  return {static_cast<std::byte>(n)};
}

}  // namespace

DomainKey domain_key(const StekSecret& stek, std::string_view domain) noexcept {
  DomainKey key;
  blake2b(key.expose_room(), stek.expose(),
          {as_bytes("stek/1 domain"), one_byte(domain.size()), as_bytes(domain)});
  return key;
}

Subkey subkey(const DomainKey& key, Purpose purpose, std::uint8_t lane) noexcept {
  const std::string_view name = name_of(purpose);
  Subkey derived;
  blake2b(derived.expose_room(), key.expose(),
          {as_bytes("stek/1 subkey"), one_byte(name.size()), as_bytes(name), one_byte(lane)});
  return derived;
}

}  // namespace stek::ticket
