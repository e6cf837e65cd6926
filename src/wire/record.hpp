// Described records. A record is written down once, as a list of fields with names; encoder,
// decoder, JSON (wire/json.hpp) and the text in FORMAT.md (wire/text.hpp) walk that list.
//
//   constexpr Header header{"Point", Field<&Point::x>{"x", "eastward"}, Field<&Point::y>{"y",
//   "northward"}};
//
// A Header has a fixed length: every field at a constant offset. Options may follow it: each
// present or absent, behind its type and length, in ascending order of type, each at most once.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <stek/time.hpp>

#include "wire/reader.hpp"
#include "wire/writer.hpp"

namespace stek::wire {

template <class>
struct MemberOf;
template <class T, class M>
struct MemberOf<M T::*> {
  using Record = T;
  using Type = M;
};
template <auto member>
using TypeOf = typename MemberOf<decltype(member)>::Type;
template <auto member>
using RecordOf = typename MemberOf<decltype(member)>::Record;

/// How a type lies in a fixed number of bytes: `size`, `put`, and `get`, which refuses bytes that
/// are no value of the type.
template <class M>
struct Fixed;

template <std::unsigned_integral M>
struct Fixed<M> {
  static constexpr std::size_t size = sizeof(M);
  static void put(Writer& out, M value) noexcept { out.number(value); }
  static bool get(Reader& in, M& value) noexcept {
    value = in.number<M>();
    return true;
  }
};

template <class M>
  requires std::is_enum_v<M>
struct Fixed<M> {
  using Number = std::underlying_type_t<M>;
  static constexpr std::size_t size = sizeof(M);
  static void put(Writer& out, M value) noexcept { out.number(static_cast<Number>(value)); }
  static bool get(Reader& in, M& value) noexcept {
    value = static_cast<M>(in.number<Number>());
    return true;
  }
};

template <>
struct Fixed<Seconds> {
  static constexpr std::size_t size = 4;
  static void put(Writer& out, Seconds value) noexcept {
    out.number(static_cast<std::uint32_t>(value.count()));
  }
  static bool get(Reader& in, Seconds& value) noexcept {
    value = Seconds(in.number<std::uint32_t>());
    return true;
  }
};

template <>
struct Fixed<Instant> {
  static constexpr std::size_t size = 8;
  static void put(Writer& out, Instant value) noexcept {
    out.number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  }
  static bool get(Reader& in, Instant& value) noexcept {
    const auto n = in.number<std::uint64_t>();
    value = Instant(Seconds(static_cast<std::int64_t>(n)));
    return n >> 63U == 0;
  }
};

template <std::size_t N>
struct Fixed<std::array<std::byte, N>> {
  static constexpr std::size_t size = N;
  static void put(Writer& out, const std::array<std::byte, N>& value) noexcept { out.bytes(value); }
  static bool get(Reader& in, std::array<std::byte, N>& value) noexcept {
    const Bytes bytes = in.bytes(N);
    if (bytes.size() == N) std::memcpy(value.data(), bytes.data(), N);
    return true;
  }
};

/// An array of bytes that has a name of its own: a struct of `bytes` and nothing else.
template <class M>
concept NamedBytes = std::same_as<decltype(M::bytes), std::array<std::byte, sizeof(M)>>;

template <NamedBytes M>
struct Fixed<M> : Fixed<decltype(M::bytes)> {
  using Base = Fixed<decltype(M::bytes)>;
  static void put(Writer& out, const M& value) noexcept { Base::put(out, value.bytes); }
  static bool get(Reader& in, M& value) noexcept { return Base::get(in, value.bytes); }
};

/// Whether a JSON object may leave a field out, which then keeps its default.
enum class Presence : bool { optional, required };

template <auto member>
struct Field {
  using Codec = Fixed<TypeOf<member>>;
  static constexpr std::size_t size = Codec::size;

  std::string_view name;
  std::string_view note;
  Presence presence = Presence::optional;

