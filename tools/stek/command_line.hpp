// From a table of verbs to a command: parsing, help, complaints and exit codes.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include <CLI/CLI.hpp>

#include "complaint.hpp"
#include "ring_option.hpp"

namespace stek::tool {

/// What runs once the command line is parsed.
using Job = std::function<Result()>;

struct Verb {
  std::string_view noun;
  std::string_view name;
  std::string_view summary;
  /// Adds the verb's flags to `app`. The job sees their values; `ring` outlives it.
  Job (*declare)(CLI::App& app, RingOption& ring);
};

/// Runs the verb that `argv` names, and gives the process its exit code. Throws nothing.
int run(std::span<const Verb> verbs, int argc, const char* const* argv) noexcept;

}  // namespace stek::tool
