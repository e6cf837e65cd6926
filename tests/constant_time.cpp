// For valgrind, run by constant_time.py: secrets count as undefined memory, so that every branch
// and every address that depends on one is reported. Without arguments nothing may be reported but
// what constant_time.supp lists; with the name of a leak, that leak must be.
#include <valgrind/memcheck.h>

#include <cstdlib>
#include <iostream>

#include <stek/ticketer.hpp>

#include "test_keys.hpp"

namespace stek {
namespace {

using Buffer = std::vector<std::byte>;
using test::noon;
using test::Random;

/// How often the path had a verdict to find: constant_time.py allows no branch more.
struct Counts {
  std::size_t encoded = 0;
  std::size_t opened = 0;
  std::size_t decoded = 0;
  std::size_t read = 0;
};
Counts counts;

void make_secret(Bytes bytes) {
  VALGRIND_MAKE_MEM_UNDEFINED(bytes.data(), bytes.size());
}
void make_public(Bytes bytes) {
  VALGRIND_MAKE_MEM_DEFINED(bytes.data(), bytes.size());
}

void require(bool good, const char* what) {
  if (good) return;
  std::cerr << "failed: " << what << '\n';
  std::exit(1);
}

/// A key that only its name is known of.
Key secret_key(Random& random, Profile profile) {
  Key key = test::random_key(random, profile);
  make_secret(key.secret.expose());
  return key;
}

Session secret_session(bool tls13) {
  Session session = tls13 ? test::typical_tls13_session() : test::typical_session();
  session.issued_at = session.authenticated_at = noon;
  session.lifetime = Seconds(3600);
  session.application_data = SecretBytes(Buffer(20, std::byte{7}));
  make_secret(session.secret.expose());
  make_secret(session.application_data->expose());
  return session;
}

/// Drawn under what the state has of secrets; on the wire then, so public.
Buffer public_nonce(Bytes state, std::size_t size) {
  Buffer nonce(size);
  require(draw_nonce(nonce, state, NonceRule::pooled), "draw_nonce");
  make_public(nonce);
  return nonce;
}

/// On the wire then, so public.
Buffer sealed(const Session& session, const ticket::TicketKey& key) {
  const ticket::Layout& layout = ticket::layout_of(key.profile());
  const std::size_t size = state::size_of(session, layout.smallest_state).value();
  Buffer ticket(layout.overhead() + size);
  const Room state = ticket::body_of(ticket, layout);
  ++counts.encoded;
  require(state::encode(state, session, stamp_of(session)).has_value(), "encode");
  ticket::seal_with_nonce(ticket, key, public_nonce(state, layout.nonce_size));
  make_public(ticket);
  return ticket;
}

/// The verdict itself is public.
bool opens(Room state, Bytes ticket, const ticket::TicketKey& key) {
  ++counts.opened;
  const bool opened = ticket::open(state, ticket, key);
  make_public(std::as_bytes(std::span(&opened, 1)));
  return opened;
}

/// Application data are the last of a session's options.
Bytes application_data_in(Bytes state, const Session& session) {
  const std::size_t used = state::header.size + state::options.size(session);
  const std::size_t size = session.application_data->size();
  return state.subspan(used - size, size);
}

/// An authentic state may steer the server, but for its secrets.
Session decoded(Room state, const Session& sealed, const ticket::Layout& layout) {
  make_public(state);
  const std::size_t secret_at = state::header.offset_of<&Session::secret>();
  make_secret(state.subspan(secret_at, SessionSecret::max_size));
  make_secret(application_data_in(state, sealed));
  Session session;
  ++counts.decoded;
  require(state::decode(session, state, layout.smallest_state), "decode");
  require(session.secret.size() == sealed.secret.size(), "the secret's length");
  require(session.application_data->size() == sealed.application_data->size(), "the data's length");
  return session;
}

void seal_and_open(Random& random, Profile profile, bool tls13) {
  Granted granted{};
  const Key stek = secret_key(random, profile);
  const auto key = ticket::make_ticket_key(stek, "ours", granted);
  const auto elsewhere = ticket::make_ticket_key(stek, "theirs", granted);
  const ticket::Layout& layout = ticket::layout_of(profile);
  const Session session = secret_session(tls13);
  // Enough that several lanes are filled.
  for (int i = 0; i < 10; ++i) {
    Buffer ticket = sealed(session, *key);
    Buffer state(layout.state_size(ticket.size()));
    require(!opens(state, ticket, *elsewhere), "another domain's key");
    for (const std::size_t at :
         {ticket::name_size, layout.body_at(), ticket.size() / 2, ticket.size() - 1}) {
      ticket[at] ^= std::byte{1};
      require(!opens(state, ticket, *key), "altered");
      ticket[at] ^= std::byte{1};
    }
    require(opens(state, ticket, *key), "open");
    decoded(state, session, layout);
  }
}

/// A store whose secrets nobody may look at.
class SecretStore final : public RingStore {
 public:
  explicit SecretStore(const KeyRing& ring) : ring_(ring.copy()) {
    for (const Key& key : ring_.keys) make_secret(key.secret.expose());
  }
  std::expected<KeyRing, Failure> read() override {
    ++counts.read;
    return ring_.copy();
  }
  std::expected<void, Failure> create(const KeyRing& /*ring*/) override { return {}; }
  std::expected<KeyRing, Failure> update(const RingChange& /*change*/) override { return read(); }
  [[nodiscard]] std::uint64_t mark() const noexcept override { return 1; }
  [[nodiscard]] bool local() const noexcept override { return true; }