  template <class T>
  static void put(Writer& out, const T& record) noexcept {
    Codec::put(out, record.*member);
  }
  template <class T>
  static bool get(Reader& in, T& record) noexcept {
    return Codec::get(in, record.*member);
  }
  template <auto other>
  static constexpr bool is() noexcept {
    if constexpr (std::is_same_v<decltype(other), decltype(member)>) return other == member;
    return false;
  }
};

/// A number that never changes, one byte.
struct Constant {
  static constexpr std::size_t size = 1;

  std::string_view name;
  std::uint8_t value;
  std::string_view note;

  template <class T>
  void put(Writer& out, const T& /*record*/) const noexcept {
    out.number(value);
  }
  template <class T>
  bool get(Reader& in, T& /*record*/) const noexcept {
    return in.u8() == value;
  }
  template <auto>
  static constexpr bool is() noexcept {
    return false;
  }
};

/// Booleans in one byte, the first in its lowest bit; the other bits are zero.
template <auto... members>
struct Flags {
  static constexpr std::size_t size = 1;
  static constexpr std::size_t count = sizeof...(members);
  static_assert(count <= 8);

  std::string_view name;
  std::array<std::string_view, count> names;
  std::array<std::string_view, count> notes;

  template <class T>
  static void put(Writer& out, const T& record) noexcept {
    unsigned bits = 0;
    unsigned at = 0;
    ((bits |= (record.*members ? 1U : 0U) << at++), ...);
    out.number(static_cast<std::uint8_t>(bits));
  }
  template <class T>
  static bool get(Reader& in, T& record) noexcept {
    const unsigned bits = in.u8();
    unsigned at = 0;
    ((record.*members = (bits >> at++ & 1U) != 0), ...);
    return bits >> count == 0;
  }
  template <auto>
  static constexpr bool is() noexcept {
    return false;
  }
};

/// Tells the compiler what to expect. It takes each part of a record for as likely to be refused as
/// not, what lies behind a dozen of them for rare, and what is rare it makes small and slow.
[[gnu::always_inline]] inline bool likely(bool value) noexcept {
  return __builtin_expect(static_cast<long>(value), 1L) != 0;
}

template <class... Parts>
struct Header {
  static constexpr std::size_t size = (Parts::size + ...);

  std::string_view name;
  std::tuple<Parts...> parts;

  explicit constexpr Header(std::string_view its_name, Parts... its_parts)
      : name(its_name), parts(its_parts...) {}

  // Each part has a reader or writer of its own, of a size that the compiler knows.
  template <class T>
  void encode(std::span<std::byte, size> out, const T& record) const noexcept {
    for_each_part([&]<std::size_t offset, std::size_t its_size>(const auto& part) {
      Writer writer(out.template subspan<offset, its_size>());
      part.put(writer, record);
      return true;
    });
  }
  /// False when any field refuses its bytes.
  template <class T>
  [[nodiscard]] bool decode(std::span<const std::byte, size> bytes, T& record) const noexcept {
    return for_each_part([&]<std::size_t offset, std::size_t its_size>(const auto& part) {
      Reader reader(bytes.template subspan<offset, its_size>());
      return part.get(reader, record);
    });
  }

  template <auto member>
  static constexpr std::size_t offset_of() noexcept {
    std::size_t offset = 0;
    bool found = false;
    ((found = found || Parts::template is<member>(), offset += found ? 0 : Parts::size), ...);
    return offset;
  }
  /// Overwrites one field of an encoded record.
  template <auto member>
  static void set(std::span<std::byte, size> encoded, const TypeOf<member>& value) noexcept {
    constexpr std::size_t offset = offset_of<member>();
    static_assert(offset < size, "not a field of this header");
    Writer writer(encoded.template subspan<offset, Fixed<TypeOf<member>>::size>());
    Fixed<TypeOf<member>>::put(writer, value);
  }

 private:
  static constexpr auto offsets = [] {
    std::array<std::size_t, sizeof...(Parts)> starts{};
    std::size_t at = 0;
    std::size_t i = 0;
    ((starts[i++] = at, at += Parts::size), ...);
    return starts;
  }();

