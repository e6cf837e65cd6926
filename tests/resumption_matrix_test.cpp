// Every combination of what a session may hold, a hello may say and a policy may want, against a
// second statement of the rules: one that knows only the names of the cases, no session and no
// hello.
#include <stek/resumption.hpp>

#include <map>

#include <doctest/doctest.h>

#include "random_sessions.hpp"

namespace stek {
namespace {

using std::chrono::hours;
using test::noon;

// ---- The cases

enum class Version { tls1_1, tls1_2, dtls1_2, tls1_3 };
enum class Offered { same_version, newer_version, older_version };
enum class OnSides { neither, session, hello, both };  // of the extended master secret, and EtM
enum class Mode { aead, cbc };
enum class Name { same, other_case, other, only_sealed, only_asked, neither_side };
enum class Suite { fine, not_offered, not_enabled };
enum class Where { same_context, other_context };
enum class Identity { none, none_but_required, current, past_its_end };
enum class Age {
  a_second_too_early,
  at_the_skew,
  fresh,
  last_second,
  at_the_end,
  a_second_too_late,
  at_the_cap
};
using Legacy = LegacyEms;

struct Cell {
  Version version;
  Offered offered;
  OnSides ems;
  Legacy legacy;
  Mode mode;
  OnSides etm;
  Name name;
  Suite suite;
  Where where;
  Identity identity;
  Age age;
};

// ---- The rules again, over the names of the cases

struct Expected {
  Outcome outcome;
  Alert alert = Alert::none;
};
constexpr Expected resumes{Outcome::resume};
constexpr Expected falls_back{Outcome::full_handshake};

bool too_old_or_too_new(const Cell& c) {
  switch (c.age) {
    case Age::at_the_skew:
    case Age::fresh:
    case Age::last_second:
      return false;
    case Age::a_second_too_early:
    case Age::at_the_end:
    case Age::a_second_too_late:
    case Age::at_the_cap:
      break;
  }
  return true;
}

Expected expected_of(const Cell& c) {
  const bool tls13 = c.version == Version::tls1_3;
  // The policy of a cell enables every version from the oldest on; only an older hello than that
  // has nothing in common with it.
  if (c.offered == Offered::older_version && c.version == Version::tls1_1) {
    return {Outcome::abort, Alert::protocol_version};
  }
  const bool no_way =
      c.offered != Offered::same_version || too_old_or_too_new(c) ||
      c.identity == Identity::none_but_required || c.identity == Identity::past_its_end ||
      c.where == Where::other_context ||
      (c.name != Name::same && c.name != Name::other_case && c.name != Name::neither_side) ||
      c.suite != Suite::fine;
  if (no_way) return falls_back;
  if (tls13) return resumes;
  if (c.mode == Mode::cbc && (c.etm == OnSides::session || c.etm == OnSides::hello)) {
    return falls_back;
  }
  if (c.ems == OnSides::session) return {Outcome::abort, Alert::handshake_failure};
  if (c.ems == OnSides::hello) return falls_back;
  if (c.ems == OnSides::both || c.legacy == Legacy::resume) return resumes;
  if (c.legacy == Legacy::abort) return {Outcome::abort, Alert::handshake_failure};
  return falls_back;
}

// ---- A session, a hello, a policy and an instant for each

struct Made {
  Session session;
  ClientHello hello;
  Policy policy;
  Instant now;
};

bool in_session(OnSides sides) {
  return sides == OnSides::session || sides == OnSides::both;
}
bool in_hello(OnSides sides) {
  return sides == OnSides::hello || sides == OnSides::both;
}

ProtocolVersion version_of(Version version) {
  switch (version) {
    case Version::tls1_1:
      return ProtocolVersion::tls1_1;
    case Version::tls1_2:
      return ProtocolVersion::tls1_2;
    case Version::dtls1_2:
      return ProtocolVersion::dtls1_2;
    case Version::tls1_3:
      break;
  }
  return ProtocolVersion::tls1_3;
}

ProtocolVersion newer_than(Version version) {
  switch (version) {
    case Version::tls1_1:
      return ProtocolVersion::tls1_2;
    case Version::tls1_2:
      return ProtocolVersion::tls1_3;
    case Version::dtls1_2:
      return ProtocolVersion::dtls1_3;
    case Version::tls1_3:
      break;
  }
  return ProtocolVersion::tls1_3;
}

ProtocolVersion older_than(Version version) {
  switch (version) {
    case Version::tls1_1:
      return ProtocolVersion::tls1_0;
    case Version::tls1_2:
      return ProtocolVersion::tls1_1;
    case Version::dtls1_2:
      return ProtocolVersion::dtls1_0;
    case Version::tls1_3:
      break;
  }
  return ProtocolVersion::tls1_2;
}

bool makes_sense(const Cell& c) {
  const bool tls13 = c.version == Version::tls1_3;
  if (tls13 && c.offered == Offered::newer_version) return false;
  if (tls13 && (in_session(c.ems) || c.mode == Mode::cbc)) return false;
  // Without CBC there is no encrypt-then-MAC to seal.
  return c.mode == Mode::cbc || !in_session(c.etm);
}

CipherSuite suite_of(const Cell& c) {
  if (c.version == Version::tls1_3) return CipherSuite{0x1301};
  return c.mode == Mode::cbc ? CipherSuite{0xc009} : CipherSuite{0xc02b};
}

void make_versions(const Cell& c, Made& made) {
  const bool dtls = c.version == Version::dtls1_2;
  made.session.transport = made.hello.transport = dtls ? Transport::dtls : Transport::tls;
  made.session.version = version_of(c.version);
  ProtocolVersion offered = version_of(c.version);
  if (c.offered == Offered::newer_version) offered = newer_than(c.version);
  if (c.offered == Offered::older_version) offered = older_than(c.version);
  made.hello.legacy_version = dtls ? ProtocolVersion::dtls1_2 : ProtocolVersion::tls1_2;
  made.hello.supported_versions = {{offered}};
  made.policy.min_version = ProtocolVersion::tls1_1;
}

void make_suite(const Cell& c, Made& made) {
  // Of the same kind and of another hash, so that TLS 1.3 has no second suite to resume under.
  const CipherSuite another{c.version == Version::tls1_3 ? std::uint16_t{0x1302}
                                                         : std::uint16_t{0xc02c}};
  made.session.cipher_suite = suite_of(c);
  made.hello.cipher_suites = {another};
  made.policy.cipher_suites = {another};
  if (c.suite != Suite::not_offered) made.hello.cipher_suites.push_back(suite_of(c));
  if (c.suite != Suite::not_enabled) made.policy.cipher_suites.push_back(suite_of(c));
}

void make_name(const Cell& c, Made& made) {
  if (c.name != Name::only_asked && c.name != Name::neither_side) {
    made.session.server_name = HostName::from("shop.example").value();
  }
  switch (c.name) {
    case Name::same:
    case Name::only_asked:
      made.hello.server_name = HostName::from("shop.example");
      break;
    case Name::other_case:
      made.hello.server_name = HostName::from("SHOP.Example.");
      break;
    case Name::other:
      made.hello.server_name = HostName::from("mail.example");
      break;
    case Name::only_sealed:
    case Name::neither_side:
      break;
  }
}

void make_identity(const Cell& c, Made& made) {
  made.policy.require_client_identity = c.identity != Identity::none;
  if (c.identity == Identity::none || c.identity == Identity::none_but_required) return;
  made.session.client_identity = ClientIdentityHash{};
  made.session.identity_expires = made.now + Seconds(c.identity == Identity::past_its_end ? 0 : 1);
}

void make_age(const Cell& c, Made& made) {
  const Seconds lifetime = hours(12);
  made.now = noon;
  const std::map<Age, Seconds> ages = {{Age::a_second_too_early, Seconds(-61)},
                                       {Age::at_the_skew, Seconds(-60)},
                                       {Age::fresh, Seconds(100)},
                                       {Age::last_second, lifetime - Seconds(1)},
                                       {Age::at_the_end, lifetime},
                                       {Age::a_second_too_late, lifetime + Seconds(1)},
                                       {Age::at_the_cap, Seconds(100)}};
  made.session.lifetime = lifetime;
  made.session.issued_at = made.session.authenticated_at = made.now - ages.at(c.age);
  if (c.age == Age::at_the_cap) {
    made.session.authenticated_at =
        made.now - (c.version == Version::tls1_3 ? hours(24 * 7) : hours(24));
  }
}

Made made_of(const Cell& c) {
  const bool tls13 = c.version == Version::tls1_3;
  Made made;
  make_age(c, made);
  make_versions(c, made);
  make_suite(c, made);
  make_name(c, made);
  make_identity(c, made);
  made.session.secret = SessionSecret(std::vector(tls13 ? 32 : 48, std::byte{7}));
  made.session.extended_master_secret = in_session(c.ems);
  made.hello.extended_master_secret = in_hello(c.ems);
  made.session.encrypt_then_mac = in_session(c.etm);
  made.hello.encrypt_then_mac = in_hello(c.etm);
  made.policy.legacy_ems = c.legacy;
  made.session.context[0] = made.policy.context[0] = std::byte{1};
  if (c.where == Where::other_context) made.policy.context[0] = std::byte{2};
  made.hello.compression_methods = {0};
  if (tls13) {
    made.session.ticket_age_add = made.session.max_early_data_size = 0;
    made.hello.psk_identities = {{.identity = {std::byte{1}}}};
    made.hello.psk_key_exchange_modes = {{1}};
    made.hello.key_share = true;
  }
  return made;
}

// ---- The test

/// Calls `visit` with every value of an enumeration from its first to `last`.
template <class Enum>
void for_each_up_to(Enum last, const auto& visit) {
  for (int n = 0; n <= static_cast<int>(last); ++n) visit(static_cast<Enum>(n));
}

void for_each_cell(const auto& visit) {
  for_each_up_to(Version::tls1_3, [&](Version version) {
    for_each_up_to(Offered::older_version, [&](Offered offered) {
      for_each_up_to(OnSides::both, [&](OnSides ems) {
        for_each_up_to(Legacy::resume, [&](Legacy legacy) {
          for_each_up_to(Mode::cbc, [&](Mode mode) {
            for_each_up_to(OnSides::both, [&](OnSides etm) {
              for_each_up_to(Name::neither_side, [&](Name name) {
                for_each_up_to(Suite::not_enabled, [&](Suite suite) {
                  for_each_up_to(Where::other_context, [&](Where where) {
                    for_each_up_to(Identity::past_its_end, [&](Identity identity) {
                      for_each_up_to(Age::at_the_cap, [&](Age age) {
                        visit(Cell{version, offered, ems, legacy, mode, etm, name, suite, where,
                                   identity, age});
                      });
                    });
                  });
                });
              });
            });
          });
        });
      });
    });
  });
}

std::string text_of(const Cell& c) {
  std::string text;
  const auto add = [&](auto value) { text += std::to_string(static_cast<int>(value)) + " "; };
  add(c.version), add(c.offered), add(c.ems), add(c.legacy), add(c.mode), add(c.etm), add(c.name);
  add(c.suite), add(c.where), add(c.identity), add(c.age);
  return text;
}

TEST_CASE("every cell of the matrix is decided as the rules say") {
  std::size_t cells = 0;
  std::map<Outcome, std::size_t> outcomes;
  for_each_cell([&](const Cell& cell) {
    if (!makes_sense(cell)) return;
    const Made made = made_of(cell);
    const Verdict verdict = decide(made.session, made.hello, made.policy, made.now);
    const Expected expected = expected_of(cell);
    ++cells;
    ++outcomes[verdict.outcome];
    if (verdict.outcome != expected.outcome || verdict.alert != expected.alert) {
      FAIL_CHECK(text_of(cell), "is ", std::string(name_of(verdict.outcome)), " for ",
                 std::string(name_of(verdict.reason)), ", and should be ",
                 std::string(name_of(expected.outcome)));
    }
  });
  MESSAGE(cells, " cells: ", outcomes[Outcome::resume], " resume, ",
          outcomes[Outcome::full_handshake], " fall back, ", outcomes[Outcome::abort], " abort");
  CHECK(cells > 500'000);
  CHECK(outcomes.size() == 3);
}

}  // namespace
}  // namespace stek
