#include <memory>

#include "keys.hpp"
#include "keys_text.hpp"
#include "output.hpp"

namespace stek::tool {
namespace {

Result list(bool json, const RingOption& where) {
  const auto ring = ring_named(where);
  if (!ring) return std::unexpected(ring.error());
  const Instant now = system_now();
  auto printed = print_ring(*ring, now, json);
  warn_where_none_seals(*ring, now);
  return printed;
}

}  // namespace

Job keys_list(CLI::App& app, RingOption& ring) {
  const auto json = std::make_shared<bool>(false);
  add_json_option(app, *json);
  app.footer(
      "A key is announced (opens), then active (seals and opens), then retired (opens), then\n"
      "expired (opens nothing; erased one lead later). A foreign key, imported from a TLS server,\n"
      "stays until it expires; of a revoked one only the name is left.\n"
      "Instants are in UTC. No secret is printed.");
  return [json, &ring] { return list(*json, ring); };
}

}  // namespace stek::tool
