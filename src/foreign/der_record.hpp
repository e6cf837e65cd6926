// Described records in DER: the parts that the SSL_SESSIONs of OpenSSL and BoringSSL are made of. A
// record is a Session, its member `session`, and what has no place in one; a description names
// members of either.
//
//   using SslSession = Sequence<Constant<1>, Integer<&Session::version, 0xffff>, ...>;
//
// Encoder, decoder and size follow from the one description. A part is an element: whether its
// value is in its range, its size, which is zero where there is nothing to write, and how it is
// written and read.
#pragma once

#include <expected>

#include "foreign/der.hpp"
#include "foreign/openssl_id.hpp"
#include "session/flaw.hpp"
#include "session/state.hpp"

namespace stek::foreign::der {

inline constexpr std::uint64_t latest = (std::uint64_t{1} << 40U) - 1;
inline constexpr std::uint64_t any_u32 = 0xffffffff;
inline constexpr std::uint64_t any_int = 0x7fffffff;

/// How a type lies in an OCTET STRING. As in a state, unless said otherwise.
template <class V>
struct Octets : wire::Varying<V> {};

template <>
struct Octets<OpensslId> {
  static constexpr std::size_t min = 0;
  static constexpr std::size_t max = OpensslId::max_size;
  static std::size_t size(const OpensslId& id) noexcept { return id.bytes().size(); }
  static void put(wire::Writer& out, const OpensslId& id) noexcept { out.bytes(id.bytes()); }
  static bool get(Bytes bytes, OpensslId& id) noexcept {
    const auto read = OpensslId::from(bytes);
    if (read) id = *read;
    return read.has_value();
  }
};

template <>
struct Octets<SessionSecret> {
  static constexpr std::size_t min = 1;
  static constexpr std::size_t max = SessionSecret::max_size;
  static std::size_t size(const SessionSecret& secret) noexcept { return secret.size(); }
  static void put(wire::Writer& out, const SessionSecret& secret) noexcept {
    out.bytes(secret.expose());
  }
  static bool get(Bytes bytes, SessionSecret& secret) noexcept {
    secret.assign(bytes);
    return true;
  }
};

template <>
struct Octets<std::vector<std::byte>> {
  static constexpr std::size_t min = 1;
  static constexpr std::size_t max = 0xffff;
  static std::size_t size(const std::vector<std::byte>& bytes) noexcept { return bytes.size(); }
  static void put(wire::Writer& out, const std::vector<std::byte>& bytes) noexcept {
    out.bytes(bytes);
  }
  static bool get(Bytes bytes, std::vector<std::byte>& read) {
    read.assign(bytes.begin(), bytes.end());
    return true;
  }
};

using wire::make_in;
using wire::value_in;

template <class V>
const V* value_in(const V& member) noexcept {
  return &member;
}
template <class V>
V& make_in(V& member) noexcept {
  return member;
}

template <class M>
std::uint64_t number_in(const M& member) noexcept {
  return static_cast<std::uint64_t>(member);
}
inline std::uint64_t number_in(const std::optional<std::uint32_t>& member) noexcept {
  return member.value_or(0);
}
inline std::uint64_t number_in(const Seconds& member) noexcept {
  return static_cast<std::uint64_t>(member.count());
}
inline std::uint64_t number_in(const Instant& member) noexcept {
  return number_in(member.time_since_epoch());
}

template <class M>
void set_number(M& member, std::uint64_t n) noexcept {
  member = static_cast<M>(n);
}
inline void set_number(std::optional<std::uint32_t>& member, std::uint64_t n) noexcept {
  member = static_cast<std::uint32_t>(n);
}
inline void set_number(Instant& member, std::uint64_t n) noexcept {
  member = Instant(Seconds(n));
}

/// A member of the Session, or of what is beside it.
template <auto member>
auto& in(auto& record) noexcept {
  if constexpr (std::is_same_v<wire::RecordOf<member>, Session>) {
    return record.session.*member;
  } else {
    return record.*member;
  }
}

template <std::uint64_t value>
struct Constant {
  static constexpr Tag tag = Tag::integer;