  /// Until one gives false.
  template <class Work>
  bool for_each_part(const Work& work) const noexcept {
    return [&]<std::size_t... i>(std::index_sequence<i...>) {
      return (likely(work.template operator()<offsets[i], Parts::size>(std::get<i>(parts))) && ...);
    }(std::index_sequence_for<Parts...>());
  }
};

/// How a type lies in an option: `min` and `max` bytes, `put`, and `get`, which refuses bytes that
/// are no value. `get` is given between `min` and `max` bytes and a value as new, and may throw
/// std::bad_alloc.
template <class V>
struct Varying;

template <class V>
  requires(Fixed<V>::size > 0)
struct Varying<V> {
  static constexpr std::size_t min = Fixed<V>::size;
  static constexpr std::size_t max = Fixed<V>::size;
  static std::size_t size(const V& /*value*/) noexcept { return Fixed<V>::size; }
  static void put(Writer& out, const V& value) noexcept { Fixed<V>::put(out, value); }
  static bool get(Bytes bytes, V& value) noexcept {
    Reader reader(bytes);
    return Fixed<V>::get(reader, value);
  }
};

inline constexpr std::size_t longest_list = 255;

/// A list of 1 to `longest_list` numbers.
template <std::unsigned_integral N>
struct Varying<std::vector<N>> {
  static constexpr std::size_t min = sizeof(N);
  static constexpr std::size_t max = longest_list * sizeof(N);
  static std::size_t size(const std::vector<N>& list) noexcept { return list.size() * sizeof(N); }
  static void put(Writer& out, const std::vector<N>& list) noexcept {
    for (const N n : list) out.number(n);
  }
  static bool get(Bytes bytes, std::vector<N>& list) {
    if (bytes.size() % sizeof(N) != 0) return false;
    list.resize(bytes.size() / sizeof(N));
    Reader reader(bytes);
    for (N& n : list) n = reader.number<N>();
    return true;
  }
};

/// Where a value lies in a member that is an optional, a variant, or a list.
template <class V>
const V* value_in(const std::optional<V>& member) noexcept {
  return member ? &*member : nullptr;
}
template <class V, class... Alternatives>
const V* value_in(const std::variant<Alternatives...>& member) noexcept {
  return std::get_if<V>(&member);
}
template <class V, class N>
const V* value_in(const std::vector<N>& member) noexcept {
  return member.empty() ? nullptr : &member;
}
template <class V>
bool is_set(const std::optional<V>& member) noexcept {
  return member.has_value();
}
template <class N>
bool is_set(const std::vector<N>& member) noexcept {
  return !member.empty();
}
template <class... Alternatives>
bool is_set(const std::variant<std::monostate, Alternatives...>& member) noexcept {
  return member.index() != 0;
}

/// Makes room for a value where there is none yet.
template <class V>
V& make_in(std::optional<V>& member) {
  return member.emplace();
}
template <class V, class... Alternatives>
V& make_in(std::variant<Alternatives...>& member) {
  return member.template emplace<V>();
}
template <class V, class N>
V& make_in(std::vector<N>& member) {
  return member;
}

/// An optional field: `member` is a std::optional<V>, a variant of which V is an alternative, or a
/// list, which is absent when empty.
template <auto member, class V>
struct Option {
  using Codec = Varying<V>;
  using Value = V;
  static constexpr std::size_t head = 3;

  std::uint8_t type;
  std::string_view name;
  std::string_view note;

  template <class T>
  static std::size_t size(const T& record) noexcept {
    const V* value = value_in<V>(record.*member);
    return value == nullptr ? 0 : head + Codec::size(*value);
  }
  template <class T>
  void put(Writer& out, const T& record) const noexcept {
    const V* value = value_in<V>(record.*member);
    if (value == nullptr) return;
    out.number(type);
    out.number(static_cast<std::uint16_t>(Codec::size(*value)));
    Codec::put(out, *value);
  }
  /// False when the bytes are no value, or the member has one already.
  template <class T>
  static bool get(Bytes bytes, T& record) {
    if (is_set(record.*member) || bytes.size() < Codec::min || bytes.size() > Codec::max) {
      return false;
    }
    return Codec::get(bytes, make_in<V>(record.*member));
  }
  template <class T>
  static void clear(T& record) noexcept {
    record.*member = {};
  }
};

template <class... Parts>
struct Options {
  std::string_view name;
  std::tuple<Parts...> parts;

