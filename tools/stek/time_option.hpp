// Flags that take a duration.
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include <stek/time.hpp>

namespace stek::tool {

/// `name` takes what `seconds_from` reads and hands it to `set`. `otherwise` is what --help shows
/// as the default; empty where there is none.
CLI::Option* add_duration(CLI::App& app, const std::string& name,
                          const std::function<void(Seconds)>& set, const std::string& otherwise,
                          const std::string& help);

}  // namespace stek::tool
