#include <stek/cipher_suite.hpp>

#include <doctest/doctest.h>

namespace stek {
namespace {

std::string text_of(CipherSuite suite) {
  const CipherSpec spec = cipher_spec_of(suite);
  if (!spec.known) return "unknown";
  std::string text;
  for (const std::string_view word :
       {name_of(spec.key_exchange), name_of(spec.authentication), name_of(spec.cipher),
        name_of(spec.mode), name_of(spec.mac), name_of(spec.hash)}) {
    text += std::string(word) + ' ';
  }
  text += std::to_string(spec.key_bits) + ' ' + std::to_string(spec.tag_size);
  if (spec.tls13) text += " tls13";
  if (spec.dtls_ok) text += " dtls";
  return text;
}

std::string text_of(std::string_view name) {
  const auto suite = suite_named(name);
  REQUIRE_MESSAGE(suite, name);
  CHECK_EQ(name_of(*suite), name);
  return text_of(*suite);
}

TEST_CASE("what a suite means is read off its name") {
  CHECK_EQ(text_of("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
           "ecdhe ecdsa aes gcm aead sha256 128 16 dtls");
  CHECK_EQ(text_of("TLS_RSA_WITH_AES_256_CBC_SHA"), "rsa rsa aes cbc sha1 sha256 256 20 dtls");
  CHECK_EQ(text_of("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
           "ecdhe rsa aes cbc sha384 sha384 256 48 dtls");
  CHECK_EQ(text_of("TLS_RSA_EXPORT_WITH_RC4_40_MD5"), "rsa rsa rc4 stream md5 sha256 40 16");
  CHECK_EQ(text_of("TLS_KRB5_EXPORT_WITH_DES_CBC_40_SHA"),
           "krb5 krb5 des cbc sha1 sha256 40 20 dtls");
  CHECK_EQ(text_of("TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA"),
           "dhe dss triple_des cbc sha1 sha256 168 20 dtls");
  CHECK_EQ(text_of("TLS_DH_anon_WITH_AES_128_CBC_SHA"),
           "dhe anonymous aes cbc sha1 sha256 128 20 dtls");
  CHECK_EQ(text_of("TLS_PSK_DHE_WITH_AES_256_CCM_8"), "dhe_psk psk aes ccm aead sha256 256 8 dtls");
  CHECK_EQ(text_of("TLS_RSA_PSK_WITH_NULL_SHA384"),
           "rsa_psk rsa null null sha384 sha384 0 48 dtls");
  CHECK_EQ(text_of("TLS_SRP_SHA_DSS_WITH_AES_128_CBC_SHA"),
           "srp dss aes cbc sha1 sha256 128 20 dtls");
  CHECK_EQ(text_of("TLS_ECCPWD_WITH_AES_256_CCM_SHA384"),
           "eccpwd eccpwd aes ccm aead sha384 256 16 dtls");
  CHECK_EQ(text_of("TLS_AES_128_CCM_8_SHA256"), "any any aes ccm aead sha256 128 8 tls13 dtls");
  CHECK_EQ(text_of("TLS_CHACHA20_POLY1305_SHA256"),
           "any any chacha20 poly1305 aead sha256 256 16 tls13 dtls");
  CHECK_EQ(text_of("TLS_SM4_CCM_SM3"), "any any sm4 ccm aead sm3 128 16 tls13");
  CHECK_EQ(text_of("TLS_AEGIS_256_SHA384"), "any any aegis aegis aead sha384 256 16 tls13 dtls");
  CHECK_EQ(text_of("TLS_SHA384_SHA384"), "any any null null sha384 sha384 0 48 tls13 dtls");
  CHECK_EQ(text_of("TLS_GOSTR341112_256_WITH_MAGMA_CTR_OMAC"),
           "gost gost magma stream omac streebog256 256 8");
  CHECK_EQ(text_of("TLS_GOSTR341112_256_WITH_28147_CNT_IMIT"),
           "gost gost gost28147 stream imit streebog256 256 4");
  CHECK_EQ(text_of("TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_S"),
           "any any kuznyechik mgm aead streebog256 256 16 tls13");
}

TEST_CASE(
    "the null suite and the signalling values are not known, nor is what IANA has not given") {
  for (const unsigned value : {0x0000U, 0x00ffU, 0x5600U, 0x0a0aU, 0x001cU, 0xffffU}) {
    CAPTURE(value);
    CHECK_EQ(text_of(static_cast<CipherSuite>(value)), "unknown");
    CHECK(name_of(static_cast<CipherSuite>(value)).empty());
  }
  CHECK_FALSE(suite_named("TLS_FALLBACK_SCSV"));
  CHECK_FALSE(suite_named(""));
}

TEST_CASE("349 suites are known, each by its name and number") {
  std::size_t known = 0;
  for (unsigned value = 0; value <= 0xffff; ++value) {
    const auto suite = static_cast<CipherSuite>(value);
    CHECK_EQ(cipher_spec_of(suite).known, !name_of(suite).empty());
    if (!cipher_spec_of(suite).known) continue;
    ++known;
    CHECK_EQ(is_aead(cipher_spec_of(suite).mode), cipher_spec_of(suite).mac == Mac::aead);
    CHECK_EQ(suite_named(name_of(suite)), suite);
  }
  CHECK_EQ(known, 349);
}

}  // namespace
}  // namespace stek
