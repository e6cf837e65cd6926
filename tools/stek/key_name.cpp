#include "key_name.hpp"

#include <fmt/core.h>

#include "base/encoding.hpp"

namespace stek::tool {

bool is_a_beginning(std::string_view text) noexcept {
  return text.size() >= 4 && text.size() <= 2 * sizeof(KeyName) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

namespace {

std::vector<KeyName> names_in(const KeyRing& ring) {
  std::vector<KeyName> names;
  for (const Key& key : ring.keys) names.push_back(key.name);
  for (const ForeignKey& key : ring.foreign) names.push_back(key.name);
  for (const Tombstone& tombstone : ring.revoked) names.push_back(tombstone.name);
  return names;
}

}  // namespace

std::vector<KeyName> keys_named(const KeyRing& ring, std::string_view beginning) {
  std::vector<KeyName> names = names_in(ring);
  std::erase_if(names, [&](const KeyName& name) { return !to_hex(name).starts_with(beginning); });
  return names;
}

std::expected<KeyName, Complaint> key_named(const KeyRing& ring, const std::string& beginning) {
  const std::vector<KeyName> names = keys_named(ring, beginning);
  if (names.empty()) {
    return complain(Exit::failure, fmt::format("the ring has no key {}", beginning),
                    "'stek keys list' names those it has");
  }
  if (names.size() > 1) {
    return complain(
        Exit::failure,
        fmt::format("{} keys begin with {}: {} and {}{}", names.size(), beginning, to_hex(names[0]),
                    to_hex(names[1]), names.size() > 2 ? " among them" : ""),
        "give more digits");
  }
  return names.front();
}

}  // namespace stek::tool