  static bool fits(const auto& /*record*/) noexcept { return true; }
  static std::size_t size(const auto& /*record*/) noexcept { return integer_size(value); }
  static void put(wire::Writer& out, const auto& /*record*/) noexcept { put_integer(out, value); }
  static bool get(wire::Reader& reader, auto& /*record*/) noexcept {
    return get_integer(reader) == value;
  }
};

enum class Zero : bool { left_out, written };

/// Up to `max`.
template <auto member, std::uint64_t max, Zero zero = Zero::left_out>
struct Integer {
  static constexpr Tag tag = Tag::integer;

  static std::uint64_t value(const auto& record) noexcept { return number_in(in<member>(record)); }
  static bool fits(const auto& record) noexcept { return value(record) <= max; }
  static std::size_t size(const auto& record) noexcept {
    return is_written(record) ? integer_size(value(record)) : 0;
  }
  static void put(wire::Writer& out, const auto& record) noexcept {
    if (is_written(record)) put_integer(out, value(record));
  }
  static bool get(wire::Reader& reader, auto& record) noexcept {
    const auto n = get_integer(reader);
    if (!n || *n > max) return false;
    set_number(in<member>(record), *n);
    return true;
  }

 private:
  static bool is_written(const auto& record) noexcept {
    return zero == Zero::written || value(record) != 0;
  }
};

template <auto member, class V = wire::TypeOf<member>>
struct OctetString {
  using Codec = Octets<V>;
  static constexpr Tag tag = Tag::octet_string;

  static bool fits(const auto& record) noexcept {
    const V* value = value_in<V>(in<member>(record));
    return value == nullptr || is_in_range(Codec::size(*value));
  }
  static std::size_t size(const auto& record) noexcept {
    const V* value = value_in<V>(in<member>(record));
    return value == nullptr ? 0 : element_size(Codec::size(*value));
  }
  static void put(wire::Writer& out, const auto& record) noexcept {
    const V* value = value_in<V>(in<member>(record));
    if (value == nullptr) return;
    put_head(out, tag, Codec::size(*value));
    Codec::put(out, *value);
  }
  static bool get(wire::Reader& reader, auto& record) {
    const auto bytes = der::get(reader, tag);
    if (!bytes || !is_in_range(bytes->size())) return false;
    return Codec::get(*bytes, make_in<V>(in<member>(record)));
  }

 private:
  static bool is_in_range(std::size_t size) noexcept {
    return size >= Codec::min && size <= Codec::max;
  }
};

/// The next element, whole.
inline std::optional<Bytes> get_certificate(wire::Reader& reader) noexcept {
  const Bytes all = reader.rest();
  if (!get(reader, Tag::sequence)) return std::nullopt;
  return all.first(all.size() - reader.rest().size());
}

inline bool is_certificate(Bytes bytes) noexcept {
  wire::Reader reader(bytes);
  return bytes.size() <= wire::largest_value && get_certificate(reader) && reader.done();
}

/// The first of a chain: an element in itself.
template <auto member>
struct Certificate {
  static constexpr Tag tag = Tag::sequence;

  static bool fits(const auto& record) noexcept {
    const auto* chain = value_in<CertificateChain>(in<member>(record));
    return chain == nullptr || is_certificate(first_of(chain));
  }
  static std::size_t size(const auto& record) noexcept {
    return first_of(value_in<CertificateChain>(in<member>(record))).size();
  }
  static void put(wire::Writer& out, const auto& record) noexcept {
    out.bytes(first_of(value_in<CertificateChain>(in<member>(record))));
  }
  static bool get(wire::Reader& reader, auto& record) {
    const auto certificate = get_certificate(reader);
    if (!certificate) return false;
    in<member>(record) = CertificateChain{{{certificate->begin(), certificate->end()}}};
    return true;
  }

