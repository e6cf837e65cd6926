#include <stek/cipher_suite.hpp>

#include "base/hash.hpp"

namespace stek {

std::optional<HostName> HostName::from(std::string_view name) noexcept {
  HostName host;
  return host.assign(name) ? std::optional(host) : std::nullopt;
}

// Without a branch on the bytes: every ticket has a name.
bool HostName::assign(std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > max_size || name.ends_with('.')) return false;
  bool printable = true;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    printable &= c >= '!' && c <= '~';
    text_[i] = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20U : c);
  }
  size_ = static_cast<std::uint8_t>(name.size());
  return printable;
}

HostNameHash hash_of(const HostName& name) noexcept {
  constexpr std::string_view key = "stek/1 server name";
  HostNameHash hash{};
  blake2b(hash.bytes, std::as_bytes(std::span(key)), {std::as_bytes(std::span(name.text()))});
  return hash;
}

namespace {

HostNameHash hash_of(const ServerName& name) noexcept {
  if (const auto* text = std::get_if<HostName>(&name)) return stek::hash_of(*text);
  const auto* hash = std::get_if<HostNameHash>(&name);
  return hash == nullptr ? HostNameHash{} : *hash;
}

}  // namespace

bool same_server(const ServerName& a, const ServerName& b) noexcept {
  const auto* text_a = std::get_if<HostName>(&a);
  const auto* text_b = std::get_if<HostName>(&b);
  if (text_a != nullptr && text_b != nullptr) return *text_a == *text_b;
  constexpr std::size_t absent = 0;
  if (a.index() == absent || b.index() == absent) return a.index() == b.index();
  return hash_of(a) == hash_of(b);
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
