#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <memory>

#include <fmt/core.h>

#include "keys.hpp"
#include "keys_text.hpp"
#include "output.hpp"
#include "timeline.hpp"
#include "timeline_svg.hpp"
#include "timeline_text.hpp"

namespace stek::tool {
namespace {

struct TimelineOptions {
  bool json = false;
  bool svg = false;
  std::size_t width = TextStyle{}.width;
};

/// https://no-color.org
bool wants_colour() noexcept {
  // The command has one thread.
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  return isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0');
}

wire::Json event_json(const Event& event) {
  wire::Json json = {{"at", json_of(event.at)}, {"event", name_of(event.what)}};
  if (event.key) json["key"] = to_hex(*event.key);
  return json;
}

/// What `stek keys list` prints, and the events.
wire::Json ring_json(const KeyRing& ring, const Timeline& timeline) {
  wire::Json json = json_of(ring, timeline.now);
  wire::Json& events = json["events"] = wire::Json::array();
  for (const Event& event : timeline.events) events.push_back(event_json(event));
  return json;
}

Result print_timeline(const KeyRing& ring, Instant now, const TimelineOptions& options) {
  const Timeline timeline = timeline_of(ring, now);
  if (options.json) return print_json(ring_json(ring, timeline));
  if (options.svg) return print(svg_of(timeline));
  return print(text_of(timeline, {.width = options.width, .colour = wants_colour()}));
}

Result timeline(const TimelineOptions& options, const RingOption& where) {
  const auto ring = ring_named(where);
  if (!ring) return std::unexpected(ring.error());
  const Instant now = system_now();
  auto printed = print_timeline(*ring, now, options);
  warn_where_none_seals(*ring, now);
  return printed;
}

CLI::Option* add_width(CLI::App& app, std::size_t& width) {
  return app
      .add_option_function<std::string>(
          "--width",
          [&width](const std::string& text) {
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), width);
            if (error != std::errc{} || end != text.data() + text.size() || width < narrowest ||
                width > widest) {
              throw CLI::ValidationError(
                  "--width", fmt::format("not a number from {} to {}", narrowest, widest));
            }
          },
          "columns of the text, 60 to 240")
      ->type_name("N")
      ->default_str(std::to_string(width));
}

}  // namespace

Job keys_timeline(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<TimelineOptions>();
  add_json_option(app, options->json);
  CLI::Option* svg = app.add_flag("--svg", options->svg, "print a picture for a page");
  svg->excludes("--json");
  add_width(app, options->width)->excludes("--json")->excludes(svg);
  app.footer(
      "A bar for each key: announced, then active, then retired; '|' is now. Foreign keys and\n"
      "revoked names that go on beyond the picture end in '<' or '>'. What stands below happens\n"
      "next if nobody changes the ring. Instants are in UTC.\n"
      "\n"
      "Examples:\n"
      "  stek keys timeline\n"
      "  stek keys timeline --svg > ring.svg\n"
      "  NO_COLOR=1 stek keys timeline --width 120");
  return [options, &ring] { return timeline(*options, ring); };
}

}  // namespace stek::tool
