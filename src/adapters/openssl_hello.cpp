#include "adapters/openssl_hello.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "wire/writer.hpp"

namespace stek::openssl {
namespace {

/// A part of the hello, which OpenSSL gives by pointer and size.
template <class Get>
Bytes part(SSL& ssl, Get get) noexcept {
  const unsigned char* data = nullptr;
  const std::size_t size = get(&ssl, &data);
  return std::as_bytes(std::span(data, size));
}

struct Freer {
  void operator()(int* list) const noexcept { OPENSSL_free(list); }
};

struct Extension {
  std::uint16_t type;
  Bytes body;
};

/// Those that OpenSSL knows, in the client's order; it drops the others.
std::vector<Extension> extensions_of(SSL& ssl) {
  int* types = nullptr;
  std::size_t count = 0;
  if (SSL_client_hello_get1_extensions_present(&ssl, &types, &count) != 1) return {};
  const std::unique_ptr<int, Freer> owner(types);
  std::vector<Extension> extensions;
  for (const int type : std::span(types, count)) {
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    SSL_client_hello_get0_ext(&ssl, static_cast<unsigned>(type), &data, &size);
    extensions.emplace_back(static_cast<std::uint16_t>(type), std::as_bytes(std::span(data, size)));
  }
  return extensions;
}

/// The message anew, for the one parser of ClientHellos.
std::vector<std::byte> message_of(SSL& ssl) {
  const Bytes random = part(ssl, SSL_client_hello_get0_random);
  const Bytes session_id = part(ssl, SSL_client_hello_get0_session_id);
  const Bytes suites = part(ssl, SSL_client_hello_get0_ciphers);
  const Bytes compression_methods = part(ssl, SSL_client_hello_get0_compression_methods);
  const std::vector<Extension> extensions = extensions_of(ssl);
  std::size_t extensions_size = 0;
  for (const Extension& extension : extensions) extensions_size += 4 + extension.body.size();
  const std::size_t size = 2 + random.size() + 1 + session_id.size() + 2 + suites.size() + 1 +
                           compression_methods.size() + 2 + extensions_size;

  constexpr std::size_t header = 4;
  constexpr std::uint8_t client_hello = 1;
  std::vector<std::byte> message(header + size);
  wire::Writer out(message);
  out.number(client_hello);
  out.number(static_cast<std::uint8_t>(size >> 16U));
  out.number(static_cast<std::uint16_t>(size));
  out.number(static_cast<std::uint16_t>(SSL_client_hello_get0_legacy_version(&ssl)));
  out.bytes(random);
  out.number(static_cast<std::uint8_t>(session_id.size()));
  out.bytes(session_id);
  out.number(static_cast<std::uint16_t>(suites.size()));
  out.bytes(suites);
  out.number(static_cast<std::uint8_t>(compression_methods.size()));
  out.bytes(compression_methods);
  out.number(static_cast<std::uint16_t>(extensions_size));
  for (const Extension& extension : extensions) {
    out.number(extension.type);
    out.number(static_cast<std::uint16_t>(extension.body.size()));
    out.bytes(extension.body);
  }
  return message;
}

/// Each has its own switch beside the bounds.
constexpr std::array<std::pair<ProtocolVersion, std::uint64_t>, 4> versions{{
    {ProtocolVersion::tls1_3, SSL_OP_NO_TLSv1_3},
    {ProtocolVersion::tls1_2, SSL_OP_NO_TLSv1_2},
    {ProtocolVersion::tls1_1, SSL_OP_NO_TLSv1_1},
    {ProtocolVersion::tls1_0, SSL_OP_NO_TLSv1},
}};

bool is_enabled(ProtocolVersion version, const SSL& ssl) noexcept {
  const auto bound = [&](int command) {
    return static_cast<int>(SSL_ctrl(const_cast<SSL*>(&ssl), command, 0, nullptr));
  };
  const int least = bound(SSL_CTRL_GET_MIN_PROTO_VERSION);
  const int most = bound(SSL_CTRL_GET_MAX_PROTO_VERSION);  // either is 0 for none
  const int number = static_cast<int>(version);
  if (number < least || (most != 0 && number > most)) return false;
  return std::ranges::any_of(versions, [&](const auto& known) {
    return known.first == version && (SSL_get_options(&ssl) & known.second) == 0;
  });
}

/// The highest that is enabled and not above what the client says; as it was when there is none.
ProtocolVersion highest_enabled(ProtocolVersion legacy_version, const SSL& ssl) noexcept {
  for (const auto& [version, unused] : versions) {
    const bool offered = version <= legacy_version && !is_tls13(version);
    if (offered && is_enabled(version, ssl)) return version;
  }
  return legacy_version;
}

}  // namespace

std::optional<ClientHello> read_hello(SSL& ssl) {
  if (SSL_is_dtls(&ssl) != 0 || SSL_client_hello_isv2(&ssl) != 0) return std::nullopt;
  auto parsed = parse_client_hello(message_of(ssl));
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

void leave_what_is_enabled(ClientHello& hello, const SSL& ssl) {
  if (hello.supported_versions) {
    std::erase_if(*hello.supported_versions,
                  [&](ProtocolVersion version) { return !is_enabled(version, ssl); });
  } else {
    hello.legacy_version = highest_enabled(hello.legacy_version, ssl);
  }
  const std::uint64_t options = SSL_get_options(&ssl);
  if ((options & SSL_OP_NO_EXTENDED_MASTER_SECRET) != 0) hello.extended_master_secret = false;
  if ((options & SSL_OP_NO_ENCRYPT_THEN_MAC) != 0) hello.encrypt_then_mac = false;
}

}  // namespace stek::openssl
