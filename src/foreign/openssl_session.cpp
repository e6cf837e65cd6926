#include "foreign/openssl_session.hpp"

#include "foreign/der.hpp"
#include "session/flaw.hpp"
#include "session/state.hpp"

namespace stek::foreign {
namespace {

using der::Tag;
using wire::make_in;
using wire::Reader;
using wire::value_in;
using wire::Writer;

/// How a type lies in an OCTET STRING. As in a state, unless said otherwise.
template <class V>
struct Octets : wire::Varying<V> {};

template <>
struct Octets<OpensslId> {
  static constexpr std::size_t min = 0;
  static constexpr std::size_t max = OpensslId::max_size;
  static std::size_t size(const OpensslId& id) noexcept { return id.bytes().size(); }
  static void put(Writer& out, const OpensslId& id) noexcept { out.bytes(id.bytes()); }
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
  static void put(Writer& out, const SessionSecret& secret) noexcept { out.bytes(secret.expose()); }
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
  static void put(Writer& out, const std::vector<std::byte>& bytes) noexcept { out.bytes(bytes); }
  static bool get(Bytes bytes, std::vector<std::byte>& read) {
    read.assign(bytes.begin(), bytes.end());
    return true;
  }
};

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
std::uint64_t number_in(const std::optional<std::uint32_t>& member) noexcept {
  return member.value_or(0);
}
std::uint64_t number_in(const Seconds& member) noexcept {
  return static_cast<std::uint64_t>(member.count());
}
std::uint64_t number_in(const Instant& member) noexcept {
  return number_in(member.time_since_epoch());
}

template <class M>
void set_number(M& member, std::uint64_t n) noexcept {
  member = static_cast<M>(n);
}
void set_number(std::optional<std::uint32_t>& member, std::uint64_t n) noexcept {
  member = static_cast<std::uint32_t>(n);
}
void set_number(Instant& member, std::uint64_t n) noexcept {
  member = Instant(Seconds(n));
}

/// A member of the Session, or of what is beside it.
template <auto member>
auto& in(auto& session) noexcept {
  if constexpr (std::is_same_v<wire::RecordOf<member>, Session>) {
    return session.session.*member;
  } else {
    return session.*member;
  }
}

// The parts of a description, each an element: whether its value is in its range, its size, which
// is zero where there is nothing to write, and how it is written and read.

template <std::uint64_t value>
struct Constant {
  static constexpr Tag tag = Tag::integer;

  static bool fits(const OpensslSession& /*session*/) noexcept { return true; }
  static std::size_t size(const OpensslSession& /*session*/) noexcept {
    return der::integer_size(value);
  }
  static void put(Writer& out, const OpensslSession& /*session*/) noexcept {
    der::put_integer(out, value);
  }
  static bool get(Reader& reader, OpensslSession& /*session*/) noexcept {
    return der::get_integer(reader) == value;
  }
};

/// Up to `max`; zero is not written.
template <auto member, std::uint64_t max>
struct Integer {
  static constexpr Tag tag = Tag::integer;

  static std::uint64_t value(const OpensslSession& session) noexcept {
    return number_in(in<member>(session));
  }
  static bool fits(const OpensslSession& session) noexcept { return value(session) <= max; }
  static std::size_t size(const OpensslSession& session) noexcept {
    const std::uint64_t n = value(session);
    return n == 0 ? 0 : der::integer_size(n);
  }
  static void put(Writer& out, const OpensslSession& session) noexcept {
    if (value(session) != 0) der::put_integer(out, value(session));
  }
  static bool get(Reader& reader, OpensslSession& session) noexcept {
    const auto n = der::get_integer(reader);
    if (!n || *n > max) return false;
    set_number(in<member>(session), *n);
    return true;
  }
};

template <auto member, class V = wire::TypeOf<member>>
struct OctetString {
  using Codec = Octets<V>;
  static constexpr Tag tag = Tag::octet_string;

  static bool fits(const OpensslSession& session) noexcept {
    const V* value = value_in<V>(in<member>(session));
    return value == nullptr || fits(Codec::size(*value));
  }
  static std::size_t size(const OpensslSession& session) noexcept {
    const V* value = value_in<V>(in<member>(session));
    return value == nullptr ? 0 : der::element_size(Codec::size(*value));
  }
  static void put(Writer& out, const OpensslSession& session) noexcept {
    const V* value = value_in<V>(in<member>(session));
    if (value == nullptr) return;
    der::put_head(out, tag, Codec::size(*value));
    Codec::put(out, *value);
  }
  static bool get(Reader& reader, OpensslSession& session) {
    const auto bytes = der::get(reader, tag);
    if (!bytes || !fits(bytes->size())) return false;
    return Codec::get(*bytes, make_in<V>(in<member>(session)));
  }

