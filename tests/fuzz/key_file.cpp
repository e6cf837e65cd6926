// A TLS server's key file: what parses is whole keys, and parses to the same ones from lines of
// hex; a refusal does not quote the file.
#include "keys/key_file.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/quoting.hpp"

namespace stek::fuzz {
namespace {

Bytes as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}

std::string refusal_of(std::string_view text) {
  const auto keys = keys::keys_from(as_bytes(text));
  return keys ? "" : keys.error().message + "\n" + keys.error().hint;
}

bool is_whole(const ForeignKey& key) noexcept {
  return (key.file_size == 48 || key.file_size == 80) &&
         key.secret.size() + key.name.size() == key.file_size;
}

bool are_same(const ForeignKey& a, const ForeignKey& b) noexcept {
  return a.name == b.name && a.file_size == b.file_size && a.secret == b.secret;
}

std::string lines_of(const std::vector<ForeignKey>& keys) {
  std::string text;
  for (const ForeignKey& key : keys) text += to_hex(key.name) + to_hex(key.secret.expose()) + "\n";
  return text;
}

}  // namespace

void run(Bytes input) {
  const auto keys = keys::keys_from(input);
  if (!keys) {
    const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
    check(!keys.error().message.empty(), "a refusal says why");
    check(!quotes(text, refusal_of), "a refusal does not quote the file");
    return;
  }
  check(!keys->empty() && std::ranges::all_of(*keys, is_whole), "what parses is whole keys");
  const auto again = keys::keys_from(as_bytes(lines_of(*keys)));
  check(again && std::ranges::equal(*again, *keys, are_same), "lines of hex are the same keys");
}

}  // namespace stek::fuzz
