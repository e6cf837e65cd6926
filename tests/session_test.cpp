#include <stek/session.hpp>

#include <doctest/doctest.h>

#include "random_sessions.hpp"
#include "session/json.hpp"
#include "session/state.hpp"
#include "wire/size_class.hpp"

namespace stek {
namespace {

using test::Random;

std::vector<std::byte> encoded(const Session& session, std::size_t smallest) {
  std::vector<std::byte> state(state::size_of(session, smallest).value());
  REQUIRE(state::encode(state, session, stamp_of(session)));
  return state;
}

TEST_CASE("10,000 random sessions decode to themselves, and encode to the same bytes again") {
  Random random(42);
  for (int i = 0; i < 10'000; ++i) {
    const Session session = test::random_session(random);
    for (const std::size_t smallest : {112UL, 128UL}) {
      const auto state = encoded(session, smallest);
      const auto back = test::decoded(state, smallest);
      REQUIRE(back);
      CHECK(*back == session);
      CHECK(encoded(*back, smallest) == state);
    }
  }
}

TEST_CASE("whatever decodes, encodes to the same bytes: one altered byte at a time") {
  Random random(43);
  std::size_t accepted = 0;
  for (int i = 0; i < 2'000; ++i) {
    auto state = encoded(test::random_session(random), 128);
    for (int k = 0; k < 50; ++k) {
      const std::size_t at = test::below(random, state.size());
      const std::byte before = state[at];
      state[at] = static_cast<std::byte>(random());
      if (const auto session = test::decoded(state, 128)) {
        ++accepted;
        CHECK(encoded(*session, 128) == state);
      }
      state[at] = before;
    }
  }
  MESSAGE(accepted, " altered states were still sessions");
  CHECK(accepted > 1'000);
}

TEST_CASE("no truncation of a state decodes") {
  const auto state = encoded(test::typical_session(), 128);
  for (std::size_t n = 0; n < state.size(); ++n)
    CHECK_FALSE(test::decoded(Bytes(state).first(n), 128));
}

TEST_CASE("a typical session takes the smallest class, with a name of up to 16 or 32 bytes") {
  Session session = test::typical_session();
  const auto size = [&](std::size_t name, std::size_t smallest) {
    session.server_name = HostName::from(std::string(name, 'a')).value();
    return state::size_of(session, smallest).value();
  };
  CHECK_EQ(size(16, 112), 112);
  CHECK_EQ(size(17, 112), 256);
  CHECK_EQ(size(32, 128), 128);
  CHECK_EQ(size(33, 128), 256);
  session.server_name = hash_of(HostName::from(std::string(255, 'a')).value());
  CHECK_EQ(state::size_of(session, 112).value(), 112);
  CHECK_EQ(state::size_of(test::typical_tls13_session(), 112).value(), 256);
}

TEST_CASE("the secret and the issue time lie where a hedged nonce mixes them in") {
  Session session = test::typical_session();
  const auto state = encoded(session, 112);
  session.issued_at += Seconds(1);
  CHECK_FALSE(std::ranges::equal(Bytes(encoded(session, 112)).first(64), Bytes(state).first(64)));
}

struct Broken {
  const char* rule;
  void (*breaks)(Session&);
  bool tls13 = false;
};

const Broken broken[] = {
    {"version: not one of this transport", [](Session& s) { s.version = ProtocolVersion{0x0300}; }},
    {"version: not one of this transport",
     [](Session& s) { s.version = ProtocolVersion::dtls1_2; }},
    {"version: not one of this transport", [](Session& s) { s.transport = Transport::quic; }},
    {"version: not one of this transport", [](Session& s) { s.transport = Transport{0}; }},
    {"cipher_suite: not a suite that IANA lists",
     [](Session& s) { s.cipher_suite = CipherSuite::none; }},
    {"cipher_suite: not a suite that IANA lists",
     [](Session& s) { s.cipher_suite = CipherSuite{0x00ff}; }},
    {"cipher_suite: not a suite that IANA lists",
     [](Session& s) { s.cipher_suite = CipherSuite{0x5600}; }},
    {"cipher_suite: not a suite that IANA lists",
     [](Session& s) { s.cipher_suite = CipherSuite{0x0a0a}; }},
    {"cipher_suite: not one of this version",
     [](Session& s) { s.cipher_suite = CipherSuite{0x1301}; }},
    {"cipher_suite: not one of this version",
     [](Session& s) { s.cipher_suite = CipherSuite{0xc02b}; }, true},
    {"secret: not of the length that version and suite give",
     [](Session& s) { s.secret = SessionSecret(); }},
    {"secret: not of the length that version and suite give",
     [](Session& s) { s.secret = SessionSecret(s.secret.copy().expose().first(47)); }},
    {"secret: not of the length that version and suite give",
     [](Session& s) { s.cipher_suite = CipherSuite{0x1302}; }, true},
    {"secret: not of the length that version and suite give",
     [](Session& s) { s.cipher_suite = CipherSuite{0x1306}; }, true},
    {"secret: all zero", [](Session& s) { s.secret = SessionSecret(std::array<std::byte, 48>{}); }},
    {"encrypt_then_mac: only with a CBC suite", [](Session& s) { s.encrypt_then_mac = true; }},
    {"encrypt_then_mac: only with a CBC suite", [](Session& s) { s.encrypt_then_mac = true; },
     true},
    {"server_name: empty", [](Session& s) { s.server_name = HostName(); }},
    {"truncated_hmac: never sealed (RFC 9325 section 4.6)",
     [](Session& s) { s.truncated_hmac = true; }},
    {"max_fragment_length: not a code of RFC 6066",
     [](Session& s) { s.max_fragment_length = MaxFragmentLength{5}; }},
    {"compression_method: only null (RFC 9325 section 3.3)",
     [](Session& s) { s.compression_method = 1; }},
    {"issued_at: out of range", [](Session& s) { s.issued_at = Instant(Seconds(1LL << 40)); }},
    {"issued_at: out of range", [](Session& s) { s.issued_at = Instant(Seconds(-1)); }},
    {"authenticated_at: out of range",
     [](Session& s) { s.authenticated_at = Instant(Seconds(-1)); }},
    {"authenticated_at: after issued_at",
     [](Session& s) { s.authenticated_at = s.issued_at + Seconds(1); }},
    {"lifetime: over 604800 seconds (RFC 8446 section 4.6.1)",
     [](Session& s) { s.lifetime = Seconds(604801); }},
    {"lifetime: over 604800 seconds (RFC 8446 section 4.6.1)",
     [](Session& s) { s.lifetime = Seconds(-1); }},
    {"ticket_age_add: only in TLS 1.3", [](Session& s) { s.ticket_age_add = 1; }},
    {"max_early_data_size: only in TLS 1.3", [](Session& s) { s.max_early_data_size = 0; }},
    {"ticket_age_add: missing in TLS 1.3", [](Session& s) { s.ticket_age_add.reset(); }, true},
    {"max_early_data_size: missing in TLS 1.3", [](Session& s) { s.max_early_data_size.reset(); },
     true},
    {"extended_master_secret: not in TLS 1.3", [](Session& s) { s.extended_master_secret = true; },
     true},
};

TEST_CASE("a session with a field out of its range is named and not sealed") {
  for (const Broken& rule : broken) {
    CAPTURE(rule.rule);
    Session session = rule.tls13 ? test::typical_tls13_session() : test::typical_session();
    session.issued_at = session.authenticated_at = test::noon;
    REQUIRE_FALSE(flaw_of(session));
    rule.breaks(session);
    CHECK_EQ(flaw_of(session).value_or("no flaw"), rule.rule);
    std::array<std::byte, 256> room;
    room.fill(std::byte{0xaa});
    CHECK_EQ(state::encode(room, session, stamp_of(session)).error(), Error::invalid_session);
    CHECK(std::ranges::all_of(room, [](std::byte b) { return b == std::byte{0xaa}; }));
  }
}

TEST_CASE("an opaque state opens as opaque only, and a session as a session only") {
  const std::string data(70, 'x');
  const state::Opaque opaque{.label = std::as_bytes(std::span(std::string_view("rustls/0.20"))),
                             .data = std::as_bytes(std::span(data))};
  std::vector<std::byte> bytes(state::size_of(opaque, 128).value());
  state::encode(bytes, opaque);
  const auto back = state::decode_opaque(bytes, 128);
  REQUIRE(back);
  CHECK(std::ranges::equal(back->label, opaque.label));
  CHECK(std::ranges::equal(back->data, opaque.data));
  CHECK_FALSE(test::decoded(bytes, 128));
  CHECK_FALSE(state::decode_opaque(encoded(test::typical_session(), 128), 128));
}

TEST_CASE("an opaque label has 1 to 32 bytes, opaque data up to 16347") {
  const std::vector<std::byte> bytes(17000);
  const auto fits = [&](std::size_t label, std::size_t data) {
    return state::size_of({.label = Bytes(bytes).first(label), .data = Bytes(bytes).first(data)},
                          128)
        .has_value();
  };
  CHECK_FALSE(fits(0, 10));
  CHECK(fits(1, 0));
  CHECK(fits(32, 16347));
  CHECK_FALSE(fits(33, 10));
  CHECK_FALSE(fits(1, 16348));
  CHECK_EQ(state::size_of(state::Opaque{}, 128).error(), Error::unsuitable);
}

TEST_CASE("host names are held in lower case and without a trailing dot") {
  CHECK_EQ(HostName::from("Shop.Example.")->text(), "shop.example");
  CHECK_FALSE(HostName::from(""));
  CHECK_FALSE(HostName::from("."));
  CHECK_FALSE(HostName::from("a.example.."));
  CHECK_FALSE(HostName::from("a b"));
  CHECK_FALSE(
      HostName::from("b\xc3\xbc"
                     "cher.example"));
  CHECK(HostName::from(std::string(255, 'a')));
  CHECK_FALSE(HostName::from(std::string(256, 'a')));
}

TEST_CASE("every byte at every place of a host name is lowered, kept or refused") {
  for (std::size_t size = 1; size <= 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string name(size, 'a');
        name[at] = static_cast<char>(byte);
        const bool capital = byte >= 'A' && byte <= 'Z';
        const bool good = byte > ' ' && byte <= '~' && (byte != '.' || (at + 1 < size));
        CHECK_EQ(HostName::is_canonical(name), good && !capital);
        const auto host = HostName::from(name);
        if (byte == '.' && at + 1 == size && size > 1) {
          CHECK_EQ(host.value().text(), name.substr(0, at));
          continue;
        }
        CHECK_EQ(host.has_value(), good);
        if (capital) name[at] = static_cast<char>(byte - 'A' + 'a');
        if (good) CHECK_EQ(host.value().text(), name);
      }
    }
  }
}

TEST_CASE("server names compare by text, and by hash where either is only a hash") {
  const auto shop = HostName::from("shop.example");
  const auto other = HostName::from("other.example");
  CHECK(same_server({}, {}));
  CHECK(same_server(*shop, HostName::from("SHOP.example")));
  CHECK(same_server(hash_of(*shop), shop));
  CHECK_FALSE(same_server(*shop, other));
  CHECK_FALSE(same_server(hash_of(*shop), other));
  CHECK_FALSE(same_server({}, shop));
  CHECK_FALSE(same_server(*shop, {}));
  CHECK_FALSE(same_server(hash_of(*shop), {}));
}

TEST_CASE("random sessions survive JSON when the secret is revealed, and lose only it otherwise") {
  Random random(44);
  for (int i = 0; i < 1'000; ++i) {
    const Session session = test::random_session(random);
    const auto revealed = to_json(session, Reveal::secret).dump();
    const auto back = session_from_json(revealed);
    REQUIRE_MESSAGE(back, (back ? "" : back.error().message));
    CHECK(*back == session);
    const wire::Json hidden = to_json(session, Reveal::no);
    CHECK(hidden.dump().find(to_hex(session.secret.expose()).c_str()) == wire::SecretText::npos);
    CHECK_FALSE(hidden.contains("secret"));
    CHECK_FALSE(hidden.contains("application_data"));
  }
}

TEST_CASE("versions and suites are read by name or number") {
  const std::string secret(96, 'a');
  for (const char* text :
       {R"("version":"TLS 1.2","cipher_suite":"TLS_RSA_WITH_AES_128_CBC_SHA")",
        R"("version":"0x0303","cipher_suite":"0x002f")", R"("version":771,"cipher_suite":47)"}) {
    const auto session =
        session_from_json(std::string("{") + text + R"(,"secret":")" + secret + "\"}");
    REQUIRE(session);
    CHECK_EQ(session->version, ProtocolVersion::tls1_2);
    CHECK_EQ(session->cipher_suite, CipherSuite{0x002f});
  }
}

