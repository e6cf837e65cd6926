// BoringSSL's SSL_SESSION, without BoringSSL: sessions that it wrote are read, and written again to
// the byte. tests/boringssl_test.cpp holds the same code to BoringSSL itself.
#include "foreign/boringssl_session.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <numeric>
#include <string>

#include <doctest/doctest.h>

#include "base/encoding.hpp"

#include "hex_bytes.hpp"
#include "random_sessions.hpp"

namespace stek::foreign {
namespace {

using test::bytes_of;
using test::Random;
using Buffer = std::vector<std::byte>;

Buffer encoded(const BoringsslSession& session) {
  Buffer der(size_of(session), std::byte{0xa5});
  const auto used = encode_boringssl_session(der, session);
  REQUIRE(used);
  REQUIRE_EQ(*used, der.size());
  return der;
}

BoringsslSession decoded(Bytes der) {
  auto session = decode_boringssl_session(der);
  REQUIRE(session);
  return std::move(*session);
}

Error refusal_of(Bytes der) {
  const auto session = decode_boringssl_session(der);
  REQUIRE_FALSE(session);
  return session.error();
}

Error refusal_of(const BoringsslSession& session) {
  Buffer der(40'000);
  const auto used = encode_boringssl_session(der, session);
  REQUIRE_FALSE(used);
  return used.error();
}

OpensslId id_of(std::string_view text) {
  return OpensslId::from(std::as_bytes(std::span(text))).value();
}

// ---- Known answers -----------------------------------------------------------------------------

/// As BoringSSL wrote them, by name.
std::map<std::string, Buffer> written_by_boringssl() {
  const char* root = std::getenv("STEK_SOURCE");
  std::ifstream file(std::string(root == nullptr ? "." : root) +
                     "/tests/vectors/boringssl_sessions.txt");
  std::map<std::string, Buffer> sessions;
  std::string name;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("name = ")) name = line.substr(std::string_view("name = ").size());
    if (line.starts_with("bytes = ")) {
      sessions[name] = bytes_of(std::string_view(line).substr(std::string_view("bytes = ").size()));
    }
  }
  REQUIRE_EQ(sessions.size(), 9);
  return sessions;
}

TEST_CASE("sessions that BoringSSL wrote are read, and written as they were") {
  for (const auto& [name, der] : written_by_boringssl()) {
    CAPTURE(name);
    CHECK(encoded(decoded(der)) == der);
  }
}

TEST_CASE("what BoringSSL wrote says what was negotiated") {
  const auto sessions = written_by_boringssl();
  const auto read = [&](const std::string& name) { return decoded(sessions.at(name)); };

  const BoringsslSession tls12 = read("TLS 1.2 under a session id context");
  CHECK_EQ(tls12.session.version, ProtocolVersion::tls1_2);
  CHECK_EQ(tls12.session.cipher_suite, CipherSuite{0xc02b});
  CHECK_EQ(tls12.session.secret.size(), 48);
  CHECK(tls12.session.extended_master_secret);
  CHECK_EQ(tls12.session.lifetime, std::chrono::hours(2));
  CHECK_EQ(tls12.session.extras->named_group, 29);
  CHECK(tls12.session_id_context == id_of("HAProxy"));
  CHECK_FALSE(tls12.auth_timeout);
  CHECK_FALSE(tls12.session.ticket_age_add);

  const BoringsslSession chain = read("TLS 1.2 with a client's chain");
  CHECK_EQ(std::get<CertificateChain>(chain.session.client_identity).certificates.size(), 2);
  CHECK_EQ(chain.peer_signature_algorithm, 0x0403);
  CHECK_EQ(chain.verify_result, 0);

  const BoringsslSession hash = read("TLS 1.2 with a client's hash");
  CHECK(std::holds_alternative<ClientIdentityHash>(hash.session.client_identity));

  const BoringsslSession tls13 = read("TLS 1.3 with a client's chain and a protocol");
  CHECK_EQ(tls13.session.version, ProtocolVersion::tls1_3);
  CHECK_EQ(tls13.session.secret.size(), 32);
  CHECK(tls13.session.ticket_age_add);
  CHECK_EQ(tls13.session.max_early_data_size, 0);
  CHECK(tls13.session.alpn == ProtocolName{"h2"});
  CHECK_EQ(tls13.session.lifetime, std::chrono::hours(48));
  CHECK_EQ(tls13.auth_timeout, std::chrono::hours(7 * 24));
  CHECK_EQ(std::get<CertificateChain>(tls13.session.client_identity).certificates.size(), 2);

  CHECK_EQ(read("TLS 1.3, resumed two seconds later").auth_timeout,
           std::chrono::hours(7 * 24) - Seconds(2));

  const BoringsslSession settings = read("TLS 1.3 with application settings");
  CHECK_EQ(settings.local_application_settings->bytes,
           bytes_of(to_hex(std::as_bytes(std::span(std::string_view("ours"))))));
  CHECK(settings.peer_application_settings->bytes.empty());
}

constexpr std::string_view secret32 =
    "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";
constexpr std::string_view secret48 =
    "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef00112233445566778899aabbccddee"
    "ff";

TEST_CASE("a session of TLS 1.3 with everything that there is") {
  BoringsslSession full;
  Session& session = full.session;
  session.version = ProtocolVersion::tls1_3;
  session.cipher_suite = CipherSuite{0x1301};
  session.secret = SessionSecret(bytes_of(secret32));
  session.issued_at = test::noon;
  session.lifetime = std::chrono::hours(12);
  session.client_identity = CertificateChain{{bytes_of("3003020105"), bytes_of("3000")}};
  session.ticket_age_add = 0x00706050;
  session.max_early_data_size = 16384;
  session.alpn = ProtocolName{"h2"};
  session.extras.emplace().named_group = 29;
  full.session_id_context = id_of("HAProxy");
  full.verify_result = 18;
  full.peer_signature_algorithm = 0x0403;
  full.auth_timeout = Seconds(0);
  full.local_application_settings = {bytes_of("0011")};
  full.peer_application_settings = ApplicationSettings();
  CHECK_EQ(to_hex(encoded(full)),
           "308187"
           "020101"
           "02020304"
           "04021301"
           "0400"
           "0420" +
               std::string(secret32) +
               "a10602046b49d200"
               "a205020300a8c0"
               "a3053003020105"
               "a4090407484150726f7879"
               "a503020112"
               "b20302011d"
               "b3023000"
               "b506040400706050"
               "b70402020403"
               "b80402024000"
               "b903020100"
               "ba0404026832"
               "bd0404020011"
               "be020400");
  CHECK(decoded(encoded(full)) == full);
}

// ---- What is refused ---------------------------------------------------------------------------

/// The elements of a session under their tags, those of the untagged in order.
using Elements = std::map<unsigned, std::string>;
enum Untagged : unsigned { version, ssl_version, cipher, session_id, secret };

Buffer der_of(const Elements& elements) {
  const std::string contents =
      std::accumulate(elements.begin(), elements.end(), std::string(),
                      [](const std::string& all, const auto& one) { return all + one.second; });
  const auto size = static_cast<unsigned char>(contents.size() / 2);
  return bytes_of((size < 0x80 ? "30" : "3081") + to_hex(std::as_bytes(std::span(&size, 1))) +
                  contents);
}

const Elements tls12 = {{version, "020101"},
                        {ssl_version, "02020303"},
                        {cipher, "0402c02b"},
                        {session_id, "0400"},
                        {secret, "0430" + std::string(secret48)},
                        {0xa1, "a103020101"},
                        {0xa2, "a203020102"},
                        {0xa4, "a4020400"}};
const Elements tls13 = {{version, "020101"},
                        {ssl_version, "02020304"},
                        {cipher, "04021301"},
                        {session_id, "0400"},
                        {secret, "0420" + std::string(secret32)},
                        {0xa1, "a103020101"},
                        {0xa2, "a203020102"},
                        {0xa4, "a4020400"},
                        {0xb5, "b506040480706050"}};

std::expected<BoringsslSession, Error> decoded_with(Elements elements, unsigned tag,
                                                    const std::string& element) {
  elements[tag] = element;
  return decode_boringssl_session(der_of(elements));
}

struct Element {
  std::string what;
  unsigned tag;
  std::string hex;
};

const Element read_in_tls12[] = {
    {"DTLS 1.2", ssl_version, "020300fefd"},
    {"a time of zero", 0xa1, "a103020100"},
    {"the last instant", 0xa1,
     "a1080206"
     "00ffffffffff"},
    {"a timeout of zero", 0xa2, "a203020100"},
    {"the last timeout", 0xa2,
     "a2070205"
     "00ffffffff"},
    {"a certificate", 0xa3, "a3023000"},
    {"a session id context of 32 bytes", 0xa4, "a4220420" + std::string(64, 'a')},
    {"a verify result", 0xa5,
     "a5060204"
     "7fffffff"},
    {"a certificate's hash", 0xad, "ad220420" + std::string(64, 'a')},
    {"extended master secret", 0xb1, "b1030101ff"},
    {"the last group", 0xb2, "b205020300ffff"},
    {"an early protocol", 0xba, "ba03040161"},
    {"no time left to authenticate", 0xb9, "b903020100"},
};

TEST_CASE("every element at its bounds is read, and written as it was") {
  for (const Element& element : read_in_tls12) {
    CAPTURE(element.what);
    const auto session = decoded_with(tls12, element.tag, element.hex);
    REQUIRE(session);
    Elements elements = tls12;
    elements[element.tag] = element.hex;
    CHECK(encoded(*session) == der_of(elements));
  }
}

const Element malformed_in_tls12[] = {
    {"another version of the structure", version, "020102"},
    {"a session id", session_id, "040161"},
    {"no session id", session_id, ""},
    {"an empty secret", secret, "0400"},
    {"a secret of 49 bytes", secret, "0431" + std::string(98, 'a')},
    {"no time", 0xa1, ""},
    {"a time past all", 0xa1, "a1080206010000000000"},
    {"a time with a byte too many", 0xa1, "a10402020001"},
    {"no timeout", 0xa2, ""},
    {"a timeout past all", 0xa2, "a20702050100000000"},
    {"a peer that is no SEQUENCE", 0xa3, "a303020101"},
    {"a peer of two certificates", 0xa3, "a30430003000"},
    {"no session id context", 0xa4, ""},
    {"a session id context of 33 bytes", 0xa4, "a4230421" + std::string(66, 'a')},
    {"a verify result of zero", 0xa5, "a503020100"},
    {"a host name, which BoringSSL reads past", 0xa6, "a603040161"},
    {"a psk identity", 0xa8, "a803040161"},
    {"a client's lifetime hint", 0xa9, "a903020101"},
    {"a client's ticket", 0xaa, "aa03040161"},
    {"a hash of 31 bytes", 0xad, "ad21041f" + std::string(62, 'a')},
    {"Channel ID", 0xae, "ae03040161"},
    {"certificate timestamps", 0xaf, "af03040161"},
    {"an OCSP response", 0xb0, "b003040161"},
    {"no extended master secret, written", 0xb1, "b103010100"},
    {"extended master secret that is neither", 0xb1, "b103010101"},
    {"no group, written", 0xb2, "b203020100"},
    {"a group of three bytes", 0xb2, "b2050203010000"},
    {"a chain without a leaf", 0xb3, "b3023000"},
    {"ticket flags", 0xb4, "b403020101"},
    {"an age of three bytes", 0xb5, "b5050403706050"},
    {"a client's session", 0xb6, "b603010100"},
    {"a signature algorithm of zero", 0xb7, "b703020100"},
    {"early data of zero", 0xb8, "b803020100"},
    {"the timeout, written twice", 0xb9, "b903020102"},
    {"an authentication past all", 0xb9, "b90702050100000000"},
    {"an empty protocol", 0xba, "ba020400"},
    {"QUIC", 0xbb, "bb030101ff"},
    {"QUIC's context", 0xbc, "bc03040161"},
    {"one side's settings", 0xbd, "bd03040161"},
    {"settings without a protocol", 0xbd,
     "bd03040161"
     "be03040161"},
    {"what comes behind all", 0xbf, "bf03040161"},
};

TEST_CASE(
    "what BoringSSL would not write of a server's session, or no Session can hold, is malformed") {
  REQUIRE(decode_boringssl_session(der_of(tls12)));
  for (const Element& element : malformed_in_tls12) {
    CAPTURE(element.what);
    const auto session = decoded_with(tls12, element.tag, element.hex);
    REQUIRE_FALSE(session);
    CHECK_EQ(session.error(), Error::malformed);
  }
}

TEST_CASE("a client is certificates or a hash, not both") {
  Elements both = tls12;
  both[0xa3] = "a3023000";
  REQUIRE(decode_boringssl_session(der_of(both)));
  both[0xad] = "ad220420" + std::string(64, 'a');
  CHECK_EQ(refusal_of(der_of(both)), Error::malformed);
  both.erase(0xad);
  both[0xb3] = "b30430003000";
  REQUIRE(decode_boringssl_session(der_of(both)));
  both[0xb3] = "b303300030";
  CHECK_EQ(refusal_of(der_of(both)), Error::malformed);
}

TEST_CASE("bytes behind a session are malformed, and so is nothing") {
  Buffer der = der_of(tls12);
  der.push_back(std::byte{0});
  CHECK_EQ(refusal_of(der), Error::malformed);
  CHECK_EQ(refusal_of(Bytes()), Error::malformed);
}

const Element invalid_in_tls12[] = {
    {"no version of TLS", ssl_version, "02020300"},
    {"a version of TLS 1.3 with a suite of TLS 1.2", ssl_version, "02020304"},
    {"a suite that nobody knows", cipher, "0402ffff"},
    {"a short secret", secret, "0420" + std::string(secret32)},
    {"a secret of zeros", secret, "0430" + std::string(96, '0')},
    {"an age", 0xb5, "b506040480706050"},
    {"early data", 0xb8, "b803020101"},
};

TEST_CASE("what is well written and no session is invalid") {
  for (const Element& element : invalid_in_tls12) {
    CAPTURE(element.what);
    const auto session = decoded_with(tls12, element.tag, element.hex);
    REQUIRE_FALSE(session);
    CHECK_EQ(session.error(), Error::invalid_session);
  }
  REQUIRE(decode_boringssl_session(der_of(tls13)));
  CHECK_EQ(decoded_with(tls13, 0xb5, "").error(), Error::invalid_session);
  CHECK_EQ(decoded_with(tls13, 0xb1, "b1030101ff").error(), Error::invalid_session);
}

struct Change {
  std::string what;
  Error error;
  void (*change)(BoringsslSession&);
};

void give_chain(BoringsslSession& session, std::initializer_list<std::string_view> chain) {
  CertificateChain made;
  for (const auto hex : chain) made.certificates.push_back(bytes_of(hex));
  session.session.client_identity = std::move(made);
}

const Change not_encoded[] = {
    {"QUIC", Error::unsuitable, [](BoringsslSession& s) { s.session.transport = Transport::quic; }},
    {"a client without a certificate", Error::invalid_session,
     [](BoringsslSession& s) { give_chain(s, {}); }},
    {"a certificate cut short", Error::invalid_session,
     [](BoringsslSession& s) { give_chain(s, {"300201"}); }},
    {"a certificate that is no SEQUENCE behind one", Error::invalid_session,
     [](BoringsslSession& s) { give_chain(s, {"3000", "310101"}); }},
    {"a certificate and a byte behind one", Error::invalid_session,
     [](BoringsslSession& s) { give_chain(s, {"3000", "300000"}); }},
    {"no secret", Error::invalid_session, [](BoringsslSession& s) { s.session.secret = {}; }},
    {"a time before 1970", Error::invalid_session,
     [](BoringsslSession& s) { s.session.issued_at = Instant(Seconds(-1)); }},
    {"a negative lifetime", Error::invalid_session,
     [](BoringsslSession& s) { s.session.lifetime = Seconds(-1); }},
    {"an authentication that is the lifetime", Error::invalid_session,
     [](BoringsslSession& s) { s.auth_timeout = s.session.lifetime; }},
    {"a negative authentication", Error::invalid_session,
     [](BoringsslSession& s) { s.auth_timeout = Seconds(-1); }},
    {"one side's settings", Error::invalid_session,
     [](BoringsslSession& s) {
       s.session.alpn = ProtocolName{"h2"};
       s.peer_application_settings.emplace();
     }},
    {"settings without a protocol", Error::invalid_session,
     [](BoringsslSession& s) {
       s.local_application_settings.emplace();
       s.peer_application_settings.emplace();
     }},
};

TEST_CASE("what cannot be said in an SSL_SESSION, or is no session, is not written") {
  for (const Change& refused : not_encoded) {
    CAPTURE(refused.what);
    BoringsslSession session = decoded(der_of(tls12));
    refused.change(session);
    CHECK_EQ(refusal_of(session), refused.error);
  }
}

TEST_CASE("a room of one byte less is too small, and stays as it was") {
  const BoringsslSession session = decoded(der_of(tls12));
  Buffer room(size_of(session) - 1);
  CHECK_EQ(encode_boringssl_session(room, session).error(), Error::room_too_small);
  CHECK(is_zero(room));
}

// ---- Damage ------------------------------------------------------------------------------------

std::vector<Buffer> samples() {
  std::vector<Buffer> samples{der_of(tls12), der_of(tls13)};
  for (auto& [name, der] : written_by_boringssl()) samples.push_back(der);
  return samples;
}

TEST_CASE("a session with any bit turned is refused, or is another one that has these bytes") {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (Buffer& der : samples()) {
    for (std::size_t bit = 0; bit < der.size() * 8; ++bit) {
      const std::byte before = der[bit / 8];
      der[bit / 8] ^= std::byte{1} << (bit % 8);
      const auto session = decode_boringssl_session(der);
      if (session) CHECK(encoded(*session) == der);
      ++(session ? accepted : refused);
      der[bit / 8] = before;
    }
  }
  MESSAGE(accepted, " were other sessions, ", refused, " were refused");
  CHECK(accepted > 5'000);
  CHECK(refused > 1'000);
}

TEST_CASE("no session cut short is one") {
  for (const Buffer& der : samples()) {
    for (std::size_t n = 0; n < der.size(); ++n) {
      CHECK_EQ(refusal_of(Bytes(der).first(n)), Error::malformed);
    }
  }
}

TEST_CASE("a random session is read as it was written, but for what BoringSSL has no place for") {
  Random random(72);
  for (int i = 0; i < 5'000; ++i) {
    BoringsslSession session;
    session.session = test::random_session(random);
    if (session.session.transport == Transport::quic) continue;
    if (auto* chain = std::get_if<CertificateChain>(&session.session.client_identity)) {
      chain->certificates.assign(1 + test::below(random, 3), bytes_of("3003020105"));
    }
    const Buffer der = encoded(session);
    const BoringsslSession again = decoded(der);
    CHECK(encoded(again) == der);
    CHECK(again.session.secret == session.session.secret);
    CHECK_EQ(again.session.version, session.session.version);
    CHECK_EQ(again.session.transport, session.session.transport);
    CHECK_EQ(again.session.issued_at, session.session.issued_at);
    CHECK_EQ(again.session.lifetime, session.session.lifetime);
    CHECK(again.session.client_identity == session.session.client_identity);
    CHECK(again.session.alpn == session.session.alpn);
    CHECK(again.session.ticket_age_add == session.session.ticket_age_add);
    CHECK(again.session.max_early_data_size == session.session.max_early_data_size);
  }
}

}  // namespace
}  // namespace stek::foreign
