// OpenSSL's SSL_SESSION.
#include "foreign/openssl_session.hpp"

#include "fuzz/der_session.hpp"

namespace stek::fuzz {

void run(Bytes input) {
  check_der_session(
      input, [](Bytes der) { return foreign::decode_openssl_session(der); },
      foreign::encode_openssl_session);
}

}  // namespace stek::fuzz
