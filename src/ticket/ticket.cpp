#include "ticket/ticket.hpp"

namespace stek::ticket {

// A fourth profile wants its place in profile_works, encrypt and open below, and in
// TicketKey::derive.
static_assert(layouts.size() == 3);

bool profile_works(Profile profile) noexcept {
  const CipherTests& passed = cipher_tests();
  if (profile == Profile::aes256gcm) return passed.aes256gcm;
  if (profile == Profile::xchacha20poly1305) return passed.xchacha20poly1305;
  return passed.xchacha20_hmac;
}

Room body_of(Room ticket, const Layout& layout) noexcept {
  return ticket.subspan(layout.body_at(), ticket.size() - layout.overhead());
}

namespace {

/// The parts of a ticket, read-only or writable as `Byte` is.
template <class Byte>
struct Parts {
  std::span<Byte> name;
  std::span<Byte> nonce;
  std::span<Byte> length;
  std::span<Byte> body;
  std::span<Byte> tag;
  std::span<Byte> before_body;  ///< associated data of the AEAD profiles
  std::span<Byte> before_tag;   ///< what the MAC of rfc5077 covers
};

template <class Byte>
Parts<Byte> parts_of(std::span<Byte> ticket, const Layout& layout) noexcept {
  return {
      .name = ticket.first(name_size),
      .nonce = ticket.subspan(name_size, layout.nonce_size),
      .length = ticket.subspan(name_size + layout.nonce_size, layout.length_size),
      .body = ticket.subspan(layout.body_at(), ticket.size() - layout.overhead()),
      .tag = ticket.last(layout.tag_size),
      .before_body = ticket.first(layout.body_at()),
      .before_tag = ticket.first(ticket.size() - layout.tag_size),
  };
}

// The first byte of an aes256gcm nonce picks the lane; the others are GCM's nonce.
constexpr std::size_t lane_size = 1;

std::array<std::byte, 24> rfc5077_nonce(Bytes iv) noexcept {
  std::array<std::byte, 24> nonce{};
  std::memcpy(nonce.data(), iv.data(), 16);
  return nonce;
}

std::array<std::byte, 2> length_of(Bytes body) noexcept {
  return {static_cast<std::byte>(body.size() >> 8U), static_cast<std::byte>(body.size())};
}

void seal_aes256gcm(const Parts<std::byte>& ticket, const TicketKey& key) noexcept {
  std::optional<Aes256GcmKey> spare;
  key.lane(ticket.nonce.front(), spare)
      .seal(ticket.body, ticket.tag.first<16>(), ticket.body, ticket.before_body,
            ticket.nonce.subspan<lane_size, 12>());
}

void seal_xchacha20poly1305(const Parts<std::byte>& ticket, const TicketKey& key) noexcept {
  xchacha20poly1305::seal(ticket.body, ticket.tag.first<16>(), ticket.body, ticket.before_body,
                          ticket.nonce.first<24>(), key.cipher_key());
}

void seal_rfc5077(const Parts<std::byte>& ticket, const TicketKey& key) noexcept {
  std::ranges::copy(length_of(ticket.body), ticket.length.begin());
  xchacha20(ticket.body, ticket.body, rfc5077_nonce(ticket.nonce), key.cipher_key());
  key.mac_key().mac(ticket.tag.first<32>(), ticket.before_tag);
}

void encrypt(const Parts<std::byte>& ticket, const TicketKey& key) noexcept {
  if (key.profile() == Profile::aes256gcm) {
    seal_aes256gcm(ticket, key);
  } else if (key.profile() == Profile::xchacha20poly1305) {
    seal_xchacha20poly1305(ticket, key);
  } else {
    seal_rfc5077(ticket, key);
  }
}

bool open_aes256gcm(Room state, const Parts<const std::byte>& ticket,
                    const TicketKey& key) noexcept {
  std::optional<Aes256GcmKey> spare;
  return key.lane(ticket.nonce.front(), spare)
      .open(state, ticket.body, ticket.tag.first<16>(), ticket.before_body,
            ticket.nonce.subspan<lane_size, 12>());
}

bool open_xchacha20poly1305(Room state, const Parts<const std::byte>& ticket,
                            const TicketKey& key) noexcept {
  return xchacha20poly1305::open(state, ticket.body, ticket.tag.first<16>(), ticket.before_body,
                                 ticket.nonce.first<24>(), key.cipher_key());
}

bool open_rfc5077(Room state, const Parts<const std::byte>& ticket, const TicketKey& key) noexcept {
  std::array<std::byte, 32> mac;
  key.mac_key().mac(mac, ticket.before_tag);
  const bool genuine =
      equal_secrets(mac, ticket.tag) && std::ranges::equal(length_of(ticket.body), ticket.length);
  // The right MAC of a forged ticket would be a forgery.
  wipe(mac);
  if (!genuine) {
    wipe(state);
    return false;
  }
  xchacha20(state, ticket.body, rfc5077_nonce(ticket.nonce), key.cipher_key());
  return true;
}

}  // namespace

void seal_with_nonce(Room ticket, const TicketKey& key, Bytes nonce) noexcept {
  const auto parts = parts_of(ticket, layout_of(key.profile()));
  std::ranges::copy(key.name(), parts.name.begin());
  std::ranges::copy(nonce, parts.nonce.begin());
  encrypt(parts, key);
}

bool seal(Room ticket, const TicketKey& key, NonceRule rule) noexcept {
  const auto parts = parts_of(ticket, layout_of(key.profile()));
  if (!draw_nonce(parts.nonce, parts.body, rule)) {
    wipe(ticket);
    return false;
  }
  std::ranges::copy(key.name(), parts.name.begin());
  encrypt(parts, key);
  return true;
}

bool open(Room state, Bytes ticket, const TicketKey& key) noexcept {
  const auto parts = parts_of(ticket, layout_of(key.profile()));
  if (key.profile() == Profile::aes256gcm) return open_aes256gcm(state, parts, key);
  if (key.profile() == Profile::xchacha20poly1305) return open_xchacha20poly1305(state, parts, key);
  return open_rfc5077(state, parts, key);
}

}  // namespace stek::ticket
