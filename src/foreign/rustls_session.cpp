#include "foreign/rustls_session.hpp"

#include "session/flaw.hpp"
#include "session/state.hpp"

namespace stek::foreign {
namespace {

using wire::make_in;
using wire::Reader;
using wire::value_in;
using wire::Writer;

/// A length of three bytes.
struct U24 {};

template <class Length>
struct LengthOf {
  static constexpr std::size_t size = sizeof(Length);
  static void put(Writer& out, std::size_t n) noexcept { out.number(static_cast<Length>(n)); }
  static std::size_t get(Reader& in) noexcept { return in.number<Length>(); }
};
template <>
struct LengthOf<U24> {
  static constexpr std::size_t size = 3;
  static void put(Writer& out, std::size_t n) noexcept {
    out.number(static_cast<std::uint8_t>(n >> 16U));
    out.number(static_cast<std::uint16_t>(n));
  }
  static std::size_t get(Reader& in) noexcept {
    const std::size_t high = in.u8();
    return high << 16U | in.u16();
  }
};

// The parts of the description: whether a value is in its range, its size, and how it is written
// and read. Values lie as they do in a state.

template <auto member>
struct Number {
  using Codec = wire::Fixed<wire::TypeOf<member>>;

  static bool fits(const Session& /*session*/) noexcept { return true; }
  static std::size_t size(const Session& /*session*/) noexcept { return Codec::size; }
  static void put(Writer& out, const Session& session) noexcept {
    Codec::put(out, session.*member);
  }
  static bool get(Reader& in, Session& session) noexcept { return Codec::get(in, session.*member); }
};

template <auto member>
struct Flag {
  static bool fits(const Session& /*session*/) noexcept { return true; }
  static std::size_t size(const Session& /*session*/) noexcept { return 1; }
  static void put(Writer& out, const Session& session) noexcept {
    out.number(static_cast<std::uint8_t>(session.*member ? 1 : 0));
  }
  static bool get(Reader& in, Session& session) noexcept {
    const std::uint8_t flag = in.u8();
    session.*member = flag == 1;
    return flag <= 1;
  }
};

struct Secret {
  static bool fits(const Session& /*session*/) noexcept { return true; }
  static std::size_t size(const Session& session) noexcept { return 1 + session.secret.size(); }
  static void put(Writer& out, const Session& session) noexcept {
    out.number(static_cast<std::uint8_t>(session.secret.size()));
    out.bytes(session.secret.expose());
  }
  static bool get(Reader& in, Session& session) noexcept {
    session.secret.assign(in.vector<std::uint8_t>(1, SessionSecret::max_size));
    return in.ok();
  }
};

/// A value behind its length, where there is one; zero in place of the length where there is none.
template <auto member, class V, class Length>
struct Vector {
  using Codec = wire::Varying<V>;

  static bool fits(const Session& session) noexcept {
    const V* value = value_in<V>(session.*member);
    return value == nullptr || fits(Codec::size(*value));
  }
  static std::size_t size(const Session& session) noexcept {
    const V* value = value_in<V>(session.*member);
    return LengthOf<Length>::size + (value == nullptr ? 0 : Codec::size(*value));
  }
  static void put(Writer& out, const Session& session) noexcept {
    const V* value = value_in<V>(session.*member);
    LengthOf<Length>::put(out, value == nullptr ? 0 : Codec::size(*value));
    if (value != nullptr) Codec::put(out, *value);
  }
  static bool get(Reader& in, Session& session) {
    const std::size_t size = LengthOf<Length>::get(in);
    const Bytes bytes = in.bytes(size);
    if (!in.ok()) return false;
    if (size == 0) return true;
    return fits(size) && Codec::get(bytes, make_in<V>(session.*member));
  }

 private:
  static bool fits(std::size_t size) noexcept { return size >= Codec::min && size <= Codec::max; }
};

/// 1 and a vector, or 0 where there is no value.
template <auto member, class V, class Length>
struct Optional {
  using Value = Vector<member, V, Length>;

