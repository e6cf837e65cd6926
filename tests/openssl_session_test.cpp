// OpenSSL's SSL_SESSION, against libssl: what it writes is read and written again to the byte, and
// what is written here, it reads.
#include "foreign/openssl_session.hpp"
#include "deleter.hpp"

#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/encoding.hpp"

#include "hex_bytes.hpp"
#include "random_sessions.hpp"

namespace stek::foreign {
namespace {

using test::bytes_of;
using test::Random;
using Buffer = std::vector<std::byte>;

Buffer encoded(const OpensslSession& session) {
  Buffer der(size_of(session), std::byte{0xa5});
  const auto used = encode_openssl_session(der, session);
  REQUIRE(used);
  REQUIRE_EQ(*used, der.size());
  return der;
}

OpensslSession decoded(Bytes der) {
  auto session = decode_openssl_session(der);
  REQUIRE(session);
  return std::move(*session);
}

Error refusal_of(Bytes der) {
  const auto session = decode_openssl_session(der);
  REQUIRE_FALSE(session);
  return session.error();
}

Error refusal_of(const OpensslSession& session) {
  Buffer der(40'000);
  const auto used = encode_openssl_session(der, session);
  REQUIRE_FALSE(used);
  return used.error();
}

OpensslId id_of(std::string_view text) {
  return OpensslId::from(std::as_bytes(std::span(text))).value();
}

// ---- Known answers -----------------------------------------------------------------------------

constexpr std::string_view secret32 =
    "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";
constexpr std::string_view secret48 =
    "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef00112233445566778899aabbccddee"
    "ff";

OpensslSession minimal() {
  OpensslSession minimal;
  minimal.session.version = ProtocolVersion::tls1_2;
  minimal.session.cipher_suite = CipherSuite{0xc02b};
  minimal.session.secret = SessionSecret(bytes_of(secret48));
  minimal.session.extended_master_secret = true;
  return minimal;
}

TEST_CASE("a minimal session of TLS 1.2 takes 74 bytes") {
  const Buffer der = encoded(minimal());
  CHECK_EQ(der.size(), 74);
  CHECK_EQ(to_hex(der),
           "3048"
           "020101"
           "02020303"
           "0402c02b"
           "0400"
           "0430" +
               std::string(secret48) +
               "a4020400"
               "ad03020101");
  CHECK(decoded(der) == minimal());
}

TEST_CASE("a session of TLS 1.3 with everything that there is") {
  OpensslSession full;
  Session& session = full.session;
  session.version = ProtocolVersion::tls1_3;
  session.cipher_suite = CipherSuite{0x1301};
  session.secret = SessionSecret(bytes_of(secret32));
  session.issued_at = test::noon;
  session.lifetime = std::chrono::hours(12);
  session.client_identity = CertificateChain{{bytes_of("3003020105")}};
  session.server_name = HostName::from("shop.example").value();
  session.ticket_age_add = 0x80706050;
  session.max_early_data_size = 16384;
  session.alpn = ProtocolName{"h2"};
  session.max_fragment_length = MaxFragmentLength::bytes_1024;
  session.application_data = SecretBytes(bytes_of("0011"));
  session.extras.emplace().named_group = 29;
  full.session_id = id_of("id");
  full.session_id_context = id_of("HAProxy");
  full.verify_result = 18;
  full.ticket_lifetime_hint = Seconds(7200);
  full.ticket = bytes_of("aabbcc");
  full.release = OpensslRelease::v3_0;
  CHECK_EQ(to_hex(encoded(full)),
           "308199"
           "020101"
           "02020304"
           "04021301"
           "04026964"
           "0420" +
               std::string(secret32) +
               "a10602046b49d200"
               "a205020300a8c0"
               "a3053003020105"
               "a4090407484150726f7879"
               "a503020112"
               "a60e040c73686f702e6578616d706c65"
               "a90402021c20"
               "aa050403aabbcc"
               "ae0702050080706050"
               "af0402024000"
               "b00404026832"
               "b103020102"
               "b20404020011"
               "b30302011d");
  CHECK(decoded(encoded(full)) == full);
}

// ---- What is refused ---------------------------------------------------------------------------

/// The elements of a session under their tags, those of the untagged in order.
using Elements = std::map<unsigned, std::string>;
enum Untagged : unsigned { version, ssl_version, cipher, session_id, master_key };

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
                        {master_key, "0430" + std::string(secret48)},
                        {0xa4, "a4020400"}};
const Elements tls13 = {{version, "020101"},
                        {ssl_version, "02020304"},
                        {cipher, "04021301"},
                        {session_id, "0400"},
                        {master_key, "0420" + std::string(secret32)},
                        {0xa4, "a4020400"},
                        {0xae, "ae0702050080706050"}};

std::expected<OpensslSession, Error> decoded_with(Elements elements, unsigned tag,
                                                  const std::string& element) {
  elements[tag] = element;
  return decode_openssl_session(der_of(elements));
}

struct Element {
  std::string what;
  unsigned tag;
  std::string hex;
};

const Element read_in_tls12[] = {
    {"OpenSSL's DTLS 1.2", ssl_version, "020300fefd"},
    {"a session id of 32 bytes", session_id, "0420" + std::string(64, 'a')},
    {"the last instant", 0xa1,
     "a1080206"
     "00ffffffffff"},
    {"a timeout past what stek issues", 0xa2,
     "a2070205"
     "00ffffffff"},
    {"a certificate", 0xa3, "a3023000"},
    {"a session_id_context of 32 bytes", 0xa4, "a4220420" + std::string(64, 'a')},
    {"the greatest verify_result", 0xa5,
     "a5060204"
     "7fffffff"},
    {"a host name", 0xa6, "a603040161"},
    {"a ticket", 0xaa, "aa03040100"},
    {"extended master secret", 0xad, "ad03020101"},
    {"the largest fragment", 0xb1, "b103020104"},
    {"no kex_group", 0xb3, "b303020100"},
    {"the greatest kex_group", 0xb3, "b305020300ffff"},
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
    {"no version", version, ""},
    {"no session id", session_id, ""},
    {"no secret", master_key, ""},
    {"an ssl_version of three bytes", ssl_version, "0203010303"},
    {"a cipher of one byte", cipher, "04012b"},
    {"a cipher of SSL 2", cipher, "040300c02b"},
    {"a session id of 33 bytes", session_id, "0421" + std::string(66, 'a')},
    {"a secret of 49 bytes", master_key, "0431" + std::string(98, 'a')},
    {"an empty secret", master_key, "0400"},
    {"key_arg [0]", 0x80, "8000"},
    {"a time past all", 0xa1, "a1080206010000000000"},
    {"a time of zero", 0xa1, "a103020100"},
    {"a negative time", 0xa1, "a1030201ff"},
    {"a time with a byte too many", 0xa1, "a10402020001"},
    {"a time of nothing", 0xa1, "a1020200"},
    {"a time of nine bytes", 0xa1, "a10b0209008000000000000000"},
    {"a time that is not explicit", 0xa1, "a10101"},
    {"a time that is an OCTET STRING", 0xa1, "a103040101"},
    {"two times in one", 0xa1, "a106020101020101"},
    {"two times", 0xa1, "a103020101a103020101"},
    {"a time behind the timeout", 0xa2, "a203020101a103020101"},
    {"a timeout past all", 0xa2, "a20702050100000000"},
    {"a peer that is no SEQUENCE", 0xa3, "a303020101"},
    {"a peer of two certificates", 0xa3, "a30430003000"},
    {"a peer cut short", 0xa3, "a3023001"},
    {"no session_id_context", 0xa4, ""},
    {"a session_id_context of 33 bytes", 0xa4, "a4230421" + std::string(66, 'a')},
    {"a verify_result that is no int", 0xa5,
     "a507020500"
     "80000000"},
    {"an empty host name", 0xa6, "a6020400"},
    {"a host name in capitals", 0xa6, "a603040141"},
    {"a host name with a zero in it", 0xa6,
     "a60504036100"
     "62"},
    {"a psk_identity_hint", 0xa7, "a703040161"},
    {"a psk_identity", 0xa8, "a803040161"},
    {"an empty ticket", 0xaa, "aa020400"},
    {"a compression", 0xab, "ab03040101"},
    {"an srp_username", 0xac, "ac03040161"},
    {"a flag that nobody knows", 0xad, "ad03020103"},
    {"no flag, written", 0xad, "ad03020100"},
    {"an empty protocol name", 0xb0, "b0020400"},
    {"a fragment length past RFC 6066", 0xb1, "b103020105"},
    {"empty application data", 0xb2, "b2020400"},
    {"a kex_group of three bytes", 0xb3, "b3050203010000"},
    {"what comes behind kex_group", 0xb4, "b403040161"},
    {"a length of two bytes where one does", 0xb2,
     "b28103"
     "040161"},
    {"a length with a zero before it", 0xb2,
     "b2820003"
     "040161"},
    {"an indefinite length", 0xb2,
     "b280"
     "040161"
     "0000"},
    {"a length of five bytes", 0xb2,
     "b28500000000"
     "03"
     "040161"},
    {"a length past the end", 0xb2,
     "b284ffffffff"
     "040161"},
    {"a tag and nothing more", 0xb2, "b2"},
};

TEST_CASE("what OpenSSL would not write, or a Session cannot hold, is malformed") {
  REQUIRE(decode_openssl_session(der_of(tls12)));
  for (const Element& element : malformed_in_tls12) {
    CAPTURE(element.what);
    const auto session = decoded_with(tls12, element.tag, element.hex);
    REQUIRE_FALSE(session);
    CHECK_EQ(session.error(), Error::malformed);
  }
}

TEST_CASE("bytes behind a session are malformed, and so is nothing") {
  Buffer der = der_of(tls12);
  der.push_back(std::byte{0});
  CHECK_EQ(refusal_of(der), Error::malformed);
  CHECK_EQ(refusal_of(Bytes()), Error::malformed);
}

TEST_CASE("an age that libssl would write otherwise is malformed") {
  REQUIRE(decode_openssl_session(der_of(tls13)));
  CHECK_FALSE(decoded_with(tls13, 0xae, "ae06020480706050"));
  CHECK_FALSE(decoded_with(tls13, 0xae, "ae0702050070605040"));
  CHECK_FALSE(decoded_with(tls13, 0xae, "ae0702050100000000"));
}

TEST_CASE("zero, which is not written, is what TLS 1.3 has for an age and for early data") {
  Elements elements = tls13;
  elements.erase(0xae);
  const OpensslSession session = decoded(der_of(elements));
  CHECK_EQ(session.session.ticket_age_add, 0);
  CHECK_EQ(session.session.max_early_data_size, 0);
  CHECK(encoded(session) == der_of(elements));
}

const Element invalid_in_tls12[] = {
    {"SSL 3.0", ssl_version, "02020300"},
    {"no version of TLS", ssl_version, ""},
    {"a version of TLS 1.3 with a suite of TLS 1.2", ssl_version, "02020304"},
    {"a version below all", ssl_version, "020101"},
    {"a suite that nobody knows", cipher, "0402ffff"},
    {"a short secret", master_key, "0420" + std::string(secret32)},
    {"a secret of zeros", master_key, "0430" + std::string(96, '0')},
    {"an age", 0xae, "ae03020101"},
    {"early data", 0xaf, "af03020101"},
};

TEST_CASE("what is well written and no session is invalid") {
  for (const Element& element : invalid_in_tls12) {
    CAPTURE(element.what);
    const auto session = decoded_with(tls12, element.tag, element.hex);
    REQUIRE_FALSE(session);
    CHECK_EQ(session.error(), Error::invalid_session);
  }
  CHECK_EQ(decoded_with(tls13, 0xad, "ad03020101").error(), Error::invalid_session);
}

struct Change {
  std::string what;
  Error error;
  void (*change)(OpensslSession&);
};

void give_certificate(OpensslSession& session, std::string_view hex) {
  session.session.client_identity = CertificateChain{{bytes_of(hex)}};
}

const Change not_encoded[] = {
    {"QUIC", Error::unsuitable, [](OpensslSession& s) { s.session.transport = Transport::quic; }},
    {"a client that is only a hash", Error::unsuitable,
     [](OpensslSession& s) { s.session.client_identity = ClientIdentityHash{}; }},
    {"a client without a certificate", Error::invalid_session,
     [](OpensslSession& s) { s.session.client_identity = CertificateChain{}; }},
    {"a certificate cut short", Error::invalid_session,
     [](OpensslSession& s) { give_certificate(s, "300201"); }},
    {"a certificate that is no SEQUENCE", Error::invalid_session,
     [](OpensslSession& s) { give_certificate(s, "310101"); }},
    {"a certificate and a byte", Error::invalid_session,
     [](OpensslSession& s) { give_certificate(s, "300000"); }},
    {"a certificate of 16 KiB", Error::invalid_session,
     [](OpensslSession& s) {
       Buffer certificate = bytes_of("30823ffc");
       certificate.resize(16'384);
       s.session.client_identity = CertificateChain{{certificate}};
     }},
    {"no secret", Error::invalid_session, [](OpensslSession& s) { s.session.secret = {}; }},
    {"a time before 1970", Error::invalid_session,
     [](OpensslSession& s) { s.session.issued_at = Instant(Seconds(-1)); }},
    {"a negative lifetime", Error::invalid_session,
     [](OpensslSession& s) { s.session.lifetime = Seconds(-1); }},
    {"a verify_result that is no int", Error::invalid_session,
     [](OpensslSession& s) { s.verify_result = 0x80000000; }},
    {"a hint past 32 bits", Error::invalid_session,
     [](OpensslSession& s) { s.ticket_lifetime_hint = Seconds(1LL << 32); }},
    {"a ticket of 64 KiB", Error::invalid_session,
     [](OpensslSession& s) { s.ticket.resize(65'536); }},
    {"application data past a state's", Error::invalid_session,
     [](OpensslSession& s) { s.session.application_data = SecretBytes(Buffer(16'384)); }},
};

TEST_CASE("what cannot be said in an SSL_SESSION, or is no session, is not written") {
  for (const Change& refused : not_encoded) {
    CAPTURE(refused.what);
    OpensslSession session = minimal();
    refused.change(session);
    CHECK_EQ(refusal_of(session), refused.error);
  }
}

TEST_CASE("a server name that is passed over may have any spelling, and is none") {
  OpensslSession named = minimal();
  named.session.server_name = HostName::from("shop.example").value();
  Buffer der = encoded(named);
  for (const char first : {'s', 'S', ' '}) {
    der[der.size() - std::string_view("shop.exampleXXXXX").size()] = static_cast<std::byte>(first);
    CHECK_EQ(decode_openssl_session(der).has_value(), first == 's');
    const auto read = decode_openssl_session(der, Hostname::passed_over);
    REQUIRE(read);
    CHECK(*read == minimal());
  }
  const Buffer without = encoded(minimal());
  CHECK(*decode_openssl_session(without, Hostname::passed_over) == minimal());
}

TEST_CASE("a room of one byte less is too small, and stays as it was") {
  Buffer room(73);
  CHECK_EQ(encode_openssl_session(room, minimal()).error(), Error::room_too_small);
  CHECK(is_zero(room));
}

TEST_CASE("the release decides on kex_group") {
  OpensslSession session = minimal();
  const auto size = [&](OpensslRelease release) {
    session.release = release;
    return size_of(session);
  };
  CHECK_EQ(size(OpensslRelease::v3_0), size(OpensslRelease::v1_1_1) + 5);
  session.session.extras.emplace().named_group = 29;
  CHECK_EQ(size(OpensslRelease::v3_0), size(OpensslRelease::v1_1_1) + 5);
  CHECK_EQ(size(OpensslRelease::v1_1_1), 74);
}

TEST_CASE("an id has up to 32 bytes") {
  CHECK_EQ(OpensslId::from(Buffer(32)).value().bytes().size(), 32);
  CHECK_FALSE(OpensslId::from(Buffer(33)));
}

// ---- libssl ------------------------------------------------------------------------------------

using SslContext = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Deleter<SSL_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, Deleter<SSL_SESSION_free>>;

struct Certified {
  std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> key{EVP_RSA_gen(2048)};
  std::unique_ptr<X509, Deleter<X509_free>> certificate{X509_new()};

  Certified() {
    X509_set_version(certificate.get(), X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  }
  void use_in(SSL_CTX& context) const {
    REQUIRE_EQ(SSL_CTX_use_certificate(&context, certificate.get()), 1);
    REQUIRE_EQ(SSL_CTX_use_PrivateKey(&context, key.get()), 1);
  }
};

const Certified& certified() {
  static const Certified one;
  return one;
}

template <class T>
Buffer der_from(int (*i2d)(const T*, unsigned char**), const T* thing) {
  unsigned char* der = nullptr;
  const int size = i2d(thing, &der);
  REQUIRE(size > 0);
  const auto bytes = std::as_bytes(std::span(der, static_cast<std::size_t>(size)));
  Buffer copy(bytes.begin(), bytes.end());
  OPENSSL_free(der);
  return copy;
}

SslSessionPtr read_by_libssl(Bytes der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  SslSessionPtr session(d2i_SSL_SESSION(nullptr, &at, static_cast<long>(der.size())));
  REQUIRE(session);
  return session;
}

/// What both ends of a handshake are set to.
struct Handshake {
  std::string what;
  int version = TLS1_2_VERSION;
  int lowest_version = version;
  const char* suites = "ECDHE-RSA-AES128-GCM-SHA256";
  bool extended_master_secret = true;
  bool client_certificate = false;
  const char* server_name = nullptr;
  const char* alpn = nullptr;
  std::uint8_t max_fragment_length = 0;
  const char* application_data = nullptr;
  long timeout = 7200;
  std::uint32_t max_early_data = 0;
  const char* context = "";
};

int select_first_protocol(SSL*, const unsigned char** out, unsigned char* size,
                          const unsigned char* in, unsigned, void*) {
  *out = in + 1;
  *size = *in;
  return SSL_TLSEXT_ERR_OK;
}
int accept_name(SSL*, int*, void*) {
  return SSL_TLSEXT_ERR_OK;
}
int accept_certificate(int, X509_STORE_CTX*) {
  return 1;
}
int put_application_data(SSL* ssl, void* text) {
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), text,
                                         std::strlen(static_cast<const char*>(text)));
}

SslContext context_of(const Handshake& handshake) {
  const bool dtls = handshake.version == DTLS1_2_VERSION || handshake.version == DTLS1_VERSION;
  SslContext context(SSL_CTX_new(dtls ? DTLS_method() : TLS_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), handshake.lowest_version);
  SSL_CTX_set_max_proto_version(context.get(), handshake.version);
  REQUIRE_EQ(SSL_CTX_set_cipher_list(context.get(), handshake.suites), 1);
  if (!handshake.extended_master_secret) {
    SSL_CTX_set_options(context.get(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_QUERY_MTU);
  return context;
}

SslContext server_of(const Handshake& handshake) {
  SslContext server = context_of(handshake);
  certified().use_in(*server);
  SSL_CTX_set_timeout(server.get(), handshake.timeout);
  SSL_CTX_set_max_early_data(server.get(), handshake.max_early_data);
  SSL_CTX_set_alpn_select_cb(server.get(), select_first_protocol, nullptr);
  SSL_CTX_callback_ctrl(server.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(accept_name));
  SSL_CTX_set_session_id_context(server.get(),
                                 reinterpret_cast<const unsigned char*>(handshake.context),
                                 static_cast<unsigned>(std::strlen(handshake.context)));
  if (handshake.client_certificate) {
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER, accept_certificate);
  }
  if (handshake.application_data != nullptr) {
    SSL_CTX_set_session_ticket_cb(server.get(), put_application_data, nullptr,
                                  const_cast<char*>(handshake.application_data));
  }
  return server;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<SslSessionPtr*>(SSL_get_app_data(ssl))->reset(session);
  return 1;
}

SslContext client_of(const Handshake& handshake) {
  SslContext client = context_of(handshake);
  if (handshake.client_certificate) certified().use_in(*client);
  if (handshake.alpn != nullptr) {
    const std::string_view protocols = handshake.alpn;
    SSL_CTX_set_alpn_protos(client.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
  }
  SSL_CTX_set_tlsext_max_fragment_length(client.get(), handshake.max_fragment_length);
  SSL_CTX_set_session_cache_mode(client.get(), SSL_SESS_CACHE_CLIENT);
  SSL_CTX_sess_set_new_cb(client.get(), keep_session);
  return client;
}

void shake_hands(SSL& client, SSL& server) {
  BIO* to_server = nullptr;
  BIO* to_client = nullptr;
  REQUIRE_EQ(BIO_new_bio_pair(&to_server, 65'536, &to_client, 65'536), 1);
  SSL_set_bio(&client, to_server, to_server);
  SSL_set_bio(&server, to_client, to_client);
  SSL_set_connect_state(&client);
  SSL_set_accept_state(&server);
  for (int i = 0; i < 20; ++i) {
    SSL_do_handshake(&client);
    SSL_do_handshake(&server);
  }
  REQUIRE(SSL_is_init_finished(&client));
  REQUIRE(SSL_is_init_finished(&server));
  // The tickets of TLS 1.3 come behind the handshake.
  char nothing = 0;
  SSL_read(&client, &nothing, 1);
}

/// The sessions of both ends, in libssl's DER.
struct Sessions {
  Buffer server;
  Buffer client;
};

Sessions sessions_of(SSL_CTX& client_context, SSL_CTX& server_context, const Handshake& handshake,
                     SSL_SESSION* resumed) {
  const Ssl client(SSL_new(&client_context));
  const Ssl server(SSL_new(&server_context));
  SslSessionPtr kept;
  SSL_set_app_data(client.get(), &kept);
  SSL_set_mtu(client.get(), 1400);
  SSL_set_mtu(server.get(), 1400);
  if (handshake.server_name != nullptr) {
    SSL_ctrl(client.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(handshake.server_name));
  }
  if (resumed != nullptr) SSL_set_session(client.get(), resumed);
  shake_hands(*client, *server);
  CHECK_EQ(SSL_session_reused(server.get()), resumed != nullptr ? 1 : 0);
  if (!kept) kept.reset(SSL_get1_session(client.get()));
  SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_set_shutdown(server.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return {der_from(i2d_SSL_SESSION, SSL_get_session(server.get())),
          der_from(i2d_SSL_SESSION, kept.get())};
}

/// Of a full handshake, and of one that resumes from it.
std::vector<Sessions> sessions_of(const Handshake& handshake) {
  const SslContext client = client_of(handshake);
  const SslContext server = server_of(handshake);
  std::vector<Sessions> sessions;
  sessions.push_back(sessions_of(*client, *server, handshake, nullptr));
  const SslSessionPtr kept = read_by_libssl(sessions.front().client);
  sessions.push_back(sessions_of(*client, *server, handshake, kept.get()));
  return sessions;
}

const Handshake handshakes[] = {
    {.what = "TLS 1.2"},
    {.what = "TLS 1.2 without extended master secret", .extended_master_secret = false},
    {.what = "TLS 1.2 without a group", .suites = "AES128-GCM-SHA256"},
    {.what = "TLS 1.2 with CBC and Encrypt-then-MAC", .suites = "ECDHE-RSA-AES128-SHA256"},
    {.what = "TLS 1.2 with everything",
     .client_certificate = true,
     .server_name = "shop.example",
     .alpn = "\2h2",
     .max_fragment_length = TLSEXT_max_fragment_length_2048,
     .application_data = "basket 7",
     .timeout = 1'000'000,
     .context = "HAProxy"},
    {.what = "TLS 1.1", .version = TLS1_1_VERSION, .suites = "ECDHE-RSA-AES128-SHA"},
    {.what = "TLS 1.0", .version = TLS1_VERSION, .suites = "ECDHE-RSA-AES128-SHA"},
    {.what = "DTLS 1.2", .version = DTLS1_2_VERSION, .server_name = "shop.example"},
    {.what = "DTLS 1.0", .version = DTLS1_VERSION, .suites = "ECDHE-RSA-AES128-SHA"},
    {.what = "TLS 1.3", .version = TLS1_3_VERSION},
    {.what = "TLS 1.3 where TLS 1.2 was offered too, with extended master secret",
     .version = TLS1_3_VERSION,
     .lowest_version = TLS1_2_VERSION},
    {.what = "TLS 1.3 with everything",
     .version = TLS1_3_VERSION,
     .client_certificate = true,
     .server_name = "shop.example",
     .alpn = "\2h2",
     .max_fragment_length = TLSEXT_max_fragment_length_512,
     .application_data = "basket 7",
     .timeout = 86'400,
     .max_early_data = 16'384,
     .context = "HAProxy"},
};

void check_session(const OpensslSession& decoded, const Handshake& handshake, bool of_server) {
  const Session& session = decoded.session;
  CHECK_EQ(static_cast<int>(session.version), handshake.version);
  CHECK_EQ(session.transport, handshake.version > 0xfe00 ? Transport::dtls : Transport::tls);
  CHECK_EQ(session.extended_master_secret,
           handshake.extended_master_secret && handshake.version != TLS1_3_VERSION);
  CHECK(session.issued_at <= system_now());
  CHECK(session.issued_at > system_now() - std::chrono::minutes(1));
  CHECK_EQ(decoded.release, OpensslRelease::v3_0);
  CHECK_EQ(static_cast<int>(session.max_fragment_length), handshake.max_fragment_length);
  CHECK_EQ(session.max_early_data_size.value_or(0), handshake.max_early_data);
  CHECK_EQ(session.alpn.has_value(), handshake.alpn != nullptr);
  CHECK_EQ(std::holds_alternative<HostName>(session.server_name), handshake.server_name != nullptr);
  CHECK_EQ(decoded.ticket.empty(), of_server);
  if (!of_server) return;
  CHECK_EQ(session.lifetime, Seconds(handshake.timeout));
  CHECK_EQ(session.application_data.has_value(), handshake.application_data != nullptr);
  CHECK(decoded.session_id_context == id_of(handshake.context));
  CHECK_EQ(decoded.verify_result,
           handshake.client_certificate ? X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT : X509_V_OK);
  const auto* chain = std::get_if<CertificateChain>(&session.client_identity);
  REQUIRE_EQ(chain != nullptr, handshake.client_certificate);
  if (chain != nullptr) {
    CHECK(chain->certificates.front() == der_from(i2d_X509, certified().certificate.get()));
  }
}

TEST_CASE(
    "sessions that libssl made are read, say what was negotiated, and are written as they were") {
  for (const Handshake& handshake : handshakes) {
    CAPTURE(handshake.what);
    for (const Sessions& made : sessions_of(handshake)) {
      const OpensslSession of_server = decoded(made.server);
      check_session(of_server, handshake, true);
      CHECK(encoded(of_server) == made.server);
      const OpensslSession of_client = decoded(made.client);
      check_session(of_client, handshake, false);
      CHECK(encoded(of_client) == made.client);
      CHECK_EQ(of_client.session.ticket_age_add.has_value(), handshake.version == TLS1_3_VERSION);
    }
  }
}

// ---- Random sessions ---------------------------------------------------------------------------

bool known_to_libssl(CipherSuite suite) {
  static const SslContext context(SSL_CTX_new(TLS_method()));
  static const Ssl ssl(SSL_new(context.get()));
  const auto number = static_cast<std::uint16_t>(suite);
  const std::array<unsigned char, 2> wire{static_cast<unsigned char>(number >> 8U),
                                          static_cast<unsigned char>(number)};
  return SSL_CIPHER_find(ssl.get(), wire.data()) != nullptr;
}

OpensslId random_id(Random& random) {
  return OpensslId::from(test::random_bytes(random, test::below(random, 33))).value();
}

/// As test::random_session gives it, in what OpenSSL can say.
Session random_session(Random& random) {
  Session session = test::random_session(random);
  while (!known_to_libssl(session.cipher_suite) || session.transport == Transport::quic) {
    session = test::random_session(random);
  }
  // To libssl, zero is 3 seconds.
  session.lifetime = std::max(session.lifetime, Seconds(1));
  if (session.client_identity.index() != 0) {
    session.client_identity = CertificateChain{{der_from(i2d_X509, certified().certificate.get())}};
  }
  return session;
}

OpensslSession random_openssl_session(Random& random) {
  OpensslSession session;
  session.session = random_session(random);
  session.session_id = random_id(random);
  session.session_id_context = random_id(random);
  session.verify_result = static_cast<std::uint32_t>(test::below(random, 90));
  session.release = OpensslRelease::v3_0;
  if (test::below(random, 4) == 0) {
    session.ticket = test::random_bytes(random, 1 + test::below(random, 300));
    session.ticket_lifetime_hint = Seconds(test::below(random, 604'801));
  }
  return session;
}

/// What DER tells of a session.
OpensslSession told(OpensslSession told) {
  Session& session = told.session;
  session.encrypt_then_mac = false;
  session.authenticated_at = {};
  session.context = {};
  session.identity_expires.reset();
  if (std::holds_alternative<HostNameHash>(session.server_name)) session.server_name = {};
  const auto extras = std::exchange(session.extras, std::nullopt);
  if (extras && extras->named_group.value_or(0) != 0) {
    session.extras = Extras();
    session.extras->named_group = extras->named_group;
  }
  return told;
}

template <class Size>
Bytes bytes_by(void (*get)(const SSL_SESSION*, const unsigned char**, Size*),
               const SSL_SESSION& session) {
  const unsigned char* bytes = nullptr;
  Size size = 0;
  get(&session, &bytes, &size);
  return std::as_bytes(std::span(bytes, size));
}

Bytes id_by(const unsigned char* (*get)(const SSL_SESSION*, unsigned*),
            const SSL_SESSION& session) {
  unsigned size = 0;
  const unsigned char* bytes = get(&session, &size);
  return std::as_bytes(std::span(bytes, size));
}

Bytes bytes_of_name(const Session& session) {
  const auto* name = std::get_if<HostName>(&session.server_name);
  return name == nullptr ? Bytes() : std::as_bytes(std::span(name->text()));
}

void check_fields(SSL_SESSION& libssl, const OpensslSession& ours) {
  const Session& session = ours.session;
  CHECK_EQ(SSL_SESSION_get_protocol_version(&libssl), static_cast<int>(session.version));
  CHECK_EQ(SSL_CIPHER_get_protocol_id(SSL_SESSION_get0_cipher(&libssl)),
           static_cast<std::uint16_t>(session.cipher_suite));
  std::array<unsigned char, 64> secret{};
  const std::size_t size = SSL_SESSION_get_master_key(&libssl, secret.data(), secret.size());
  CHECK(equal_secrets(std::as_bytes(std::span(secret)).first(size), session.secret.expose()));
  CHECK_EQ(SSL_SESSION_get_time(&libssl), session.issued_at.time_since_epoch().count());
  CHECK_EQ(SSL_SESSION_get_timeout(&libssl), session.lifetime.count());
  CHECK_EQ(SSL_SESSION_get0_peer(&libssl) != nullptr, session.client_identity.index() != 0);
  CHECK(std::ranges::equal(id_by(SSL_SESSION_get_id, libssl), ours.session_id.bytes()));
  CHECK(std::ranges::equal(id_by(SSL_SESSION_get0_id_context, libssl),
                           ours.session_id_context.bytes()));
  const char* name = SSL_SESSION_get0_hostname(&libssl);
  CHECK(std::ranges::equal(std::as_bytes(std::span(std::string_view(name == nullptr ? "" : name))),
                           bytes_of_name(session)));
  CHECK_EQ(SSL_SESSION_get_ticket_lifetime_hint(&libssl),
           static_cast<unsigned long>(ours.ticket_lifetime_hint.count()));
  CHECK(std::ranges::equal(bytes_by(SSL_SESSION_get0_ticket, libssl), ours.ticket));
  CHECK_EQ(SSL_SESSION_get_max_early_data(&libssl), session.max_early_data_size.value_or(0));
  CHECK(std::ranges::equal(
      bytes_by(SSL_SESSION_get0_alpn_selected, libssl),
      std::as_bytes(std::span(session.alpn ? session.alpn->bytes : std::string_view()))));
  CHECK_EQ(SSL_SESSION_get_max_fragment_length(&libssl),
           static_cast<std::uint8_t>(session.max_fragment_length));
  void* data = nullptr;
  std::size_t data_size = 0;
  SSL_SESSION_get0_ticket_appdata(&libssl, &data, &data_size);
  CHECK(
      std::ranges::equal(Bytes(static_cast<const std::byte*>(data), data_size),
                         session.application_data ? session.application_data->expose() : Bytes()));
}

TEST_CASE("libssl reads what is written, field by field, and writes the same bytes") {
  Random random(61);
  for (int i = 0; i < 2'000; ++i) {
    const OpensslSession session = random_openssl_session(random);
    const Buffer der = encoded(session);
    const SslSessionPtr libssl = read_by_libssl(der);
    check_fields(*libssl, session);
    CHECK(der_from(i2d_SSL_SESSION, libssl.get()) == der);
  }
}

TEST_CASE("a session is read as it was written, but for what OpenSSL has no place for") {
  Random random(62);
  for (int i = 0; i < 2'000; ++i) {
    OpensslSession session = random_openssl_session(random);
    const Buffer der = encoded(session);
    CHECK(decoded(der) == told(std::move(session)));
  }
}

TEST_CASE("libssl reads a minimal session, of either release") {
  OpensslSession session = minimal();
  for (const OpensslRelease release : {OpensslRelease::v1_1_1, OpensslRelease::v3_0}) {
    session.release = release;
    const SslSessionPtr libssl = read_by_libssl(encoded(session));
    CHECK_EQ(SSL_SESSION_get_timeout(libssl.get()), 3);
    CHECK_EQ(SSL_SESSION_get_protocol_version(libssl.get()), TLS1_2_VERSION);
  }
}

// ---- Damage ------------------------------------------------------------------------------------

/// Real ones, of each kind.
std::vector<Buffer> samples() {
  std::vector<Buffer> samples{encoded(minimal()), der_of(tls12), der_of(tls13)};
  for (const Handshake& handshake : handshakes) {
    for (Sessions& made : sessions_of(handshake)) {
      samples.push_back(std::move(made.server));
      samples.push_back(std::move(made.client));
    }
  }
  return samples;
}

TEST_CASE("a session with any bit turned is refused, or is another one that has these bytes") {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (Buffer& der : samples()) {
    for (std::size_t bit = 0; bit < der.size() * 8; ++bit) {
      const std::byte before = der[bit / 8];
      der[bit / 8] ^= std::byte{1} << (bit % 8);
      const auto session = decode_openssl_session(der);
      if (session) CHECK(encoded(*session) == der);
      ++(session ? accepted : refused);
      der[bit / 8] = before;
    }
  }
  MESSAGE(accepted, " were other sessions, ", refused, " were refused");
  CHECK(accepted > 10'000);
  CHECK(refused > 10'000);
}

TEST_CASE("no session cut short is one") {
  for (const Buffer& der : samples()) {
    for (std::size_t n = 0; n < der.size(); ++n) {
      CHECK_EQ(refusal_of(Bytes(der).first(n)), Error::malformed);
    }
  }
}

}  // namespace
}  // namespace stek::foreign
