// A process that does with secrets all that stek does with them, destroys every object, says so and
// pauses: canary.py then looks into it.
//
//   canary FOLDER TASK...    tasks, in this order: read json malformed tickets opaque rotate
//
// FOLDER holds ring, tls12.json, tls13.json and opaque; `tickets` and `rotate` leave their tickets
// in FOLDER/tickets, and `rotate` its ring in FOLDER/rotated.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <thread>

#include <stek/ticketer.hpp>

#include "base/encoding.hpp"
#include "session/json.hpp"

namespace stek {
namespace {

namespace fs = std::filesystem;
using wire::SecretText;

constexpr std::string_view domain = "public";
constexpr std::string_view label = "canary/1";

void require(bool holds, std::source_location at = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "canary.cpp:%u does not hold\n", at.line());
  std::_Exit(1);
}

template <class T, class E>
T must(std::expected<T, E> result, std::source_location at = std::source_location::current()) {
  require(result.has_value(), at);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// By read(2): a stream would keep a copy that nobody wipes.
SecretText contents_of(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  SecretText text(fs::file_size(path), '\0');
  require(read(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(file);
  return text;
}

/// A ticket is no secret; its nonce says which key of one use it was sealed with.
void note_ticket(const fs::path& folder, Bytes ticket) {
  const int file =
      open((folder / "tickets").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const std::string line = to_hex(ticket) + "\n";
  require(write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  close(file);
}

ClientHello hello_for(const Session& session) {
  const bool tls13 = is_tls13(session.version);
  ClientHello hello;
  hello.legacy_version = ProtocolVersion::tls1_2;
  hello.cipher_suites = {session.cipher_suite};
  hello.compression_methods = {0};
  hello.extended_master_secret = !tls13;
  if (tls13) {
    hello.supported_versions = {ProtocolVersion::tls1_3};
    hello.psk_key_exchange_modes = {{1}};
    hello.psk_identities = {{.identity = {std::byte{1}}}};
    hello.key_share = true;
  }
  return hello;
}

struct Material {
  fs::path folder;

  [[nodiscard]] fs::path ring() const { return folder / "ring"; }
  [[nodiscard]] Session session(const char* name) const {
    return must(session_from_json(contents_of(folder / name)));
  }
};

constexpr auto sessions = std::to_array({"tls12.json", "tls13.json"});

void read_rings(const Material& material) {
  FileStore store(material.ring());
  const KeyRing ring = must(store.read());
  const KeyRing copy = ring.copy();
  require(!flaw_of(copy));
}

void print_sessions(const Material& material) {
  for (const char* name : sessions) {
    const Session session = material.session(name);
    const Session copy = session.copy();
    const SecretText shown = to_json(copy, Reveal::secret).dump(2);
    const SecretText hidden = to_json(copy, Reveal::no).dump(2);
    require(hidden.size() < shown.size());
    require(must(session_from_json(shown)) == session);
  }
}

/// Every place for a session's text to end early, or to have a quote too many.
void refuse_sessions(const Material& material) {
  for (const char* name : sessions) {
    const SecretText text = contents_of(material.folder / name);
    for (std::size_t size = 0; size < text.size(); ++size) {
      require(!session_from_json(std::string_view(text).substr(0, size)));
      SecretText quoted = text;
      quoted.insert(size, 1, '"');
      require(!session_from_json(quoted));
    }
  }
}

void use_session(const Material& material, const Tickets& tickets, const char* name, Instant now) {
  // Where nothing else covers what is left of it: with wiping off it has to be found.
  static std::optional<Session> kept;
  const Session& session = kept.emplace(material.session(name));
  std::array<std::byte, 1024> room;
  const Ticket ticket = must(tickets.issue(session, room, now));
  note_ticket(material.folder, ticket.bytes);
  const Resumption resumed = tickets.resume(ticket.bytes, hello_for(session), now);
  require(resumed.verdict.outcome == Outcome::resume);
  require(must(tickets.open(ticket.bytes, now)).secret == session.secret);
  const Ticket renewed = must(tickets.issue(resumed.session, room, now));
  room[renewed.bytes.size() - 1] ^= std::byte{1};
  require(tickets.open(renewed.bytes, now).error() == Reason::altered);
  kept.reset();
}

void use_opaque(const Material& material, const Tickets& tickets, Instant now) {
  const SecretText data = contents_of(material.folder / "opaque");
  std::array<std::byte, 1024> room;
  const Ticket ticket = must(tickets.seal_opaque(label, std::as_bytes(std::span(data)), room, now));
  note_ticket(material.folder, ticket.bytes);
  SecretText opened(ticket.bytes.size(), '\0');
  const Room there = std::as_writable_bytes(std::span(opened));
  require(must(tickets.open_opaque(label, ticket.bytes, there, now)).size() == data.size());
  require(!tickets.open_opaque("another", ticket.bytes, there, now));
}

void use(const Material& material, const Tickets& tickets, Instant now) {
  for (const char* name : sessions) use_session(material, tickets, name, now);
  use_opaque(material, tickets, now);
}

/// On this thread and on one that ends, whose stack is kept for the next.
template <class Use>
void with_tickets(const Material& material, Use use_of_tickets) {
  FileStore store(material.ring());
  const Instant now = must(store.read()).written_at;
  Ticketer ticketer = must(Ticketer::open(store, {}, now));
  const Tickets tickets = must(ticketer.in(domain, {}, now));
  use_of_tickets(tickets, now);
  std::jthread([&] { use_of_tickets(tickets, now); }).join();
}

void use_sessions(const Material& material) {
  with_tickets(material, [&](const Tickets& tickets, Instant now) {
    for (const char* name : sessions) use_session(material, tickets, name, now);
  });
}

void use_opaques(const Material& material) {
  with_tickets(material,
               [&](const Tickets& tickets, Instant now) { use_opaque(material, tickets, now); });
}

/// A ring of its own, whose first key dies, and whose second is ended early.
void rotate(const Material& material) {
  FileStore store(material.folder / "rotated");
  must(store.create(must(FileStore(material.ring()).read())));
  const KeyRing ring = must(store.read());
  const Key& first = ring.keys.front();
  Ticketer ticketer = must(Ticketer::open(store, {}, ring.written_at));
  const Tickets tickets = must(ticketer.in(domain, {}, ring.written_at));
  const auto change = [&](Instant now, const RingChange& rotation) {
    must(store.update(rotation));
    must(ticketer.refresh(now));
    use(material, tickets, now);
  };
  const auto advance_at = [&](Instant now) {
    change(now, [&](KeyRing old) { return advance(std::move(old), now); });
  };
  use(material, tickets, ring.written_at);
  advance_at(first.retires_at - ring.schedule.lead);
  const Instant erased = first.expires_at + ring.schedule.lead;
  advance_at(erased);
  change(erased, [&](KeyRing old) { return promote(std::move(old), erased, Seconds(0)); });
  change(erased, [&](KeyRing old) { return revoke_all(std::move(old), erased); });
}

struct Task {
  std::string_view name;
  void (*run)(const Material& material);
};
constexpr auto tasks = std::to_array<Task>({{"read", read_rings},
                                            {"json", print_sessions},
                                            {"malformed", refuse_sessions},
                                            {"tickets", use_sessions},
                                            {"opaque", use_opaques},
                                            {"rotate", rotate}});

[[gnu::noinline]] void run(const fs::path& folder, std::span<char*> names) {
  const Material material{folder};
  for (const Task& task : tasks) {
    if (std::ranges::find(names, task.name) != names.end()) task.run(material);
  }
}

void say_done_and_pause() {
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  require(write(STDOUT_FILENO, "done\n", 5) == 5);
  pause();
}

}  // namespace
}  // namespace stek

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  if (argc < 3) return 2;
  stek::run(argv[1], arguments.subspan(2));
  stek::say_done_and_pause();
  return 0;
}
