#include "resumption/json.hpp"

#include "session/json.hpp"

namespace stek {
namespace wire {

template <>
struct JsonForm<std::vector<ProtocolVersion>> : JsonList<ProtocolVersion> {
  static constexpr std::string_view expects = "a list of versions, such as [\"TLS 1.2\"]";
};

template <>
struct JsonForm<std::vector<CipherSuite>> : JsonList<CipherSuite> {
  static constexpr std::string_view expects =
      "a list of cipher suites by IANA's name or by number, such as [\"0xc02f\"]";
};

template <>
struct JsonForm<std::vector<ProtocolName>> : JsonList<ProtocolName> {
  static constexpr std::string_view expects = "a list of protocols' names, such as [\"h2\"]";
};

template <>
struct JsonForm<PskIdentity> {
  static bool get(const Json& json, PskIdentity& offered) {
    if (!json.is_object()) return false;
    Json members = json;
    ObjectReader in{.object = members, .place = {}, .failure = std::nullopt};
    in.take("identity", offered.identity, Presence::required);
    in.take("obfuscated_ticket_age", offered.obfuscated_ticket_age, Presence::required);
    return !in.failure && members.empty() && !offered.identity.empty();
  }
};

template <>
struct JsonForm<std::vector<PskIdentity>> : JsonList<PskIdentity> {
  static constexpr std::string_view expects =
      "a list of objects with an identity in hex and an obfuscated_ticket_age";
};

template <class T>
struct JsonForm<std::optional<T>> {
  static constexpr std::string_view expects = JsonForm<T>::expects;
  static bool get(const Json& json, std::optional<T>& value) {
    return JsonForm<T>::get(json, value.emplace());
  }
};

}  // namespace wire

namespace {

std::optional<Failure> take_fields(wire::Json& json, ClientHello& hello) {
  if (!json.is_object()) return wire::misplaced("hello: /", "expected an object");
  using enum wire::Presence;
  wire::ObjectReader in{.object = json, .place = "hello: ", .failure = std::nullopt};
  in.take("transport", hello.transport, optional);
  in.take("legacy_version", hello.legacy_version, required);
  in.take("supported_versions", hello.supported_versions, optional);
  in.take("cipher_suites", hello.cipher_suites, required);
  in.take("compression_methods", hello.compression_methods, optional);
  in.take("session_id", hello.session_id, optional);
  in.take("server_name", hello.server_name, optional);
  in.take("extended_master_secret", hello.extended_master_secret, optional);
  in.take("encrypt_then_mac", hello.encrypt_then_mac, optional);
  in.take("truncated_hmac", hello.truncated_hmac, optional);
  in.take("max_fragment_length", hello.max_fragment_length, optional);
  in.take("session_ticket", hello.session_ticket, optional);
  in.take("application_protocols", hello.application_protocols, optional);
  in.take("supported_groups", hello.supported_groups, optional);
  in.take("signature_algorithms", hello.signature_algorithms, optional);
  in.take("psk_key_exchange_modes", hello.psk_key_exchange_modes, optional);
  in.take("psk_identities", hello.psk_identities, optional);
  in.take("pre_shared_key_last", hello.pre_shared_key_last, optional);
  in.take("key_share", hello.key_share, optional);
  in.take("early_data", hello.early_data, optional);
  in.take("fallback", hello.fallback, optional);
  in.take("secure_renegotiation", hello.secure_renegotiation, optional);
  return in.failure ? in.failure : wire::refuse_leftovers(json, "hello: ");
}

}  // namespace

std::expected<ClientHello, Failure> hello_from_json(std::string_view text) {
  auto json = wire::parse_json(text, "hello");
  if (!json) return std::unexpected(std::move(json.error()));
  return hello_from(*std::move(json));
}

std::expected<ClientHello, Failure> hello_from(wire::Json json) {
  ClientHello hello;
  hello.compression_methods = {0};
  if (auto failure = take_fields(json, hello)) {
    failure->hint = "'stek ticket resume --help' has the fields of a hello";
    return std::unexpected(*std::move(failure));
  }
  return hello;
}

wire::Json to_json(const Verdict& verdict) {
  wire::Json json = {{"outcome", name_of(verdict.outcome)},
                     {"reason", name_of(verdict.reason)},
                     {"text", text_of(verdict.reason)},
                     {"renew", verdict.renew},
                     {"age", verdict.age.count()}};
  if (verdict.outcome == Outcome::abort) json["alert"] = name_of(verdict.alert);
  if (verdict.outcome == Outcome::resume) {
    json["cipher_suite"] = wire::JsonForm<CipherSuite>::put(verdict.cipher_suite);
  } else {
    json["rule"] = rfc_of(verdict.reason);
  }
  if (verdict.early_data != EarlyData::none) json["early_data"] = name_of(verdict.early_data);
  if (verdict.replay_identity) json["replay_identity"] = to_hex(*verdict.replay_identity);
  return json;
}

}  // namespace stek
