// A ClientHello, as bytes and as JSON, and the verdicts on whatever parses: pure, and each in
// itself consistent.
//
// An input's first byte chooses the form. The header of a message has its length, which no mutation
// would meet, so in one form it is put in front.
#include <stek/resumption.hpp>

#include "fuzz/fuzz.hpp"
#include "fuzz/keys.hpp"
#include "fuzz/quoting.hpp"
#include "random_sessions.hpp"
#include "resumption/json.hpp"

namespace stek::fuzz {
namespace {

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<ClientHello> from_message(Bytes message) {
  auto hello = parse_client_hello(message);
  if (!hello) return std::nullopt;
  return std::move(*hello);
}

std::optional<ClientHello> from_body(Bytes body) {
  std::vector<std::byte> message(4 + body.size());
  wire::Writer out(message);
  out.number(std::uint8_t{1});
  out.number(static_cast<std::uint8_t>(body.size() >> 16U));
  out.number(static_cast<std::uint16_t>(body.size()));
  out.bytes(body);
  return from_message(message);
}

std::string refusal_of(std::string_view text) {
  const auto hello = hello_from_json(text);
  return hello ? "" : hello.error().message + "\n" + hello.error().hint;
}

std::optional<ClientHello> from_json(std::string_view text) {
  auto hello = hello_from_json(text);
  if (hello) return std::move(*hello);
  check(!hello.error().message.empty(), "a refusal says why");
  check(!quotes(text, refusal_of), "a refusal does not quote the text");
  return std::nullopt;
}

std::optional<ClientHello> hello_from(std::uint8_t form, Bytes bytes) {
  switch (form % 3) {
    case 0:
      return from_message(bytes);
    case 1:
      return from_body(bytes);
    default:
      return from_json(text_of(bytes));
  }
}

Session stamped(Session session) {
  session.issued_at = session.authenticated_at = now - Seconds(100);
  session.lifetime = std::chrono::hours(12);
  return session;
}

std::vector<Session> sessions() {
  std::vector<Session> made;
  made.push_back(stamped(test::typical_session()));
  made.push_back(stamped(test::typical_tls13_session()));
  Session cbc = stamped(test::typical_session());
  cbc.cipher_suite = CipherSuite{0xc009};
  cbc.encrypt_then_mac = true;
  cbc.extended_master_secret = false;
  cbc.server_name = hash_of(HostName::from("shop.example").value());
  made.push_back(std::move(cbc));
  Session dtls = stamped(test::typical_session());
  dtls.transport = Transport::dtls;
  dtls.version = ProtocolVersion::dtls1_2;
  dtls.server_name = std::monostate{};
  dtls.max_fragment_length = MaxFragmentLength::bytes_1024;
  made.push_back(std::move(dtls));
  return made;
}

std::vector<Policy> policies() {
  return {Policy{}, Policy{.min_version = ProtocolVersion::tls1_0,
                           .cipher_suites = {CipherSuite{0xc009}, CipherSuite{0x1301}},
                           .application_protocols = {{"h2"}},
                           .legacy_ems = LegacyEms::resume,
                           .tls13_any_server_name = true,
                           .early_data = true,
                           .early_data_window = std::chrono::hours(24 * 50)}};
}

void check_verdict(const Verdict& verdict) {
  check((verdict.outcome == Outcome::abort) == (verdict.alert != Alert::none),
        "an abort has an alert, and nothing else has one");
  check((verdict.outcome == Outcome::resume) == (verdict.reason == Reason::resumes),
        "what does not resume says why");
  check(verdict.age >= Seconds(0), "no age is below zero");
  const bool resumes = verdict.outcome == Outcome::resume;
  check(resumes == (verdict.cipher_suite != CipherSuite::none), "what resumes has a suite");
  check(resumes || verdict.early_data == EarlyData::none, "only what resumes has early data");
  check((verdict.early_data == EarlyData::accept) == verdict.replay_identity.has_value(),
        "accepted early data, and no other, has a replay identity");
}

void decide_all(const ClientHello& hello) {
  static const std::vector<Session> all_sessions = sessions();
  static const std::vector<Policy> all_policies = policies();
  for (const Policy& policy : all_policies) {
    const auto stands_against = decide_hello(hello, policy);
    for (const Session& session : all_sessions) {
      const Verdict verdict = decide(session, hello, policy, now);
      check_verdict(verdict);
      check(!verdict.replay_identity || hello.early_data, "nobody gets early data unasked");
      check(verdict.outcome != Outcome::resume ||
                negotiated_version(hello, policy) == session.version,
            "what resumes, resumes in its version");
      check(verdict == decide(session, hello, policy, now), "a verdict is the same each time");
      check(!stands_against || verdict.reason == stands_against->reason,
            "what stands against the hello stands against every session");
    }
  }
}

}  // namespace

void run(Bytes input) {
  if (input.empty()) return;
  const auto form = std::to_integer<std::uint8_t>(input.front());
  const auto hello = hello_from(form, input.subspan(1));
  if (!hello) return;
  decide_all(*hello);
  check(hello_from(form, input.subspan(1)).has_value(), "what parses once parses again");
}

}  // namespace stek::fuzz
