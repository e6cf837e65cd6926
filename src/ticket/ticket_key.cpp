#include "ticket/ticket_key.hpp"

namespace stek::ticket {

PagesPtr<TicketKey> make_ticket_key(const Key& key, std::optional<std::string_view> domain,
                                    Granted& granted, KeyMemory asked) noexcept {
  auto made = make_in_key_pages<TicketKey>(granted, asked);
  if (made != nullptr) made->derive(key, domain);
  return made;
}

void TicketKey::derive(const Key& key, std::optional<std::string_view> domain) noexcept {
  name_ = key.name;
  profile_ = key.profile;
  domain_key_ = domain ? domain_key(key.secret, *domain) : key.secret.copy();
  // The subkeys of aes256gcm come lane by lane.
  if (profile_ == Profile::xchacha20poly1305) {
    cipher_key_ = subkey(domain_key_, Purpose::xchacha20poly1305, 0);
  }
  if (profile_ == Profile::rfc5077) {
    cipher_key_ = subkey(domain_key_, Purpose::rfc5077_cipher, 0);
    mac_key_.assign(mac_subkey().expose());
  }
}

Subkey TicketKey::mac_subkey() const noexcept {
  return subkey(domain_key_, Purpose::rfc5077_mac, 0);
}

TicketKey::~TicketKey() {
  for (std::size_t i = 0; i < lanes; ++i) {
    if (fills_[i].load(std::memory_order_relaxed) == Fill::ready) std::destroy_at(&table_[i]);
  }
}

bool TicketKey::fill_lane(std::byte number) const noexcept {
  const auto i = std::to_integer<std::size_t>(number);
  Fill expected = Fill::empty;
  if (!fills_[i].compare_exchange_strong(expected, Fill::filling, std::memory_order_acquire)) {
    return expected == Fill::ready;
  }
  expand(*std::construct_at(&table_[i]), number);
  fills_[i].store(Fill::ready, std::memory_order_release);
  return true;
}

void TicketKey::expand(Aes256GcmKey& into, std::byte number) const noexcept {
  into.assign(
      subkey(domain_key_, Purpose::aes256gcm, std::to_integer<std::uint8_t>(number)).expose());
}

}  // namespace stek::ticket