/// The message for a TLS 1.2 session with these members besides.
std::string message_for(std::string_view members) {
  const auto session = session_from_json(R"({"version":771,"cipher_suite":47,"secret":")" +
                                         std::string(96, 'a') + "\"," + std::string(members) + "}");
  return session ? "" : session.error().message;
}

TEST_CASE("every kind of field in JSON is refused at its place, with what belongs there") {
  CHECK_EQ(message_for(R"("transport":"udp")"),
           "session: /transport: expected \"tls\", \"dtls\" or \"quic\"");
  CHECK_EQ(message_for(R"("extended_master_secret":1)"),
           "session: /extended_master_secret: expected true or false");
  CHECK_EQ(message_for(R"("max_fragment_length":5)"),
           "session: /max_fragment_length: expected a code of RFC 6066 section 4, 0 to 4");
  CHECK_EQ(message_for(R"("lifetime":4294967296)"),
           "session: /lifetime: expected a number of seconds, less than 2^32");
  CHECK_EQ(message_for(R"("issued_at":-1)"),
           "session: /issued_at: expected seconds since 1970-01-01T00:00:00Z, less than 2^40");
  CHECK_EQ(message_for(R"("context":"00")"),
           "session: /context: expected 16 bytes as 32 hex digits");
  CHECK_EQ(message_for(R"("server_name":"")"),
           "session: /server_name: expected a host name of 1 to 255 printable characters");
  CHECK_EQ(message_for(R"("server_name":"a","server_name_hash":"00")"),
           "session: /server_name_hash: given in two forms");
  CHECK_EQ(message_for(R"("ticket_age_add":4294967296)"),
           "session: /ticket_age_add: expected a number, zero or greater, in its range");
  for (const char* alpn :
       {R"("alpn":"")", R"("alpn":"0x")", R"("alpn":"0xzz")", R"("alpn":"\u0000")"}) {
    CHECK_EQ(message_for(alpn),
             "session: /alpn: expected a protocol's name of 1 to 255 printable characters, or its "
             "bytes in hex behind 0x");
  }
  CHECK_EQ(message_for(R"("client_identity_hash":"00")"),
           "session: /client_identity_hash: expected 32 bytes as 64 hex digits");
  for (const char* chain : {R"("client_identity_chain":"00")", R"("client_identity_chain":[])",
                            R"("client_identity_chain":[""])", R"("client_identity_chain":["0"])",
                            R"("client_identity_chain":[0])"}) {
    CHECK_EQ(
        message_for(chain),
        "session: /client_identity_chain: expected a list of certificates, each its DER in hex");
  }
  CHECK_EQ(message_for(R"("application_data":"")"),
           "session: /application_data: expected bytes in hex, at least one");
  CHECK_EQ(message_for(R"("extras":[])"), "session: /extras: expected an object");
  CHECK_EQ(message_for(R"("extras":{"named_group":65536})"),
           "session: /extras/named_group: expected a number, zero or greater, in its range");
  CHECK_EQ(message_for(R"("extras":{"heartbeat_mode":3})"),
           "session: /extras/heartbeat_mode: expected 1 (peer_allowed_to_send) or 2");
  CHECK_EQ(message_for(R"("extras":{"supported_groups":[29,65536]})"),
           "session: /extras/supported_groups: expected a list of numbers, 0 to 65535");
  CHECK_EQ(message_for(R"("extras":{"ec_point_formats":256})"),
           "session: /extras/ec_point_formats: expected a list of numbers, 0 to 255");
  CHECK_EQ(message_for(R"("extras":{"curve":29})"),
           "session: /extras: has a field of unknown name");
}

