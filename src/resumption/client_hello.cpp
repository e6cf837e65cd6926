#include <algorithm>
#include <bitset>

#include <stek/resumption.hpp>

#include "wire/reader.hpp"

namespace stek {
namespace {

using wire::Reader;

constexpr std::uint8_t client_hello_type = 1;
constexpr std::uint16_t fallback_scsv = 0x5600;  // RFC 7507 section 2

enum Extension : std::uint16_t {
  server_name = 0,
  max_fragment_length = 1,
  encrypt_then_mac = 22,
  extended_master_secret = 23,
  session_ticket = 35,
  pre_shared_key = 41,
  supported_versions = 43,
  psk_key_exchange_modes = 45,
  key_share = 51,
};

template <class T, class Number>
std::vector<T> list_of(Bytes list) {
  std::vector<T> out;
  out.reserve(list.size() / sizeof(Number));
  for (Reader reader(list); !reader.empty() && reader.ok();) {
    out.push_back(static_cast<T>(reader.number<Number>()));
  }
  return out;
}

std::vector<std::byte> copied(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
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
    hello.server_name = HostName::from({reinterpret_cast<const char*>(name.data()), name.size()});
    if (!hello.server_name) return false;
  }
  return body.done();
}

bool read_extension(std::uint16_t type, Reader body, ClientHello& hello) {
  switch (type) {
    case server_name:
      return read_server_name(body, hello);
    case max_fragment_length:
      hello.max_fragment_length = body.u8();
      return body.done();
    case encrypt_then_mac:
      hello.encrypt_then_mac = true;
      return body.done();
    case extended_master_secret:
      hello.extended_master_secret = true;
      return body.done();
    case session_ticket:
      hello.session_ticket = copied(body.rest());
      return true;
    case supported_versions: {
      const Bytes versions = body.vector<std::uint8_t>(2, 254);
      hello.supported_versions = list_of<ProtocolVersion, std::uint16_t>(versions);
      return body.done() && versions.size() % 2 == 0;
    }
    case psk_key_exchange_modes:
      hello.psk_key_exchange_modes =
          list_of<std::uint8_t, std::uint8_t>(body.vector<std::uint8_t>(1, 255));
      return body.done();
    case pre_shared_key:
      hello.pre_shared_key = true;
      return true;
    case key_share:
      hello.key_share = true;
      return true;
    default:
      return true;
  }
}

bool read_extensions(Reader list, ClientHello& hello) {
  std::bitset<0x10000> seen;
  while (!list.empty()) {
    const std::uint16_t type = list.u16();
    const Bytes body = list.vector<std::uint16_t>(0, 0xffff);
    // RFC 8446 section 4.2: "There MUST NOT be more than one extension of the same type in a given
    // extension block."
    if (!list.ok() || seen.test(type)) return false;
    seen.set(type);
    if (!read_extension(type, Reader(body), hello)) return false;
  }
  return true;
}

bool read_body(Reader body, ClientHello& hello) {
  constexpr std::size_t random_size = 32;
  hello.legacy_version = static_cast<ProtocolVersion>(body.u16());
  body.bytes(random_size);
  hello.session_id = copied(body.vector<std::uint8_t>(0, 32));
  const Bytes suites = body.vector<std::uint16_t>(2, 0xfffe);
  hello.cipher_suites = list_of<CipherSuite, std::uint16_t>(suites);
  hello.compression_methods =
      list_of<std::uint8_t, std::uint8_t>(body.vector<std::uint8_t>(1, 255));
  if (!body.ok() || suites.size() % 2 != 0) return false;
  hello.fallback = std::ranges::find(hello.cipher_suites, CipherSuite{fallback_scsv}) !=
                   hello.cipher_suites.end();
  // RFC 5246 section 7.4.1.2: a hello may end here, without an extension block.
  if (body.empty()) return true;
  const Reader extensions(body.vector<std::uint16_t>(0, 0xffff));
  return body.done() && read_extensions(extensions, hello);
}

}  // namespace

std::expected<ClientHello, Error> parse_client_hello(Bytes message) {
  Reader reader(message);
  const std::uint8_t type = reader.u8();
  const std::size_t length = std::size_t{reader.u8()} << 16U | reader.u16();
  const Reader body(reader.bytes(length));
  ClientHello hello;
  if (!reader.done() || type != client_hello_type || !read_body(body, hello)) {
    return std::unexpected(Error::malformed);
  }
  return hello;
}

}  // namespace stek
