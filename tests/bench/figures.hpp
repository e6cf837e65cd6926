// The figures to reach of the ticket path, and whether this run reaches them.
#pragma once

#include "rows.hpp"

namespace bench {

/// Prints them and returns them as JSON: a benchmark is no gate.
nlohmann::json print_figures(const Rows& rows, const std::vector<Counts>& counts);

}  // namespace bench
