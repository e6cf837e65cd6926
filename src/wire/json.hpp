// A described record as a JSON object, in a JSON type that wipes what it frees. Errors name the
// place and what belongs there; they never quote the input.
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

/// Wipes itself: what it allocates when that is freed, and what lies inline at its end.
class SecretText : public std::basic_string<char, std::char_traits<char>, WipingAllocator<char>> {
 public:
  using basic_string::basic_string;
  SecretText(const SecretText&) = default;
  SecretText(SecretText&&) noexcept = default;
  SecretText& operator=(const SecretText&) = default;
  SecretText& operator=(SecretText&&) noexcept = default;
  ~SecretText() { wipe(std::as_writable_bytes(std::span(data(), capacity()))); }
};

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

constexpr std::string_view in_hex(std::size_t size) noexcept {
  if (size == 16) return "16 bytes as 32 hex digits";
  if (size == 32) return "32 bytes as 64 hex digits";
  return "bytes in hex";
}

template <std::size_t N>
struct JsonForm<std::array<std::byte, N>> {
  static constexpr std::string_view expects = in_hex(N);
  static Json put(const std::array<std::byte, N>& value) { return to_hex(value); }
  static bool get(const Json& json, std::array<std::byte, N>& value) {
    return json.is_string() && from_hex(value, json.template get_ref<const SecretText&>());
  }
};

template <>
struct JsonForm<std::vector<std::byte>> {
  static constexpr std::string_view expects = "bytes in hex";
  static Json put(const std::vector<std::byte>& bytes) { return to_hex(bytes); }
  static bool get(const Json& json, std::vector<std::byte>& bytes) {
    if (!json.is_string()) return false;
    const std::string_view hex = json.get_ref<const SecretText&>();
    bytes.resize(hex.size() / 2);
    return from_hex(bytes, hex);
  }
};

template <NamedBytes M>
struct JsonForm<M> {
  using Form = JsonForm<decltype(M::bytes)>;
  static constexpr std::string_view expects = Form::expects;
  static Json put(const M& value) { return Form::put(value.bytes); }
  static bool get(const Json& json, M& value) { return Form::get(json, value.bytes); }
};

/// `expects` for a list is said by each element type.
template <class T>
struct JsonList {
  static Json put(const std::vector<T>& list) {
    Json json = Json::array();
    for (const T& element : list) json.push_back(JsonForm<T>::put(element));
    return json;
  }
  static bool get(const Json& json, std::vector<T>& list) {
    if (!json.is_array()) return false;
    list.clear();
    for (const Json& element : json) {
      if (!JsonForm<T>::get(element, list.emplace_back())) return false;
    }
    return true;
  }
};

template <std::unsigned_integral N>
struct JsonForm<std::vector<N>> : JsonList<N> {
  static_assert(sizeof(N) <= 2);
  static constexpr std::string_view expects =
      sizeof(N) == 1 ? "a list of numbers, 0 to 255" : "a list of numbers, 0 to 65535";
};

/// `Error::malformed` at a place, a JSON pointer such as "session: /cipher_suite".
inline Failure misplaced(std::string_view place, std::string_view problem) {
  return {.error = Error::malformed,
          .message = std::string(place) + ": " + std::string(problem),
          .hint = {}};
}

/// How messages name the object at `place`: the whole document is "/".
inline std::string object_at(std::string_view place) {
  return std::string(place) + (place.empty() || place.ends_with(' ') ? "/" : "");
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

  /// A member that is a described record itself.
  template <class V, class Description>
  void take_record(std::string_view name, V& record, const Description& description);

  [[nodiscard]] std::string path(std::string_view name) const {
    return place + "/" + std::string(name);
  }
};

template <class Description, class T>
void to_json(Json& json, const Description& description, const T& record);

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
  const V* value = value_in<V>(record.*member);
  if (value == nullptr) return;
  Json& place = json[SecretText(option.name)];
  if constexpr (NestedRecord<V>) {
    place = Json::object();
    wire::to_json(place, Varying<V>::options, *value);
  } else {
    place = JsonForm<V>::put(*value);
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
  if constexpr (NestedRecord<V>) {
    in.take_record(option.name, value, Varying<V>::options);
  } else {
    in.take(option.name, value, Presence::required);
  }
  if (!in.failure) record.*member = std::move(value);
}

}  // namespace detail

/// Adds the fields of `record`, as `description` names them, to a JSON object.
template <class Description, class T>
void to_json(Json& json, const Description& description, const T& record) {
  std::apply([&](const auto&... part) { (detail::to_json(json, part, record), ...); },
             description.parts);
}

/// Fills `record` from the members that the descriptions name, and removes these from `json`.
/// `place` is the document's name and the JSON pointer of the object: "session: " for the whole
/// document, "session: /extras".
template <class T, class... Descriptions>
std::optional<Failure> from_json(Json& json, std::string_view place, T& record,
                                 const Descriptions&... descriptions) {
  if (!json.is_object()) return misplaced(object_at(place), "expected an object");
  ObjectReader in{.object = json, .place = std::string(place), .failure = std::nullopt};
  (std::apply([&](const auto&... part) { (detail::from_json(in, part, record), ...); },
              descriptions.parts),
   ...);
  return in.failure;
}

/// A failure when something is left in `json` that nobody asked for.
std::optional<Failure> refuse_leftovers(const Json& json, std::string_view place);

template <class V, class Description>
void ObjectReader::take_record(std::string_view name, V& record, const Description& description) {
  const auto found = object.find(SecretText(name));
  failure = from_json(*found, path(name), record, description);
  if (!failure) failure = refuse_leftovers(*found, path(name));
  if (!failure) object.erase(found);
}

}  // namespace stek::wire