 private:
  static Bytes first_of(const CertificateChain* chain) noexcept {
    return chain == nullptr || chain->certificates.empty() ? Bytes() : chain->certificates.front();
  }
};

/// Of the key exchange; zero for none.
template <Zero zero>
struct NamedGroup {
  static bool fits(const auto& /*record*/) noexcept { return true; }
  static std::size_t size(const auto& record) noexcept {
    return is_written(record) ? integer_size(value(record)) : 0;
  }
  static void put(wire::Writer& out, const auto& record) noexcept {
    if (is_written(record)) put_integer(out, value(record));
  }
  static bool get(wire::Reader& reader, auto& record) noexcept {
    const auto n = get_integer(reader);
    if (!n || *n > 0xffff) return false;
    if (*n != 0) record.session.extras.emplace().named_group = static_cast<std::uint16_t>(*n);
    return true;
  }

 private:
  static std::uint64_t value(const auto& record) noexcept {
    const auto& extras = record.session.extras;
    return extras ? extras->named_group.value_or(0) : 0;
  }
  static bool is_written(const auto& record) noexcept {
    return zero == Zero::written || value(record) != 0;
  }
};

template <unsigned number, class Part>
struct Explicit {
  static constexpr Tag tag = explicit_tag(number);

  static bool fits(const auto& record) noexcept { return Part::fits(record); }
  static std::size_t size(const auto& record) noexcept {
    const std::size_t inner = Part::size(record);
    return inner == 0 ? 0 : element_size(inner);
  }
  static void put(wire::Writer& out, const auto& record) noexcept {
    const std::size_t inner = Part::size(record);
    if (inner != 0) put_head(out, tag, inner);
    Part::put(out, record);
  }
  static bool get(wire::Reader& reader, auto& record) {
    const auto contents = der::get(reader, tag);
    if (!contents) return false;
    wire::Reader inner(*contents);
    // What would not be written is not read.
    return Part::get(inner, record) && inner.done() && Part::size(record) != 0;
  }
};

/// Read past; never written.
template <unsigned number>
struct Skipped {
  static constexpr Tag tag = explicit_tag(number);

  static std::size_t size(const auto& /*record*/) noexcept { return 0; }
  static bool get(wire::Reader& reader, auto& /*record*/) noexcept {
    return der::get(reader, tag).has_value();
  }
};

template <class... Parts>
struct Sequence {
  static bool fits(const auto& record) noexcept { return (Parts::fits(record) && ...); }
  static std::size_t size(const auto& record) noexcept {
    return element_size(contents_size(record));
  }
  static void put(wire::Writer& out, const auto& record) noexcept {
    put_head(out, Tag::sequence, contents_size(record));
    (Parts::put(out, record), ...);
  }
  static bool get(wire::Reader& reader, auto& record) {
    const auto contents = der::get(reader, Tag::sequence);
    if (!contents) return false;
    wire::Reader inner(*contents);
    return (get_part<Parts>(inner, record) && ...) && inner.done();
  }

 private:
  static std::size_t contents_size(const auto& record) noexcept {
    return (Parts::size(record) + ...);
  }
  /// Absent may be what would not be written.
  template <class Part>
  static bool get_part(wire::Reader& reader, auto& record) {
    if (!next_is(reader, Part::tag)) return Part::size(record) == 0;
    return Part::get(reader, record);
  }
};

/// What DER leaves out and a Session says.
inline void complete(Session& session) noexcept {
  const bool dtls = static_cast<std::uint16_t>(session.version) >> 8U == 0xfe;
  session.transport = dtls ? Transport::dtls : Transport::tls;
  if (is_tls13(session.version) && !session.max_early_data_size) session.max_early_data_size = 0;
}

template <class Description>
bool is_valid(const auto& record) noexcept {
  return !flaw_of_parameters(record.session) && Description::fits(record);
}

template <class Description>
std::expected<std::size_t, Error> encode(Room room, const auto& record) noexcept {
  if (!is_valid<Description>(record)) return std::unexpected(Error::invalid_session);
  const std::size_t size = Description::size(record);
  if (size > room.size()) return std::unexpected(Error::room_too_small);
  wire::Writer writer(room);
  Description::put(writer, record);
  return size;
}

/// False when the bytes are not those of one record. A record that is read may not be valid.
template <class Description>
bool decode(Bytes der, auto& record) {
  wire::Reader reader(der);
  if (!Description::get(reader, record) || !reader.done()) return false;
  complete(record.session);
  return true;
}

}  // namespace stek::foreign::der