  static bool has(const Session& session) noexcept {
    return value_in<V>(session.*member) != nullptr;
  }
  static bool fits(const Session& session) noexcept { return Value::fits(session); }
  static std::size_t size(const Session& session) noexcept {
    return 1 + (has(session) ? Value::size(session) : 0);
  }
  static void put(Writer& out, const Session& session) noexcept {
    out.number(static_cast<std::uint8_t>(has(session) ? 1 : 0));
    if (has(session)) Value::put(out, session);
  }
  static bool get(Reader& in, Session& session) {
    const std::uint8_t flag = in.u8();
    if (flag == 0) return in.ok();
    return flag == 1 && Value::get(in, session) && has(session);
  }
};

struct CreationTime : Number<&Session::issued_at> {
  static bool fits(const Session& session) noexcept {
    constexpr std::int64_t end = std::int64_t{1} << 40U;
    const auto seconds = session.issued_at.time_since_epoch().count();
    return seconds >= 0 && seconds < end;
  }
};

struct AgeObfuscationOffset {
  static bool fits(const Session& /*session*/) noexcept { return true; }
  static std::size_t size(const Session& /*session*/) noexcept { return sizeof(std::uint32_t); }
  static void put(Writer& out, const Session& session) noexcept {
    out.number(session.ticket_age_add.value_or(0));
  }
  static bool get(Reader& in, Session& session) noexcept {
    const auto offset = in.number<std::uint32_t>();
    if (is_tls13(session.version)) session.ticket_age_add = offset;
    return in.ok() && (is_tls13(session.version) || offset == 0);
  }
};

template <class... Parts>
struct Sequence {
  static bool fits(const Session& session) noexcept { return (Parts::fits(session) && ...); }
  static std::size_t size(const Session& session) noexcept { return (Parts::size(session) + ...); }
  static void put(Writer& out, const Session& session) noexcept { (Parts::put(out, session), ...); }
  static bool get(Reader& in, Session& session) { return (Parts::get(in, session) && ...); }
};

using ServerSessionValue =
    Sequence<Optional<&Session::server_name, HostName, std::uint8_t>,         // sni
             Number<&Session::version>,                                       // version
             Number<&Session::cipher_suite>,                                  // cipher_suite
             Secret,                                                          // master_secret
             Flag<&Session::extended_master_secret>,                          // extended_ms
             Optional<&Session::client_identity, CertificateChain, U24>,      // client_cert_chain
             Optional<&Session::alpn, ProtocolName, std::uint8_t>,            // alpn
             Vector<&Session::application_data, SecretBytes, std::uint16_t>,  // application_data
             CreationTime,                                                    // creation_time_sec
             AgeObfuscationOffset>;  // age_obfuscation_offset

/// DEFAULT_CIPHER_SUITES of suites.rs, which are all that there are.
constexpr auto suites = std::to_array<CipherSuite>({
    CipherSuite{0x1301},  // TLS_AES_128_GCM_SHA256
    CipherSuite{0x1302},  // TLS_AES_256_GCM_SHA384
    CipherSuite{0x1303},  // TLS_CHACHA20_POLY1305_SHA256
    CipherSuite{0xc02b},  // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    CipherSuite{0xc02c},  // TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    CipherSuite{0xc02f},  // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    CipherSuite{0xc030},  // TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
    CipherSuite{0xcca8},  // TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    CipherSuite{0xcca9},  // TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
});

std::optional<Error> flaw_in(const Session& session) noexcept {
  if (objection_of_rustls(session)) return Error::unsuitable;
  if (flaw_of_parameters(session) || !ServerSessionValue::fits(session)) {
    return Error::invalid_session;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Reason> objection_of_rustls(const Session& session) noexcept {
  if (session.transport != Transport::tls) return Reason::transport_differs;
  if (session.version != ProtocolVersion::tls1_2 && session.version != ProtocolVersion::tls1_3) {
    return Reason::version_differs;
  }
  if (std::ranges::find(suites, session.cipher_suite) == suites.end()) {
    return Reason::suite_not_enabled;
  }
  if (!std::holds_alternative<std::monostate>(session.client_identity)) {
    return Reason::identity_missing;
  }
  if (std::holds_alternative<HostNameHash>(session.server_name)) {
    return Reason::server_name_differs;
  }
  if (session.max_fragment_length != MaxFragmentLength::unlimited) {
    return Reason::max_fragment_length_differs;
  }
  return std::nullopt;
}

std::size_t rustls_size_of(const Session& session) noexcept {
  return ServerSessionValue::size(session);
}

std::expected<std::size_t, Error> encode_rustls_session(Room room,
                                                        const Session& session) noexcept {
  if (const auto flaw = flaw_in(session)) return std::unexpected(*flaw);
  const std::size_t size = rustls_size_of(session);
  if (size > room.size()) return std::unexpected(Error::room_too_small);
  Writer writer(room);
  ServerSessionValue::put(writer, session);
  return size;
}

std::expected<Session, Error> decode_rustls_session(Bytes bytes) noexcept try {
  Session session;
  Reader reader(bytes);
  if (!ServerSessionValue::get(reader, session) || !reader.done()) {
    return std::unexpected(Error::malformed);
  }
  if (is_tls13(session.version)) session.max_early_data_size = 0;
  if (const auto flaw = flaw_in(session)) return std::unexpected(*flaw);
  return session;
} catch (const std::bad_alloc&) {
  return std::unexpected(Error::no_memory);
}

}  // namespace stek::foreign
