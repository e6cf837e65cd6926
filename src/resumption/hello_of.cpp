#include "resumption/hello_of.hpp"

namespace stek {

ClientHello hello_of(const Session& session, const std::optional<HostName>& asked) {
  constexpr std::uint8_t null = 0;
  constexpr std::uint8_t psk_dhe_ke = 1;
  ClientHello hello;
  hello.transport = session.transport;
  hello.legacy_version = session.version;
  hello.cipher_suites = {session.cipher_suite};
  hello.compression_methods = {null};
  hello.extended_master_secret = session.extended_master_secret;
  hello.server_name = asked;
  const auto* name = std::get_if<HostName>(&session.server_name);
  if (!asked && name != nullptr) hello.server_name = *name;
  if (is_tls13(session.version)) {
    hello.supported_versions = {session.version};
    hello.psk_key_exchange_modes = {psk_dhe_ke};
    hello.key_share = true;
    // The ticket that the session is from; its bytes are nothing to decide by.
    hello.psk_identities.emplace_back();
  }
  return hello;
}

}  // namespace stek
