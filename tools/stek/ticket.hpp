// stek ticket: issue, resume, inspect.
#pragma once

#include <stek/ticketer.hpp>

#include "command_line.hpp"

namespace stek::tool {

Job ticket_issue(CLI::App& app, RingOption& ring);
Job ticket_resume(CLI::App& app, RingOption& ring);
Job ticket_inspect(CLI::App& app, RingOption& ring);

/// --domain and --context: in whose name tickets are made and opened.
struct Realm {
  std::string domain;
  Context context{};
};
void add_domain_option(CLI::App& app, Realm& realm);
void add_context_option(CLI::App& app, Realm& realm);

/// A Ticketer over `store`, which has to outlive it, and its view of `realm`.
struct OpenRealm {
  Ticketer ticketer;
  Tickets tickets;
};
std::expected<OpenRealm, Failure> open_realm(RingStore& store, const Realm& realm, Instant now);

}  // namespace stek::tool
