#include "c_api/field.hpp"
#include "c_api/sized.hpp"
#include "c_api/structs.hpp"
#include "session/state.hpp"

namespace stek::c_api {
namespace {

static_assert(STEK_TLS == static_cast<int>(Transport::tls) &&
              STEK_DTLS == static_cast<int>(Transport::dtls) &&
              STEK_QUIC == static_cast<int>(Transport::quic));

using C = stek_session;

/// One that is always there.
template <auto there, auto here>
struct Always {
  static bool get(const C& from, Session& to) noexcept { return c_api::get(from.*there, to.*here); }
  static void put(C& to, const Session& from) noexcept { c_api::put(to.*there, from.*here); }
};

/// One that a flag says is there. `here` is an optional, or a variant of which V is an alternative.
template <auto flag, auto there, auto here, class V>
struct Flagged {
  static bool get(const C& from, Session& to) noexcept {
    if (from.*flag == 0) return true;
    V value{};
    const bool good = !wire::is_set(to.*here) && c_api::get(from.*there, value);
    to.*here = value;
    return good;
  }
  static void put(C& to, const Session& from) noexcept {
    const V* value = wire::value_in<V>(from.*here);
    to.*flag = value == nullptr ? 0 : 1;
    if (value != nullptr) c_api::put(to.*there, *value);
  }
};

struct SecretAndSize {
  static bool get(const C& from, Session& to) noexcept {
    if (from.secret_size > sizeof from.secret) return false;
    to.secret = SessionSecret(std::as_bytes(std::span(from.secret)).first(from.secret_size));
    return true;
  }
  static void put(C& to, const Session& from) noexcept {
    const Bytes secret = from.secret.expose();
    std::ranges::copy(secret, std::as_writable_bytes(std::span(to.secret)).begin());
    to.secret_size = static_cast<std::uint8_t>(secret.size());
  }
};

struct ServerNameText {
  static bool get(const C& from, Session& to) noexcept {
    const std::string_view text(from.server_name,
                                strnlen(from.server_name, sizeof from.server_name));
    if (text.empty()) return true;
    const auto name = text.size() < sizeof from.server_name ? HostName::from(text) : std::nullopt;
    if (!name || wire::is_set(to.server_name)) return false;
    to.server_name = *name;
    return true;
  }
  static void put(C& to, const Session& from) noexcept {
    const auto* name = std::get_if<HostName>(&from.server_name);
    if (name != nullptr) put_text(to.server_name, name->text());
  }
};

struct Alpn {
  static bool get(const C& from, Session& to) {
    const Bytes name = std::as_bytes(std::span(from.alpn)).first(from.alpn_size);
    return name.empty() || wire::Option<&Session::alpn, ProtocolName>::get(name, to);
  }
  static void put(C& to, const Session& from) noexcept {
    if (!from.alpn) return;
    wire::Writer out(std::as_writable_bytes(std::span(to.alpn)));
    wire::Varying<ProtocolName>::put(out, *from.alpn);
    to.alpn_size = static_cast<std::uint8_t>(out.used());
  }
};

// What C has, beside what it is in a Session.
constexpr std::tuple fields{
    Always<&C::version, &Session::version>{},
    Always<&C::cipher_suite, &Session::cipher_suite>{},
    Always<&C::transport, &Session::transport>{},
    Always<&C::extended_master_secret, &Session::extended_master_secret>{},
    Always<&C::encrypt_then_mac, &Session::encrypt_then_mac>{},
    Always<&C::truncated_hmac, &Session::truncated_hmac>{},
    Always<&C::max_fragment_length, &Session::max_fragment_length>{},
    Always<&C::compression_method, &Session::compression_method>{},
    Always<&C::issued_at, &Session::issued_at>{},
    Always<&C::authenticated_at, &Session::authenticated_at>{},
    Always<&C::lifetime, &Session::lifetime>{},
    Always<&C::context, &Session::context>{},
    SecretAndSize{},
    Flagged<&C::has_ticket_age_add, &C::ticket_age_add, &Session::ticket_age_add, std::uint32_t>{},
    Flagged<&C::has_max_early_data_size, &C::max_early_data_size, &Session::max_early_data_size,
            std::uint32_t>{},
    ServerNameText{},
    Flagged<&C::has_server_name_hash, &C::server_name_hash, &Session::server_name, HostNameHash>{},
    Alpn{},
    Flagged<&C::has_client_identity_hash, &C::client_identity_hash, &Session::client_identity,
            ClientIdentityHash>{},
    Flagged<&C::has_identity_expires, &C::identity_expires, &Session::identity_expires, Instant>{},
};

/// Bytes that a pointer leads to, as the state has them in an option.
template <auto pointer, auto size, auto here, class V>
struct Part {
  static bool is_too_large(const C& from) noexcept { return from.*size > wire::Varying<V>::max; }
  static bool get(const C& from, Session& to) {
    if (from.*size == 0) return true;
    if (from.*pointer == nullptr) return false;
    return wire::Option<here, V>::get(std::as_bytes(std::span(from.*pointer, from.*size)), to);
  }
  /// What it takes of a room: nothing when the caller's struct ends before it.
  static std::size_t room(const C& whole, std::size_t given_size, const Session& from) noexcept {
    const V* value = wire::value_in<V>(from.*here);
    const auto end = reinterpret_cast<const std::byte*>(&(whole.*size) + 1) -
                     reinterpret_cast<const std::byte*>(&whole);
    return value == nullptr || given_size < static_cast<std::size_t>(end)
               ? 0
               : wire::Varying<V>::size(*value);
  }
  static void put(C& to, std::size_t given_size, Room& room, const Session& from) noexcept {
    const Room mine = room.first(Part::room(to, given_size, from));
    if (mine.empty()) return;
    wire::Writer out(mine);
    wire::Varying<V>::put(out, *wire::value_in<V>(from.*here));
    to.*pointer = reinterpret_cast<const std::uint8_t*>(mine.data());
    to.*size = mine.size();
    room = room.subspan(mine.size());
  }
};

constexpr std::tuple parts{
    Part<&C::client_chain, &C::client_chain_size, &Session::client_identity, CertificateChain>{},
    Part<&C::application_data, &C::application_data_size, &Session::application_data,
         SecretBytes>{},
    Part<&C::extras, &C::extras_size, &Session::extras, Extras>{},
};

}  // namespace

std::optional<Error> read(const stek_session* given, Session& to) {
  Whole<stek_session> from;
  if (!load(from, given)) return Error::invalid_session;
  if (from->transport == 0) from->transport = STEK_TLS;
  const auto too_large = [&](const auto&... part) { return (part.is_too_large(*from) || ...); };
  if (std::apply(too_large, parts)) return Error::too_large;
  const auto get = [&](const auto&... field) { return (field.get(*from, to) && ...); };
  if (!std::apply(get, fields) || !std::apply(get, parts)) return Error::invalid_session;
  return std::nullopt;
}

std::size_t room_for(const Session& session, const stek_session* given) noexcept {
  constexpr stek_session whole{};
  const auto room = [&](const auto&... part) {
    return (part.room(whole, size_of(given), session) + ...);
  };
  return std::apply(room, parts);
}

void write(stek_session* given, const Session& session, Room room) noexcept {
  Whole<stek_session> to;
  std::apply([&](const auto&... field) { (field.put(*to, session), ...); }, fields);
  std::apply([&](const auto&... part) { (part.put(*to, size_of(given), room, session), ...); },
             parts);
  store(given, to);
}

}  // namespace stek::c_api