 private:
  KeyRing ring_;
};

void issue_and_refuse(Profile profile, bool hedge) {
  SecretStore store(new_ring({.profile = profile}, noon).value());
  auto ticketer = Ticketer::open(store, {.hedge = hedge}, noon);
  require(ticketer.has_value(), "Ticketer::open");
  const auto tickets = ticketer->in("public", {}, noon).value();
  ClientHello hello;
  hello.legacy_version = ProtocolVersion::tls1_2;
  for (const bool tls13 : {false, true}) {
    std::array<std::byte, max_ticket> room;
    // Not a secret one: its secret would be in the nonce, which nobody declares public in there.
    const Session session = tls13 ? test::typical_tls13_session() : test::typical_session();
    const auto issued = tickets.issue(session, room, noon);
    require(issued.has_value(), "issue");
    Buffer ticket(issued->bytes.begin(), issued->bytes.end());
    make_public(ticket);
    const auto reason = [&](std::size_t at) {
      ticket[at] ^= std::byte{1};
      const Reason why = tickets.resume(ticket, hello, noon).verdict.reason;
      ticket[at] ^= std::byte{1};
      return why;
    };
    require(reason(0) == Reason::unknown_key, "look-up");
    ++counts.opened;
    require(reason(ticket.size() - 1) == Reason::altered, "resume of an altered ticket");
  }
}

void compare() {
  Buffer a(48, std::byte{1});
  make_secret(a);
  const Buffer b(48, std::byte{2});
  volatile bool equal = equal_secrets(a, b);
  equal = equal_secrets(Bytes(a).first(32), Bytes(b).first(32));
  equal = equal_secrets(Bytes(a).first(32), b);
  equal = is_zero(a);
  (void)equal;
}

// ---- what must be found

bool leaking_compare(Bytes a, Bytes b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

int leak(std::string_view how) {
  const Session session = secret_session(false);
  const Bytes secret = session.secret.expose();
  if (how == "compare") return leaking_compare(secret, Buffer(48)) ? 1 : 0;
  if (how == "index") {
    static std::array<volatile char, 256> table{};
    return table[std::to_integer<std::size_t>(secret[5])];
  }
  if (how == "branch") {
    volatile int hits = 0;
    if ((secret[47] & std::byte{1}) != std::byte{0}) hits = hits + 1;
    return hits;
  }
  return 2;
}

int check() {
  if (!ticket::profile_works(Profile::aes256gcm)) std::cout << "no AES\n";
  for (const Profile profile : test::profiles) {
    if (!ticket::profile_works(profile)) continue;
    counts = {};
    Random random(61);
    for (const bool tls13 : {false, true}) seal_and_open(random, profile, tls13);
    for (const bool hedge : {false, true}) issue_and_refuse(profile, hedge);
    std::cout << name_of(profile) << ": " << counts.encoded << " encoded, " << counts.opened
              << " opened, " << counts.decoded << " decoded, " << counts.read << " rings read\n";
  }
  compare();
  return 0;
}

}  // namespace
}  // namespace stek

int main(int argc, char** argv) {
  return argc > 1 ? stek::leak(argv[1]) : stek::check();
}
