#include <stek/cipher_suite.hpp>

#include "base/hash.hpp"

namespace stek {

std::optional<HostName> HostName::from(std::string_view name) noexcept {
  HostName host;
  return host.assign(name) ? std::optional(host) : std::nullopt;
}

namespace {

// Every ticket has a name, so names are gone through by eight characters at once, without a branch
// on them.
using Word = std::uint64_t;

constexpr Word eight(unsigned c) noexcept {
  return c * Word{0x0101010101010101};
}
constexpr Word high_bits = eight(0x80);

/// A high bit where a character is at least `least`, of characters that have none.
constexpr Word at_least(Word ascii, unsigned least) noexcept {
  return ascii + eight(0x80 - least);
}
/// A high bit where a character is none of '!' to '~'.
constexpr Word not_printable(Word word) noexcept {
  const Word ascii = word & ~high_bits;
  return (word | ~at_least(ascii, '!') | at_least(ascii, '~' + 1)) & high_bits;
}
/// A high bit where a printable character is a capital.
constexpr Word capitals(Word word) noexcept {
  const Word ascii = word & ~high_bits;
  return at_least(ascii, 'A') & ~at_least(ascii, 'Z' + 1) & high_bits;
}

/// Calls `work` with words of `name`, where they begin, and how many characters of each are the
/// name's. The last overlaps the one before.
template <class Work>
void for_each_word(std::string_view name, Work work) noexcept {
  Word word = eight('a');
  if (name.size() < sizeof word) {
    std::memcpy(&word, name.data(), name.size());
    work(word, 0, name.size());
    return;
  }
  const std::size_t last = name.size() - sizeof word;
  for (std::size_t at = 0; at < last; at += sizeof word) {
    std::memcpy(&word, name.data() + at, sizeof word);
    work(word, at, sizeof word);
  }
  std::memcpy(&word, name.data() + last, sizeof word);
  work(word, last, sizeof word);
}

bool has_good_length(std::string_view name) noexcept {
  return !name.empty() && name.size() <= HostName::max_size && !name.ends_with('.');
}

}  // namespace

bool HostName::is_canonical(std::string_view name) noexcept {
  if (!has_good_length(name)) return false;
  Word odd = 0;
  for_each_word(name, [&](Word word, std::size_t /*at*/, std::size_t /*size*/) {
    odd |= not_printable(word) | capitals(word);
  });
  return odd == 0;
}

bool HostName::assign(std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (!has_good_length(name)) return false;
  constexpr unsigned from_high_bit_to_case = 2;
  Word odd = 0;
  for_each_word(name, [&](Word word, std::size_t at, std::size_t size) {
    odd |= not_printable(word);
    word |= capitals(word) >> from_high_bit_to_case;
    std::memcpy(text_.data() + at, &word, size);
  });
  size_ = static_cast<std::uint8_t>(name.size());
  return odd == 0;
}

HostNameHash hash_of(const HostName& name) noexcept {
  constexpr std::string_view key = "stek/1 server name";
  HostNameHash hash{};
  blake2b(hash.bytes, std::as_bytes(std::span(key)), {std::as_bytes(std::span(name.text()))});
  return hash;
}

bool same_server(const ServerName& sealed, const std::optional<HostName>& asked) noexcept {
  if (!asked) return std::holds_alternative<std::monostate>(sealed);
  if (const auto* text = std::get_if<HostName>(&sealed)) return *text == *asked;
  const auto* hash = std::get_if<HostNameHash>(&sealed);
  return hash != nullptr && *hash == hash_of(*asked);
}

ClientIdentityHash fingerprint_of(Bytes certificate) noexcept {
  ClientIdentityHash hash{};
  sha256(hash.bytes, certificate);
  return hash;
}

Session Session::copy() const {
  Session copy;
  copy.transport = transport;
  copy.version = version;
  copy.cipher_suite = cipher_suite;
  copy.extended_master_secret = extended_master_secret;
  copy.encrypt_then_mac = encrypt_then_mac;
  copy.truncated_hmac = truncated_hmac;
  copy.max_fragment_length = max_fragment_length;
  copy.issued_at = issued_at;
  copy.secret = secret.copy();
  copy.authenticated_at = authenticated_at;
  copy.lifetime = lifetime;
  copy.context = context;
  copy.compression_method = compression_method;
  copy.server_name = server_name;
  copy.ticket_age_add = ticket_age_add;
  copy.max_early_data_size = max_early_data_size;
  copy.alpn = alpn;
  copy.client_identity = client_identity;
  copy.identity_expires = identity_expires;
  if (application_data) copy.application_data = application_data->copy();
  copy.extras = extras;
  return copy;
}

}  // namespace stek
