#include <stek/client_hello.hpp>

#include <algorithm>
#include <bitset>

#include "resumption/handshake.hpp"
#include "wire/reader.hpp"

namespace stek {
namespace {

using wire::Reader;

constexpr std::uint8_t client_hello_type = 1;
constexpr CipherSuite fallback_scsv{0x5600};                  // RFC 7507 section 2
constexpr CipherSuite empty_renegotiation_info_scsv{0x00ff};  // RFC 5746 section 3.3

enum Extension : std::uint16_t {
  server_name = 0,
  max_fragment_length = 1,
  truncated_hmac = 4,
  supported_groups = 10,
  signature_algorithms = 13,
  application_layer_protocol_negotiation = 16,
  encrypt_then_mac = 22,
  extended_master_secret = 23,
  session_ticket = 35,
  pre_shared_key = 41,
  early_data = 42,
  supported_versions = 43,
  psk_key_exchange_modes = 45,
  key_share = 51,
  renegotiation_info = 0xff01,
};

// RFC 8701 section 2 has one set of values for numbers of 16 bits and for protocol names, and one
// for PSK modes.
constexpr bool is_grease(std::uint16_t n) noexcept {
  return (n & 0x0f0fU) == 0x0a0aU && n >> 8U == (n & 0xffU);
}
constexpr bool is_grease(std::uint8_t n) noexcept {
  return n % 0x1f == 0x0b;
}
bool is_grease(Bytes name) noexcept {
  return name.size() == 2 && is_grease(Reader(name).u16());
}

/// `Number`s behind a length of 1 or 2 bytes, whose sum is at least one number and at most `max`.
template <class Number, class Length, class T>
bool read_list(Reader& from, std::size_t max, std::vector<T>& list) {
  const Bytes bytes = from.vector<Length>(sizeof(Number), max);
  if (bytes.size() % sizeof(Number) != 0) return false;
  for (Reader reader(bytes); !reader.empty();) {
    const auto n = reader.number<Number>();
    if (!is_grease(n)) list.push_back(static_cast<T>(n));
  }
  return from.ok();
}

std::vector<std::byte> copied(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// RFC 6066 section 3: a list with at most one name of type host_name. Other types are skipped.
bool read_server_name(Reader body, ClientHello& hello) {
  Reader list(body.vector<std::uint16_t>(1, 0xffff));
  while (body.done() && !list.empty()) {
    constexpr std::uint8_t host_name = 0;
    const std::uint8_t type = list.u8();
    const Bytes name = list.vector<std::uint16_t>(1, 0xffff);
    if (!list.ok()) return false;
    if (type != host_name) continue;
    // "The ServerNameList MUST NOT contain more than one name of the same name_type."
    if (hello.server_name) return false;
    hello.server_name = HostName::from(text_of(name));
    if (!hello.server_name) return false;
  }
  return body.done();
}

/// RFC 7301 section 3.1: "Empty strings MUST NOT be included".
bool read_application_protocols(Reader body, ClientHello& hello) {
  Reader list(body.vector<std::uint16_t>(2, 0xffff));
  while (!list.empty()) {
    const Bytes name = list.vector<std::uint8_t>(1, ProtocolName::max_size);
    if (!list.ok()) return false;
    if (!is_grease(name)) hello.application_protocols.push_back({std::string(text_of(name))});
  }
  return body.done();
}

std::size_t count_binders(Reader list) noexcept {
  constexpr std::size_t least_binder = 32;
  std::size_t count = 0;
  while (!list.empty()) {
    list.vector<std::uint8_t>(least_binder, 0xff);
    ++count;
  }
  return list.ok() ? count : 0;
}

/// RFC 8446 section 4.2.11: identities, and as many binders.
bool read_pre_shared_key(Reader body, ClientHello& hello) {
  Reader identities(body.vector<std::uint16_t>(7, 0xffff));
  while (!identities.empty()) {
    PskIdentity& offered = hello.psk_identities.emplace_back();
    offered.identity = copied(identities.vector<std::uint16_t>(1, 0xffff));
    offered.obfuscated_ticket_age = identities.number<std::uint32_t>();
  }
  const Reader binders(body.vector<std::uint16_t>(33, 0xffff));
  return identities.ok() && body.done() && count_binders(binders) == hello.psk_identities.size();
}

bool read_extension(std::uint16_t type, Reader body, ClientHello& hello) {
  switch (type) {
    case server_name:
      return read_server_name(body, hello);
    case max_fragment_length:
      hello.max_fragment_length = body.u8();
      return body.done();
    case truncated_hmac:
      hello.truncated_hmac = true;
      return body.done();
    case supported_groups:
      return read_list<std::uint16_t, std::uint16_t>(body, 0xffff, hello.supported_groups) &&
             body.done();
    case signature_algorithms:
      return read_list<std::uint16_t, std::uint16_t>(body, 0xfffe, hello.signature_algorithms) &&
             body.done();
    case application_layer_protocol_negotiation:
      return read_application_protocols(body, hello);
    case encrypt_then_mac:
      hello.encrypt_then_mac = true;
      return body.done();
    case extended_master_secret:
      hello.extended_master_secret = true;
      return body.done();
    case session_ticket:
      hello.session_ticket = copied(body.rest());
      return true;
    case pre_shared_key:
      return read_pre_shared_key(body, hello);
    case early_data:
      hello.early_data = true;
      return body.done();
    case supported_versions:
      return read_list<std::uint16_t, std::uint8_t>(body, 254,
                                                    hello.supported_versions.emplace()) &&
             body.done();
    case psk_key_exchange_modes:
      return read_list<std::uint8_t, std::uint8_t>(body, 255,
                                                   hello.psk_key_exchange_modes.emplace()) &&
             body.done();
    case key_share:
      hello.key_share = true;
      return true;
    case renegotiation_info:
      hello.secure_renegotiation = true;
      body.vector<std::uint8_t>(0, 255);
      return body.done();
    default:
      return true;
  }
}

bool read_extensions(Reader list, ClientHello& hello) {
  std::bitset<0x10000> seen;
  std::uint16_t last = 0;
  while (!list.empty()) {
    last = list.u16();
    const Bytes body = list.vector<std::uint16_t>(0, 0xffff);
    // RFC 8446 section 4.2: "There MUST NOT be more than one extension of the same type in a given
    // extension block."
    if (!list.ok() || seen.test(last)) return false;
    seen.set(last);
    if (!read_extension(last, Reader(body), hello)) return false;
  }
  hello.pre_shared_key_last = !seen.test(pre_shared_key) || last == pre_shared_key;
  return true;
}

bool contains(const std::vector<CipherSuite>& suites, CipherSuite suite) noexcept {
  return std::ranges::find(suites, suite) != suites.end();
}

bool read_body(Reader body, ClientHello& hello) {
  constexpr std::size_t random_size = 32;
  hello.legacy_version = static_cast<ProtocolVersion>(body.u16());
  body.bytes(random_size);
  hello.session_id = copied(body.vector<std::uint8_t>(0, 32));
  // RFC 6347 section 4.2.1: the cookie stands here.
  if (hello.transport == Transport::dtls) body.vector<std::uint8_t>(0, 255);
  if (!read_list<std::uint16_t, std::uint16_t>(body, 0xfffe, hello.cipher_suites)) return false;
  const Bytes compression_methods = body.vector<std::uint8_t>(1, 255);
  if (!body.ok()) return false;
  for (Reader methods(compression_methods); !methods.empty();) {
    hello.compression_methods.push_back(methods.u8());
  }
  hello.fallback = contains(hello.cipher_suites, fallback_scsv);
  hello.secure_renegotiation = contains(hello.cipher_suites, empty_renegotiation_info_scsv);
  // RFC 5246 section 7.4.1.2: a hello may end here, without an extension block.
  if (body.empty()) return true;
  const Reader extensions(body.vector<std::uint16_t>(0, 0xffff));
  return body.done() && read_extensions(extensions, hello);
}

}  // namespace

std::expected<ClientHello, Error> parse_client_hello(Bytes bytes) {
  const auto message = handshake_message(bytes);
  ClientHello hello;
  if (!message || message->type != client_hello_type) return std::unexpected(Error::malformed);
  hello.transport = message->transport;
  if (!read_body(Reader(message->body), hello)) return std::unexpected(Error::malformed);
  return hello;
}

}  // namespace stek
