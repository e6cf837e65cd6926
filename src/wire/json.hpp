// A described record as a JSON object, in a JSON type that wipes what it frees (the library's lexer
// excepted, which keeps the last token it read in a buffer of its own). Errors name the place and
// what belongs there; they never quote the input.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <stek/error.hpp>
#include <stek/secret.hpp>

#include "base/encoding.hpp"
#include "wire/record.hpp"

namespace stek::wire {

template <class T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() noexcept = default;
  template <class U>
  explicit(false) WipingAllocator(const WipingAllocator<U>& /*other*/) noexcept {}

  T* allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
  void deallocate(T* p, std::size_t n) noexcept {
    wipe(Room(reinterpret_cast<std::byte*>(p), n * sizeof(T)));
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) noexcept { return true; }
};

/// Wiped when freed. Short ones live inline: a secret as text never fits there.
using SecretText = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

using Json = nlohmann::basic_json<std::map, std::vector, SecretText, bool, std::int64_t,
                                  std::uint64_t, double, WipingAllocator>;

/// Parses one document. The failure's message begins with `what` and has line and column.
std::expected<Json, Failure> parse_json(std::string_view text, std::string_view what);

/// How a type looks in JSON: `put`, `get`, and what `get` expects, in words.
template <class M>
struct JsonForm;

template <>
struct JsonForm<bool> {
  static constexpr std::string_view expects = "true or false";
  static Json put(bool value) { return value; }
  static bool get(const Json& json, bool& value) {
    if (!json.is_boolean()) return false;
    value = json.get<bool>();
    return true;
  }
};

template <class M>
  requires std::is_unsigned_v<M>
struct JsonForm<M> {
  static constexpr std::string_view expects = "a number, zero or greater, in its range";
  static Json put(M value) { return value; }
  static bool get(const Json& json, M& value) {
    if (!json.is_number_unsigned()) return false;
    const auto n = json.get<std::uint64_t>();
    value = static_cast<M>(n);
    return value == n;
  }
};

template <>
struct JsonForm<Seconds> {
  static constexpr std::string_view expects = "a number of seconds, less than 2^32";
  static Json put(Seconds value) { return static_cast<std::uint64_t>(value.count()); }
  static bool get(const Json& json, Seconds& value) {
    std::uint32_t n = 0;
    if (!JsonForm<std::uint32_t>::get(json, n)) return false;
    value = Seconds(n);
    return true;
  }
};

template <>
struct JsonForm<Instant> {
  static constexpr std::string_view expects = "seconds since 1970-01-01T00:00:00Z, less than 2^40";
  static Json put(Instant value) {
    return static_cast<std::uint64_t>(value.time_since_epoch().count());
  }
  static bool get(const Json& json, Instant& value) {
    if (!json.is_number_unsigned()) return false;
    const auto n = json.get<std::uint64_t>();
    value = Instant(Seconds(static_cast<std::int64_t>(n)));
    return n < std::uint64_t{1} << 40U;
  }
};

template <std::size_t N>
struct JsonForm<std::array<std::byte, N>> {
  static constexpr std::string_view expects =
      N == 16 ? "16 bytes as 32 hex digits" : "bytes in hex";
  static Json put(const std::array<std::byte, N>& value) { return to_hex(value); }
  static bool get(const Json& json, std::array<std::byte, N>& value) {
    return json.is_string() && from_hex(value, json.template get_ref<const SecretText&>());
  }
};

/// `Error::malformed` at a place, a JSON pointer such as "session: /cipher_suite".
inline Failure misplaced(std::string_view place, std::string_view problem) {
  return {.error = Error::malformed,
          .message = std::string(place) + ": " + std::string(problem),
          .hint = {}};
}

/// Takes members out of an object, so that what is left over was never asked for.
struct ObjectReader {
  Json& object;
  std::string place;
  std::optional<Failure> failure;

  template <class M>
  void take(std::string_view name, M& value, Presence presence) {
    if (failure) return;
    const auto found = object.find(SecretText(name));
    if (found == object.end()) {
      if (presence == Presence::required) failure = misplaced(path(name), "missing");
      return;
    }
    if (!JsonForm<M>::get(*found, value)) {
      failure = misplaced(path(name), "expected " + std::string(JsonForm<M>::expects));
      return;
    }
    object.erase(found);
  }

  [[nodiscard]] std::string path(std::string_view name) const {
    return place + "/" + std::string(name);
  }
};

namespace detail {

template <auto member, class T>
void to_json(Json& json, const Field<member>& field, const T& record) {
  json[SecretText(field.name)] = JsonForm<TypeOf<member>>::put(record.*member);
}
template <class T>
void to_json(Json& /*json*/, const Constant& /*constant*/, const T& /*record*/) {}
template <auto... members, class T>
void to_json(Json& json, const Flags<members...>& flags, const T& record) {
  std::size_t at = 0;
  ((json[SecretText(flags.names[at++])] = record.*members), ...);
}
template <auto member, class V, class T>
void to_json(Json& json, const Option<member, V>& option, const T& record) {
  if (const V* value = value_in<V>(record.*member)) {
    json[SecretText(option.name)] = JsonForm<V>::put(*value);
  }
}

template <auto member, class T>
void from_json(ObjectReader& in, const Field<member>& field, T& record) {
  in.take(field.name, record.*member, field.presence);
}
template <class T>
void from_json(ObjectReader& /*in*/, const Constant& /*constant*/, T& /*record*/) {}
template <auto... members, class T>
void from_json(ObjectReader& in, const Flags<members...>& flags, T& record) {
  std::size_t at = 0;
  ((in.take(flags.names[at++], record.*members, Presence::optional)), ...);
}
template <auto member, class V, class T>
void from_json(ObjectReader& in, const Option<member, V>& option, T& record) {
  if (in.failure || !in.object.contains(SecretText(option.name))) return;
  if (is_set(record.*member)) {
    in.failure = misplaced(in.path(option.name), "given in two forms");
    return;
  }
  V value{};
  in.take(option.name, value, Presence::required);
  if (!in.failure) record.*member = value;
}

}  // namespace detail

/// Adds the fields of `record`, as `description` names them, to a JSON object.
template <class Description, class T>
void to_json(Json& json, const Description& description, const T& record) {
  std::apply([&](const auto&... part) { (detail::to_json(json, part, record), ...); },
             description.parts);
}

/// Fills `record` from the members that the descriptions name, and removes these from `json`.
/// `place` is the JSON pointer of the object, empty for the whole document.
template <class T, class... Descriptions>
std::optional<Failure> from_json(Json& json, std::string_view place, T& record,
                                 const Descriptions&... descriptions) {
  if (!json.is_object()) {
    return misplaced(std::string(place) + "/", "expected an object");
  }
  ObjectReader in{.object = json, .place = std::string(place), .failure = std::nullopt};
  (std::apply([&](const auto&... part) { (detail::from_json(in, part, record), ...); },
              descriptions.parts),
   ...);
  return in.failure;
}

/// A failure when something is left in `json` that nobody asked for.
std::optional<Failure> refuse_leftovers(const Json& json, std::string_view place);

}  // namespace stek::wire
