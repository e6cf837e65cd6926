// What was read last, remembered across restarts.
#pragma once

#include <filesystem>

#include "keys/succession.hpp"

namespace stek::store {

/// Refuses a ring that may not follow the one that `file` remembers; otherwise `file` remembers
/// `next` from here on. `file` is made with mode 0600; writers take turns by a lock beside it.
std::expected<void, Failure> remember(const std::filesystem::path& file,
                                      const keys::RingMark& next);

}  // namespace stek::store