 private:
  static bool fits(std::size_t size) noexcept { return size >= Codec::min && size <= Codec::max; }
};

/// The first of a chain: an element in itself.
template <auto member>
struct Certificate {
  static constexpr Tag tag = Tag::sequence;

  static bool fits(const OpensslSession& session) noexcept {
    const auto* chain = value_in<CertificateChain>(in<member>(session));
    Reader reader(first_of(chain));
    return chain == nullptr ||
           (size(session) <= wire::largest_value && der::get(reader, tag) && reader.done());
  }
  static std::size_t size(const OpensslSession& session) noexcept {
    return first_of(value_in<CertificateChain>(in<member>(session))).size();
  }
  static void put(Writer& out, const OpensslSession& session) noexcept {
    out.bytes(first_of(value_in<CertificateChain>(in<member>(session))));
  }
  static bool get(Reader& reader, OpensslSession& session) {
    const Bytes all = reader.rest();
    if (!der::get(reader, tag)) return false;
    const Bytes certificate = all.first(all.size() - reader.rest().size());
    in<member>(session) = CertificateChain{{{certificate.begin(), certificate.end()}}};
    return true;
  }

 private:
  static Bytes first_of(const CertificateChain* chain) noexcept {
    return chain == nullptr || chain->certificates.empty() ? Bytes() : chain->certificates.front();
  }
};

struct KexGroup {
  static std::uint64_t value(const OpensslSession& session) noexcept {
    const auto& extras = session.session.extras;
    return extras ? extras->named_group.value_or(0) : 0;
  }
  static bool fits(const OpensslSession& /*session*/) noexcept { return true; }
  static std::size_t size(const OpensslSession& session) noexcept {
    if (session.release == OpensslRelease::v1_1_1) return 0;
    return der::integer_size(value(session));
  }
  static void put(Writer& out, const OpensslSession& session) noexcept {
    if (session.release == OpensslRelease::v3_0) der::put_integer(out, value(session));
  }
  static bool get(Reader& reader, OpensslSession& session) noexcept {
    const auto n = der::get_integer(reader);
    if (!n || *n > 0xffff) return false;
    session.release = OpensslRelease::v3_0;
    if (*n != 0) session.session.extras.emplace().named_group = static_cast<std::uint16_t>(*n);
    return true;
  }
};

template <unsigned number, class Part>
struct Explicit {
  static constexpr Tag tag = der::explicit_tag(number);

  static bool fits(const OpensslSession& session) noexcept { return Part::fits(session); }
  static std::size_t size(const OpensslSession& session) noexcept {
    const std::size_t inner = Part::size(session);
    return inner == 0 ? 0 : der::element_size(inner);
  }
  static void put(Writer& out, const OpensslSession& session) noexcept {
    const std::size_t inner = Part::size(session);
    if (inner != 0) der::put_head(out, tag, inner);
    Part::put(out, session);
  }
  static bool get(Reader& reader, OpensslSession& session) {
    const auto contents = der::get(reader, tag);
    if (!contents) return false;
    Reader inner(*contents);
    // A zero would not be written, and is not read.
    return Part::get(inner, session) && inner.done() && Part::size(session) != 0;
  }
};

/// Read past; never written.
template <unsigned number>
struct Skipped {
  static constexpr Tag tag = der::explicit_tag(number);

  static std::size_t size(const OpensslSession& /*session*/) noexcept { return 0; }
  static bool get(Reader& reader, OpensslSession& /*session*/) noexcept {
    return der::get(reader, tag).has_value();
  }
};

template <class... Parts>
struct Sequence {
  static bool fits(const OpensslSession& session) noexcept { return (Parts::fits(session) && ...); }
  static std::size_t size(const OpensslSession& session) noexcept {
    return der::element_size(contents_size(session));
  }
  static void put(Writer& out, const OpensslSession& session) noexcept {
    der::put_head(out, Tag::sequence, contents_size(session));
    (Parts::put(out, session), ...);
  }
  static bool get(Reader& reader, OpensslSession& session) {
    const auto contents = der::get(reader, Tag::sequence);
    if (!contents) return false;
    Reader inner(*contents);
    return (get_part<Parts>(inner, session) && ...) && inner.done();
  }

