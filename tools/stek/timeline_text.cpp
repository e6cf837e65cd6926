#include "timeline_text.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "domain_text.hpp"
#include "time_text.hpp"
#include "timeline_axis.hpp"

namespace stek::tool {
namespace {

constexpr std::size_t columns_per_tick = 12;
constexpr std::size_t fewest_ticks = 3;
constexpr std::size_t most_ticks = 8;
/// A key has three phases, and each is to be seen on its side of the now mark.
constexpr std::size_t fewest_cells = 3;
constexpr std::size_t longest_state = 9;
constexpr std::size_t gap = 2;

constexpr char now_mark = '|';
constexpr char tick_mark = '+';
constexpr char goes_on_before = '<';
constexpr char goes_on_after = '>';

struct Mark {
  Part part;
  char character;
  std::string_view colour;
};
constexpr auto marks = std::to_array<Mark>({
    {Part::announced, '.', "34"},
    {Part::active, '#', "32"},
    {Part::retired, '-', "33"},
    {Part::foreign, '=', "36"},
    {Part::revoked, 'x', "31"},
});

const Mark& mark_of(Part part) noexcept {
  return *std::ranges::find(marks, part, &Mark::part);
}

// ---- from time to columns

/// The cells of a row on one side of the now mark. Each side has its own scale, so that what has
/// been stands left of the mark to the second, and what will be right of it.
struct Side {
  Instant from;
  Instant until;
  std::size_t first;
  std::size_t cells;

  /// The nearest boundary between cells, 0 to `cells`, counted from `first`.
  [[nodiscard]] std::size_t boundary(Instant at) const noexcept {
    const auto length = (until - from).count();
    if (length == 0) return 0;
    const auto place = (std::clamp(at, from, until) - from).count();
    const auto count = static_cast<std::int64_t>(cells);
    return static_cast<std::size_t>((2 * place * count + length) / (2 * length));
  }
};

struct Row {
  std::size_t label;  ///< columns before the first cell
  std::size_t cells;
  Side past;
  Side future;

  [[nodiscard]] std::size_t now() const noexcept { return past.cells; }
  [[nodiscard]] std::size_t width() const noexcept { return label + cells; }

