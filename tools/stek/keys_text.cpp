#include "keys_text.hpp"

#include "keys/document.hpp"

namespace stek::tool {

wire::Json json_of(Instant instant) {
  return wire::JsonForm<Instant>::put(instant);
}

wire::Json json_of(const KeyRing& ring, Instant now) {
  wire::Json json = keys::public_json(ring);
  for (std::size_t i = 0; i < ring.keys.size(); ++i) {
    json["keys"][i]["phase"] = name_of(phase_of(ring.keys[i], now));
  }
  json["now"] = json_of(now);
  json["next_due"] = json_of(next_due(ring, now));
  return json;
}

void add_json_option(CLI::App& app, bool& json) {
  app.add_flag("--json", json, "print JSON");
}

}  // namespace stek::tool
