// ClientHellos from bytes: built here, and captured from real clients.
#include <stek/client_hello.hpp>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include "base/encoding.hpp"
#include "resumption/json.hpp"
#include "wire/writer.hpp"

namespace stek {
namespace {

// A ClientHello with GREASE in every list, and with one extension of each kind.
std::vector<std::byte> hello_message() {
  std::vector<std::byte> body(1000);
  wire::Writer out(body);
  const auto extension = [&](std::uint64_t type, const std::vector<int>& bytes) {
    out.number(static_cast<std::uint16_t>(type));
    out.number(static_cast<std::uint16_t>(bytes.size()));
    for (const int b : bytes) out.number(static_cast<std::uint8_t>(b));
  };
  out.number(static_cast<std::uint16_t>(0x0303));
  out.zeros(32);
  out.number(std::uint8_t{4});
  out.number(0x01020304U);
  out.number(static_cast<std::uint16_t>(8));
  out.number(static_cast<std::uint16_t>(0x5a5a));
  out.number(static_cast<std::uint16_t>(0xc02b));
  out.number(static_cast<std::uint16_t>(0x5600));
  out.number(static_cast<std::uint16_t>(0x00ff));
  out.number(std::uint8_t{1});
  out.number(std::uint8_t{0});
  const std::size_t length_at = out.used();
  out.number(static_cast<std::uint16_t>(0));
  extension(0x0a0a, {0});
  extension(0, {0, 15, 0, 0, 12, 'S', 'h', 'o', 'p', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'});
  extension(1, {2});
  extension(4, {});
  extension(10, {0, 6, 0xda, 0xda, 0, 29, 0, 23});
  extension(13, {0, 4, 4, 3, 8, 4});
  extension(16, {0, 6, 2, 0x1a, 0x1a, 2, 'h', '2'});
  extension(22, {});
  extension(23, {});
  extension(35, {1, 2, 3});
  extension(42, {});
  extension(43, {6, 0x3a, 0x3a, 3, 4, 3, 3});
  extension(45, {2, 0x2a, 1});
  extension(51, {0, 0});
  std::vector<int> psk = {0, 8, 0, 2, 7, 8, 0, 0, 1, 0, 0, 33, 32};
  psk.insert(psk.end(), 32, 9);
  extension(41, psk);
  body.resize(out.used());
  wire::Writer(Room(body).subspan(length_at))
      .number(static_cast<std::uint16_t>(body.size() - length_at - 2));
  std::vector<std::byte> message(4 + body.size());
  wire::Writer whole(message);
  whole.number(static_cast<std::uint32_t>(1U << 24U | body.size()));
  whole.bytes(body);
  return message;
}

Bytes body_of(const std::vector<std::byte>& message) {
  return Bytes(message).subspan(4);
}

std::vector<std::byte> joined(std::initializer_list<Bytes> parts) {
  std::vector<std::byte> all;
  for (const Bytes part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

template <class... Numbers>
std::vector<std::byte> bytes_of(Numbers... numbers) {
  return {static_cast<std::byte>(numbers)...};
}

std::vector<std::byte> record(Bytes fragment) {
  return joined({bytes_of(22, 3, 1, fragment.size() >> 8U, fragment.size()), fragment});
}

std::vector<std::byte> dtls_record(Bytes fragment) {
  return joined(
      {bytes_of(22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 7, fragment.size() >> 8U, fragment.size()),
       fragment});
}

/// `body` from `offset` on, `size` bytes of it, behind the header of a DTLS fragment.
std::vector<std::byte> fragment(Bytes body, std::size_t offset, std::size_t size) {
  return joined({bytes_of(1, 0, body.size() >> 8U, body.size(), 0, 0, 0, offset >> 8U, offset, 0,
                          size >> 8U, size),
                 body.subspan(offset, size)});
}

/// The same hello as DTLS has it: with a cookie behind the session id.
std::vector<std::byte> dtls_body() {
  const auto message = hello_message();
  constexpr std::size_t cookie_at = 2 + 32 + 1 + 4;
  return joined({body_of(message).first(cookie_at), bytes_of(3, 1, 2, 3),
                 body_of(message).subspan(cookie_at)});
}

ClientHello parsed(Bytes bytes) {
  auto hello = parse_client_hello(bytes);
  REQUIRE(hello);
  return *std::move(hello);
}

TEST_CASE("a ClientHello gives what resumption has to know, without GREASE") {
  const ClientHello hello = parsed(hello_message());
  CHECK_EQ(hello.transport, Transport::tls);
  CHECK_EQ(hello.legacy_version, ProtocolVersion::tls1_2);
  CHECK_EQ(hello.session_id.size(), 4);
  CHECK_EQ(hello.cipher_suites,
           std::vector{CipherSuite{0xc02b}, CipherSuite{0x5600}, CipherSuite{0x00ff}});
  CHECK(hello.fallback);
  CHECK(hello.secure_renegotiation);
  CHECK_EQ(hello.compression_methods, std::vector<std::uint8_t>{0});
  CHECK_EQ(hello.server_name->text(), "shop.example");
  CHECK_EQ(hello.max_fragment_length, 2);
  CHECK(hello.truncated_hmac);
  CHECK_EQ(hello.supported_groups, std::vector<std::uint16_t>{29, 23});
  CHECK_EQ(hello.signature_algorithms, std::vector<std::uint16_t>{0x0403, 0x0804});
  CHECK_EQ(hello.application_protocols, std::vector{ProtocolName{"h2"}});
  CHECK(hello.encrypt_then_mac);
  CHECK(hello.extended_master_secret);
  CHECK_EQ(hello.session_ticket->size(), 3);
  CHECK(hello.early_data);
  CHECK_EQ(*hello.supported_versions,
           std::vector{ProtocolVersion::tls1_3, ProtocolVersion::tls1_2});
  CHECK_EQ(*hello.psk_key_exchange_modes, std::vector<std::uint8_t>{1});
  CHECK(hello.key_share);
  CHECK_EQ(hello.psk_identities,
           std::vector{PskIdentity{.identity = bytes_of(7, 8), .obfuscated_ticket_age = 256}});
  CHECK(hello.pre_shared_key_last);
}

TEST_CASE("every GREASE value of RFC 8701 is left out, and nothing that looks like one") {
  auto message = hello_message();
  const auto suite = message.begin() + 4 + 2 + 32 + 1 + 4 + 2;
  std::size_t left_out = 0;
  for (unsigned n = 0; n <= 0xffff; ++n) {
    suite[0] = static_cast<std::byte>(n >> 8U);
    suite[1] = static_cast<std::byte>(n);
    const bool grease = n % 0x1010 == 0x0a0a;
    const bool gone = parsed(message).cipher_suites.size() == 3;
    CHECK_EQ(gone, grease);
    if (gone) ++left_out;
  }
  CHECK_EQ(left_out, 16);
}

TEST_CASE("RFC 8446 5.1: a hello is the same without records, in one, and cut up at every place") {
  const auto message = hello_message();
  const ClientHello hello = parsed(message);
  CHECK(parsed(record(message)) == hello);
  for (std::size_t at = 1; at < message.size(); ++at) {
    CHECK(parsed(joined({record(Bytes(message).first(at)), record(Bytes(message).subspan(at))})) ==
          hello);
  }
}

TEST_CASE("RFC 8446 5.1: a record that is empty, of another type or cut short is malformed") {
  const auto message = hello_message();
  CHECK_FALSE(parse_client_hello(joined({record({}), record(message)})));
  CHECK_FALSE(parse_client_hello(joined({record(message), record({})})));
  auto alert = record(message);
  const auto change_cipher_spec = joined({alert, bytes_of(20, 3, 3, 0, 1, 1)});
  CHECK_FALSE(parse_client_hello(change_cipher_spec));
  alert[0] = std::byte{21};
  CHECK_FALSE(parse_client_hello(alert));
  for (std::size_t n = 0; n < record(message).size(); ++n) {
    CHECK_FALSE(parse_client_hello(Bytes(record(message)).first(n)));
  }
}

TEST_CASE("RFC 6347 4.2: a DTLS hello is the same without records, in one, and in fragments") {
  const auto body = dtls_body();
  ClientHello expected = parsed(hello_message());
  expected.transport = Transport::dtls;
  const auto whole = fragment(body, 0, body.size());
  CHECK(parsed(whole) == expected);
  CHECK(parsed(dtls_record(whole)) == expected);
  for (std::size_t at = 1; at < body.size(); ++at) {
    const auto first = dtls_record(fragment(body, 0, at));
    const auto second = dtls_record(fragment(body, at, body.size() - at));
    CHECK(parsed(joined({first, second})) == expected);
    CHECK(parsed(joined({second, first})) == expected);
  }
}

TEST_CASE("RFC 6347 4.2.3: fragments may overlap, and must not contradict each other") {
  const auto body = dtls_body();
  const auto first = fragment(body, 0, 40);
  auto second = fragment(body, 30, body.size() - 30);
  CHECK(parse_client_hello(joined({dtls_record(first), dtls_record(second)})));
  CHECK(parse_client_hello(dtls_record(joined({first, second}))));
  second[12] ^= std::byte{1};
  CHECK_FALSE(parse_client_hello(joined({dtls_record(first), dtls_record(second)})));
}

TEST_CASE("RFC 6347 4.2: fragments with a gap, of two messages or past the end are malformed") {
  const auto body = dtls_body();
  const auto first = fragment(body, 0, 40);
  CHECK_FALSE(parse_client_hello(dtls_record(first)));
  CHECK_FALSE(parse_client_hello(
      joined({dtls_record(first), dtls_record(fragment(body, 41, body.size() - 41))})));
  auto second = fragment(body, 40, body.size() - 40);
  second[5] = std::byte{1};
  CHECK_FALSE(parse_client_hello(joined({dtls_record(first), dtls_record(second)})));
  second = fragment(body, 40, body.size() - 40);
  second[8] = std::byte{41};
  CHECK_FALSE(parse_client_hello(joined({dtls_record(first), dtls_record(second)})));
  auto encrypted = dtls_record(fragment(body, 0, body.size()));
  encrypted[4] = std::byte{1};
  CHECK_FALSE(parse_client_hello(encrypted));
}

TEST_CASE("a message that declares 16 MiB takes no such memory") {
  CHECK_FALSE(parse_client_hello(bytes_of(1, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0)));
}

TEST_CASE("RFC 8446 4.2.11: pre_shared_key with other than one binder an identity is malformed") {
  auto message = hello_message();
  const auto binders = message.end() - 35;
  CHECK_EQ(binders[1], std::byte{33});
  binders[2] = std::byte{31};
  CHECK_FALSE(parse_client_hello(message));
}

TEST_CASE("RFC 8446 4.2.11: that pre_shared_key stands last is told, not judged") {
  auto message = hello_message();
  const auto extensions = std::size_t{4 + 2 + 32 + 5 + 2 + 8 + 2};
  message.insert(message.end(), {std::byte{0xaa}, std::byte{0xaa}, std::byte{0}, std::byte{0}});
  message[3] = static_cast<std::byte>(message.size() - 4);
  message[2] = static_cast<std::byte>((message.size() - 4) >> 8U);
  const std::size_t length = message.size() - extensions - 2;
  message[extensions] = static_cast<std::byte>(length >> 8U);
  message[extensions + 1] = static_cast<std::byte>(length);
  CHECK_FALSE(parsed(message).pre_shared_key_last);
}

TEST_CASE("every truncation of a ClientHello, and a byte too many, is malformed") {
  auto message = hello_message();
  for (std::size_t n = 0; n < message.size(); ++n) {
    CHECK_FALSE(parse_client_hello(Bytes(message).first(n)));
  }
  message.push_back(std::byte{0});
  CHECK_FALSE(parse_client_hello(message));
}

TEST_CASE("a ClientHello with every byte altered in turn never does harm") {
  auto message = hello_message();
  std::size_t parsed = 0;
  for (std::size_t at = 0; at < message.size(); ++at) {
    const std::byte before = message[at];
    for (unsigned value = 0; value < 256; ++value) {
      message[at] = static_cast<std::byte>(value);
      if (parse_client_hello(message)) ++parsed;
    }
    message[at] = before;
  }
  CHECK(parsed > 0);
}

TEST_CASE("supported_versions of an odd length is malformed") {
  auto message = hello_message();
  const auto list = std::ranges::search(
      message, std::array{std::byte{43}, std::byte{0}, std::byte{7}, std::byte{6}});
  REQUIRE(!list.empty());
  list[3] = std::byte{5};
  CHECK_FALSE(parse_client_hello(message));
}

TEST_CASE("8446 4.2: an extension that stands twice is malformed") {
  auto message = hello_message();
  // Turns the last extension, pre_shared_key, into a second session_ticket.
  message[message.size() - 48] = std::byte{35};
  CHECK_FALSE(parse_client_hello(message));
}

// ---- Captured from real clients

struct Captured {
  std::string name;
  std::vector<std::byte> bytes;
  std::string hello;
};

std::string value_of(const std::string& block, const std::string& key) {
  const std::size_t at = block.find("\n" + key + " = ");
  REQUIRE_MESSAGE(at != std::string::npos, key);
  const std::size_t begin = at + key.size() + 4;
  return block.substr(begin, block.find('\n', begin) - begin);
}

std::vector<Captured> captured_hellos() {
  const char* root = std::getenv("STEK_SOURCE");
  REQUIRE(root != nullptr);
  std::ifstream file(std::string(root) + "/tests/vectors/client_hellos.txt");
  std::ostringstream text;
  text << file.rdbuf();
  const std::string all = text.str() + "\n";
  std::vector<Captured> captured;
  for (std::size_t at = all.find("\n\nname = "); at != std::string::npos;) {
    const std::size_t next = all.find("\n\nname = ", at + 1);
    const std::string block = all.substr(at + 1, next - at);
    const std::string hex = value_of(block, "bytes");
    Captured& one = captured.emplace_back();
    one.name = value_of(block, "name");
    one.hello = value_of(block, "hello");
    one.bytes.resize(hex.size() / 2);
    REQUIRE(from_hex(one.bytes, hex));
    at = next;
  }
  return captured;
}

TEST_CASE("a captured ClientHello says what a second parser reads in it") {
  const auto all = captured_hellos();
  for (const Captured& captured : all) {
    CAPTURE(captured.name);
    const auto expected = hello_from_json(captured.hello);
    REQUIRE_MESSAGE(expected, (expected ? "" : expected.error().message));
    CHECK(parsed(captured.bytes) == *expected);
  }
  MESSAGE(all.size(), " ClientHellos");
}

TEST_CASE("every client is there in TLS 1.2 and 1.3, with a ticket and without") {
  std::set<std::string> names;
  for (const Captured& captured : captured_hellos()) names.insert(captured.name);
  for (const std::string stack :
       {"OpenSSL", "GnuTLS", "NSS", "Go", "wolfSSL", "BoringSSL", "mbedTLS"}) {
    for (const std::string version : {"tls12", "tls13"}) {
      // mbed TLS 2.28 has no TLS 1.3.
      if (stack == "mbedTLS" && version == "tls13") continue;
      for (const auto* kind : {" with a ticket", " without a ticket"}) {
        CHECK_MESSAGE(names.contains(stack + " " + version + kind), stack, version, kind);
      }
    }
  }
}

TEST_CASE("every truncation of a captured ClientHello, and a byte too many, is malformed") {
  std::size_t refused = 0;
  for (const Captured& captured : captured_hellos()) {
    for (std::size_t n = 0; n < captured.bytes.size(); ++n) {
      CHECK_FALSE(parse_client_hello(Bytes(captured.bytes).first(n)));
      ++refused;
    }
    auto longer = captured.bytes;
    longer.push_back(std::byte{0});
    CHECK_FALSE(parse_client_hello(longer));
  }
  MESSAGE(refused, " truncations refused");
  CHECK(refused > 10'000);
}

}  // namespace
}  // namespace stek
