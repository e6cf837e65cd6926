// Certificates made on the spot: an authority, and who it vouches for.
#pragma once

#include <memory>
#include <string>

#include <doctest/doctest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#if defined(OPENSSL_IS_BORINGSSL)
#include <openssl/ec_key.h>
#endif

#include "deleter.hpp"

namespace certificates {

using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

struct Identity {
  Certificate certificate;
  PrivateKey key;

  void use_in(SSL_CTX& context) const {
    REQUIRE(SSL_CTX_use_certificate(&context, certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(&context, key.get()) == 1);
  }
};

inline void be_authority(X509& certificate) {
  const std::unique_ptr<BASIC_CONSTRAINTS, Deleter<BASIC_CONSTRAINTS_free>> constraints(
      BASIC_CONSTRAINTS_new());
  constraints->ca = 0xff;
  constexpr int critical = 1;
  REQUIRE(X509_add1_ext_i2d(&certificate, NID_basic_constraints, constraints.get(), critical,
                            X509V3_ADD_DEFAULT) == 1);
}

inline PrivateKey new_key() {
#if defined(OPENSSL_IS_BORINGSSL)
  const std::unique_ptr<EC_KEY, Deleter<EC_KEY_free>> pair(
      EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  PrivateKey key(EVP_PKEY_new());
  REQUIRE(EC_KEY_generate_key(pair.get()) == 1);
  REQUIRE(EVP_PKEY_set1_EC_KEY(key.get(), pair.get()) == 1);
  return key;
#else
  return PrivateKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
#endif
}

/// P-256, for `life` seconds from now; signed by `authority`, or by itself.
inline Identity made(const std::string& name, const Identity* authority = nullptr,
                     long life = 86400) {
  Identity made{.certificate = Certificate(X509_new()), .key = new_key()};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), life);
  X509_set_pubkey(certificate, made.key.get());
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, text, -1, -1,
                             0);
  const Identity& issuer = authority == nullptr ? made : *authority;
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate.get()));
  if (authority == nullptr) be_authority(*certificate);
  REQUIRE(X509_sign(certificate, issuer.key.get(), EVP_sha256()) > 0);
  return made;
}

}  // namespace certificates
