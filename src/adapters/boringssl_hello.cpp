#include "adapters/boringssl_hello.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/writer.hpp"

namespace stek::boringssl {
namespace {

/// What is shown begins behind the header, for the one parser of ClientHellos.
std::vector<std::byte> message_of(Bytes body) {
  constexpr std::size_t header = 4;
  constexpr std::uint8_t client_hello = 1;
  std::vector<std::byte> message(header + body.size());
  wire::Writer out(message);
  out.number(client_hello);
  out.number(static_cast<std::uint8_t>(body.size() >> 16U));
  out.number(static_cast<std::uint16_t>(body.size()));
  out.bytes(body);
  return message;
}

struct Versions {
  ProtocolVersion least = ProtocolVersion::none;
  ProtocolVersion most = ProtocolVersion::none;
};

/// Each has its own switch beside the bounds; above a version that is turned off, BoringSSL takes
/// all for turned off.
Versions enabled_versions(const SSL& ssl) noexcept {
  constexpr std::array<std::pair<ProtocolVersion, std::uint32_t>, 4> known{{
      {ProtocolVersion::tls1_0, SSL_OP_NO_TLSv1},
      {ProtocolVersion::tls1_1, SSL_OP_NO_TLSv1_1},
      {ProtocolVersion::tls1_2, SSL_OP_NO_TLSv1_2},
      {ProtocolVersion::tls1_3, SSL_OP_NO_TLSv1_3},
  }};
  Versions enabled;
  for (const auto& [version, turned_off] : known) {
    const auto number = static_cast<std::uint16_t>(version);
    const bool within =
        number >= SSL_get_min_proto_version(&ssl) && number <= SSL_get_max_proto_version(&ssl);
    if (within && (SSL_get_options(&ssl) & turned_off) == 0) {
      if (enabled.least == ProtocolVersion::none) enabled.least = version;
      enabled.most = version;
    } else if (enabled.most != ProtocolVersion::none) {
      break;
    }
  }
  return enabled;
}

}  // namespace

std::optional<ClientHello> read_hello(const SSL_CLIENT_HELLO& shown) {
  if (SSL_is_dtls(shown.ssl) != 0) return std::nullopt;
  const auto body = std::as_bytes(std::span(shown.client_hello, shown.client_hello_len));
  auto parsed = parse_client_hello(message_of(body));
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

void leave_what_is_enabled(ClientHello& hello, const SSL& ssl) {
  const Versions enabled = enabled_versions(ssl);
  if (hello.supported_versions) {
    std::erase_if(*hello.supported_versions, [&](ProtocolVersion version) {
      return version < enabled.least || version > enabled.most;
    });
  } else if (hello.legacy_version > enabled.most) {
    hello.legacy_version = enabled.most;
  }
  hello.encrypt_then_mac = false;
  hello.max_fragment_length.reset();
  hello.truncated_hmac = false;
}

}  // namespace stek::boringssl
