#include "page.hpp"

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "json_body.hpp"
#include "markup.hpp"
#include "time_text.hpp"
#include "timeline.hpp"
#include "timeline_svg.hpp"

namespace stek::daemon {

namespace {

constexpr std::string_view style = R"(
:root { color-scheme: light dark; --ground: #ffffff; --text: #24292f; --dim: #57606a;
  --line: #d8dee4; --good: #1a7f37; --bad: #cf222e; --warn: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #e6edf3; --dim: #9da7b3;
  --line: #30363d; --good: #3fb950; --bad: #ff7b72; --warn: #e3b341 } }
body { font: 14px/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground);
  margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1rem; margin: 2rem 0 .5rem }
p { margin: .3rem 0 } .dim { color: var(--dim) } .good { color: var(--good) }
.bad { color: var(--bad) } .warn { color: var(--warn) }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1rem;
  margin: 1.5rem 0; padding: 0 }
.facts div { border: 1px solid var(--line); border-radius: 6px; padding: .7rem 1rem }
.facts dt { color: var(--dim); font-size: .85rem } .facts dd { margin: 0; font-size: 1.25rem }
.facts small { color: var(--dim); font-size: .8rem }
svg { max-width: 100%; height: auto } figure { margin: 0; overflow-x: auto }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top } th { color: var(--dim); font-weight: 400 }
td:first-child { white-space: nowrap }
)";

std::string rate_text(double rate) {
  return rate < 10 ? fmt::format("{:.1f}", rate) : fmt::format("{:.0f}", rate);
}

std::string fact(std::string_view name, const std::string& value, const std::string& more) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd><small>{}</small></div>\n", name,
                     tool::escaped(value), tool::escaped(more));
}

std::string head_of(const Page& page) {
  const bool ready = page.health.seals_until.has_value();
  std::string html = fmt::format(
      "<h1>stekd</h1>\n<p class=\"{}\">{}</p>\n", ready ? "good" : "bad",
      ready ? "ready: a key seals until " + tool::when(*page.health.seals_until, page.now)
            : "not ready: no key seals, so that no ticket is given");
  for (const std::string& warning : page.warnings) {
    html += fmt::format("<p class=\"warn\">{}</p>\n", tool::escaped(warning));
  }
  return html;
}

std::string facts_of(const Page& page) {
  const auto rate = [&](std::string_view name, double per_second, std::uint64_t total) {
    return fact(name, rate_text(per_second) + " /s", fmt::format("{} since the start", total));
  };
  return "<dl class=\"facts\">\n" + rate("tickets issued", page.rates.sealed, page.totals.sealed) +
         rate("resumed", page.rates.opened, page.totals.opened) +
         rate("refused", page.rates.refused, page.totals.refused) +
         rate("requests", page.rates.requests, page.totals.requests) +
         fact("ring", fmt::format("generation {}", page.health.generation),
              "written " + tool::relative(page.health.written_at, page.now)) +
         fact("keys in memory",
              page.health.key_memory == KeyMemory::secret ? "secret"
              : page.health.memory_locked                 ? "locked"
                                                          : "not locked",
              fmt::format("{} connections", page.connections)) +
         "</dl>\n";
}

std::string timeline_of(const Page& page) {
  if (page.ring == nullptr) return "<p class=\"bad\">the ring cannot be read</p>\n";
  return "<figure>" + tool::svg_of(tool::timeline_of(*page.ring, page.now)) + "</figure>\n";
}

std::string_view class_of(Level level) noexcept {
  if (level == Level::error) return "bad";
  return level == Level::warning ? "warn" : "";
}

std::string events_of(const Page& page) {
  std::string html = "<table><tr><th>when</th><th>event</th><th>what</th></tr>\n";
  for (const LoggedEvent& event : page.events) {
    html += fmt::format("<tr><td>{}</td><td class=\"{}\">{}</td><td>{}</td></tr>\n",
                        tool::utc(event.at), class_of(event.level), tool::escaped(event.event),
                        tool::escaped(event.text));
  }
  return html + "</table>\n";
}

std::string html_of(const Page& page) {
  return fmt::format(
             "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width\">\n"
             "<meta http-equiv=\"refresh\" content=\"10\"><title>stekd</title>\n"
             "<style>{}</style></head><body>\n",
             style) +
         head_of(page) + facts_of(page) + "<h2>keys</h2>\n" + timeline_of(page) +
         "<h2>last events</h2>\n" + events_of(page) +
         fmt::format(
             "<p class=\"dim\">{}; rates are of the last minute; stekd {}</p>\n</body>"
             "</html>\n",
             tool::utc(page.now), STEK_VERSION);
}

/// CSP level 3 section 2.3.1: each style element by the hash of its text.
std::string policy_for(std::string_view html) {
  constexpr std::string_view begin = "<style>";
  constexpr std::string_view end = "</style>";
  std::string sources;
  for (std::size_t at = html.find(begin); at != std::string_view::npos;
       at = html.find(begin, at + 1)) {
    const std::string_view text =
        html.substr(at + begin.size(), html.find(end, at) - at - begin.size());
    std::array<std::byte, 32> hash{};
    sha256(hash, std::as_bytes(std::span(text)));
    sources += " 'sha256-" + to_base64(hash) + "'";
  }
  return "default-src 'none'; style-src" + sources +
         "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace

Response response_of(const Page& page) {
  const std::string html = html_of(page);
  Response response = response_of(std::string_view(html), "text/html; charset=utf-8");
  response.fields = {{"Content-Security-Policy", policy_for(html)},
                     {"X-Content-Type-Options", "nosniff"},
                     {"Referrer-Policy", "no-referrer"}};
  return response;
}

}  // namespace stek::daemon
