// A described record in the presentation language of RFC 8446 section 3, as FORMAT.md prints it.
#pragma once

#include <string>

#include <fmt/core.h>

#include "wire/record.hpp"

namespace stek::wire {

inline std::string line_of(std::string_view declaration, std::string_view note) {
  if (note.empty()) return fmt::format("    {};\n", declaration);
  return fmt::format("    {:<38} /* {} */\n", fmt::format("{};", declaration), note);
}

template <class M>
std::string declaration_of(std::string_view name) {
  if constexpr (std::is_integral_v<M> || std::is_enum_v<M> || std::is_same_v<M, Seconds> ||
                std::is_same_v<M, Instant>) {
    return fmt::format("uint{} {}", Fixed<M>::size * 8, name);
  } else {
    return fmt::format("opaque {}[{}]", name, Fixed<M>::size);
  }
}

template <auto member>
std::string text_of(const Field<member>& field) {
  return line_of(declaration_of<TypeOf<member>>(field.name), field.note);
}

inline std::string text_of(const Constant& constant) {
  return line_of(fmt::format("uint8 {} = {}", constant.name, constant.value), constant.note);
}

template <auto... members>
std::string text_of(const Flags<members...>& flags) {
  std::string text = line_of(fmt::format("uint8 {}", flags.name), "bits:");
  for (std::size_t bit = 0; bit < flags.count; ++bit) {
    text += fmt::format("    {:<38} /*   {} {}{}{} */\n", "", bit, flags.names[bit],
                        flags.notes[bit].empty() ? "" : ", ", flags.notes[bit]);
  }
  return text;
}

template <class... Parts>
std::string text_of(const Header<Parts...>& header) {
  std::string text = "struct {\n";
  std::apply([&](const auto&... part) { ((text += text_of(part)), ...); }, header.parts);
  return text + fmt::format("}} {};    /* {} bytes */\n", header.name, header.size);
}

template <auto member, class V>
std::string text_of(const Option<member, V>& option) {
  using Codec = Varying<V>;
  const std::string length = Codec::min == Codec::max
                                 ? fmt::format("[{}]", Codec::min)
                                 : fmt::format("<{}..{}>", Codec::min, Codec::max);
  return fmt::format("    case {:>3}: {:<38} /* {} */\n", option.type,
                     fmt::format("opaque {}{};", option.name, length), option.note);
}

template <class... Parts>
std::string text_of(const Options<Parts...>& options) {
  std::string text =
      "struct {\n"
      "    uint8 type;\n"
      "    uint16 length;                         /* of the value that follows */\n"
      "    select (type) {\n";
  std::apply([&](const auto&... part) { ((text += "    " + text_of(part)), ...); }, options.parts);
  return text + fmt::format("    }};\n}} {};\n", options.name);
}

template <auto member, std::unsigned_integral Length, std::size_t min, std::size_t max>
std::string text_of(const Vector<member, Length, min, max>& vector) {
  return line_of(fmt::format("opaque {}<{}..{}>", vector.name, min, max), vector.note);
}

/// A record that is only ever JSON: its fields' names and what they mean.
template <class... Parts>
std::string fields_of(const Header<Parts...>& header) {
  std::string text;
  std::apply(
      [&](const auto&... part) {
        ((text += part.note.empty() ? fmt::format("{}\n", part.name)
                                    : fmt::format("{:<16}{}\n", part.name, part.note)),
         ...);
      },
      header.parts);
  return text;
}

/// A header and the vectors that follow it, as one struct.
template <class... Parts, class... VectorParts>
std::string text_of(const Header<Parts...>& header, const Vectors<VectorParts...>& vectors) {
  std::string text = "struct {\n";
  std::apply([&](const auto&... part) { ((text += text_of(part)), ...); }, header.parts);
  std::apply([&](const auto&... part) { ((text += text_of(part)), ...); }, vectors.parts);
  return text + fmt::format("}} {};\n", header.name);
}

/// Vectors alone, as one struct.
template <class... VectorParts>
std::string text_of(std::string_view name, const Vectors<VectorParts...>& vectors) {
  std::string text = "struct {\n";
  std::apply([&](const auto&... part) { ((text += text_of(part)), ...); }, vectors.parts);
  return text + fmt::format("}} {};\n", name);
}

}  // namespace stek::wire
