#include "ticket/ticket.hpp"

#include "base/wipe.hpp"

namespace stek::ticket {
namespace {

/// The parts of a ticket of `profile`, read-only or writable as `Byte` is. Where they lie is known
/// when this is compiled; only the body's length is not.
template <Profile profile, class Byte>
struct Parts {
  static constexpr const Layout& layout = layout_of(profile);
  static constexpr std::size_t body_at = layout.body_at();

  explicit Parts(std::span<Byte> ticket) noexcept : ticket_(ticket) {}

  [[nodiscard]] std::span<Byte, layout.nonce_size> nonce() const noexcept {
    return ticket_.template subspan<name_size, layout.nonce_size>();
  }
  [[nodiscard]] std::span<Byte, layout.length_size> length() const noexcept {
    return ticket_.template subspan<name_size + layout.nonce_size, layout.length_size>();
  }
  [[nodiscard]] std::span<Byte> body() const noexcept {
    return ticket_.subspan(body_at, ticket_.size() - layout.overhead());
  }
  [[nodiscard]] std::span<Byte, layout.tag_size> tag() const noexcept {
    return ticket_.template last<layout.tag_size>();
  }
  /// Associated data of the AEAD profiles.
  [[nodiscard]] Bytes before_body() const noexcept { return ticket_.template first<body_at>(); }
  /// What the MAC of rfc5077 covers.
  [[nodiscard]] Bytes before_tag() const noexcept {
    return ticket_.first(ticket_.size() - layout.tag_size);
  }

 private:
  std::span<Byte> ticket_;
};

template <Profile profile>
using Sealing = Parts<profile, std::byte>;
template <Profile profile>
using Opening = Parts<profile, const std::byte>;

// The first byte of an aes256gcm nonce picks the lane; the others are GCM's nonce.
constexpr std::size_t lane_size = 1;

std::array<std::byte, 24> xchacha20_nonce(Bytes iv) noexcept {
  std::array<std::byte, 24> nonce{};
  std::memcpy(nonce.data(), iv.data(), 16);
  return nonce;
}

std::array<std::byte, 2> length_of(Bytes body) noexcept {
  return {static_cast<std::byte>(body.size() >> 8U), static_cast<std::byte>(body.size())};
}

// One store: what is stored by bytes is loaded as a vector right after, which the CPU has to wait
// for.
void put(Room room, Bytes bytes) noexcept {
  std::memcpy(room.data(), bytes.data(), bytes.size());
}

/// In place, the nonce drawn already.
void encrypt(Sealing<Profile::aes256gcm> ticket, const TicketKey& key) noexcept {
  key.with_lane(ticket.nonce().front(), [&](const Aes256GcmKey& lane) {
    lane.seal(ticket.body(), ticket.tag(), ticket.body(), ticket.before_body(),
              ticket.nonce().subspan<lane_size>());
  });
}

void encrypt(Sealing<Profile::xchacha20poly1305> ticket, const TicketKey& key) noexcept {
  xchacha20poly1305::seal(ticket.body(), ticket.tag(), ticket.body(), ticket.before_body(),
                          ticket.nonce(), key.cipher_key());
}

void encrypt(Sealing<Profile::rfc5077> ticket, const TicketKey& key) noexcept {
  put(ticket.length(), length_of(ticket.body()));
  xchacha20(ticket.body(), ticket.body(), xchacha20_nonce(ticket.nonce()), key.cipher_key());
  key.mac_key().mac(ticket.tag(), ticket.before_tag());
}

bool decrypt(Room state, Opening<Profile::aes256gcm> ticket, const TicketKey& key) noexcept {
  return key.with_lane(ticket.nonce().front(), [&](const Aes256GcmKey& lane) {
    return lane.open(state, ticket.body(), ticket.tag(), ticket.before_body(),
                     ticket.nonce().subspan<lane_size>());
  });
}

bool decrypt(Room state, Opening<Profile::xchacha20poly1305> ticket,
             const TicketKey& key) noexcept {
  return xchacha20poly1305::open(state, ticket.body(), ticket.tag(), ticket.before_body(),
                                 ticket.nonce(), key.cipher_key());
}

bool decrypt(Room state, Opening<Profile::rfc5077> ticket, const TicketKey& key) noexcept {
  std::array<std::byte, 32> mac;
  key.mac_key().mac(mac, ticket.before_tag());
  const bool genuine = equal_secrets(mac, ticket.tag()) &&
                       std::ranges::equal(length_of(ticket.body()), ticket.length());
  // The right MAC of a forged ticket would be a forgery.
  wipe_object(mac);
  if (!genuine) {
    wipe(state);
    return false;
  }
  xchacha20(state, ticket.body(), xchacha20_nonce(ticket.nonce()), key.cipher_key());
  return true;
}

/// Calls `work` with the profile as a constant. A fourth profile wants its place here, its encrypt
/// and decrypt above, its test in profile_works, and its subkeys in TicketKey::derive.
template <class Work>
decltype(auto) with_profile(Profile profile, Work work) noexcept {
  static_assert(layouts.size() == 3);
  using enum Profile;
  if (profile == aes256gcm) return work.template operator()<aes256gcm>();
  if (profile == xchacha20poly1305) return work.template operator()<xchacha20poly1305>();
  return work.template operator()<rfc5077>();
}

}  // namespace

bool profile_works(Profile profile) noexcept {
  const CipherTests& passed = cipher_tests();
  if (profile == Profile::aes256gcm) return passed.aes256gcm;
  if (profile == Profile::xchacha20poly1305) return passed.xchacha20poly1305;
  return passed.xchacha20_hmac;
}

void seal_with_nonce(Room ticket, const TicketKey& key, Bytes nonce) noexcept {
  with_profile(key.profile(), [&]<Profile profile> {
    const Sealing<profile> parts(ticket);
    put(ticket, key.name());
    put(parts.nonce(), nonce);
    encrypt(parts, key);
  });
}

bool seal(Room ticket, const TicketKey& key, NonceRule rule) noexcept {
  return with_profile(key.profile(), [&]<Profile profile> {
    const Sealing<profile> parts(ticket);
    if (!draw_nonce(parts.nonce(), parts.body(), rule)) {
      wipe(ticket);
      return false;
    }
    put(ticket, key.name());
    encrypt(parts, key);
    return true;
  });
}

bool open(Room state, Bytes ticket, const TicketKey& key) noexcept {
  return with_profile(key.profile(), [&]<Profile profile> {
    return decrypt(state, Opening<profile>(ticket), key);
  });
}

}  // namespace stek::ticket
