#include <algorithm>
#include <memory>

#include <fmt/core.h>

#include "input.hpp"
#include "output.hpp"
#include "session/json.hpp"
#include "ticket.hpp"
#include "ticket/layout.hpp"
#include "time_text.hpp"

namespace stek::tool {
namespace {

struct Part {
  std::string_view name;
  std::size_t offset;
  Bytes bytes;
};

/// The ticket cut up as `layout` says; its length is one of the layout's.
std::vector<Part> parts_of(Bytes ticket, const ticket::Layout& layout) {
  std::vector<Part> parts;
  std::size_t offset = 0;
  const auto add = [&](std::string_view name, std::size_t size) {
    if (size != 0) parts.push_back({name, offset, ticket.subspan(offset, size)});
    offset += size;
  };
  add("key_name", ticket::name_size);
  add(layout.nonce_name, layout.nonce_size);
  add("length", layout.length_size);
  add("ciphertext", layout.state_size(ticket.size()));
  add(layout.tag_name, layout.tag_size);
  return parts;
}

const ticket::Layout* layout_by_length(std::size_t size) {
  const auto* const found = std::ranges::find_if(
      ticket::layouts, [&](const ticket::Layout& layout) { return layout.state_size(size) != 0; });
  return found == ticket::layouts.end() ? nullptr : found;
}

/// All that could be found out about a ticket.
struct Findings {
  Bytes ticket;
  const ticket::Layout* layout = nullptr;  ///< nullptr: no profile gives this length
  std::optional<Failure> failure;          ///< why no ring was asked
  std::optional<Key> key;
  std::expected<Session, Reason> session = std::unexpected(Reason::unknown_key);
};

std::optional<Key> key_named_in(Bytes ticket, const KeyRing& ring) {
  if (ticket.size() < ticket::name_size) return std::nullopt;
  const auto found = std::ranges::find_if(ring.keys, [&](const Key& key) {
    return std::ranges::equal(key.name, ticket.first(ticket::name_size));
  });
  return found == ring.keys.end() ? std::nullopt : std::optional(found->copy());
}

/// What the ring tells beyond lengths.
std::expected<void, Failure> consult(RingStore& store, const Realm& realm, Findings& findings,
                                     Instant now) {
  const auto ring = store.read();
  if (!ring) return std::unexpected(ring.error());
  findings.key = key_named_in(findings.ticket, *ring);
  if (!findings.key) return {};
  const auto opener = open_realm(store, realm, now);
  if (!opener) return std::unexpected(opener.error());
  findings.session = opener->tickets.open(findings.ticket, now);
  // A Ticketer forgets what has expired; this ring has not yet.
  if (phase_of(*findings.key, now) == Phase::expired) {
    findings.session = std::unexpected(Reason::key_expired);
  }
  return {};
}

/// Of a ticket under a known key the key's profile is the layout, whatever the length suggests.
const ticket::Layout* layout_of(const Findings& findings) {
  const std::size_t size = findings.ticket.size();
  if (!findings.key) return layout_by_length(size);
  const ticket::Layout& layout = ticket::layout_of(findings.key->profile);
  return layout.state_size(size) == 0 ? nullptr : &layout;
}

// ---- text

std::string hex_lines(const Part& part) {
  constexpr std::size_t per_line = 16;
  constexpr std::size_t shown = 512;
  std::string text;
  for (std::size_t at = 0; at < std::min(part.bytes.size(), shown); at += per_line) {
    const Bytes line = part.bytes.subspan(at, std::min(per_line, part.bytes.size() - at));
    text += at == 0 ? fmt::format("{:>6}  {:>6}  {:<10}  {}\n", part.offset, part.bytes.size(),
                                  part.name, to_hex(line))
                    : fmt::format("{:28}{}\n", "", to_hex(line));
  }
  if (part.bytes.size() > shown) {
    text += fmt::format("{:28}and {} bytes more, all in --json\n", "", part.bytes.size() - shown);
  }
  return text;
}

std::string describe(const Key& key, Instant now) {
  const Seconds left = key.expires_at - now;
  return fmt::format(
      "key      {}, announced {}, {} {}, {}\n", name_of(phase_of(key, now)),
      relative(key.announced_at, now), left > Seconds(0) ? "ends" : "ended", utc(key.expires_at),
      left > Seconds(0) ? fmt::format("in {} s", left.count()) : relative(key.expires_at, now));
}

wire::SecretText opening(const Findings& findings) {
  if (findings.session) {
    wire::SecretText text("opens    yes\nsession  ");
    text += to_json(*findings.session, Reveal::no).dump(2);
    text += '\n';
    return text;
  }
  const std::string line =
      findings.failure
          ? fmt::format("opens    not tried, {}: {}\n", name_of(findings.failure->error),
                        text_of(findings.failure->error))
          : fmt::format("opens    no, {}: {}\n", name_of(findings.session.error()),
                        text_of(findings.session.error()));
  return wire::SecretText(line);
}

wire::SecretText describe(const Findings& findings, Instant now) {
  wire::SecretText text("offset  length  part        hex\n");
  for (const Part& part : parts_of(findings.ticket, *findings.layout)) text += hex_lines(part);
  text += fmt::format("\nprofile  {}: {} bytes carry a state of {}, sealed with {}\n",
                      name_of(findings.layout->profile), findings.ticket.size(),
                      findings.layout->state_size(findings.ticket.size()), findings.layout->note);
  text += findings.key ? describe(*findings.key, now)
                       : std::string("key      unknown; the profile is guessed by the length\n");
  text += opening(findings);
  return text;
}

// ---- JSON

wire::Json json_of(const Key& key, Instant now) {
  const auto instant = [](Instant at) { return wire::JsonForm<Instant>::put(at); };
  return {{"name", to_hex(key.name)},
          {"phase", name_of(phase_of(key, now))},
          {"announced_at", instant(key.announced_at)},
          {"activates_at", instant(key.activates_at)},
          {"retires_at", instant(key.retires_at)},
          {"expires_at", instant(key.expires_at)},
          {"seconds_left", std::max(key.expires_at - now, Seconds(0)).count()}};
}

wire::Json json_of(const Part& part) {
  return {{"name", part.name},
          {"offset", part.offset},
          {"length", part.bytes.size()},
          {"hex", to_hex(part.bytes)}};
}

void add_opening(wire::Json& json, const Findings& findings) {
  json["opens"] = findings.session.has_value();
  if (findings.session) {
    json["session"] = to_json(*findings.session, Reveal::no);
  } else if (findings.failure) {
    json["reason"] = name_of(findings.failure->error);
    json["text"] = findings.failure->message;
  } else {
    json["reason"] = name_of(findings.session.error());
    json["text"] = text_of(findings.session.error());
  }
}

wire::Json json_of(const Findings& findings, Instant now) {
  wire::Json json = {{"length", findings.ticket.size()},
                     {"profile", name_of(findings.layout->profile)},
                     {"now", wire::JsonForm<Instant>::put(now)}};
  wire::Json& parts = json["parts"] = wire::Json::array();
  for (const Part& part : parts_of(findings.ticket, *findings.layout)) {
    parts.push_back(json_of(part));
  }
  if (findings.key) json["key"] = json_of(*findings.key, now);
  add_opening(json, findings);
  return json;
}

// ---- the verb

struct InspectOptions {
  Realm realm;
  bool json = false;
};

void warn_of(const Failure& failure) {
  say("warning", failure.message);
  if (!failure.hint.empty()) say("hint", failure.hint);
}

std::unexpected<Complaint> no_layout(const Findings& findings) {
  if (findings.key) {
    return complain(Exit::failure,
                    fmt::format("ticket: {} bytes, which no {} ticket has; its key is in the ring",
                                findings.ticket.size(), name_of(findings.key->profile)),
                    "it was cut short or grew on its way");
  }
  return complain(
      Exit::failure,
      fmt::format("ticket: {} bytes, which no profile of stek gives", findings.ticket.size()),
      "it is not of stek, or it was cut short");
}

Result inspect(const InspectOptions& options, const RingOption& where) {
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const auto ticket = read_ticket("-");
  if (!ticket) return std::unexpected(ticket.error());
  const Instant now = system_now();
  Findings findings;
  findings.ticket = *ticket;
  if (auto asked = consult(*store, options.realm, findings, now); !asked) {
    findings.failure = std::move(asked.error());
  }
  findings.layout = layout_of(findings);
  if (findings.layout == nullptr) return no_layout(findings);
  auto printed = options.json ? print_json(json_of(findings, now)) : print(describe(findings, now));
  if (findings.failure) warn_of(*findings.failure);
  return printed;
}

}  // namespace

Job ticket_inspect(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<InspectOptions>();
  add_domain_option(app, options->realm);
  app.add_flag("--json", options->json, "print JSON");
  app.footer(
      "Reads a ticket in base64 and names its parts, its key with phase and age, and, when it\n"
      "opens, the session in it without the secret. Under an unknown key, or without a ring,\n"
      "it tells what the length tells.\n"
      "\n"
      "Example:\n"
      "  stek ticket inspect --domain shop < ticket");
  return [options, &ring] { return inspect(*options, ring); };
}

}  // namespace stek::tool
