// One STEK in one trust domain, ready to seal: subkeys derived, AES lanes expanded as they are
// first used.
#pragma once

#include <atomic>

#include "base/cipher.hpp"
#include "base/hash.hpp"
#include "base/memory.hpp"
#include "ticket/derive.hpp"

namespace stek::ticket {

/// Lives in key pages of its own and holds all that is derived from a key: when it is destroyed,
/// nothing of it is left. The STEK itself is not kept. Thread-safe.
class TicketKey {
 public:
  static constexpr std::size_t lanes = 256;

  TicketKey() noexcept {}
  ~TicketKey();
  TicketKey(const TicketKey&) = delete;
  TicketKey& operator=(const TicketKey&) = delete;

  [[nodiscard]] const KeyName& name() const noexcept { return name_; }
  [[nodiscard]] Profile profile() const noexcept { return profile_; }

  /// Calls `work` with the expanded key of an AES lane.
  template <class Work>
  auto with_lane(std::byte number, Work work) const noexcept {
    const auto i = std::to_integer<std::size_t>(number);
    const bool ready = fills_[i].load(std::memory_order_acquire) == Fill::ready;
    if (ready || fill_lane(number)) [[likely]]
      return work(table_[i]);
    // Another thread is filling it right now.
    return work(SpareLane(*this, number).key);
  }
  [[nodiscard]] std::span<const std::byte, 32> cipher_key() const noexcept {
    return cipher_key_.expose();
  }
  [[nodiscard]] const HmacSha256Key& mac_key() const noexcept { return mac_key_; }
  /// What `mac_key` has absorbed: for a TLS library that computes a ticket's MAC itself.
  [[nodiscard]] Subkey mac_subkey() const noexcept;

 private:
  friend PagesPtr<TicketKey> make_ticket_key(const Key& key, std::optional<std::string_view> domain,
                                             Granted& granted, KeyMemory asked) noexcept;
  enum class Fill : std::uint8_t { empty, filling, ready };

  /// A lane beside the table, for one ticket.
  struct SpareLane {
    SpareLane(const TicketKey& of, std::byte number) noexcept { of.expand(key, number); }
    Aes256GcmKey key;
  };

  void derive(const Key& key, std::optional<std::string_view> domain) noexcept;
  /// False when another thread is at it.
  bool fill_lane(std::byte number) const noexcept;
  void expand(Aes256GcmKey& into, std::byte number) const noexcept;

  KeyName name_{};
  Profile profile_{};
  DomainKey domain_key_;
  Subkey cipher_key_;
  HmacSha256Key mac_key_;
  mutable std::array<std::atomic<Fill>, lanes> fills_{};
  // A union, so that lanes that were never filled are neither made nor wiped, and cost no page.
  union {
    mutable std::array<Aes256GcmKey, lanes> table_;
  };
};

/// Without a domain the key's secret is K_dom already: a ring of one domain has such.
/// nullptr when there is no memory.
PagesPtr<TicketKey> make_ticket_key(const Key& key, std::optional<std::string_view> domain,
                                    Granted& granted,
                                    KeyMemory asked = KeyMemory::forkable) noexcept;

}  // namespace stek::ticket
