// What more than one adapter asks of a ClientHello.
#pragma once

#include <algorithm>

#include <stek/client_hello.hpp>

namespace stek {

inline bool offers_tls13(const ClientHello& hello) noexcept {
  return hello.supported_versions &&
         std::ranges::find(*hello.supported_versions, ProtocolVersion::tls1_3) !=
             hello.supported_versions->end();
}

}  // namespace stek
