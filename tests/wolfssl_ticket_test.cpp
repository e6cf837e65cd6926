// wolfSSL's InternalTicket, byte by byte. What wolfSSL itself makes of it, wolfssl_test sees.
#include "foreign/wolfssl_ticket.hpp"

#include <doctest/doctest.h>

#include "base/encoding.hpp"

#include "random_sessions.hpp"

namespace stek::foreign {
namespace {

using Encoded = std::array<std::byte, wolfssl_ticket_size>;

Encoded bytes_of(std::string_view hex) {
  Encoded bytes;
  REQUIRE(from_hex(bytes, hex));
  return bytes;
}

WolfsslTicket ticket() {
  WolfsslTicket ticket;
  ticket.session.version = ProtocolVersion::tls1_2;
  ticket.session.cipher_suite = CipherSuite{0xc02b};
  std::array<std::byte, 48> secret;
  secret.fill(std::byte{0x11});
  ticket.session.secret = SessionSecret(secret);
  ticket.session.issued_at = Instant(Seconds(0x6926f000));
  ticket.session.extended_master_secret = true;
  ticket.session_id.fill(std::byte{0x22});
  return ticket;
}

// As wolfSSL lays it out; wolfssl_test meets the real ones.
constexpr std::string_view known =
    "0303c02b"
    "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
    "11"
    "6926f00000000000"
    "01"
    "000000000000000000000000000000"
    "2222222222222222222222222222222222222222222222222222222222222222";

Error refusal_of(Encoded bytes) {
  const auto decoded = decode_wolfssl_ticket(bytes);
  REQUIRE_FALSE(decoded);
  return decoded.error();
}

Error refusal_of(const WolfsslTicket& ticket) {
  Encoded room;
  const auto encoded = encode_wolfssl_ticket(room, ticket);
  REQUIRE_FALSE(encoded);
  return encoded.error();
}

TEST_CASE("a ticket of wolfSSL is read, and written again to the byte") {
  const auto decoded = decode_wolfssl_ticket(bytes_of(known));
  REQUIRE(decoded);
  CHECK(*decoded == ticket());
  Encoded room;
  REQUIRE(encode_wolfssl_ticket(room, ticket()));
  CHECK(room == bytes_of(known));
}

TEST_CASE("a random session comes back, in what wolfSSL has a place for") {
  test::Random random(7);
  constexpr std::array<std::uint16_t, 4> suites{0xc02b, 0xc030, 0xc009, 0x002f};
  for (int i = 0; i < 1000; ++i) {
    WolfsslTicket before;
    before.session.version = static_cast<ProtocolVersion>(0x0301 + test::below(random, 3));
    before.session.cipher_suite =
        CipherSuite{suites[before.session.version == ProtocolVersion::tls1_2
                               ? test::below(random, suites.size())
                               : 2 + test::below(random, 2)]};
    before.session.secret = test::random_session_secret(random, 48);
    before.session.issued_at = Instant(Seconds(test::below(random, std::uint64_t{1} << 32U)));
    before.session.extended_master_secret = test::below(random, 2) == 0;
    test::fill(random, before.session_id);
    Encoded room;
    REQUIRE(encode_wolfssl_ticket(room, before));
    const auto after = decode_wolfssl_ticket(room);
    REQUIRE(after);
    CHECK(*after == before);
  }
}

TEST_CASE("whatever bit is flipped, what is read is what would be written") {
  const Encoded good = bytes_of(known);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Encoded bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    const auto decoded = decode_wolfssl_ticket(bytes);
    if (!decoded) continue;
    Encoded again;
    REQUIRE(encode_wolfssl_ticket(again, *decoded));
    CHECK(again == bytes);
  }
}

TEST_CASE("what only TLS 1.3 has is refused, by its version and by its fields") {
  Encoded bytes = bytes_of(known);
  SUBCASE("version") {
    bytes[1] = std::byte{4};
    CHECK(refusal_of(bytes) == Error::unsuitable);
  }
  SUBCASE("milliseconds") {
    bytes[59] = std::byte{1};
    CHECK(refusal_of(bytes) == Error::malformed);
  }
  SUBCASE("ticket_age_add, named group, nonce") {
    for (std::size_t at = 61; at < 76; ++at) {
      bytes = bytes_of(known);
      bytes[at] = std::byte{1};
      CHECK(refusal_of(bytes) == Error::malformed);
    }
  }
  WolfsslTicket newer = ticket();
  newer.session.version = ProtocolVersion::tls1_3;
  CHECK(refusal_of(newer) == Error::unsuitable);
}

TEST_CASE("an extended master secret is 0 or 1") {
  Encoded bytes = bytes_of(known);
  bytes[60] = std::byte{2};
  CHECK(refusal_of(bytes) == Error::malformed);
}

TEST_CASE("an all-zero secret, and a suite that nobody knows, are no session") {
  Encoded bytes = bytes_of(known);
  SUBCASE("secret") {
    std::fill_n(bytes.begin() + 4, 48, std::byte{});
  }
  SUBCASE("suite") {
    bytes[2] = bytes[3] = std::byte{0xff};
  }
  CHECK(refusal_of(bytes) == Error::invalid_session);
}

TEST_CASE("what wolfSSL has no place for is not written") {
  WolfsslTicket other = ticket();
  SUBCASE("a client's identity") {
    other.session.client_identity = ClientIdentityHash{};
    CHECK(refusal_of(other) == Error::unsuitable);
  }
  SUBCASE("DTLS") {
    other.session.transport = Transport::dtls;
    other.session.version = ProtocolVersion::dtls1_2;
    CHECK(refusal_of(other) == Error::unsuitable);
  }
  SUBCASE("an instant after 2106, or before 1970") {
    other.session.issued_at = Instant(Seconds(std::int64_t{1} << 32U));
    CHECK(refusal_of(other) == Error::invalid_session);
    other.session.issued_at = Instant(Seconds(-1));
    CHECK(refusal_of(other) == Error::invalid_session);
  }
}

}  // namespace
}  // namespace stek::foreign
