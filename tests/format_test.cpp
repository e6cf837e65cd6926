// FORMAT.md prints the descriptions that the code runs on. With STEK_ACCEPT=1 the test writes them
// there instead.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include "keys/records.hpp"
#include "keys/sealed.hpp"
#include "resumption/messages.hpp"
#include "session/state.hpp"
#include "ticket/derive.hpp"
#include "ticket/layout.hpp"
#include "wire/text.hpp"

namespace stek {
namespace {

struct Block {
  std::string name;
  std::string text;
};

std::string layouts_text() {
  std::string text;
  for (const ticket::Layout& layout : ticket::layouts) {
    text += (text.empty() ? "" : "\n") + ticket::text_of(layout);
  }
  return text;
}

std::string purposes_text() {
  std::string text;
  for (const auto name : ticket::purpose_names) text += fmt::format("\"{}\"\n", name);
  return text;
}

std::vector<Block> blocks() {
  return {
      {"SessionHeader", wire::text_of(state::header)},
      {"SessionOption", wire::text_of(state::options)},
      {"Extras", wire::text_of(state::extras)},
      {"OpaqueState", wire::text_of(state::opaque_header, state::opaque_vectors)},
      {"Tickets", layouts_text()},
      {"Purposes", purposes_text()},
      {"Ring", wire::fields_of(keys::ring_record)},
      {"Schedule", wire::fields_of(keys::schedule_record)},
      {"Key", wire::fields_of(keys::key_record)},
      {"ForeignKey", wire::fields_of(keys::foreign_record)},
      {"Tombstone", wire::fields_of(keys::tombstone_record)},
      {"SealedRing", wire::text_of(keys::sealed_record)},
      {"Issued", wire::text_of(messages::issued_header, messages::issued_ticket)},
      {"Offer", wire::text_of("Offer", messages::offer)},
      {"Resumed", wire::text_of(messages::resumed_header, messages::why)},
      {"Labelled", wire::text_of("Labelled", messages::labelled)},
      {"Unsealed", wire::text_of(messages::unsealed_header, messages::why)},
  };
}

std::string format_md() {
  return std::string(std::getenv("STEK_SOURCE")) + "/FORMAT.md";
}

std::string contents(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// The bounds of the code block behind `<!-- record: NAME -->`.
std::pair<std::size_t, std::size_t> bounds_of(const std::string& document,
                                              const std::string& name) {
  const std::string fence = "```\n";
  const std::size_t marker = document.find("<!-- record: " + name + " -->");
  REQUIRE_MESSAGE(marker != std::string::npos, "FORMAT.md has no block for ", name);
  const std::size_t begin = document.find(fence, marker) + fence.size();
  return {begin, document.find(fence, begin)};
}

TEST_CASE("FORMAT.md shows every record as the code describes it") {
  std::string document = contents(format_md());
  const bool accept = std::getenv("STEK_ACCEPT") != nullptr;
  for (const Block& block : blocks()) {
    const auto [begin, end] = bounds_of(document, block.name);
    if (accept) {
      document.replace(begin, end - begin, block.text);
    } else {
      CHECK_EQ(document.substr(begin, end - begin), block.text);
    }
  }
  if (accept) std::ofstream(format_md()) << document;
}

// ---- the table of variables

struct Variable {
  std::string name;
  std::string what;
  std::set<std::string> fields;
  std::string why;
};

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::set<std::string> quoted_in(const std::string& cell) {
  std::set<std::string> names;
  std::istringstream parts(cell);
  std::string outside;
  for (std::string name; std::getline(parts, outside, '`') && std::getline(parts, name, '`');) {
    names.insert(name);
  }
  return names;
}

std::vector<Variable> variables() {
  const std::string document = contents(format_md());
  const std::size_t marker = document.find("<!-- variables -->\n");
  REQUIRE_NE(marker, std::string::npos);
  std::istringstream lines(document.substr(marker));
  std::string line;
  for (int head = 0; head < 3; ++head) std::getline(lines, line);
  std::vector<Variable> rows;
  while (std::getline(lines, line) && line.starts_with('|')) {
    std::istringstream row(line);
    std::array<std::string, 5> cells;
    for (std::string& cell : cells) std::getline(row, cell, '|');
    rows.push_back({.name = trimmed(cells[1]),
                    .what = trimmed(cells[2]),
                    .fields = quoted_in(cells[3]),
                    .why = trimmed(cells[4])});
  }
  return rows;
}

template <auto... members>
void add_names(std::set<std::string>& names, const wire::Flags<members...>& flags) {
  for (const auto name : flags.names) names.emplace(name);
}
void add_names(std::set<std::string>& /*names*/, const wire::Constant& /*constant*/) {}
template <class Part>
void add_names(std::set<std::string>& names, const Part& part) {
  names.emplace(part.name);
}

template <class Description>
std::set<std::string> names_in(const Description& description) {
  std::set<std::string> names;
  std::apply([&](const auto&... part) { (add_names(names, part), ...); }, description.parts);
  return names;
}

/// Every name that a state has a place for, the record of extras itself aside.
std::set<std::string> sealed_fields() {
  std::set<std::string> names = names_in(state::header);
  names.merge(names_in(state::options));
  CHECK_EQ(names.erase("extras"), 1);
  return names;
}

const std::set<std::string> of_pike{"version",
                                    "cipher_suite",
                                    "master_secret",
                                    "extended_master_secret",
                                    "encrypt_then_mac",
                                    "server_name",
                                    "max_packet_size",
                                    "truncated_hmac",
                                    "curve",
                                    "cert_data",
                                    "compression_algorithm",
                                    "ticket_expiry_time",
                                    "peer_public_key",
                                    "private_key",
                                    "peer_certificate_chain",
                                    "certificate_chain",
                                    "cipher_spec",
                                    "ecc_curves",
                                    "signature_algorithms",
                                    "ecc_point_format",
                                    "ffdhe_groups",
                                    "heartbeat_mode",
                                    "identity",
                                    "last_activity",
                                    "ticket"};

TEST_CASE(
    "every variable of a session has its row, and every field of a state is some variable's") {
  const auto sealed = sealed_fields();
  const auto extras = names_in(state::extras);
  std::set<std::string> names;
  std::set<std::string> named_sealed;
  std::set<std::string> named_extras;
  for (const Variable& variable : variables()) {
    CAPTURE(variable.name);
    CHECK_MESSAGE(names.insert(variable.name).second, "stands twice");
    CHECK_FALSE(variable.why.empty());
    if (variable.what == "sealed") {
      CHECK_FALSE(variable.fields.empty());
      CHECK(std::ranges::includes(sealed, variable.fields));
      named_sealed.insert(variable.fields.begin(), variable.fields.end());
    } else if (variable.what == "if given") {
      CHECK_FALSE(variable.fields.empty());
      CHECK(std::ranges::includes(extras, variable.fields));
      named_extras.insert(variable.fields.begin(), variable.fields.end());
    } else if (variable.what == "derived") {
      CHECK_FALSE(variable.fields.empty());
      CHECK(std::ranges::includes(sealed, variable.fields));
      CHECK_FALSE((sealed.contains(variable.name) || extras.contains(variable.name)));
    } else {
      CHECK((variable.what == "never" || variable.what == "renegotiated"));
      CHECK(variable.fields.empty());
      CHECK_FALSE((sealed.contains(variable.name) || extras.contains(variable.name)));
    }
  }
  CHECK_EQ(of_pike.size(), 25);
  CHECK(std::ranges::includes(names, of_pike));
  CHECK(named_sealed == sealed);
  CHECK(named_extras == extras);
}

}  // namespace
}  // namespace stek
