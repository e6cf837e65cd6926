// For adapters of TLS libraries that lay a ticket out and compute its MAC themselves (RFC 5077
// section 4): what they have to know of the ring behind a view.
#pragma once

#include <stek/ticketer.hpp>

#include "ticket/derive.hpp"

namespace stek::ticketer {

struct OuterLayout {
  /// Keeps a ticket of a ring of profile `rfc5077` as short as wolfSSL needs it, up to TLS 1.2:
  /// leaves out the application protocol, which is negotiated afresh there, and a server name whose
  /// text would take the next size class becomes its hash. wolfSSL ends a handshake that brings a
  /// longer ticket, whoever issued it.
  static void narrow(Session& session, const Tickets& tickets) noexcept;

  /// The ring's profile, which is fixed when a ring is made.
  static Profile profile_of(const Tickets& tickets) noexcept;

  /// The MAC key of `rfc5077` tickets under the ring's key `name`, in the domain of `tickets`.
  /// Nothing when the ring has no key of that name and profile.
  static std::optional<ticket::Subkey> mac_key(const Tickets& tickets,
                                               const KeyName& name) noexcept;
};

}  // namespace stek::ticketer
