// The vectors of tests/vectors come from a second implementation, written from FORMAT.md alone.
// What it derives, seals and refuses, stek derives, seals and refuses, byte by byte and layer by
// layer.
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "base/cipher.hpp"
#include "base/encoding.hpp"
#include "keys/names.hpp"
#include "random_sessions.hpp"
#include "session/json.hpp"
#include "session/state.hpp"
#include "ticket/ticket.hpp"

namespace stek {
namespace {

using Buffer = std::vector<std::byte>;

/// One block of the file.
class Vector {
 public:
  explicit Vector(const std::string& block) {
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t equals = line.find(" =");
      REQUIRE_MESSAGE(equals != std::string::npos, "not a line of a vector: ", line);
      values_[line.substr(0, equals)] = line.substr(std::min(equals + 3, line.size()));
    }
  }

  [[nodiscard]] bool has(const std::string& name) const { return values_.contains(name); }
  [[nodiscard]] const std::string& text(const std::string& name) const {
    REQUIRE_MESSAGE(has(name), "no ", name);
    return values_.at(name);
  }
  [[nodiscard]] Buffer bytes(const std::string& name) const {
    Buffer bytes(text(name).size() / 2);
    REQUIRE_MESSAGE(from_hex(bytes, text(name)), "not hex: ", name);
    return bytes;
  }
  template <std::size_t N>
  [[nodiscard]] std::array<std::byte, N> array(const std::string& name) const {
    std::array<std::byte, N> bytes{};
    REQUIRE_MESSAGE(from_hex(bytes, text(name)), "not of that many bytes in hex: ", name);
    return bytes;
  }

  [[nodiscard]] Profile profile() const { return profile_named(text("profile")).value(); }
  [[nodiscard]] const ticket::Layout& layout() const { return ticket::layout_of(profile()); }
  [[nodiscard]] std::string domain() const {
    const Buffer domain = bytes("domain");
    return {reinterpret_cast<const char*>(domain.data()), domain.size()};
  }
  [[nodiscard]] PagesPtr<ticket::TicketKey> key() const {
    Key key;
    key.secret = StekSecret(array<32>("stek"));
    key.name = keys::name_for(key.secret);
    key.profile = profile();
    Granted granted{};
    return ticket::make_ticket_key(key, domain(), granted);
  }

  [[nodiscard]] bool opens() const { return text("expect") == "opens"; }
  /// Its ticket is its state, sealed and left alone.
  [[nodiscard]] bool is_authentic() const { return opens() || text("expect") == "other_content"; }
  [[nodiscard]] bool is_opaque() const { return text("content") == "opaque"; }

  /// Whether this machine runs its cipher; tests/cpus.py knows which do.
  [[nodiscard]] bool runs_here() const { return ticket::profile_works(profile()); }

  /// For doctest, where a check fails.
  [[nodiscard]] std::string title() const { return text("profile") + ": " + text("vector"); }

 private:
  std::map<std::string, std::string> values_;
};

struct File {
  std::size_t announced = 0;  ///< as many as the header says
  std::vector<Vector> vectors;
};

std::size_t number_before(const std::string& text, std::string_view words) {
  const std::size_t end = text.find(words);
  REQUIRE_MESSAGE(end != std::string::npos, "nothing before: ", words);
  return std::stoul(text.substr(text.find_last_not_of("0123456789", end - 1) + 1));
}

File read_file() {
  std::ifstream in(std::string(std::getenv("STEK_SOURCE")) + "/tests/vectors/tickets.txt");
  REQUIRE(in);
  File file;
  std::string block;
  const auto end_block = [&] {
    if (block.starts_with('#')) {
      file.announced = number_before(block, " vectors");
    } else if (!block.empty()) {
      file.vectors.emplace_back(block);
    }
    block.clear();
  };
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) {
      end_block();
    } else {
      block += line + "\n";
    }
  }
  end_block();
  return file;
}

const File& file() {
  static const File file = read_file();
  return file;
}

Buffer sealed(const Vector& vector) {
  const Buffer state = vector.bytes("state");
  Buffer ticket(vector.layout().overhead() + state.size());
  std::ranges::copy(state, ticket::body_of(ticket, vector.layout()).begin());
  ticket::seal_with_nonce(ticket, *vector.key(), vector.bytes("nonce"));
  return ticket;
}

/// As the vectors name it: `opens`, or the layer that refuses.
std::string outcome(const std::optional<Reason>& refused) {
  return std::string(refused ? name_of(*refused) : "opens");
}

bool holds_what_is_asked_for(const Vector& vector, Bytes state) {
  const std::size_t smallest = vector.layout().smallest_state;
  if (!vector.is_opaque()) return test::decoded(state, smallest).has_value();
  const auto opaque = state::decode_opaque(state, smallest);
  return opaque && std::ranges::equal(opaque->label, vector.bytes("label"));
}

/// What a reader with the vector's key makes of the vector's ticket, layer by layer.
std::optional<Reason> refusal(const Vector& vector) {
  const auto key = vector.key();
  const Buffer ticket = vector.bytes("ticket");
  if (!std::ranges::equal(Bytes(ticket).first(ticket::name_size), key->name())) {
    return Reason::unknown_key;
  }
  Buffer state(vector.layout().state_size(ticket.size()));
  if (state.empty()) return Reason::ticket_length;
  if (!ticket::open(state, ticket, *key)) return Reason::altered;
  if (!holds_what_is_asked_for(vector, state)) return Reason::other_content;
  return std::nullopt;
}