TEST_CASE("an ALPN name is text where it can be, and hex where text would mislead") {
  const auto text_of = [](std::string bytes) {
    Session session = test::typical_session();
    session.alpn = ProtocolName{std::move(bytes)};
    const auto json = to_json(session, Reveal::secret);
    const auto back = session_from_json(json.dump());
    REQUIRE(back);
    CHECK(back->alpn == session.alpn);
    return std::string(json["alpn"].get_ref<const wire::SecretText&>());
  };
  CHECK_EQ(text_of("h2"), "h2");
  CHECK_EQ(text_of("http/1.1"), "http/1.1");
  CHECK_EQ(text_of("\x0a\x0a"), "0x0a0a");
  CHECK_EQ(text_of("0x6832"), "0x307836383332");
}

TEST_CASE("a field that is given twice is refused, on any level of the JSON") {
  CHECK_EQ(message_for(R"("lifetime":1,"lifetime":1)"), "session: a field is given twice");
  CHECK_EQ(message_for(R"("extras":{"named_group":1,"named_group":2})"),
           "session: a field is given twice");
  CHECK_EQ(message_for(R"("max_early_data_size":1,"extras":{"named_group":1})"), "");
}

TEST_CASE("a number that no transport has is printed as it is") {
  Session session = test::typical_session();
  session.transport = Transport{7};
  CHECK_EQ(to_json(session, Reveal::no)["transport"].get<int>(), 7);
  session.transport = Transport{0};
  CHECK_EQ(to_json(session, Reveal::no)["transport"].get<int>(), 0);
}

TEST_CASE("malformed session JSON is refused with the place, and not quoted") {
  const auto message = [](std::string_view text) {
    const auto session = session_from_json(text);
    return session ? "" : session.error().message;
  };
  CHECK_EQ(message(std::string_view("{}\0{}", 5)), "session: not JSON at line 1, column 3");
  CHECK_EQ(message(R"({"version":1e999})"), "session: a number is out of range");
  CHECK_EQ(message("[]"), "session: /: expected an object");
  CHECK_EQ(message(R"({"version":771,"cipher_suite":47,"secret":"00","x":0})"),
           "session: /: has a field of unknown name");
  CHECK_EQ(message("{"), "session: not JSON at line 1, column 2");
  CHECK_EQ(message(R"({"version":"TLS 1.2"})"), "session: /cipher_suite: missing");
  CHECK_EQ(message(R"({"version":"hunter2","cipher_suite":47})"),
           "session: /version: expected a version, such as \"TLS 1.2\" or \"0x0303\"");
  CHECK_EQ(message(R"({"version":771,"cipher_suite":47,"secret":"hunter2"})"),
           "session: /secret: expected the master secret as 96 hex digits, or a PSK as 64 or 96");
}

}  // namespace
}  // namespace stek
