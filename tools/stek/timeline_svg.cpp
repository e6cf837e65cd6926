#include "timeline_svg.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "markup.hpp"
#include "time_text.hpp"
#include "timeline_axis.hpp"

namespace stek::tool {
namespace {

constexpr std::size_t most_ticks = 7;

constexpr double margin = 14;
constexpr double digit = 7.4;  ///< no monospaced font of 12 px is wider
constexpr double state_width = 84;
constexpr double plot_width = 560;
constexpr double top = 96;
constexpr double row_height = 22;
constexpr double line_height = 18;
constexpr double thinnest = 1.5;

constexpr std::string_view style = R"(
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .name { font-family: ui-monospace, monospace }
  .small { font-size: 11px; fill: #57606a }
  .strong { font-weight: 600 }
  .ground { fill: #ffffff }
  .grid { stroke: #d8dee4 }
  .halo { stroke: #ffffff; stroke-width: 3.5 }
  .now { stroke: #24292f; stroke-width: 1.5 }
  .announced { fill: #6e7781 }
  .active { fill: #1f6feb }
  .retired { fill: #bf8700 }
  .foreign { fill: #8250df }
  .revoked { fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9da7b3 }
    .ground { fill: #0d1117 }
    .grid { stroke: #30363d }
    .halo { stroke: #0d1117 }
    .now { stroke: #e6edf3 }
    .announced { fill: #9da7b3 }
    .active { fill: #58a6ff }
    .retired { fill: #e3b341 }
    .foreign { fill: #bc8cff }
    .revoked { fill: #ff7b72 }
  }
)";

/// How thick a bar is tells what it is, as its colour does.
struct Look {
  Part part;
  double height;
  std::string_view meaning;
};
constexpr auto looks = std::to_array<Look>({
    {Part::announced, 4, "announced: opens"},
    {Part::active, 14, "active: seals, opens"},
    {Part::retired, 8, "retired: opens"},
    {Part::foreign, 10, "foreign: kept"},
    {Part::revoked, 2, "revoked"},
});

const Look& look_of(Part part) noexcept {
  return *std::ranges::find(looks, part, &Look::part);
}

// ---- where things stand

struct Plot {
  double left;
  double right;
  Instant from;
  Instant until;

  [[nodiscard]] double x(Instant at) const noexcept {
    const auto passed = static_cast<double>((std::clamp(at, from, until) - from).count());
    return left + passed / static_cast<double>((until - from).count()) * (right - left);
  }
};

double names_width(const Timeline& timeline) noexcept {
  return static_cast<double>(timeline.digits) * digit + 12;
}

Plot plot_of(const Timeline& timeline) noexcept {
  const double left = margin + names_width(timeline) + state_width;
  return {.left = left, .right = left + plot_width, .from = timeline.from, .until = timeline.until};
}

double bottom_of(const Timeline& timeline) noexcept {
  return top + row_height * static_cast<double>(timeline.bars.size());
}

// ---- pieces

std::string text_at(double x, double y, std::string_view text, std::string_view css = "",
                    std::string_view anchor = "start") {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>)"
                     "\n",
                     x, y, css, anchor, escaped(text));
}

std::string line_down(double x, double from, double to, std::string_view css) {
  return fmt::format(R"(<line class="{0}" x1="{1:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{3:.1f}"/>)"
                     "\n",
                     css, x, from, to);
}

/// `middle` is that of its height; `hover` is shown where the pointer rests on it.
std::string bar_at(double x, double width, double middle, const Look& look,
                   std::string_view hover) {
  return fmt::format(
      R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" rx="1"><title>{}</title></rect>)"
      "\n",
      name_of(look.part), x, middle - look.height / 2, width, look.height, escaped(hover));
}

/// Where a bar goes on beyond the picture; `towards` is -1 or 1.
std::string arrow_at(double x, double middle, double towards, std::string_view css) {
  return fmt::format(R"(<path class="{}" d="M{:.1f} {:.1f} l{:.1f} 6 l0 -12 z"/>)"
                     "\n",
                     css, x + 8 * towards, middle, -8 * towards);
}

// ---- the picture, from its top

std::string head_of(const Timeline& timeline) {
  return text_at(margin, 26, "Keys of ring " + to_hex(timeline.ring).substr(0, 8), "title") +
         text_at(margin, 45, "at " + utc(timeline.now), "small");
}

bool shows(const Timeline& timeline, Part part) {
  return std::ranges::any_of(timeline.bars, [&](const Bar& bar) {
    return std::ranges::find(bar.spans, part, &Span::part) != bar.spans.end();
  });
}

std::string legend_of(const Timeline& timeline) {
  constexpr double swatch = 22;
  constexpr double pitch = 158;
  std::string legend;
  double x = margin;
  for (const Look& look : looks) {
    if (!shows(timeline, look.part)) continue;
    legend += bar_at(x, swatch, 63, look, look.meaning);
    legend += text_at(x + swatch + 6, 67, look.meaning, "small");
    x += pitch;
  }
  return legend;
}

std::string grid_of(const Timeline& timeline, const Plot& plot) {
  const double bottom = bottom_of(timeline);
  std::string grid = text_at(margin, bottom + 18, "UTC", "small");
  for (const Tick& tick : ticks_between(timeline.from, timeline.until, most_ticks)) {
    grid += line_down(plot.x(tick.at), top - 4, bottom + 4, "grid");
    grid += text_at(plot.x(tick.at), bottom + 18, tick.label, "small", "middle");
  }
  return grid;
}

std::string hover_of(const Bar& bar, const Span& span, const Timeline& timeline) {
  return fmt::format("{} {}: {} to {}", short_name(timeline, bar.key), name_of(span.part),
                     utc(span.from), utc(span.until));
}

std::string span_of(const Bar& bar, const Span& span, const Timeline& timeline, const Plot& plot,
                    double middle) {
  const double width = std::max(plot.x(span.until) - plot.x(span.from), thinnest);
  const double x = std::min(plot.x(span.from), plot.right - width);
  std::string text = bar_at(x, width, middle, look_of(span.part), hover_of(bar, span, timeline));
  if (span.from < plot.from) text += arrow_at(plot.left, middle, -1, name_of(span.part));
  if (span.until > plot.until) text += arrow_at(plot.right, middle, 1, name_of(span.part));
  return text;
}

std::string bars_of(const Timeline& timeline, const Plot& plot) {
  std::string bars;
  double middle = top + row_height / 2;
  for (const Bar& bar : timeline.bars) {
    bars += text_at(margin, middle + 4, short_name(timeline, bar.key), "name");
    bars += text_at(margin + names_width(timeline), middle + 4, bar.state,
                    bar.state == name_of(Part::active) ? "strong" : "");
    for (const Span& span : bar.spans) bars += span_of(bar, span, timeline, plot, middle);
    middle += row_height;
  }
  return bars;
}

std::string now_of(const Timeline& timeline, const Plot& plot) {
  const double x = plot.x(timeline.now);
  const double bottom = bottom_of(timeline) + 4;
  return line_down(x, top - 4, bottom, "halo") + line_down(x, top - 4, bottom, "now") +
         text_at(x, top - 8, "now", "strong", "middle");
}

std::string events_of(const Timeline& timeline, double y) {
  const double what = margin + names_width(timeline);
  std::string text;
  const std::vector<Event> next = next_of(timeline);
  for (const Event& event : next) {
    const bool rotation = event.what == Happening::rotation_due;
    text += text_at(margin, y, rotation ? "rotation" : short_name(timeline, *event.key), "name");
    text += text_at(what, y, rotation ? "due" : name_of(event.what));
    text += text_at(what + state_width, y, when(event.at, timeline.now));
    y += line_height;
  }
  const std::size_t left = timeline.events.size() - next.size();
  return left == 0 ? text : text + text_at(margin, y, fmt::format("and {} more", left), "small");
}

double events_height(const Timeline& timeline) {
  const std::size_t lines = std::min(timeline.events.size(), most_shown + 1);
  return line_height * static_cast<double>(lines);
}

std::string description_of(const Timeline& timeline) {
  std::string text =
      fmt::format("What each key does from {} to {}. Now, at {}:", utc(timeline.from),
                  utc(timeline.until), utc(timeline.now));
  if (timeline.bars.empty()) text += " no keys";
  for (std::size_t i = 0; i < timeline.bars.size(); ++i) {
    text += fmt::format("{} {} {}", i == 0 ? "" : ",", short_name(timeline, timeline.bars[i].key),
                        timeline.bars[i].state);
  }
  return text + ".";
}

std::string picture_of(const Timeline& timeline, const Plot& plot) {
  if (timeline.bars.empty()) return text_at(margin, top, "no keys");
  return legend_of(timeline) + grid_of(timeline, plot) + bars_of(timeline, plot) +
         now_of(timeline, plot);
}

}  // namespace

std::string svg_of(const Timeline& timeline) {
  const Plot plot = plot_of(timeline);
  const double events = bottom_of(timeline) + 48;
  const double width = plot.right + 40;
  const double height = events + events_height(timeline);
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img" aria-labelledby="title desc">
<title id="title">Keys of ring {2}</title>
<desc id="desc">{3}</desc>
<style>{4}</style>
<rect class="ground" width="{0:.0f}" height="{1:.0f}" rx="6"/>
{5}{6}{7}</svg>
)",
      width, height, to_hex(timeline.ring).substr(0, 8), escaped(description_of(timeline)), style,
      head_of(timeline), picture_of(timeline, plot), events_of(timeline, events));
}

}  // namespace stek::tool
