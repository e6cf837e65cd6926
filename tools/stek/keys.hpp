// stek keys: a ring and its life. A verb is in the file of its name.
#pragma once

#include "command_line.hpp"

namespace stek::tool {

Job keys_init(CLI::App& app, RingOption& ring);
Job keys_list(CLI::App& app, RingOption& ring);
Job keys_rotate(CLI::App& app, RingOption& ring);
Job keys_timeline(CLI::App& app, RingOption& ring);
Job keys_run(CLI::App& app, RingOption& ring);
Job keys_revoke(CLI::App& app, RingOption& ring);
Job keys_import(CLI::App& app, RingOption& ring);
Job keys_lint(CLI::App& app, RingOption& ring);
Job keys_rekey(CLI::App& app, RingOption& ring);
Job keys_export(CLI::App& app, RingOption& ring);

}  // namespace stek::tool