 private:
  static std::size_t contents_size(const OpensslSession& session) noexcept {
    return (Parts::size(session) + ...);
  }
  /// Absent may be what would not be written.
  template <class Part>
  static bool get_part(Reader& reader, OpensslSession& session) {
    if (!der::next_is(reader, Part::tag)) return Part::size(session) == 0;
    return Part::get(reader, session);
  }
};

constexpr std::uint64_t latest = (std::uint64_t{1} << 40U) - 1;
constexpr std::uint64_t any_u32 = 0xffffffff;
constexpr std::uint64_t any_int = 0x7fffffff;

template <class HostnamePart>
using SslSessionWith = Sequence<                                           // SSL_SESSION
    Constant<1>,                                                           // version
    Integer<&Session::version, 0xffff>,                                    // ssl_version
    OctetString<&Session::cipher_suite>,                                   // cipher
    OctetString<&OpensslSession::session_id>,                              // session_id
    OctetString<&Session::secret>,                                         // master_key
    Explicit<1, Integer<&Session::issued_at, latest>>,                     // time
    Explicit<2, Integer<&Session::lifetime, any_u32>>,                     // timeout
    Explicit<3, Certificate<&Session::client_identity>>,                   // peer
    Explicit<4, OctetString<&OpensslSession::session_id_context>>,         // session_id_context
    Explicit<5, Integer<&OpensslSession::verify_result, any_int>>,         // verify_result
    HostnamePart,                                                          // hostname
    Explicit<9, Integer<&OpensslSession::ticket_lifetime_hint, any_u32>>,  // ticket_lifetime_hint
    Explicit<10, OctetString<&OpensslSession::ticket>>,                    // ticket
    Explicit<13, Integer<&Session::extended_master_secret, 1>>,            // flags
    Explicit<14, Integer<&Session::ticket_age_add, any_u32>>,              // ticket_age_add
    Explicit<15, Integer<&Session::max_early_data_size, any_u32>>,         // max_early_data
    Explicit<16, OctetString<&Session::alpn, ProtocolName>>,               // alpn_selected
    Explicit<17, Integer<&Session::max_fragment_length, 4>>,               // max_fragment_length
    Explicit<18, OctetString<&Session::application_data, SecretBytes>>,    // ticket_appdata
    Explicit<19, KexGroup>>;                                               // kex_group

using SslSession = SslSessionWith<Explicit<6, OctetString<&Session::server_name, HostName>>>;
using SslSessionOfAnyHostname = SslSessionWith<Skipped<6>>;

bool has_no_place(const Session& session) noexcept {
  return session.transport == Transport::quic ||
         std::holds_alternative<ClientIdentityHash>(session.client_identity);
}

bool is_valid(const OpensslSession& session) noexcept {
  return !flaw_of_parameters(session.session) && SslSession::fits(session);
}

/// What DER leaves out and a Session says.
void complete(Session& session) noexcept {
  const bool dtls = static_cast<std::uint16_t>(session.version) >> 8U == 0xfe;
  session.transport = dtls ? Transport::dtls : Transport::tls;
  if (!is_tls13(session.version)) return;
  session.ticket_age_add = session.ticket_age_add.value_or(0);
  session.max_early_data_size = session.max_early_data_size.value_or(0);
}

}  // namespace

std::optional<OpensslId> OpensslId::from(Bytes bytes) noexcept {
  if (bytes.size() > max_size) return std::nullopt;
  OpensslId id;
  std::ranges::copy(bytes, id.bytes_.begin());
  id.size_ = static_cast<std::uint8_t>(bytes.size());
  return id;
}

std::size_t size_of(const OpensslSession& session) noexcept {
  return SslSession::size(session);
}

std::expected<std::size_t, Error> encode_openssl_session(Room room,
                                                         const OpensslSession& session) noexcept {
  if (has_no_place(session.session)) return std::unexpected(Error::unsuitable);
  if (!is_valid(session)) return std::unexpected(Error::invalid_session);
  const std::size_t size = size_of(session);
  if (size > room.size()) return std::unexpected(Error::room_too_small);
  Writer writer(room);
  SslSession::put(writer, session);
  return size;
}

std::expected<OpensslSession, Error> decode_openssl_session(Bytes der, Hostname hostname) noexcept
    try {
  OpensslSession session;
  Reader reader(der);
  const bool read = hostname == Hostname::read ? SslSession::get(reader, session)
                                               : SslSessionOfAnyHostname::get(reader, session);
  if (!read || !reader.done()) return std::unexpected(Error::malformed);
  complete(session.session);
  if (!is_valid(session)) return std::unexpected(Error::invalid_session);
  return session;
} catch (const std::bad_alloc&) {
  return std::unexpected(Error::no_memory);
}

}  // namespace stek::foreign