  [[nodiscard]] std::size_t cell_of(Instant at) const noexcept {
    const Side& side = at < future.from ? past : future;
    return std::min(side.first + side.boundary(at), cells - 1);
  }
};

std::size_t cells_of_past(const Timeline& timeline, std::size_t cells) {
  const Side whole{.from = timeline.from, .until = timeline.until, .first = 0, .cells = cells};
  if (timeline.now <= timeline.from) return 0;
  if (timeline.now >= timeline.until) return cells;
  return std::clamp(whole.boundary(timeline.now), fewest_cells, cells - fewest_cells);
}

Row row_of(const Timeline& timeline, std::size_t width) {
  const std::size_t label = timeline.digits + gap + longest_state + gap;
  const std::size_t cells = width - label;
  const std::size_t past = cells_of_past(timeline, cells - 1);
  return {.label = label,
          .cells = cells,
          .past = {.from = timeline.from, .until = timeline.now, .first = 0, .cells = past},
          .future = {.from = timeline.now,
                     .until = timeline.until,
                     .first = past + 1,
                     .cells = cells - 1 - past}};
}

// ---- bars

std::vector<Span> part_of(const std::vector<Span>& spans, const Side& side) {
  std::vector<Span> parts;
  for (const Span& span : spans) {
    const Instant from = std::max(span.from, side.from);
    const Instant until = std::min(span.until, side.until);
    if (from < until) parts.push_back({span.part, from, until});
  }
  return parts;
}

/// Where spans begin, and the last one ends: a cell at least for each, though it be a second in a
/// year; its neighbours make room.
std::vector<std::size_t> boundaries_of(const std::vector<Span>& spans, const Side& side) {
  std::vector<std::size_t> at;
  for (const Span& span : spans) at.push_back(side.boundary(span.from));
  at.push_back(side.boundary(spans.back().until));
  for (std::size_t i = 1; i < at.size(); ++i) at[i] = std::max(at[i], at[i - 1] + 1);
  for (std::size_t i = at.size(), room = side.cells; i-- > 0; --room) {
    at[i] = std::min(at[i], room);
  }
  return at;
}

void draw(std::string& cells, const std::vector<Span>& all, const Side& side) {
  const std::vector<Span> spans = part_of(all, side);
  if (spans.empty()) return;
  const auto at = boundaries_of(spans, side);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    std::fill_n(cells.begin() + static_cast<std::ptrdiff_t>(side.first + at[i]), at[i + 1] - at[i],
                mark_of(spans[i].part).character);
  }
}

std::string cells_of(const Bar& bar, const Row& row) {
  std::string cells(row.cells, ' ');
  draw(cells, bar.spans, row.past);
  draw(cells, bar.spans, row.future);
  if (!bar.spans.empty() && bar.spans.front().from < row.past.from) cells.front() = goes_on_before;
  if (!bar.spans.empty() && bar.spans.back().until > row.future.until) cells.back() = goes_on_after;
  cells[row.now()] = now_mark;
  return cells;
}

std::string painted(char character, std::size_t count, bool colour) {
  const std::string run(count, character);
  const auto mark = std::ranges::find(marks, character, &Mark::character);
  if (!colour || mark == marks.end()) return run;
  return fmt::format("\x1b[{}m{}\x1b[0m", mark->colour, run);
}

std::string painted(std::string_view cells, bool colour) {
  std::string text;
  while (!cells.empty()) {
    const std::size_t count = std::min(cells.find_first_not_of(cells.front()), cells.size());
    text += painted(cells.front(), count, colour);
    cells.remove_prefix(count);
  }
  return text;
}

std::string without_end_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string line_of(const Bar& bar, const Timeline& timeline, const Row& row, bool colour) {
  const std::string cells = without_end_blanks(cells_of(bar, row));
  return fmt::format("{}  {:<{}}  {}\n", short_name(timeline, bar.key), bar.state, longest_state,
                     painted(cells, colour));
}

// ---- the axis

/// As far to the left as has its middle at `middle`, and all of it in the line.
std::size_t centred(std::size_t size, std::size_t middle, std::size_t width) noexcept {
  return std::min(middle - std::min(middle, size / 2), width - size);
}

std::string now_line(const Row& row) {
  constexpr std::string_view label = "now";
  return std::string(centred(label.size(), row.label + row.now(), row.width()), ' ') +
         std::string(label) + "\n";
}

/// Labels that would touch the one before are left out.
std::string axis_of(const Timeline& timeline, const Row& row) {
  std::string line(row.width(), ' ');
  std::string labels = "UTC";
  for (const Tick& tick :
       ticks_between(timeline.from, timeline.until,
                     std::clamp(row.cells / columns_per_tick, fewest_ticks, most_ticks))) {
    const std::size_t column = row.label + row.cell_of(tick.at);
    line[column] = tick_mark;
    const std::size_t begin = centred(tick.label.size(), column, row.width());
    if (begin <= labels.size()) continue;
    labels.resize(begin, ' ');
    labels += tick.label;
  }
  line[row.label + row.now()] = now_mark;
  return without_end_blanks(line) + "\n" + labels + "\n";
}

std::string legend_of(const Timeline& timeline, bool colour) {
  std::string legend;
  for (const Mark& mark : marks) {
    const auto shows = [&](const Bar& bar) {
      return std::ranges::find(bar.spans, mark.part, &Span::part) != bar.spans.end();
    };
    if (std::ranges::none_of(timeline.bars, shows)) continue;
    legend += fmt::format("{}{} {}", legend.empty() ? "" : "  ", painted(mark.character, 1, colour),
                          name_of(mark.part));
  }
  return legend.empty() ? legend : legend + "\n";
}

std::string picture_of(const Timeline& timeline, const TextStyle& style) {
  if (timeline.bars.empty()) return "no keys\n";
  const Row row = row_of(timeline, style.width);
  std::string text = now_line(row);
  for (const Bar& bar : timeline.bars) text += line_of(bar, timeline, row, style.colour);
  return text + axis_of(timeline, row) + legend_of(timeline, style.colour);
}

// ---- what is next

std::string line_of(const Event& event, const Timeline& timeline, std::size_t width) {
  const bool rotation = event.what == Happening::rotation_due;
  const std::string what =
      fmt::format("{:<{}}  {:<7}", rotation ? "rotation" : short_name(timeline, *event.key),
                  timeline.digits, rotation ? "due" : name_of(event.what));
  const std::string instant = when(event.at, timeline.now);
  const bool fits = what.size() + gap + instant.size() <= width;
  return fits ? fmt::format("{}  {}\n", what, instant)
              : fmt::format("{}\n  {}\n", without_end_blanks(what), instant);
}

std::string events_of(const Timeline& timeline, std::size_t width) {
  std::string text;
  const std::vector<Event> next = next_of(timeline);
  for (const Event& event : next) text += line_of(event, timeline, width);
  const std::size_t left = timeline.events.size() - next.size();
  return left == 0 ? text : text + fmt::format("and {} more; --json has all\n", left);
}

}  // namespace

std::string text_of(const Timeline& timeline, const TextStyle& style) {
  const std::string domain =
      timeline.domain ? fmt::format("domain {}\n", domain_text(*timeline.domain)) : std::string();
  return fmt::format("ring  {}\n{}now   {}\n\n{}\n{}", to_hex(timeline.ring), domain,
                     utc(timeline.now), picture_of(timeline, style),
                     events_of(timeline, style.width));
}

}  // namespace stek::tool
