// Whether a refusal quotes the text that it refuses.
#pragma once

#include <string>

#include <stek/error.hpp>

namespace stek::fuzz {

inline std::string replaced(std::string_view input, std::string_view words, char by) {
  std::string out(input);
  for (std::size_t at = out.find(words); at != std::string::npos; at = out.find(words, at)) {
    out.replace(at, words.size(), words.size(), by);
  }
  return out;
}

/// As much of `said`, from `at`, as stands in `input`.
inline std::string_view common_words(std::string_view said, std::size_t at,
                                     std::string_view input) {
  std::size_t size = 8;
  if (at + size > said.size() || !input.contains(said.substr(at, size))) return {};
  while (at + size < said.size() && input.contains(said.substr(at, size + 1))) ++size;
  return said.substr(at, size);
}

/// A refusal and its input may have words in common, such as a field's name. But no refusal has
/// eight letters of one kind of its own: where the words in common are replaced by such in the
/// input, and then turn up in what is said of it, they were quoted. `refusal` gives what is said.
template <class Refusal>
bool quotes(std::string_view input, const Refusal& refusal) {
  const std::string said = refusal(input);
  for (std::size_t at = 0; at < said.size();) {
    const std::string_view words = common_words(said, at, input);
    at += std::max<std::size_t>(words.size(), 1);
    const char by = words.starts_with('q') ? 'z' : 'q';
    if (!words.empty() && refusal(replaced(input, words, by)).contains(std::string(8, by))) {
      return true;
    }
  }
  return false;
}

}  // namespace stek::fuzz
