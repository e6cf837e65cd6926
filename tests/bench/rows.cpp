#include "rows.hpp"

#include <fmt/core.h>

#include "ticket/layout.hpp"

namespace bench {

std::size_t state_size(stek::Profile profile, std::size_t size) noexcept {
  return size == state_sizes.front() ? stek::ticket::layout_of(profile).smallest_state : size;
}

std::string named(stek::Profile profile, std::string_view what) {
  return fmt::format("{} {}", name_of(profile), what);
}

Row& add(Rows& rows, std::string_view who, std::string_view what, std::size_t bytes,
         Measure measure) {
  return rows.emplace_back(Row{.who = std::string(who),
                               .what = std::string(what),
                               .bytes = bytes,
                               .measure = std::move(measure)});
}

}  // namespace bench
