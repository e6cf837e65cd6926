// The C++ side of cross_check.py: seals random states for Python to open, and opens what Python
// sealed. Bytes are hex, a line is a ticket.
//
//   cross_check seal SEED COUNT    prints "PROFILE STEK DOMAIN TICKET CONTENT" lines, of which
//   CONTENT
//                                  is the session as JSON, or "LABEL DATA" of an opaque state
//   cross_check open               reads "PROFILE STEK DOMAIN TICKET [LABEL]" lines, and prints
//   what
//                                  it finds as above, or the reason why there is nothing
//
// An empty string is "-".
#include <charconv>
#include <iostream>
#include <map>
#include <sstream>

#include <fmt/core.h>

#include "session/json.hpp"
#include "test_keys.hpp"

namespace stek {
namespace {

using test::Random;
using Buffer = std::vector<std::byte>;

std::string hex_of(Bytes bytes) {
  return bytes.empty() ? "-" : to_hex(bytes);
}

Buffer bytes_of(const std::string& hex) {
  if (hex == "-") return {};
  Buffer bytes(hex.size() / 2);
  if (!from_hex(bytes, hex)) throw std::runtime_error("not hex: " + hex);
  return bytes;
}

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string json_of(const Session& session) {
  return std::string(to_json(session, Reveal::secret).dump());
}

/// Deriving a key costs more than a ticket under it.
const ticket::TicketKey& key_for(Profile profile, const Buffer& stek, const std::string& domain) {
  static std::map<std::tuple<Profile, Buffer, std::string>, PagesPtr<ticket::TicketKey>> keys;
  auto& made = keys[{profile, stek, domain}];
  if (made == nullptr) {
    Key key;
    std::ranges::copy(stek, key.secret.expose_room().begin());
    key.name = keys::name_for(key.secret);
    key.profile = profile;
    Granted granted{};
    made = ticket::make_ticket_key(key, domain, granted);
  }
  return *made;
}

// ---- seal

struct Sealed {
  Buffer state;
  std::string content;
};

Sealed random_state(Random& random, const ticket::Layout& layout) {
  const std::size_t smallest = layout.smallest_state;
  if (test::below(random, 8) == 0) {
    const Buffer label = test::random_bytes(random, 1 + test::below(random, 32));
    const Buffer data = test::random_bytes(random, test::below(random, 2000));
    const state::Opaque opaque{.label = label, .data = data};
    Buffer state(state::size_of(opaque, smallest).value());
    state::encode(state, opaque);
    return {.state = state, .content = hex_of(label) + ' ' + hex_of(data)};
  }
  const Session session = test::random_session(random);
  Buffer state(state::size_of(session, smallest).value());
  state::encode(state, session, stamp_of(session)).value();
  return {.state = state, .content = json_of(session)};
}

void seal(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  std::vector<std::pair<Buffer, std::string>> realms;
  for (std::size_t i = 0; i < 6; ++i) {
    realms.emplace_back(test::random_bytes(random, 32),
                        text_of(test::random_bytes(random, 51 * i)));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Profile profile = test::profiles[test::below(random, test::profiles.size())];
    const auto& [stek, domain] = realms[test::below(random, realms.size())];
    const Sealed sealed = random_state(random, ticket::layout_of(profile));
    const Buffer ticket = test::sealed(sealed.state, key_for(profile, stek, domain));
    fmt::print("{} {} {} {} {}\n", name_of(profile), hex_of(stek),
               hex_of(std::as_bytes(std::span(domain))), hex_of(ticket), sealed.content);
  }
}

// ---- open

std::string content_of(Bytes state, std::size_t smallest, const std::string& label) {
  if (label.empty()) {
    const auto session = test::decoded(state, smallest);
    return session ? json_of(*session) : "other_content";
  }
  const auto opaque = state::decode_opaque(state, smallest);
  if (!opaque || hex_of(opaque->label) != label) return "other_content";
  return hex_of(opaque->label) + ' ' + hex_of(opaque->data);
}

std::string opened(const std::string& line) {
  std::istringstream words(line);
  std::string profile;
  std::string stek;
  std::string domain;
  std::string ticket_hex;
  std::string label;
  words >> profile >> stek >> domain >> ticket_hex >> label;
  const auto& key =
      key_for(profile_named(profile).value(), bytes_of(stek), text_of(bytes_of(domain)));
  const Buffer ticket = bytes_of(ticket_hex);
  if (ticket.size() < ticket::name_size) return "ticket_length";
  if (!std::ranges::equal(Bytes(ticket).first(ticket::name_size), key.name())) return "unknown_key";
  const ticket::Layout& layout = ticket::layout_of(key.profile());
  Buffer state(layout.state_size(ticket.size()));
  if (state.empty()) return "ticket_length";
  if (!ticket::open(state, ticket, key)) return "altered";
  return content_of(state, layout.smallest_state, label);
}

std::uint64_t number(std::string_view text) {
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

}  // namespace
}  // namespace stek

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "seal" && argc == 4) {
    stek::seal(stek::number(argv[2]), stek::number(argv[3]));
    return 0;
  }
  if (verb != "open") return 2;
  for (std::string line; std::getline(std::cin, line);) fmt::print("{}\n", stek::opened(line));
  return 0;
}
