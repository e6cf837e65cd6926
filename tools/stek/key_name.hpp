// A key, named by the first digits of its name.
#pragma once

#include <vector>

#include <stek/ring.hpp>

#include "complaint.hpp"

namespace stek::tool {

/// 4 to 32 hex digits in lower case.
bool is_a_beginning(std::string_view text) noexcept;

/// All that begin so: foreign and revoked ones too.
std::vector<KeyName> keys_named(const KeyRing& ring, std::string_view beginning);

/// The one key of `ring` whose name begins with `beginning`: revoked ones too.
std::expected<KeyName, Complaint> key_named(const KeyRing& ring, const std::string& beginning);

}  // namespace stek::tool
