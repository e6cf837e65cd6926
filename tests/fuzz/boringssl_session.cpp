// BoringSSL's SSL_SESSION.
#include "foreign/boringssl_session.hpp"

#include "fuzz/der_session.hpp"

namespace stek::fuzz {

void run(Bytes input) {
  check_der_session(input, foreign::decode_boringssl_session, foreign::encode_boringssl_session);
}

}  // namespace stek::fuzz
