// From a STEK to the keys that seal: first one key a trust domain, then one a purpose and lane.
// FORMAT.md has the bytes.
#pragma once

#include <string_view>

#include <stek/ring.hpp>

#include "keys/names.hpp"

namespace stek::ticket {

using DomainKey = Secret<32>;
using Subkey = Secret<32>;

/// What subkeys are for: all there is.
enum class Purpose : std::uint8_t { aes256gcm, xchacha20poly1305, rfc5077_cipher, rfc5077_mac };
inline constexpr std::array<std::string_view, 4> purpose_names{"aes256gcm", "xchacha20poly1305",
                                                               "rfc5077 cipher", "rfc5077 mac"};
constexpr std::string_view name_of(Purpose purpose) noexcept {
  return purpose_names[static_cast<std::size_t>(purpose)];
}

using keys::max_domain;

/// BLAKE2b-256(key = STEK, "stek/1 domain" || u8 length || domain). `domain.size() <= max_domain`.
DomainKey domain_key(const StekSecret& stek, std::string_view domain) noexcept;

/// BLAKE2b-256(key = K_dom, "stek/1 subkey" || u8 length || purpose || u8 lane).
Subkey subkey(const DomainKey& key, Purpose purpose, std::uint8_t lane) noexcept;

}  // namespace stek::ticket