TEST_CASE("the file has all the vectors that it announces") {
  MESSAGE(file().vectors.size(), " vectors");
  CHECK_EQ(file().vectors.size(), file().announced);
  CHECK_GE(file().vectors.size(), 100);
}

TEST_CASE("a key's name and its domain key derive from the secret") {
  for (const Vector& vector : file().vectors) {
    CAPTURE(vector.title());
    const StekSecret secret(vector.array<32>("stek"));
    const auto derived = ticket::domain_key(secret, vector.domain());
    CHECK_EQ(to_hex(keys::name_for(secret)), vector.text("key_name"));
    CHECK_EQ(to_hex(derived.expose()), vector.text("domain_key"));
  }
}

TEST_CASE("subkeys derive from the domain key, one for each lane of aes256gcm") {
  using enum ticket::Purpose;
  for (const Vector& vector : file().vectors) {
    CAPTURE(vector.title());
    const ticket::DomainKey domain_key(vector.array<32>("domain_key"));
    const auto subkey = [&](ticket::Purpose purpose, std::uint8_t lane) {
      return to_hex(ticket::subkey(domain_key, purpose, lane).expose());
    };
    switch (vector.profile()) {
      case Profile::aes256gcm: {
        const auto lane = std::to_integer<std::uint8_t>(vector.bytes("nonce").front());
        CHECK_EQ(subkey(aes256gcm, lane), vector.text("subkey"));
        break;
      }
      case Profile::xchacha20poly1305:
        CHECK_EQ(subkey(xchacha20poly1305, 0), vector.text("subkey"));
        break;
      case Profile::rfc5077:
        CHECK_EQ(subkey(rfc5077_cipher, 0), vector.text("cipher_subkey"));
        CHECK_EQ(subkey(rfc5077_mac, 0), vector.text("mac_subkey"));
        break;
    }
  }
}

TEST_CASE("a state sealed with the vector's nonce is the vector's ticket") {
  for (const Vector& vector : file().vectors) {
    if (!vector.is_authentic() || !vector.runs_here()) continue;
    CAPTURE(vector.title());
    CHECK_EQ(to_hex(sealed(vector)), vector.text("ticket"));
  }
}

TEST_CASE("a ticket opens, or is refused by the layer that the vector names and by no other") {
  std::map<std::string, int> checked;
  for (const Vector& vector : file().vectors) {
    if (!vector.runs_here()) continue;
    CAPTURE(vector.title());
    CHECK_EQ(outcome(refusal(vector)), vector.text("expect"));
    ++checked[vector.text("profile")];
  }
  fmt::print("AES-256-GCM by {}; vectors of", aes256gcm_library());
  for (const auto& [profile, count] : checked) fmt::print(" {} {}", profile, count);
  fmt::print("\n");
}

TEST_CASE("an authentic ticket opens to its state, whatever the state holds") {
  for (const Vector& vector : file().vectors) {
    if (!vector.is_authentic() || !vector.runs_here()) continue;
    CAPTURE(vector.title());
    const Buffer ticket = vector.bytes("ticket");
    Buffer state(vector.layout().state_size(ticket.size()));
    REQUIRE(ticket::open(state, ticket, *vector.key()));
    CHECK_EQ(to_hex(state), vector.text("state"));
  }
}

TEST_CASE("a session is the one of the JSON, and has one encoding") {
  for (const Vector& vector : file().vectors) {
    if (!vector.opens() || vector.is_opaque()) continue;
    CAPTURE(vector.title());
    const std::size_t smallest = vector.layout().smallest_state;
    const auto decoded = test::decoded(vector.bytes("state"), smallest);
    const auto described = session_from_json(vector.text("session"));
    REQUIRE(decoded);
    REQUIRE(described);
    CHECK(*decoded == *described);
    CHECK_EQ(to_json(*decoded, Reveal::secret), wire::Json::parse(vector.text("session")));

    Buffer encoded(state::size_of(*described, smallest).value());
    REQUIRE(state::encode(encoded, *described, stamp_of(*described)));
    CHECK_EQ(to_hex(encoded), vector.text("state"));
  }
}

TEST_CASE("an opaque state has the label and data of the vector, and one encoding") {
  for (const Vector& vector : file().vectors) {
    if (!vector.opens() || !vector.is_opaque()) continue;
    CAPTURE(vector.title());
    const std::size_t smallest = vector.layout().smallest_state;
    const Buffer state = vector.bytes("state");
    const auto opaque = state::decode_opaque(state, smallest);
    REQUIRE(opaque);
    CHECK_EQ(to_hex(opaque->label), vector.text("label"));
    CHECK_EQ(std::to_string(opaque->data.size()), vector.text("data_length"));

    Buffer encoded(state::size_of(*opaque, smallest).value());
    state::encode(encoded, *opaque);
    CHECK_EQ(to_hex(encoded), vector.text("state"));
  }
}

TEST_CASE("the secrets of the vectors are refused in a ring") {
  for (const Vector& vector : file().vectors) {
    CHECK_EQ(weakness_of(vector.bytes("stek")), "a published test key");
  }
}

}  // namespace
}  // namespace stek