  /// The length of the shortest option, and of all options at their longest.
  static constexpr std::size_t least = std::min({Parts::head + Parts::Codec::min...});
  static constexpr std::size_t most = ((Parts::head + Parts::Codec::max) + ...);

  explicit constexpr Options(std::string_view its_name, Parts... its_parts)
      : name(its_name), parts(its_parts...) {}

  template <class T>
  [[nodiscard]] std::size_t size(const T& record) const noexcept {
    return std::apply([&](const auto&... part) { return (part.size(record) + ... + 0); }, parts);
  }
  template <class T>
  void encode(Writer& out, const T& record) const noexcept {
    std::apply([&](const auto&... part) { (part.put(out, record), ...); }, parts);
  }
  /// Leaves every option absent.
  template <class T>
  void clear(T& record) const noexcept {
    std::apply([&](const auto&... part) { (part.clear(record), ...); }, parts);
  }
  /// Reads up to the padding, which begins with a type of zero, or the end. False for an unknown
  /// type, a type out of order, or a value that is refused.
  template <class T>
  [[nodiscard]] bool decode(Reader& in, T& record) const {
    std::uint8_t last = 0;
    while (!in.empty() && in.rest().front() != std::byte{0}) {
      const std::uint8_t type = in.u8();
      const Bytes value = in.vector<std::uint16_t>(0, 0xffff);
      if (!likely(in.ok() && type > last && get(type, value, record))) return false;
      last = type;
    }
    return true;
  }

 private:
  template <class T>
  bool get(std::uint8_t type, Bytes value, T& record) const {
    return std::apply(
        [&](const auto&... part) {
          return ((part.type == type && part.get(value, record)) || ...);
        },
        parts);
  }
};

/// A record in an option of another: options of its own, at least one of them.
template <class V, const auto& its_options>
struct Nested {
  static constexpr const auto& options = its_options;
  static constexpr std::size_t min = options.least;
  static constexpr std::size_t max = options.most;
  static std::size_t size(const V& record) noexcept { return options.size(record); }
  static void put(Writer& out, const V& record) noexcept { options.encode(out, record); }
  static bool get(Bytes bytes, V& record) {
    Reader reader(bytes);
    // No padding in here: all of the bytes are options.
    return options.decode(reader, record) && reader.done();
  }
};
template <class V>
concept NestedRecord = requires { Varying<V>::options; };

/// `opaque name<min..max>`: a Bytes member behind a length of `width` bytes. Decoded, it points
/// into the input.
template <auto member, std::unsigned_integral Length, std::size_t min, std::size_t max>
struct Vector {
  static constexpr std::size_t least = min;
  static constexpr std::size_t most = max;

  std::string_view name;
  std::string_view note;

  template <class T>
  static std::size_t size(const T& record) noexcept {
    return sizeof(Length) + (record.*member).size();
  }
  template <class T>
  static bool fits(const T& record) noexcept {
    return (record.*member).size() >= min && (record.*member).size() <= max;
  }
  template <class T>
  static void put(Writer& out, const T& record) noexcept {
    out.number(static_cast<Length>((record.*member).size()));
    out.bytes(record.*member);
  }
  template <class T>
  static void get(Reader& in, T& record) noexcept {
    record.*member = in.vector<Length>(min, max);
  }
};

template <class... Parts>
struct Vectors {
  std::tuple<Parts...> parts;

  explicit constexpr Vectors(Parts... its_parts) : parts(its_parts...) {}

  template <class T>
  [[nodiscard]] std::size_t size(const T& record) const noexcept {
    return std::apply([&](const auto&... part) { return (part.size(record) + ...); }, parts);
  }
  template <class T>
  void encode(Writer& out, const T& record) const noexcept {
    std::apply([&](const auto&... part) { (part.put(out, record), ...); }, parts);
  }
  template <class T>
  void decode(Reader& in, T& record) const noexcept {
    std::apply([&](const auto&... part) { (part.get(in, record), ...); }, parts);
  }
};

}  // namespace stek::wire
