// Prints the whole table of suites, a line each, for cipher_suites.py to hold against others'.
#include <fmt/core.h>

#include <stek/cipher_suite.hpp>

int main() {
  for (unsigned value = 0; value <= 0xffff; ++value) {
    const auto suite = static_cast<stek::CipherSuite>(value);
    const stek::CipherSpec spec = cipher_spec_of(suite);
    if (!spec.known) continue;
    fmt::print("{:04x} {} {} {} {} {} {} {} {} {} {} {}\n", value, name_of(suite),
               spec.tls13 ? "tls13" : "tls12", spec.dtls_ok ? 'Y' : 'N', name_of(spec.key_exchange),
               name_of(spec.authentication), name_of(spec.cipher), name_of(spec.mode),
               spec.key_bits, spec.tag_size, name_of(spec.mac), name_of(spec.hash));
  }
  return 0;
}
