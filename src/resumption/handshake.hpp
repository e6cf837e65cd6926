// One handshake message out of the records or fragments that carry it.
#pragma once

#include <optional>
#include <vector>

#include <stek/session.hpp>

namespace stek {

struct HandshakeMessage {
  Transport transport;
  std::uint8_t type;
  std::vector<std::byte> body;
};

/// The one message that `bytes` is, with records or without, of TLS or DTLS. Nothing when it is cut
/// short, has bytes to spare, or its fragments contradict each other.
std::optional<HandshakeMessage> handshake_message(Bytes bytes);

}  // namespace stek
