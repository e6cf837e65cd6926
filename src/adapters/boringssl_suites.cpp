#include "adapters/boringssl_suites.hpp"

#include <algorithm>
#include <vector>

namespace stek::boringssl {
namespace {

struct Suite {
  const SSL_CIPHER* cipher;
  bool ranks_as_next;  ///< the client's order decides between the two
};
using Suites = std::vector<Suite>;

CipherSuite number_of(const SSL_CIPHER* cipher) noexcept {
  return CipherSuite{SSL_CIPHER_get_protocol_id(cipher)};
}

/// BoringSSL shows ranks only in the list of an SSL_CTX.
Suites enabled_suites(const SSL& ssl) {
  const SSL_CTX* context = SSL_get_SSL_CTX(&ssl);
  const STACK_OF(SSL_CIPHER)* enabled = SSL_get_ciphers(&ssl);
  const bool ranks_are_known = enabled == SSL_CTX_get_ciphers(context);
  Suites suites;
  for (std::size_t i = 0; i < sk_SSL_CIPHER_num(enabled); ++i) {
    suites.push_back(
        {.cipher = sk_SSL_CIPHER_value(enabled, i),
         .ranks_as_next = ranks_are_known && SSL_CTX_cipher_in_group(context, i) != 0});
  }
  return suites;
}

Suites in_order_of(std::span<const CipherSuite> offered, const Suites& enabled) {
  Suites suites;
  for (const CipherSuite suite : offered) {
    const auto found =
        std::ranges::find(enabled, suite, [](const Suite& one) { return number_of(one.cipher); });
    if (found != enabled.end()) suites.push_back({.cipher = found->cipher, .ranks_as_next = false});
  }
  return suites;
}

void put_first(Suites& suites, CipherSuite suite) {
  const auto found =
      std::ranges::find(suites, suite, [](const Suite& one) { return number_of(one.cipher); });
  if (found == suites.end()) return;
  // Who ranked as the last of several ranks alone without it.
  if (!found->ranks_as_next && found != suites.begin()) std::prev(found)->ranks_as_next = false;
  found->ranks_as_next = false;
  std::rotate(suites.begin(), found, std::next(found));
}

std::string text_of(const Suites& suites) {
  std::string text;
  bool in_group = false;
  for (const Suite& suite : suites) {
    if (suite.ranks_as_next && !in_group) text += '[';
    text += SSL_CIPHER_get_name(suite.cipher);
    if (in_group && !suite.ranks_as_next) text += ']';
    in_group = suite.ranks_as_next;
    text += in_group ? '|' : ':';
  }
  return text;
}

}  // namespace

bool is_enabled(CipherSuite suite, const SSL& ssl) noexcept {
  const STACK_OF(SSL_CIPHER)* enabled = SSL_get_ciphers(&ssl);
  for (std::size_t i = 0; i < sk_SSL_CIPHER_num(enabled); ++i) {
    if (number_of(sk_SSL_CIPHER_value(enabled, i)) == suite) return true;
  }
  return false;
}

OwnSuites prefer(CipherSuite suite, std::span<const CipherSuite> offered, SSL& ssl) {
  Suites suites = enabled_suites(ssl);
  OwnSuites own{.list = text_of(suites),
                .client_prefers = (SSL_get_options(&ssl) & SSL_OP_CIPHER_SERVER_PREFERENCE) == 0};
  if (own.client_prefers) suites = in_order_of(offered, suites);
  put_first(suites, suite);
  SSL_set_strict_cipher_list(&ssl, text_of(suites).c_str());
  SSL_set_options(&ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return own;
}

void put_back(const OwnSuites& own, SSL& ssl) noexcept {
  SSL_set_strict_cipher_list(&ssl, own.list.c_str());
  if (own.client_prefers) SSL_clear_options(&ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
}

}  // namespace stek::boringssl
