// The three ticket layouts, described once: sizes for seal and open, text for FORMAT.md.
#pragma once

#include <string>

#include <fmt/core.h>

#include <stek/ring.hpp>

#include "wire/size_class.hpp"

namespace stek::ticket {

inline constexpr std::size_t name_size = sizeof(KeyName);

struct Layout {
  Profile profile;
  std::size_t nonce_size;   ///< behind the key's name
  std::size_t length_size;  ///< of the ciphertext's length, behind the nonce; 0: none
  std::size_t tag_size;     ///< behind the ciphertext
  std::size_t smallest_state;
  std::string_view nonce_name;
  std::string_view tag_name;
  std::string_view note;

  [[nodiscard]] constexpr std::size_t body_at() const noexcept {
    return name_size + nonce_size + length_size;
  }
  [[nodiscard]] constexpr std::size_t overhead() const noexcept { return body_at() + tag_size; }
  /// The state's length in a ticket of `ticket_size`; 0 when no state gives that length.
  [[nodiscard]] constexpr std::size_t state_size(std::size_t ticket_size) const noexcept {
    if (ticket_size <= overhead()) return 0;
    const std::size_t size = ticket_size - overhead();
    return wire::is_class(size, smallest_state) ? size : 0;
  }
};

inline constexpr std::array<Layout, 3> layouts{{
    {Profile::aes256gcm, 13, 0, 16, 128, "nonce", "tag", "AES-256-GCM"},
    {Profile::xchacha20poly1305, 24, 0, 16, 128, "nonce", "tag", "XChaCha20-Poly1305"},
    {Profile::rfc5077, 16, 2, 32, 112, "iv", "mac", "XChaCha20, then HMAC-SHA-256"},
}};

constexpr const Layout& layout_of(Profile profile) noexcept {
  return layouts[static_cast<std::size_t>(profile)];
}

inline constexpr std::size_t least_ticket = layout_of(Profile::aes256gcm).overhead() + 128;

inline std::string text_of(const Layout& layout) {
  const std::string body =
      layout.length_size == 0 ? "opaque ciphertext[state]" : "opaque ciphertext<112..16384>";
  return fmt::format(
      "struct {{\n"
      "    opaque key_name[{}];\n"
      "    opaque {}[{}];\n"
      "    {};\n"
      "    opaque {}[{}];\n"
      "}} {};    /* {}; {} bytes and the state, which begins at {} */\n",
      name_size, layout.nonce_name, layout.nonce_size, body, layout.tag_name, layout.tag_size,
      name_of(layout.profile), layout.note, layout.overhead(), layout.body_at());
}

}  // namespace stek::ticket
