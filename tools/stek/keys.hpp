// stek keys: a ring and its life.
#pragma once

#include "command_line.hpp"

namespace stek::tool {

Job keys_init(CLI::App& app, RingOption& ring);
Job keys_list(CLI::App& app, RingOption& ring);
Job keys_rotate(CLI::App& app, RingOption& ring);
Job keys_timeline(CLI::App& app, RingOption& ring);

}  // namespace stek::tool
