#include "hello.hpp"

#include <charconv>

#include "input.hpp"
#include "session/json.hpp"
#include "session/suites.hpp"
#include "wire/json.hpp"

namespace stek {
namespace {

std::string_view text_in(const wire::Json& json) {
  return json.is_string() ? std::string_view(json.get_ref<const wire::SecretText&>())
                          : std::string_view();
}

/// 49199 or "0xc02f".
std::optional<std::uint16_t> number16_in(const wire::Json& json) {
  std::uint16_t n = 0;
  if (json.is_number()) {
    return wire::JsonForm<std::uint16_t>::get(json, n) ? std::optional(n) : std::nullopt;
  }
  const std::string_view text = text_in(json);
  if (!text.starts_with("0x")) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), n, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::optional<ProtocolVersion> version_in(const wire::Json& json) {
  using enum ProtocolVersion;
  for (const auto version : {tls1_0, tls1_1, tls1_2, tls1_3, dtls1_0, dtls1_2, dtls1_3}) {
    if (text_in(json) == name_of(version)) return version;
  }
  const auto n = number16_in(json);
  return n ? std::optional(static_cast<ProtocolVersion>(*n)) : std::nullopt;
}

std::optional<CipherSuite> suite_in(const wire::Json& json) {
  if (const auto named = suite_named(text_in(json))) return named;
  const auto n = number16_in(json);
  return n ? std::optional(static_cast<CipherSuite>(*n)) : std::nullopt;
}

std::optional<std::uint8_t> byte_in(const wire::Json& json) {
  std::uint8_t n = 0;
  return wire::JsonForm<std::uint8_t>::get(json, n) ? std::optional(n) : std::nullopt;
}

template <class T>
bool list_in(const wire::Json& json, std::vector<T>& list,
             std::optional<T> (*one)(const wire::Json&)) {
  if (!json.is_array()) return false;
  for (const wire::Json& element : json) {
    const auto value = one(element);
    if (!value) return false;
    list.push_back(*value);
  }
  return true;
}

struct HelloVersion {
  ProtocolVersion value{};
};
struct HelloTransport {
  Transport value = Transport::tls;
};

}  // namespace

namespace wire {

template <>
struct JsonForm<HelloVersion> {
  static constexpr std::string_view expects = R"(a version, such as "TLS 1.2" or "0x0303")";
  static bool get(const Json& json, HelloVersion& version) {
    const auto found = version_in(json);
    version.value = found.value_or(ProtocolVersion::none);
    return found.has_value();
  }
};

template <>
struct JsonForm<HelloTransport> {
  static constexpr std::string_view expects = R"("tls", "dtls" or "quic")";
  static bool get(const Json& json, HelloTransport& transport) {
    const std::string_view text = text_in(json);
    if (text == "tls") transport.value = Transport::tls;
    if (text == "dtls") transport.value = Transport::dtls;
    if (text == "quic") transport.value = Transport::quic;
    return text == "tls" || text == "dtls" || text == "quic";
  }
};

template <>
struct JsonForm<std::vector<ProtocolVersion>> {
  static constexpr std::string_view expects = "a list of versions, such as [\"TLS 1.2\"]";
  static bool get(const Json& json, std::vector<ProtocolVersion>& list) {
    return list_in(json, list, version_in);
  }
};

template <>
struct JsonForm<std::vector<CipherSuite>> {
  static constexpr std::string_view expects =
      "a list of cipher suites by IANA's name or by number, such as [\"0xc02f\"]";
  static bool get(const Json& json, std::vector<CipherSuite>& list) {
    return list_in(json, list, suite_in);
  }
};

template <>
struct JsonForm<std::vector<std::uint8_t>> {
  static constexpr std::string_view expects = "a list of numbers, 0 to 255";
  static bool get(const Json& json, std::vector<std::uint8_t>& list) {
    list.clear();
    return list_in(json, list, byte_in);
  }
};

template <>
struct JsonForm<std::vector<std::byte>> {
  static constexpr std::string_view expects = "bytes in hex";
  static bool get(const Json& json, std::vector<std::byte>& bytes) {
    bytes.resize(text_in(json).size() / 2);
    return json.is_string() && from_hex(bytes, text_in(json));
  }
};

template <class T>
struct JsonForm<std::optional<T>> {
  static constexpr std::string_view expects = JsonForm<T>::expects;
  static bool get(const Json& json, std::optional<T>& value) {
    return JsonForm<T>::get(json, value.emplace());
  }
};

template <>
struct JsonForm<std::optional<HostName>> {
  static constexpr std::string_view expects = "a host name of 1 to 255 printable characters";
  static bool get(const Json& json, std::optional<HostName>& name) {
    name = HostName::from(text_in(json));
    return name.has_value();
  }
};

}  // namespace wire

namespace {

std::optional<Failure> take_fields(wire::Json& json, ClientHello& hello) {
  if (!json.is_object()) return wire::detail::misplaced("hello: /", "expected an object");
  using enum wire::Presence;
  wire::detail::ObjectReader in{.object = json, .place = "hello: ", .failure = std::nullopt};
  HelloTransport transport;
  HelloVersion legacy_version;
  in.take("transport", transport, optional);
  in.take("legacy_version", legacy_version, required);
  in.take("supported_versions", hello.supported_versions, optional);
  in.take("cipher_suites", hello.cipher_suites, required);
  in.take("compression_methods", hello.compression_methods, optional);
  in.take("server_name", hello.server_name, optional);
  in.take("extended_master_secret", hello.extended_master_secret, optional);
  in.take("encrypt_then_mac", hello.encrypt_then_mac, optional);
  in.take("max_fragment_length", hello.max_fragment_length, optional);
  in.take("session_ticket", hello.session_ticket, optional);
  in.take("session_id", hello.session_id, optional);
  in.take("psk_key_exchange_modes", hello.psk_key_exchange_modes, optional);
  in.take("pre_shared_key", hello.pre_shared_key, optional);
  in.take("key_share", hello.key_share, optional);
  in.take("fallback", hello.fallback, optional);
  hello.transport = transport.value;
  hello.legacy_version = legacy_version.value;
  return in.failure ? in.failure : wire::refuse_leftovers(json, "hello: /");
}

}  // namespace

std::expected<ClientHello, Failure> hello_from_json(std::string_view text) {
  auto json = wire::parse_json(text, "hello");
  if (!json) return std::unexpected(std::move(json.error()));
  ClientHello hello;
  hello.compression_methods = {0};
  if (auto failure = take_fields(*json, hello)) {
    failure->hint = "'stek ticket resume --help' has the fields of a hello";
    return std::unexpected(*std::move(failure));
  }
  return hello;
}

namespace tool {

std::expected<ClientHello, Complaint> read_hello(const std::string& name) {
  const auto bytes = read_all(name, "hello");
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->starts_with('{')) {
    auto hello = hello_from_json(*bytes);
    if (!hello) return complain(std::move(hello.error()));
    return *std::move(hello);
  }
  auto hello = parse_client_hello(std::as_bytes(std::span(*bytes)));
  if (!hello) {
    return complain(Exit::failure, "hello: neither JSON nor one whole ClientHello",
                    "as bytes it begins with the handshake header 01, without a record header");
  }
  return *std::move(hello);
}

namespace {

ProtocolVersion legacy_version_of(const Session& session) noexcept {
  if (!is_tls13(session.version)) return session.version;
  return session.transport == Transport::dtls ? ProtocolVersion::dtls1_2 : ProtocolVersion::tls1_2;
}

}  // namespace

ClientHello hello_offering(const Session& session) {
  ClientHello hello;
  hello.transport = session.transport;
  hello.legacy_version = legacy_version_of(session);
  hello.cipher_suites = {session.cipher_suite};
  hello.compression_methods = {session.compression_method};
  if (const auto* name = std::get_if<HostName>(&session.server_name)) hello.server_name = *name;
  hello.extended_master_secret = session.extended_master_secret;
  hello.encrypt_then_mac = session.encrypt_then_mac;
  if (session.max_fragment_length != MaxFragmentLength::unlimited) {
    hello.max_fragment_length = static_cast<std::uint8_t>(session.max_fragment_length);
  }
  if (is_tls13(session.version)) {
    hello.supported_versions = {session.version};
    hello.psk_key_exchange_modes = {1};
    hello.pre_shared_key = true;
    hello.key_share = true;
  }
  return hello;
}

}  // namespace tool
}  // namespace stek
