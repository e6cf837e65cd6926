#include <stek/stek.h>

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <functional>
#include <set>
#include <thread>

#include <doctest/doctest.h>
#include <stek/ticketer.hpp>

#include "hello_bytes.hpp"

namespace stek {
namespace {

using test::noon;
using test::Wire;

constexpr std::int64_t now = noon.time_since_epoch().count();

template <class Struct>
Struct sized() {
  Struct made{};
  made.size = sizeof made;
  return made;
}

void close(stek_ticketer* ticketer) {
  stek_ticketer_close(ticketer);
}
void close(stek_tickets* tickets) {
  stek_tickets_close(tickets);
}
template <class T>
struct Closer {
  void operator()(T* handle) const { close(handle); }
};
template <class T>
using Handle = std::unique_ptr<T, Closer<T>>;

Handle<stek_ticketer> standalone(const stek_policy* policy = nullptr) {
  stek_ticketer* ticketer = nullptr;
  REQUIRE_EQ(stek_ticketer_standalone(nullptr, policy, now, &ticketer, nullptr), STEK_OK);
  return Handle<stek_ticketer>(ticketer);
}

Handle<stek_ticketer> opened(const std::string& ring, const stek_policy* policy = nullptr) {
  stek_ticketer* ticketer = nullptr;
  auto why = sized<stek_failure>();
  REQUIRE_MESSAGE(stek_ticketer_open(ring.c_str(), policy, now, &ticketer, &why) == STEK_OK,
                  why.message);
  return Handle<stek_ticketer>(ticketer);
}

Handle<stek_tickets> in(const Handle<stek_ticketer>& ticketer, std::string_view domain = "public",
                        const std::uint8_t* context = nullptr) {
  stek_tickets* tickets = nullptr;
  REQUIRE_EQ(stek_ticketer_in(ticketer.get(), domain.data(), domain.size(), context, now, &tickets,
                              nullptr),
             STEK_OK);
  return Handle<stek_tickets>(tickets);
}

/// As test::typical_session().
stek_session typical() {
  auto session = sized<stek_session>();
  session.version = 0x0303;
  session.cipher_suite = 0xc02b;
  session.extended_master_secret = 1;
  session.secret_size = 48;
  std::ranges::copy(test::typical_session().secret.expose(),
                    std::as_writable_bytes(std::span(session.secret)).begin());
  std::ranges::copy(std::string_view("shop.example"), session.server_name);
  return session;
}

Wire issued(const stek_tickets* tickets, const stek_session* session, std::int64_t at = now) {
  Wire ticket(STEK_MAX_TICKET);
  std::size_t size = ticket.size();
  const auto error = stek_tickets_issue(tickets, session, at, ticket.data(), &size, nullptr);
  REQUIRE_MESSAGE(error == STEK_OK, stek_error_name(error));
  ticket.resize(size);
  return ticket;
}

struct Resumed {
  stek_error error;
  stek_verdict verdict = sized<stek_verdict>();
  stek_session session = sized<stek_session>();
  Wire room{STEK_MAX_TICKET};
  std::size_t room_size = STEK_MAX_TICKET;
};

Resumed resumed(const stek_tickets* tickets, const Wire& hello, int transport = 0,
                std::int64_t at = now) {
  Resumed r{};
  r.room.resize(STEK_MAX_TICKET);
  r.error = stek_tickets_resume(tickets, hello.data(), hello.size(), transport, at, &r.verdict,
                                &r.session, r.room.data(), &r.room_size);
  return r;
}

Wire typical_hello(const Wire& ticket) {
  return test::hello_for(test::typical_session(), ticket);
}

/// The reason that the ticket of a typical session does not resume.
std::string_view verdict_on(const stek_tickets* tickets, const Wire& ticket,
                            std::int64_t at = now) {
  const Resumed r = resumed(tickets, typical_hello(ticket), 0, at);
  REQUIRE_EQ(r.error, STEK_OK);
  CHECK_EQ(r.verdict.outcome == STEK_RESUME, r.session.secret_size != 0);
  return stek_reason_name(r.verdict.reason);
}

/// A ring in a folder of its own.
class RingFile {
 public:
  RingFile() {
    std::string name = (std::filesystem::temp_directory_path() / "stek-c-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    REQUIRE_EQ(stek_ring_create(path().c_str(), nullptr, now, nullptr), STEK_OK);
  }
  ~RingFile() { std::filesystem::remove_all(folder_); }
  RingFile(const RingFile&) = delete;
  RingFile& operator=(const RingFile&) = delete;

  [[nodiscard]] std::string path() const { return folder_ / "ring.json"; }
  [[nodiscard]] std::string beside(std::string_view name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

TEST_CASE(
    "C: a session resumes from its ticket, altered or expired or of another domain it does not") {
  const auto ticketer = standalone();
  const auto shop = in(ticketer, "shop");
  const stek_session session = typical();
  Wire ticket = issued(shop.get(), &session);
  CHECK_EQ(ticket.size(), 184);

  const Resumed r = resumed(shop.get(), typical_hello(ticket), 0, now + 5);
  CHECK_EQ(r.error, STEK_OK);
  CHECK_EQ(r.verdict.outcome, STEK_RESUME);
  CHECK_EQ(r.verdict.cipher_suite, 0xc02b);
  CHECK_EQ(r.verdict.age, 5);
  CHECK_EQ(r.room_size, 0);
  CHECK_EQ(r.session.version, 0x0303);
  CHECK_EQ(r.session.transport, STEK_TLS);
  CHECK_EQ(r.session.issued_at, now);
  CHECK_EQ(r.session.authenticated_at, now);
  CHECK_EQ(r.session.lifetime, 12 * 3600);
  CHECK_EQ(std::string_view(r.session.server_name), "shop.example");
  CHECK(std::ranges::equal(r.session.secret, session.secret));

  CHECK_EQ(verdict_on(shop.get(), ticket), "resumes");
  CHECK_EQ(verdict_on(in(ticketer, "mail").get(), ticket), "altered");
  const std::array<std::uint8_t, 16> context{1};
  CHECK_EQ(verdict_on(in(ticketer, "shop", context.data()).get(), ticket), "context_differs");
  CHECK_EQ(verdict_on(shop.get(), ticket, now + 12 * 3600), "ticket_expired");
  CHECK_EQ(verdict_on(shop.get(), {}), "no_ticket");
  ticket[100] ^= std::byte{1};
  CHECK_EQ(verdict_on(shop.get(), ticket), "altered");
}

TEST_CASE(
    "C: a ticket under a rotated key is renewed, and another server with the ring resumes it") {
  const RingFile ring;
  const auto ticketer = opened(ring.path());
  const auto tickets = in(ticketer);
  const stek_session session = typical();
  const Wire ticket = issued(tickets.get(), &session);
  REQUIRE_EQ(stek_ring_promote(ring.path().c_str(), now + 60, nullptr), STEK_OK);
  REQUIRE_EQ(stek_ticketer_refresh(ticketer.get(), now + 60, nullptr), STEK_OK);
  const Resumed r = resumed(tickets.get(), typical_hello(ticket), 0, now + 60);
  CHECK_EQ(r.verdict.outcome, STEK_RESUME);
  CHECK_EQ(r.verdict.renew, 1);
  const Wire renewed = issued(tickets.get(), &r.session, now + 60);

  const auto other = opened("file:" + ring.path());
  const Resumed there = resumed(in(other).get(), typical_hello(renewed), 0, now + 61);
  CHECK_EQ(there.verdict.outcome, STEK_RESUME);
  CHECK_EQ(there.verdict.renew, 0);
  CHECK_EQ(there.session.authenticated_at, now);
  CHECK_EQ(there.session.issued_at, now + 60);
}

TEST_CASE("C: rotating does what is due, and no more") {
  const RingFile ring;
  const auto generation = [&](std::int64_t at) {
    REQUIRE_EQ(stek_ring_rotate(ring.path().c_str(), at, nullptr), STEK_OK);
    auto health = sized<stek_health>();
    REQUIRE_EQ(stek_ticketer_health(opened(ring.path()).get(), at, &health), STEK_OK);
    return health.generation;
  };
  CHECK_EQ(generation(now), 1);
  CHECK_EQ(generation(now + 11 * 3600), 2);
  CHECK_EQ(generation(now + 11 * 3600), 2);
}

TEST_CASE("C: 2,000 of 2,000 sessions come whole through a struct, from C++ and back") {
  const RingFile ring;
  FileStore store(ring.path());
  Context context{};
  context[0] = std::byte{7};
  TicketerOptions options;
  options.policy = {
      .min_version = ProtocolVersion::tls1_0, .legacy_ems = LegacyEms::resume, .context = context};
  auto cpp = Ticketer::open(store, options, noon).value();
  const Tickets cpp_tickets = cpp.in("public", {}, noon).value();

  auto policy = sized<stek_policy>();
  policy.min_version = 0x0301;
  policy.legacy_ems = STEK_LEGACY_EMS_RESUME;
  policy.context[0] = 7;
  const auto ticketer = opened(ring.path(), &policy);
  const auto tickets = in(ticketer);

  test::Random random(5);
  std::size_t whole = 0;
  for (int issues = 0; issues < 2'000;) {
    Session session = test::random_session(random);
    session.authenticated_at = noon - Seconds(test::below(random, 80'000));
    if (session.identity_expires) *session.identity_expires += Seconds(1);
    // A name that is only a hash matches no hello that says another.
    if (std::holds_alternative<HostNameHash>(session.server_name)) session.server_name = {};
    Wire room(max_ticket);
    const auto ticket = cpp_tickets.issue(session, room, noon);
    if (!ticket && ticket.error() == Error::too_large) continue;
    REQUIRE_MESSAGE(ticket, name_of(ticket.error()));
    ++issues;
    const Wire hello = test::hello_for(session, ticket->bytes);
    const Resumed r =
        resumed(tickets.get(), hello, session.transport == Transport::quic ? STEK_QUIC : 0);
    REQUIRE_EQ(r.error, STEK_OK);
    REQUIRE_MESSAGE(r.verdict.outcome == STEK_RESUME, stek_reason_name(r.verdict.reason));
    const Wire again = issued(tickets.get(), &r.session);
    const auto there = cpp_tickets.open(again, noon);
    const auto here = cpp_tickets.open(ticket->bytes, noon);
    REQUIRE(there);
    if (*there == *here) ++whole;
  }
  CHECK_EQ(whole, 2'000);
}

TEST_CASE("C: a server name may be its hash") {
  const auto tickets = in(standalone());
  stek_session session = typical();
  std::ranges::fill(session.server_name, '\0');
  const HostNameHash hash = hash_of(HostName::from("shop.example").value());
  std::ranges::copy(hash.bytes,
                    std::as_writable_bytes(std::span(session.server_name_hash)).begin());
  session.has_server_name_hash = 1;
  const Resumed r = resumed(tickets.get(), typical_hello(issued(tickets.get(), &session)));
  CHECK_EQ(r.verdict.outcome, STEK_RESUME);
  CHECK_EQ(r.session.has_server_name_hash, 1);
  CHECK(std::ranges::equal(r.session.server_name_hash, session.server_name_hash));
  session.server_name[0] = 'a';
  std::size_t size = 0;
  CHECK_EQ(stek_tickets_issue(tickets.get(), &session, now, nullptr, &size, nullptr),
           STEK_INVALID_SESSION);
}

TEST_CASE("C: a view outlives the handle that it came from") {
  auto ticketer = standalone();
  const auto tickets = in(ticketer);
  ticketer.reset();
  const stek_session session = typical();
  CHECK_EQ(verdict_on(tickets.get(), issued(tickets.get(), &session)), "resumes");
}

TEST_CASE("C: opaque bytes open under their label, and nothing else does") {
  const auto tickets = in(standalone());
  const std::string_view data = "any bytes";
  Wire ticket(STEK_MAX_TICKET);
  std::size_t size = ticket.size();
  std::uint32_t hint = 0;
  REQUIRE_EQ(stek_tickets_seal(tickets.get(), "rustls/0.20", data.data(), data.size(), now,
                               ticket.data(), &size, &hint),
             STEK_OK);
  CHECK_EQ(hint, 12 * 3600);
  ticket.resize(size);

  Wire room(size, std::byte{0xa5});
  std::size_t room_size = size;
  std::int32_t reason = 0;
  const auto open = [&](const char* label) {
    room_size = room.size();
    return stek_tickets_open(tickets.get(), label, ticket.data(), ticket.size(), now, &reason,
                             room.data(), &room_size);
  };
  CHECK_EQ(open("rustls/0.20"), STEK_OK);
  CHECK_EQ(reason, STEK_REASON_RESUMES);
  CHECK(std::ranges::equal(Bytes(room).first(room_size), std::as_bytes(std::span(data))));
  CHECK(is_zero(Bytes(room).subspan(room_size)));
  CHECK_EQ(open("rustls/0.21"), STEK_OK);
  CHECK_EQ(reason, STEK_REASON_OTHER_CONTENT);
  CHECK_EQ(room_size, 0);
  ticket[60] ^= std::byte{1};
  CHECK_EQ(open("rustls/0.20"), STEK_OK);
  CHECK_EQ(reason, STEK_REASON_ALTERED);
  room.resize(size - 1);
  CHECK_EQ(open("rustls/0.20"), STEK_ROOM_TOO_SMALL);
  CHECK_EQ(room_size, size);
  CHECK_EQ(verdict_on(tickets.get(), ticket), "altered");
}

TEST_CASE("C: sizes go in as room, and come out as used or as what suffices") {
  const auto tickets = in(standalone());
  stek_session session = typical();
  std::size_t size = 0;
  CHECK_EQ(stek_tickets_issue(tickets.get(), &session, now, nullptr, &size, nullptr),
           STEK_ROOM_TOO_SMALL);
  CHECK_EQ(size, 184);
  Wire exact(size);
  CHECK_EQ(stek_tickets_issue(tickets.get(), &session, now, exact.data(), &size, nullptr), STEK_OK);
  CHECK_EQ(size, 184);
  size = 183;
  CHECK_EQ(stek_tickets_issue(tickets.get(), &session, now, exact.data(), &size, nullptr),
           STEK_ROOM_TOO_SMALL);

  const std::array<std::uint8_t, 300> data{1, 2, 3};
  session.application_data = data.data();
  session.application_data_size = data.size();
  const Wire ticket = issued(tickets.get(), &session);
  const Wire hello = typical_hello(ticket);
  Resumed r{};
  for (const std::size_t room_size : {std::size_t{0}, std::size_t{299}}) {
    r.room_size = room_size;
    r.verdict = sized<stek_verdict>();
    r.session = sized<stek_session>();
    CHECK_EQ(stek_tickets_resume(tickets.get(), hello.data(), hello.size(), 0, now, &r.verdict,
                                 &r.session, r.room.data(), &r.room_size),
             STEK_ROOM_TOO_SMALL);
    CHECK_EQ(r.room_size, 300);
    CHECK_EQ(r.verdict.outcome, STEK_FULL_HANDSHAKE);
    CHECK_EQ(r.verdict.reason, STEK_REASON_NO_TICKET);
    CHECK_EQ(r.session.secret_size, 0);
    CHECK(is_zero(std::as_bytes(std::span(r.session.secret))));
  }
  CHECK_EQ(stek_tickets_resume(tickets.get(), hello.data(), hello.size(), 0, now, &r.verdict,
                               &r.session, r.room.data(), &r.room_size),
           STEK_OK);
  CHECK_EQ(r.session.application_data_size, 300);
  CHECK_EQ(r.session.application_data, reinterpret_cast<const std::uint8_t*>(r.room.data()));
  CHECK(std::ranges::equal(std::span(r.session.application_data, 300), data));
}

// ---- structs of every size

/// A struct in memory of exactly the size that it says.
template <class Struct>
class Cut {
 public:
  Cut(const Struct& whole, std::size_t size) : bytes_(new std::byte[size]), size_(size) {
    std::memcpy(bytes_.get(), &whole, std::min(size, sizeof whole));
    std::fill(bytes_.get() + std::min(size, sizeof whole), bytes_.get() + size, std::byte{0});
    std::memcpy(bytes_.get(), &size, sizeof size);
  }
  Struct* get() { return reinterpret_cast<Struct*>(bytes_.get()); }
  /// As a whole struct that has zeros where this one ends.
  Struct whole() const {
    Struct whole{};
    std::memcpy(&whole, bytes_.get(), std::min(size_, sizeof whole));
    whole.size = sizeof whole;
    return whole;
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

/// Any session with something in every field, and what its pointers lead to.
struct RichSession {
  RichSession() {
    session.alpn_size = 2;
    session.alpn[0] = 'h';
    session.alpn[1] = '2';
    session.has_identity_expires = 1;
    session.identity_expires = now + 1000;
    session.client_chain = chain.data();
    session.client_chain_size = chain.size();
    session.application_data = data.data();
    session.application_data_size = data.size();
    session.extras = extras.data();
    session.extras_size = extras.size();
  }
  std::array<std::uint8_t, 5> chain{0, 0, 2, 'd', 'e'};
  std::array<std::uint8_t, 3> data{1, 2, 3};
  std::array<std::uint8_t, 5> extras{1, 0, 2, 0, 23};
  stek_session session = typical();
};

TEST_CASE("C: a session struct of every size, the shortest to the longest") {
  auto policy = sized<stek_policy>();
  policy.context[0] = 1;
  const auto ticketer = standalone(&policy);
  const auto tickets = in(ticketer);
  RichSession rich;
  const Wire full = issued(tickets.get(), &rich.session);
  const Resumed whole = resumed(tickets.get(), typical_hello(full));
  REQUIRE_EQ(whole.room_size, 13);
  for (std::size_t size = STEK_SESSION_SHORTEST; size <= STEK_LONGEST_STRUCT; ++size) {
    Cut<stek_session> out(sized<stek_session>(), size);
    Wire room(13);
    std::size_t room_size = room.size();
    auto verdict = sized<stek_verdict>();
    REQUIRE_EQ(stek_tickets_resume_one(tickets.get(), full.data(), full.size(),
                                       typical_hello(full).data(), typical_hello(full).size(), 0,
                                       now, &verdict, out.get(), room.data(), &room_size),
               STEK_OK);
    const stek_session session = out.whole();
    CHECK(std::ranges::equal(session.secret, whole.session.secret));
    const bool has_data = size >= offsetof(stek_session, extras);
    CHECK_EQ(session.application_data_size, has_data ? 3 : 0);
    CHECK_EQ(room_size, size >= sizeof session                             ? 13
                        : has_data                                         ? 8
                        : size >= offsetof(stek_session, application_data) ? 5
                                                                           : 0);

    Cut<stek_session> in_part(rich.session, size);
    // Half an identity is no identity: what is cut off is not there.
    Wire ticket(STEK_MAX_TICKET);
    std::size_t ticket_size = ticket.size();
    const auto error =
        stek_tickets_issue(tickets.get(), in_part.get(), now, ticket.data(), &ticket_size, nullptr);
    const bool half = size >= offsetof(stek_session, reserved_also) &&
                      size <= offsetof(stek_session, client_chain_size);
    CHECK_EQ(error, half ? STEK_INVALID_SESSION : STEK_OK);
  }
}

TEST_CASE("C: verdict, health, failure, policy and schedule of every size") {
  const auto ticketer = standalone();
  const auto tickets = in(ticketer);
  const stek_session session = typical();
  const Wire hello = typical_hello(issued(tickets.get(), &session));
  for (std::size_t size = STEK_VERDICT_SHORTEST; size <= STEK_LONGEST_STRUCT; ++size) {
    Cut<stek_verdict> verdict(sized<stek_verdict>(), size);
    auto to = sized<stek_session>();
    REQUIRE_EQ(stek_tickets_resume(tickets.get(), hello.data(), hello.size(), 0, now + 7,
                                   verdict.get(), &to, nullptr, nullptr),
               STEK_OK);
    CHECK_EQ(verdict.whole().outcome, STEK_RESUME);
    CHECK_EQ(verdict.whole().age, size > offsetof(stek_verdict, age) ? 7 : 0);
  }
  for (std::size_t size = STEK_HEALTH_SHORTEST; size <= STEK_LONGEST_STRUCT; ++size) {
    Cut<stek_health> health(sized<stek_health>(), size);
    REQUIRE_EQ(stek_ticketer_health(ticketer.get(), now, health.get()), STEK_OK);
    CHECK_EQ(health.whole().issued, 1);
    CHECK_GT(health.whole().seals_until, now);
  }
  for (std::size_t size = STEK_FAILURE_SHORTEST; size <= STEK_LONGEST_STRUCT; ++size) {
    Cut<stek_failure> failure(sized<stek_failure>(), size);
    REQUIRE_EQ(stek_ring_rotate("etcd:x", now, failure.get()), STEK_UNSUITABLE);
    const stek_failure said = failure.whole();
    CHECK_EQ(said.error, STEK_UNSUITABLE);
    CHECK_EQ(std::string_view(said.message), "no store has the scheme 'etcd:'");
    CHECK(std::string_view("known is file:PATH; a path with a colon begins with ./ or /")
              .starts_with(said.hint));
    CHECK((size <= sizeof said || said.hint[0] != '\0'));
  }
  const auto policy = sized<stek_policy>();
  for (std::size_t size = STEK_POLICY_SHORTEST; size <= STEK_LONGEST_STRUCT; ++size) {
    Cut<stek_policy> cut(policy, size);
    const auto made = standalone(cut.get());
  }
  auto schedule = sized<stek_schedule>();
  schedule.lead = 5;
  for (std::size_t size = STEK_SCHEDULE_SHORTEST; size <= STEK_LONGEST_STRUCT; size += 8) {
    Cut<stek_schedule> cut(schedule, size);
    stek_ticketer* made = nullptr;
    REQUIRE_EQ(stek_ticketer_standalone(cut.get(), nullptr, now, &made, nullptr), STEK_OK);
    stek_ticketer_close(made);
  }
}

bool secret_memory_is_here() {
  auto ticketer = Ticketer::standalone({}, {.key_memory = KeyMemory::secret}, noon).value();
  ticketer.in("", {}, noon).value();
  return ticketer.health(noon).key_memory == KeyMemory::secret;
}

TEST_CASE("C: the policy chooses what keys are kept in, and health says it") {
  auto policy = sized<stek_policy>();
  const auto kept_in = [&] {
    const auto ticketer = standalone(&policy);
    const auto tickets = in(ticketer);
    auto health = sized<stek_health>();
    CHECK_EQ(stek_ticketer_health(ticketer.get(), now, &health), STEK_OK);
    return health.key_memory;
  };
  CHECK_EQ(kept_in(), STEK_KEY_MEMORY_FORKABLE);
  policy.key_memory = STEK_KEY_MEMORY_SECRET;
  CHECK_EQ(kept_in(), secret_memory_is_here() ? STEK_KEY_MEMORY_SECRET : STEK_KEY_MEMORY_FORKABLE);
  for (const std::uint64_t none : {std::uint64_t{2}, UINT64_MAX}) {
    policy.key_memory = none;
    stek_ticketer* made = nullptr;
    CHECK_EQ(stek_ticketer_standalone(nullptr, &policy, now, &made, nullptr),
             STEK_INVALID_ARGUMENT);
  }
}

TEST_CASE("C: a struct too short, too long, or with what only a newer library knows is refused") {
  const auto ticketer = standalone();
  const auto tickets = in(ticketer);
  const stek_session session = typical();
  const auto error_at = [&](std::size_t size, std::byte behind) {
    std::vector<std::byte> memory(STEK_LONGEST_STRUCT + 1);
    std::memcpy(memory.data(), &session, sizeof session);
    std::memcpy(memory.data(), &size, sizeof size);
    if (size > sizeof session && size <= memory.size()) memory[size - 1] = behind;
    std::size_t ticket_size = 0;
    return stek_tickets_issue(tickets.get(), reinterpret_cast<stek_session*>(memory.data()), now,
                              nullptr, &ticket_size, nullptr);
  };
  for (const std::size_t size : {std::size_t{0}, std::size_t{STEK_SESSION_SHORTEST - 1},
                                 std::size_t{STEK_LONGEST_STRUCT + 1}, SIZE_MAX}) {
    CHECK_EQ(error_at(size, {}), STEK_INVALID_ARGUMENT);
  }
  CHECK_EQ(error_at(sizeof session + 1, std::byte{0}), STEK_ROOM_TOO_SMALL);
  CHECK_EQ(error_at(sizeof session + 1, std::byte{1}), STEK_INVALID_SESSION);
  auto policy = sized<stek_policy>();
  policy.size = sizeof(std::size_t) - 1;
  stek_ticketer* made = nullptr;
  CHECK_EQ(stek_ticketer_standalone(nullptr, &policy, now, &made, nullptr), STEK_INVALID_ARGUMENT);
  auto schedule = sized<stek_schedule>();
  schedule.size = SIZE_MAX;
  CHECK_EQ(stek_ticketer_standalone(&schedule, nullptr, now, &made, nullptr),
           STEK_INVALID_ARGUMENT);
  auto health = sized<stek_health>();
  health.size = STEK_HEALTH_SHORTEST - 1;
  CHECK_EQ(stek_ticketer_health(ticketer.get(), now, &health), STEK_INVALID_ARGUMENT);
  auto failure = sized<stek_failure>();
  failure.size = STEK_FAILURE_SHORTEST - 1;
  CHECK_EQ(stek_ticketer_refresh(ticketer.get(), now, &failure), STEK_INVALID_ARGUMENT);
}

// ---- failures

// ---- sessions that a stack has in bytes of its own

constexpr int rustls = STEK_ENCODING_RUSTLS_0_20;

/// As rustls writes test::typical_session() down.
Wire rustls_session(const Session& session = test::typical_session(), std::int64_t at = now) {
  Wire bytes(1);
  if (const auto* name = std::get_if<HostName>(&session.server_name)) {
    bytes = test::number_bytes(1, 1);
    test::append_vector(bytes, 1, std::as_bytes(std::span(name->text())));
  }
  test::append_number(bytes, static_cast<std::size_t>(session.version), 2);
  test::append_number(bytes, static_cast<std::size_t>(session.cipher_suite), 2);
  test::append_vector(bytes, 1, session.secret.expose());
  test::append_number(bytes, session.extended_master_secret ? 1 : 0, 1);
  test::append_number(bytes, 0, 4);
  test::append_number(bytes, static_cast<std::size_t>(at), 8);
  test::append_number(bytes, session.ticket_age_add.value_or(0), 4);
  return bytes;
}

struct Encoded {
  stek_error error;
  Wire bytes{STEK_MAX_TICKET};
  std::size_t size = STEK_MAX_TICKET;
  std::uint32_t lifetime_hint = 0;
};

Encoded encoded_ticket(const stek_tickets* tickets, const Wire& session,
                       std::int64_t authenticated_at = 0, std::int64_t at = now) {
  Encoded issued{};
  issued.bytes.resize(STEK_MAX_TICKET);
  issued.error =
      stek_tickets_issue_encoded(tickets, rustls, session.data(), session.size(), authenticated_at,
                                 at, issued.bytes.data(), &issued.size, &issued.lifetime_hint);
  CHECK_EQ(issued.error == STEK_OK, issued.size != 0);
  issued.bytes.resize(issued.size);
  return issued;
}

struct Opened {
  stek_error error;
  stek_verdict verdict = sized<stek_verdict>();
  std::int64_t authenticated_at = 77;
  Wire bytes{STEK_MAX_TICKET};
  std::size_t size = STEK_MAX_TICKET;
};

Opened opened_ticket(const stek_tickets* tickets, const Wire& ticket, std::int64_t at = now,
                     std::string_view server_name = {}) {
  Opened opened{};
  opened.bytes.resize(STEK_MAX_TICKET);
  opened.error = stek_tickets_resume_encoded(
      tickets, rustls, ticket.data(), ticket.size(), server_name.data(), server_name.size(), at,
      &opened.verdict, &opened.authenticated_at, opened.bytes.data(), &opened.size);
  CHECK_EQ(opened.verdict.outcome == STEK_RESUME, opened.size != 0);
  CHECK_EQ(opened.verdict.outcome == STEK_RESUME, opened.authenticated_at != 0);
  opened.bytes.resize(opened.size);
  return opened;
}

std::string_view reason_of(const Opened& opened) {
  CHECK_EQ(opened.error, STEK_OK);
  return stek_reason_name(opened.verdict.reason);
}

TEST_CASE("C: a session in bytes comes back as it was, and on other stacks") {
  const auto ticketer = standalone();
  const auto shop = in(ticketer, "shop");
  for (const Session& session : {test::typical_session(), test::typical_tls13_session()}) {
    const Wire bytes = rustls_session(session);
    const Encoded ticket = encoded_ticket(shop.get(), bytes);
    REQUIRE_EQ(ticket.error, STEK_OK);
    CHECK_EQ(ticket.lifetime_hint, 12 * 3600);

    const Opened opened = opened_ticket(shop.get(), ticket.bytes, now + 5);
    CHECK_EQ(reason_of(opened), "resumes");
    CHECK_EQ(opened.verdict.age, 5);
    CHECK_EQ(opened.authenticated_at, now);
    CHECK(opened.bytes == bytes);

    const Resumed there = resumed(shop.get(), test::hello_for(session, ticket.bytes));
    CHECK_EQ(there.verdict.outcome, STEK_RESUME);
    CHECK_EQ(reason_of(opened_ticket(shop.get(), issued(shop.get(), &there.session))), "resumes");
  }
}

TEST_CASE("C: for a stack that shows no hello every other rule holds") {
  const auto ticketer = standalone();
  const auto shop = in(ticketer, "shop");
  const Wire ticket = encoded_ticket(shop.get(), rustls_session()).bytes;
  const std::array<std::uint8_t, 16> context{1};
  CHECK_EQ(reason_of(opened_ticket(in(ticketer, "mail").get(), ticket)), "altered");
  CHECK_EQ(reason_of(opened_ticket(in(ticketer, "shop", context.data()).get(), ticket)),
           "context_differs");
  CHECK_EQ(reason_of(opened_ticket(shop.get(), ticket, now + 12 * 3600)), "ticket_expired");
  CHECK_EQ(reason_of(opened_ticket(shop.get(), ticket, now - 61)), "issued_in_future");
  CHECK_EQ(reason_of(opened_ticket(shop.get(), {})), "no_ticket");
  CHECK_EQ(reason_of(opened_ticket(shop.get(), ticket, now, "Shop.Example.")), "resumes");
  CHECK_EQ(reason_of(opened_ticket(shop.get(), ticket, now, "mail.example")),
           "server_name_differs");
}

/// The reason that a session of any stack does not resume from bytes.
std::string_view objection_to(const stek_tickets* tickets,
                              const std::function<void(stek_session&)>& change) {
  stek_session session = typical();
  change(session);
  return reason_of(opened_ticket(tickets, issued(tickets, &session)));
}

TEST_CASE("C: what rustls does not compare, or cannot hold, does not resume there") {
  auto policy = sized<stek_policy>();
  policy.legacy_ems = STEK_LEGACY_EMS_RESUME;
  policy.context[0] = 1;
  const auto ticketer = standalone(&policy);
  const auto tickets = in(ticketer);
  const auto check = [&](std::string_view reason,
                         const std::function<void(stek_session&)>& change) {
    CHECK_EQ(objection_to(tickets.get(), change), reason);
  };
  check("resumes", [](stek_session&) {});
  check("resumes", [](stek_session& s) { s.extended_master_secret = 0; });
  check("max_fragment_length_differs", [](stek_session& s) { s.max_fragment_length = 1; });
  check("encrypt_then_mac_missing", [](stek_session& s) {
    s.cipher_suite = 0xc009;
    s.encrypt_then_mac = 1;
  });
  check("suite_not_enabled", [](stek_session& s) { s.cipher_suite = 0xc009; });
  check("identity_missing", [](stek_session& s) {
    s.has_client_identity_hash = s.has_identity_expires = 1;
    s.identity_expires = now + 5000;
  });
  check("transport_differs", [](stek_session& s) {
    s.transport = STEK_DTLS;
    s.version = 0xfefd;
  });
}

TEST_CASE("C: a session without a client's identity never resumes where one is demanded") {
  const RingFile ring;
  const auto open = opened(ring.path());
  auto policy = sized<stek_policy>();
  policy.require_client_identity = 1;
  const auto closed = opened(ring.path(), &policy);
  for (const Session& session : {test::typical_session(), test::typical_tls13_session()}) {
    const Wire ticket = encoded_ticket(in(open).get(), rustls_session(session)).bytes;
    CHECK_EQ(reason_of(opened_ticket(in(open).get(), ticket)), "resumes");
    CHECK_EQ(reason_of(opened_ticket(in(closed).get(), ticket)), "identity_missing");
    CHECK_EQ(encoded_ticket(in(closed).get(), rustls_session(session)).error,
             STEK_IDENTITY_MISSING);
  }
}

TEST_CASE("C: what only an abort answers is a full handshake where nothing was heard") {
  auto policy = sized<stek_policy>();
  const RingFile ring;
  policy.legacy_ems = STEK_LEGACY_EMS_RESUME;
  policy.min_version = 0x0301;
  const auto lax = opened(ring.path(), &policy);
  stek_session session = typical();
  session.extended_master_secret = 0;
  const Wire without = issued(in(lax).get(), &session);
  session.version = 0x0302;
  session.cipher_suite = 0xc009;
  const Wire old = issued(in(lax).get(), &session);

  policy = sized<stek_policy>();
  policy.legacy_ems = STEK_LEGACY_EMS_ABORT;
  const auto strict = opened(ring.path(), &policy);
  for (const auto& [ticket, reason] : {std::pair(without, "extended_master_secret_absent"),
                                       std::pair(old, "version_unsupported")}) {
    const Opened opened = opened_ticket(in(strict).get(), ticket);
    CHECK_EQ(reason_of(opened), reason);
    CHECK_EQ(opened.verdict.outcome, STEK_FULL_HANDSHAKE);
    CHECK_EQ(opened.verdict.alert, STEK_ALERT_NONE);
  }
  CHECK_EQ(encoded_ticket(in(strict).get(), rustls_session([] {
                            Session legacy = test::typical_session();
                            legacy.extended_master_secret = false;
                            return legacy;
                          }()))
               .error,
           STEK_NO_EXTENDED_MASTER_SECRET);
}

TEST_CASE("C: a name that is sealed as its hash resumes where the stack says what is asked for") {
  auto schedule = sized<stek_schedule>();
  schedule.profile = STEK_RFC5077;
  stek_ticketer* made = nullptr;
  REQUIRE_EQ(stek_ticketer_standalone(&schedule, nullptr, now, &made, nullptr), STEK_OK);
  const Handle<stek_ticketer> ticketer(made);
  const auto tickets = in(ticketer);
  constexpr std::string_view name = "a-name-that-is-longer-than-its-room.example";
  Session session = test::typical_session();
  session.server_name = HostName::from(name).value();
  const Wire bytes = rustls_session(session);
  const Wire ticket = encoded_ticket(tickets.get(), bytes).bytes;
  CHECK_EQ(ticket.size(), 178);
  CHECK_EQ(reason_of(opened_ticket(tickets.get(), ticket)), "server_name_differs");
  CHECK_EQ(reason_of(opened_ticket(tickets.get(), ticket, now, "shop.example")),
           "server_name_differs");
  const Opened opened = opened_ticket(tickets.get(), ticket, now, name);
  CHECK_EQ(reason_of(opened), "resumes");
  CHECK(opened.bytes == bytes);
}

TEST_CASE("C: 12.35 13.18 renewals of bytes end at the cap since the first full handshake") {
  constexpr std::int64_t hour = 3600;
  for (const Session& session : {test::typical_session(), test::typical_tls13_session()}) {
    const auto ticketer = standalone();
    const auto tickets = in(ticketer);
    const std::int64_t cap = is_tls13(session.version) ? 7 * 24 * hour : 24 * hour;
    Wire ticket = encoded_ticket(tickets.get(), rustls_session(session)).bytes;
    std::int64_t at = now;
    for (;;) {
      REQUIRE_EQ(stek_ticketer_refresh(ticketer.get(), at, nullptr), STEK_OK);
      const Opened opened = opened_ticket(tickets.get(), ticket, at);
      if (at - now >= cap) {
        CHECK_EQ(reason_of(opened), "authentication_too_old");
        CHECK_EQ(encoded_ticket(tickets.get(), rustls_session(session, at), now, at).error,
                 STEK_AUTHENTICATION_TOO_OLD);
        break;
      }
      REQUIRE_EQ(reason_of(opened), "resumes");
      CHECK_EQ(opened.authenticated_at, now);
      // rustls writes the session down anew, as of now.
      const Wire renewed = rustls_session(session, at);
      ticket = encoded_ticket(tickets.get(), renewed, opened.authenticated_at, at).bytes;
      at += 6 * hour;
    }
  }
}

TEST_CASE("C: bytes that are no session of the stack get no ticket, each by its error") {
  const auto ticketer = standalone();
  const auto tickets = in(ticketer);
  const auto error_of = [&](Wire bytes) { return encoded_ticket(tickets.get(), bytes).error; };
  Wire bytes = rustls_session();
  bytes.push_back(std::byte{0});
  CHECK_EQ(error_of(bytes), STEK_MALFORMED);
  CHECK_EQ(error_of({}), STEK_MALFORMED);
  Session other = test::typical_session();
  other.cipher_suite = CipherSuite{0xc009};
  CHECK_EQ(error_of(rustls_session(other)), STEK_UNSUITABLE);
  other = test::typical_session();
  other.ticket_age_add = 1;
  CHECK_EQ(error_of(rustls_session(other)), STEK_MALFORMED);
  other.ticket_age_add.reset();
  other.secret = SessionSecret(Wire(48));
  CHECK_EQ(error_of(rustls_session(other)), STEK_INVALID_SESSION);
}

TEST_CASE("C: a room for bytes that is too small says what suffices, and stays as it was") {
  const auto ticketer = standalone();
  const auto tickets = in(ticketer);
  const Wire bytes = rustls_session();
  Wire ticket(STEK_MAX_TICKET);
  std::size_t size = 5;
  CHECK_EQ(stek_tickets_issue_encoded(tickets.get(), rustls, bytes.data(), bytes.size(), 0, now,
                                      ticket.data(), &size, nullptr),
           STEK_ROOM_TOO_SMALL);
  CHECK(is_zero(ticket));
  CHECK_EQ(stek_tickets_issue_encoded(tickets.get(), rustls, bytes.data(), bytes.size(), 0, now,
                                      ticket.data(), &size, nullptr),
           STEK_OK);
  Wire room(bytes.size());
  auto verdict = sized<stek_verdict>();
  std::int64_t authenticated_at = 77;
  const auto open_into = [&](std::size_t most) {
    std::size_t used = most;
    const stek_error error =
        stek_tickets_resume_encoded(tickets.get(), rustls, ticket.data(), size, nullptr, 0, now,
                                    &verdict, &authenticated_at, room.data(), &used);
    CHECK_EQ(used, bytes.size());
    return error;
  };
  CHECK_EQ(open_into(bytes.size() - 1), STEK_ROOM_TOO_SMALL);
  CHECK(is_zero(room));
  CHECK_EQ(verdict.outcome, STEK_FULL_HANDSHAKE);
  CHECK_EQ(authenticated_at, 0);
  CHECK_EQ(open_into(bytes.size()), STEK_OK);
  CHECK(room == bytes);
}

TEST_CASE("C: arguments of sessions in bytes that are out of bounds, and what they leave") {
  const auto ticketer = standalone();
  const auto tickets = in(ticketer);
  const Wire bytes = rustls_session();
  const Wire ticket = encoded_ticket(tickets.get(), bytes).bytes;
  for (const std::int64_t at : {INT64_MIN, std::int64_t{-1}, std::int64_t{1} << 40, INT64_MAX}) {
    CHECK_EQ(encoded_ticket(tickets.get(), bytes, at).error, STEK_INVALID_ARGUMENT);
    CHECK_EQ(encoded_ticket(tickets.get(), bytes, 0, at).error, STEK_INVALID_ARGUMENT);
    CHECK_EQ(opened_ticket(tickets.get(), ticket, at).error, STEK_INVALID_ARGUMENT);
  }
  CHECK_EQ(opened_ticket(tickets.get(), ticket, now, "no name").error, STEK_INVALID_ARGUMENT);
  CHECK_EQ(opened_ticket(nullptr, ticket).error, STEK_INVALID_ARGUMENT);
  CHECK_EQ(encoded_ticket(nullptr, bytes).error, STEK_INVALID_ARGUMENT);
  Wire room(STEK_MAX_TICKET);
  std::size_t size = room.size();
  auto verdict = sized<stek_verdict>();
  std::int64_t since = 77;
  for (const int encoding : {-1, 0, 2}) {
    size = room.size();
    CHECK_EQ(stek_tickets_issue_encoded(tickets.get(), encoding, bytes.data(), bytes.size(), 0, now,
                                        room.data(), &size, nullptr),
             STEK_INVALID_ARGUMENT);
    size = room.size();
    CHECK_EQ(stek_tickets_resume_encoded(tickets.get(), encoding, ticket.data(), ticket.size(),
                                         nullptr, 0, now, &verdict, &since, room.data(), &size),
             STEK_INVALID_ARGUMENT);
  }
  CHECK_EQ(size, 0);
  CHECK_EQ(since, 0);
  CHECK(is_zero(room));
}

TEST_CASE("C: NULL is an invalid argument, and never a crash") {
  const auto ticketer = standalone();
  const auto tickets = in(ticketer);
  const stek_session session = typical();
  Wire ticket = issued(tickets.get(), &session);
  const Wire hello = typical_hello(ticket);
  std::size_t size = ticket.size();
  auto verdict = sized<stek_verdict>();
  auto out = sized<stek_session>();
  auto health = sized<stek_health>();
  std::int32_t reason = 0;
  std::int64_t since = 0;
  stek_ticketer* made = nullptr;
  stek_tickets* view = nullptr;
  auto why = sized<stek_failure>();
  const stek_tickets* t = tickets.get();
  std::byte* const bytes = ticket.data();

  const auto room = [&] {
    size = ticket.size();
    return &size;
  };
  const std::initializer_list<stek_error> errors{
      stek_ring_create(nullptr, nullptr, now, nullptr),
      stek_ring_rotate(nullptr, now, nullptr),
      stek_ring_promote(nullptr, now, nullptr),
      stek_ticketer_open(nullptr, nullptr, now, &made, nullptr),
      stek_ticketer_open("ring.json", nullptr, now, nullptr, nullptr),
      stek_ticketer_standalone(nullptr, nullptr, now, nullptr, nullptr),
      stek_ticketer_refresh(nullptr, now, &why),
      stek_ticketer_health(nullptr, now, &health),
      stek_ticketer_health(ticketer.get(), now, nullptr),
      stek_ticketer_in(nullptr, "a", 1, nullptr, now, &view, nullptr),
      stek_ticketer_in(ticketer.get(), nullptr, 1, nullptr, now, &view, nullptr),
      stek_ticketer_in(ticketer.get(), "a", 1, nullptr, now, nullptr, nullptr),
      stek_tickets_issue(nullptr, &session, now, bytes, room(), nullptr),
      stek_tickets_issue(t, nullptr, now, bytes, room(), nullptr),
      stek_tickets_issue(t, &session, now, nullptr, room(), nullptr),
      stek_tickets_issue(t, &session, now, bytes, nullptr, nullptr),
      stek_tickets_issue(t, &session, now, nullptr, nullptr, nullptr),
      stek_tickets_resume(nullptr, hello.data(), hello.size(), 0, now, &verdict, &out, bytes,
                          room()),
      stek_tickets_resume(t, nullptr, 1, 0, now, &verdict, &out, bytes, room()),
      stek_tickets_resume(t, hello.data(), hello.size(), 0, now, nullptr, &out, bytes, room()),
      stek_tickets_resume(t, hello.data(), hello.size(), 0, now, &verdict, nullptr, bytes, room()),
      stek_tickets_resume(t, hello.data(), hello.size(), 0, now, &verdict, &out, nullptr, room()),
      stek_tickets_resume(t, hello.data(), hello.size(), 0, now, &verdict, &out, bytes, nullptr),
      stek_tickets_resume_one(t, nullptr, 1, hello.data(), hello.size(), 0, now, &verdict, &out,
                              bytes, room()),
      stek_tickets_issue_encoded(nullptr, rustls, bytes, 1, 0, now, bytes, room(), nullptr),
      stek_tickets_issue_encoded(t, rustls, nullptr, 1, 0, now, bytes, room(), nullptr),
      stek_tickets_issue_encoded(t, rustls, bytes, 1, 0, now, nullptr, room(), nullptr),
      stek_tickets_issue_encoded(t, rustls, bytes, 1, 0, now, bytes, nullptr, nullptr),
      stek_tickets_resume_encoded(nullptr, rustls, bytes, 1, nullptr, 0, now, &verdict, &since,
                                  bytes, room()),
      stek_tickets_resume_encoded(t, rustls, nullptr, 1, nullptr, 0, now, &verdict, &since, bytes,
                                  room()),
      stek_tickets_resume_encoded(t, rustls, bytes, 1, nullptr, 1, now, &verdict, &since, bytes,
                                  room()),
      stek_tickets_resume_encoded(t, rustls, bytes, 1, nullptr, 0, now, nullptr, &since, bytes,
                                  room()),
      stek_tickets_resume_encoded(t, rustls, bytes, 1, nullptr, 0, now, &verdict, nullptr, bytes,
                                  room()),
      stek_tickets_resume_encoded(t, rustls, bytes, 1, nullptr, 0, now, &verdict, &since, nullptr,
                                  room()),
      stek_tickets_resume_encoded(t, rustls, bytes, 1, nullptr, 0, now, &verdict, &since, bytes,
                                  nullptr),
      stek_tickets_seal(nullptr, "a", bytes, 1, now, bytes, room(), nullptr),
      stek_tickets_seal(t, nullptr, bytes, 1, now, bytes, room(), nullptr),
      stek_tickets_seal(t, "a", nullptr, 1, now, bytes, room(), nullptr),
      stek_tickets_seal(t, "a", bytes, 1, now, bytes, nullptr, nullptr),
      stek_tickets_open(nullptr, "a", bytes, 1, now, &reason, bytes, room()),
      stek_tickets_open(t, nullptr, bytes, 1, now, &reason, bytes, room()),
      stek_tickets_open(t, "a", nullptr, 1, now, &reason, bytes, room()),
      stek_tickets_open(t, "a", bytes, 1, now, nullptr, bytes, room()),
      stek_tickets_open(t, "a", bytes, 1, now, &reason, nullptr, room()),
      stek_tickets_open(t, "a", bytes, 1, now, &reason, bytes, nullptr),
  };
  for (const stek_error error : errors) CHECK_EQ(error, STEK_INVALID_ARGUMENT);
  CHECK_EQ(std::string_view(why.message), "ticketer: NULL");
  stek_ticketer_close(nullptr);
  stek_tickets_close(nullptr);
  stek_session_wipe(nullptr);
  stek_wipe(nullptr, 0);
  stek_wipe(nullptr, 5);
}

TEST_CASE("C: numbers out of bounds are invalid arguments") {
  const auto ticketer = standalone();
  const auto tickets = in(ticketer);
  const stek_session session = typical();
  Wire ticket(STEK_MAX_TICKET);
  std::size_t size = ticket.size();
  const auto issue_at = [&](std::int64_t at) {
    size = ticket.size();
    return stek_tickets_issue(tickets.get(), &session, at, ticket.data(), &size, nullptr);
  };
  for (const std::int64_t at : {INT64_MIN, std::int64_t{-1}, std::int64_t{1} << 40, INT64_MAX}) {
    CHECK_EQ(issue_at(at), STEK_INVALID_ARGUMENT);
    CHECK_EQ(stek_ticketer_refresh(ticketer.get(), at, nullptr), STEK_INVALID_ARGUMENT);
  }
  size = SIZE_MAX;
  CHECK_EQ(stek_tickets_issue(tickets.get(), &session, now, ticket.data(), &size, nullptr),
           STEK_INVALID_ARGUMENT);
  auto verdict = sized<stek_verdict>();
  auto out = sized<stek_session>();
  const Wire hello = typical_hello({});
  for (const int transport : {-1, int{STEK_TLS}, int{STEK_DTLS}, 4}) {
    CHECK_EQ(stek_tickets_resume(tickets.get(), hello.data(), hello.size(), transport, now,
                                 &verdict, &out, nullptr, nullptr),
             STEK_INVALID_ARGUMENT);
  }
  CHECK_EQ(stek_tickets_resume(tickets.get(), hello.data(), SIZE_MAX, 0, now, &verdict, &out,
                               nullptr, nullptr),
           STEK_INVALID_ARGUMENT);
}

/// What is wrong with a policy or schedule.
template <class Struct, class Change>
std::string refusal_of(const Change& change) {
  auto given = sized<Struct>();
  change(given);
  stek_ticketer* ticketer = nullptr;
  auto why = sized<stek_failure>();
  stek_error error{};
  if constexpr (std::is_same_v<Struct, stek_policy>) {
    error = stek_ticketer_standalone(nullptr, &given, now, &ticketer, &why);
  } else {
    error = stek_ticketer_standalone(&given, nullptr, now, &ticketer, &why);
  }
  CHECK_EQ(why.error, error);
  CHECK_EQ(error == STEK_OK, ticketer != nullptr);
  stek_ticketer_close(ticketer);
  return error == STEK_OK ? "none" : std::string(stek_error_name(error)) + ", " + why.message;
}

TEST_CASE("C: what is wrong with a policy or a schedule is said") {
  const auto policy = [](const auto& change) { return refusal_of<stek_policy>(change); };
  const auto schedule = [](const auto& change) { return refusal_of<stek_schedule>(change); };
  CHECK_EQ(policy([](stek_policy& p) { p.min_version = 0x0300; }),
           "invalid_argument, policy: a version is none of TLS");
  CHECK_EQ(policy([](stek_policy& p) { p.legacy_ems = 3; }),
           "invalid_argument, policy: legacy_ems is none");
  CHECK_EQ(policy([](stek_policy& p) { p.skew = -1; }),
           "invalid_argument, policy: a duration is out of bounds");
  CHECK_EQ(policy([](stek_policy& p) { p.cipher_suites_count = 1; }),
           "invalid_argument, policy: cipher_suites is NULL, or too long");
  constexpr std::string_view protocols = "\2h2\10http/1.1";
  const auto with_protocols = [&](std::size_t size) {
    return policy([&](stek_policy& p) {
      p.application_protocols = reinterpret_cast<const std::uint8_t*>(protocols.data());
      p.application_protocols_size = size;
    });
  };
  CHECK_EQ(with_protocols(12), "none");
  CHECK_EQ(with_protocols(3), "none");
  CHECK_EQ(
      with_protocols(11),
      "invalid_argument, policy: application_protocols is no list of names behind their lengths");
  CHECK_EQ(schedule([](stek_schedule& s) { s.lifetime = INT64_MAX; }),
           "invalid_argument, schedule: a duration is out of bounds");
  CHECK_EQ(schedule([](stek_schedule& s) { s.profile = 4; }),
           "invalid_argument, schedule: profile is none");
  CHECK(schedule([](stek_schedule& s) { s.lead = 13 * 3600; }).starts_with("invalid_schedule, "));
  CHECK(schedule([](stek_schedule& s) { s.ahead = 65; }).starts_with("invalid_schedule, "));
  CHECK_EQ(schedule([](stek_schedule& s) {
             s.profile = STEK_RFC5077;
             s.lifetime = 3600;
           }),
           "none");
}

TEST_CASE("C: a policy's lists decide") {
  auto policy = sized<stek_policy>();
  const std::array<std::uint16_t, 1> suites{0xc030};
  policy.cipher_suites = suites.data();
  policy.cipher_suites_count = suites.size();
  const auto tickets = in(standalone(&policy));
  const stek_session session = typical();
  CHECK_EQ(verdict_on(tickets.get(), issued(tickets.get(), &session)), "suite_not_enabled");
}

TEST_CASE("C: rings that cannot be used, each by its error") {
  const RingFile ring;
  auto why = sized<stek_failure>();
  const std::string path = ring.path();
  CHECK_EQ(stek_ring_create(path.c_str(), nullptr, now, &why), STEK_ALREADY_THERE);
  CHECK_EQ(why.error, STEK_ALREADY_THERE);
  CHECK(std::string_view(why.message).contains(path));
  CHECK_EQ(stek_ring_rotate(path.c_str(), now - 3600, &why), STEK_CLOCK_BEHIND);
  CHECK_NE(std::string_view(why.hint), "");
  stek_ticketer* made = nullptr;
  const auto open = [&](const std::string& at) {
    const auto error = stek_ticketer_open(at.c_str(), nullptr, now, &made, &why);
    CHECK_EQ(made, nullptr);
    return error;
  };
  CHECK_EQ(open(ring.beside("none.json")), STEK_NOT_FOUND);
  CHECK_EQ(open(""), STEK_UNSUITABLE);
  CHECK_EQ(open("file://host/ring.json"), STEK_UNSUITABLE);
  chmod(path.c_str(), 0644);
  CHECK_EQ(open(path), STEK_EXPOSED);
  chmod(path.c_str(), 0600);
  std::filesystem::resize_file(path, 100);
  CHECK_EQ(open(path), STEK_DAMAGED);
}

TEST_CASE("C: sessions that get no ticket, each by its error") {
  const RingFile ring;
  const auto ticketer = opened(ring.path());
  const auto tickets = in(ticketer);
  const auto error_of = [&](const auto& change, std::int64_t at = now) {
    stek_session session = typical();
    change(session);
    Wire ticket(STEK_MAX_TICKET);
    std::size_t size = ticket.size();
    return stek_tickets_issue(tickets.get(), &session, at, ticket.data(), &size, nullptr);
  };
  const Wire data(20'000);
  CHECK_EQ(error_of([](stek_session&) {}), STEK_OK);
  CHECK_EQ(error_of([](stek_session& s) { s.extended_master_secret = 0; }),
           STEK_NO_EXTENDED_MASTER_SECRET);
  CHECK_EQ(error_of([](stek_session& s) { s.authenticated_at = now - 24 * 3600; }),
           STEK_AUTHENTICATION_TOO_OLD);
  CHECK_EQ(error_of([](stek_session& s) { s.has_client_identity_hash = 1; }), STEK_CONTEXT_MISSING);
  CHECK_EQ(error_of([](stek_session& s) { s.secret_size = 49; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.secret_size = 32; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.version = 0; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.transport = 9; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.max_fragment_length = 9; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.authenticated_at = INT64_MIN; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.lifetime = -1; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { std::ranges::fill(s.server_name, 'a'); }),
           STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.server_name[1] = ' '; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.application_data_size = 1; }), STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session& s) { s.application_data_size = SIZE_MAX; }), STEK_TOO_LARGE);
  CHECK_EQ(error_of([&](stek_session& s) {
             s.application_data = reinterpret_cast<const std::uint8_t*>(data.data());
             s.application_data_size = data.size();
           }),
           STEK_TOO_LARGE);
  CHECK_EQ(error_of([&](stek_session& s) {
             s.extras = reinterpret_cast<const std::uint8_t*>(data.data());
             s.extras_size = 5;
           }),
           STEK_INVALID_SESSION);
  CHECK_EQ(error_of([](stek_session&) {}, now + 24 * 3600), STEK_NO_ACTIVE_KEY);
  auto policy = sized<stek_policy>();
  policy.require_client_identity = 1;
  policy.context[0] = 1;
  const auto strict = in(opened(ring.path(), &policy));
  stek_session session = typical();
  std::size_t size = 0;
  CHECK_EQ(stek_tickets_issue(strict.get(), &session, now, nullptr, &size, nullptr),
           STEK_IDENTITY_MISSING);
  session.has_client_identity_hash = session.has_identity_expires = 1;
  session.identity_expires = now;
  CHECK_EQ(stek_tickets_issue(strict.get(), &session, now, nullptr, &size, nullptr),
           STEK_IDENTITY_EXPIRED);
  CHECK_EQ(size, 0);
}

TEST_CASE("C: what is no ClientHello is malformed, and leaves nothing") {
  const auto tickets = in(standalone());
  Wire hello = typical_hello({});
  hello.pop_back();
  Resumed r = resumed(tickets.get(), hello);
  CHECK_EQ(r.error, STEK_MALFORMED);
  CHECK_EQ(r.session.secret_size, 0);
  CHECK_EQ(resumed(tickets.get(), {}).error, STEK_MALFORMED);
}

TEST_CASE("C: labels and opaque data out of bounds") {
  const auto tickets = in(standalone());
  const Wire data(STEK_MAX_TICKET);
  Wire ticket(STEK_MAX_TICKET);
  const auto error_of = [&](const std::string& label, std::size_t size) {
    std::size_t ticket_size = ticket.size();
    return stek_tickets_seal(tickets.get(), label.c_str(), data.data(), size, now, ticket.data(),
                             &ticket_size, nullptr);
  };
  CHECK_EQ(error_of("", 1), STEK_UNSUITABLE);
  CHECK_EQ(error_of(std::string(33, 'l'), 1), STEK_UNSUITABLE);
  CHECK_EQ(error_of(std::string(32, 'l'), 0), STEK_OK);
  CHECK_EQ(error_of("l", data.size()), STEK_TOO_LARGE);
}

TEST_CASE("C: domains out of bounds") {
  const auto ticketer = standalone();
  const std::string domain(256, 'd');
  stek_tickets* tickets = nullptr;
  auto why = sized<stek_failure>();
  CHECK_EQ(stek_ticketer_in(ticketer.get(), domain.data(), 256, nullptr, now, &tickets, &why),
           STEK_MALFORMED);
  CHECK_EQ(std::string_view(why.message), "a trust domain's name has at most 255 bytes");
  CHECK_EQ(tickets, nullptr);
  CHECK_EQ(stek_ticketer_in(ticketer.get(), domain.data(), 255, nullptr, now, &tickets, &why),
           STEK_OK);
  stek_tickets_close(tickets);
  CHECK_EQ(stek_ticketer_in(ticketer.get(), nullptr, 0, nullptr, now, &tickets, &why), STEK_OK);
  stek_tickets_close(tickets);
}

TEST_CASE("C: wiping leaves a session its size alone") {
  RichSession rich;
  stek_session_wipe(&rich.session);
  CHECK_EQ(rich.session.size, sizeof rich.session);
  CHECK(is_zero(std::as_bytes(std::span(&rich.session, 1)).subspan(sizeof(std::size_t))));
  CHECK_EQ(rich.data[0], 1);
  stek_wipe(rich.data.data(), rich.data.size());
  CHECK_EQ(rich.data, std::array<std::uint8_t, 3>{});
}

// ---- names

/// Every number's name is the one in C++, and no two numbers share one. Returns how many there are.
template <class Enum>
std::size_t names(const char* (*name_in_c)(int), std::size_t besides = 0) {
  std::set<std::string_view> in_cpp;
  for (int i = 0; i <= 0xff; ++i) in_cpp.insert(name_of(static_cast<Enum>(i)));
  std::set<std::string_view> in_c;
  std::size_t numbers = 0;
  for (int i = -1; i <= 0xff; ++i) {
    const std::string_view name = name_in_c(i);
    if (name == "unknown") continue;
    ++numbers;
    in_c.insert(name);
  }
  CHECK_EQ(in_c.size(), numbers);
  in_cpp.erase("unknown");
  for (const std::string_view name : in_cpp) CHECK_MESSAGE(in_c.contains(name), name);
  CHECK_EQ(in_c.size(), in_cpp.size() + besides);
  return numbers;
}

TEST_CASE("C: every number has the name that C++ has") {
  CHECK_EQ(names<Error>(stek_error_name, 2), STEK_WRONG_KEK + 1);
  CHECK_EQ(names<Reason>(stek_reason_name), STEK_REASON_PSK_MODE_UNSUITABLE + 1);
  CHECK_EQ(names<Outcome>(stek_outcome_name), 3);
  CHECK_EQ(names<Alert>(stek_alert_name), 7);
  CHECK_EQ(names<EarlyData>(stek_early_data_name), STEK_EARLY_DATA_NOT_FRESH + 1);
  CHECK_EQ(std::string_view(stek_profile_name(STEK_AES256GCM)), name_of(Profile::aes256gcm));
  CHECK_EQ(std::string_view(stek_profile_name(STEK_XCHACHA20POLY1305)),
           name_of(Profile::xchacha20poly1305));
  CHECK_EQ(std::string_view(stek_profile_name(STEK_RFC5077)), name_of(Profile::rfc5077));
  CHECK_EQ(std::string_view(stek_profile_name(4)), "unknown");
  CHECK_EQ(std::string_view(stek_error_name(STEK_OK)), "ok");
  CHECK_EQ(std::string_view(stek_error_name(STEK_NO_ACTIVE_KEY)), "no_active_key");
  CHECK_EQ(std::string_view(stek_error_text(STEK_MALFORMED)), text_of(Error::malformed));
  CHECK_EQ(std::string_view(stek_reason_text(STEK_REASON_ALTERED)), text_of(Reason::altered));
  CHECK_EQ(std::string_view(stek_reason_name(STEK_REASON_HASH_DIFFERS)), "hash_differs");
  CHECK_EQ(std::string_view(stek_reason_text(INT_MAX)), "unknown");
  CHECK_EQ(std::string_view(stek_error_text(INT_MIN)), "unknown");
}

TEST_CASE("C: the version is the header's") {
  CHECK_EQ(std::string_view(stek_version()), STEK_VERSION);
}

// ---- threads

TEST_CASE("after a failure every output is empty, whatever lay there before") {
  std::array<unsigned char, 200> ticket;
  std::size_t size = ticket.size();
  std::uint32_t hint = 77;
  stek_session nothing{};
  nothing.size = sizeof nothing;
  CHECK(stek_tickets_issue(nullptr, &nothing, STEK_NOW, ticket.data(), &size, &hint) ==
        STEK_INVALID_ARGUMENT);
  CHECK(size == 0);
  CHECK(hint == 0);

  stek_failure rubbish;
  std::memset(&rubbish, 0xa5, sizeof rubbish);
  auto* handle = reinterpret_cast<stek_ticketer*>(ticket.data());
  CHECK(stek_ticketer_open("/no/ring", nullptr, STEK_NOW, &handle, &rubbish) ==
        STEK_INVALID_ARGUMENT);
  CHECK(handle == nullptr);

  std::int32_t reason = STEK_REASON_RESUMES;
  size = ticket.size();
  CHECK(stek_tickets_open(nullptr, "label", ticket.data(), 178, STEK_NOW, &reason, ticket.data(),
                          &size) == STEK_INVALID_ARGUMENT);
  CHECK(reason != STEK_REASON_RESUMES);
  CHECK(size == 0);
}

TEST_CASE("C: four threads issue and resume while a fifth rotates and makes views") {
  const RingFile ring;
  const auto ticketer = opened(ring.path());
  const auto tickets = in(ticketer);
  std::atomic<int> good{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const stek_session session = typical();
      for (int n = 0; n < 200; ++n) {
        std::array<std::byte, 200> ticket;
        std::size_t size = ticket.size();
        if (stek_tickets_issue(tickets.get(), &session, now, ticket.data(), &size, nullptr) !=
            STEK_OK) {
          continue;
        }
        const Wire hello = typical_hello({ticket.begin(), ticket.begin() + 184});
        if (resumed(tickets.get(), hello).verdict.outcome == STEK_RESUME) ++good;
      }
    });
  }
  for (int n = 0; n < 20; ++n) {
    CHECK_EQ(stek_ring_rotate(ring.path().c_str(), now, nullptr), STEK_OK);
    CHECK_EQ(stek_ticketer_refresh(ticketer.get(), now, nullptr), STEK_OK);
    in(ticketer, "domain " + std::to_string(n));
    auto health = sized<stek_health>();
    CHECK_EQ(stek_ticketer_health(ticketer.get(), now, &health), STEK_OK);
  }
  threads.clear();
  CHECK_EQ(good, 800);
  auto health = sized<stek_health>();
  CHECK_EQ(stek_ticketer_health(ticketer.get(), now, &health), STEK_OK);
  CHECK_EQ(health.issued, 800);
  CHECK_EQ(health.resumed, 800);
}

}  // namespace
}  // namespace stek
