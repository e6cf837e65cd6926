// FORMAT.md prints the descriptions that the code runs on. With STEK_ACCEPT=1 the test writes them
// there instead.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "keys/records.hpp"
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
  using enum ticket::Purpose;
  std::string text;
  for (const auto purpose : {aes256gcm, xchacha20poly1305, rfc5077_cipher, rfc5077_mac}) {
    text += fmt::format("\"{}\"\n", name_of(purpose));
  }
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

}  // namespace
}  // namespace stek
