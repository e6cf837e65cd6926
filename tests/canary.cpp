// Takes secrets through everything that a server and its operator do with them, destroys what it
// made, says "done" and waits, so that canary.py can look for what is left of them.
//
//   canary make FOLDER     writes a ring per profile
//   canary needles FOLDER  prints what derives from the rings' keys, for canary.py to search for
//   canary live FOLDER     the life of a server
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include <fmt/core.h>

#include <stek/ticketer.hpp>

#include "session/json.hpp"
#include "test_keys.hpp"

namespace stek {
namespace {

using std::chrono::hours;
using test::noon;
using Wiped = std::vector<std::byte, WipingAllocator<std::byte>>;

void require(bool good, const char* what) {
  if (good) return;
  std::cerr << "failed: " << what << '\n';
  std::exit(1);
}

std::filesystem::path ring_in(const std::filesystem::path& folder, Profile profile) {
  return folder / (std::string(name_of(profile)) + ".ring");
}

/// Past the standard library's streams, whose buffers nobody wipes.
wire::SecretText text_in(const std::filesystem::path& path) {
  wire::SecretText text(1U << 16U, '\0');
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t size = read(fd, text.data(), text.size());
  close(fd);
  require(size > 0, path.c_str());
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// ---- make and needles

void make(const std::filesystem::path& folder) {
  for (const Profile profile : test::profiles) {
    FileStore store(ring_in(folder, profile));
    require(store.create(new_ring({.profile = profile}, noon).value()).has_value(), "create");
  }
}

void needle(std::string_view name, Bytes bytes) {
  fmt::print("{} {}\n", name, to_hex(bytes));
}

template <class T>
void needle_of(std::string_view name, const T& object) {
  needle(name, std::as_bytes(std::span(&object, 1)));
}

void needles_of(const Key& key) {
  needle("STEK", key.secret.expose());
  const auto domain_key = ticket::domain_key(key.secret, "public");
  needle("K_dom", domain_key.expose());
  const auto subkey = [&](ticket::Purpose purpose, std::uint8_t lane) {
    auto derived = ticket::subkey(domain_key, purpose, lane);
    needle("subkey", derived.expose());
    return derived;
  };
  switch (key.profile) {
    case Profile::aes256gcm:
      for (unsigned lane = 0; lane < 256; ++lane) {
        const auto derived = subkey(ticket::Purpose::aes256gcm, static_cast<std::uint8_t>(lane));
        Aes256GcmKey expanded;
        expanded.assign(derived.expose());
        // Behind the first two round keys, which are the subkey itself; of 15 round keys.
        needle("expanded_lane", std::as_bytes(std::span(&expanded, 1)).subspan(32, 15 * 16 - 32));
      }
      return;
    case Profile::xchacha20poly1305:
      subkey(ticket::Purpose::xchacha20poly1305, 0);
      return;
    case Profile::rfc5077:
      subkey(ticket::Purpose::rfc5077_cipher, 0);
      const HmacSha256Key mac(subkey(ticket::Purpose::rfc5077_mac, 0).expose());
      needle("absorbed_mac_key", std::as_bytes(std::span(&mac, 1)).first(32));
      return;
  }
}

void print_needles(const std::filesystem::path& folder) {
  for (const Profile profile : test::profiles) {
    const KeyRing ring = FileStore(ring_in(folder, profile)).read().value();
    for (const Key& key : ring.keys) needles_of(key);
  }
}

// ---- live

ClientHello hello_for(const Session& session) {
  ClientHello hello;
  hello.legacy_version = ProtocolVersion::tls1_2;
  if (is_tls13(session.version)) {
    hello.supported_versions = {session.version};
    hello.psk_key_exchange_modes = {{1}};
    hello.pre_shared_key = hello.key_share = true;
  }
  hello.cipher_suites = {session.cipher_suite};
  hello.compression_methods = {0};
  hello.extended_master_secret = true;
  if (const auto* name = std::get_if<HostName>(&session.server_name)) hello.server_name = *name;
  return hello;
}

void serve(const Tickets& tickets, const Session& session) {
  std::array<std::byte, max_ticket> room;
  // Long enough that most lanes are used.
  for (int i = 0; i < 500; ++i) {
    const auto ticket = tickets.issue(session, room, noon);
    require(ticket.has_value(), "issue");
    const Resumption resumption = tickets.resume(ticket->bytes, hello_for(session), noon);
    require(resumption.verdict.outcome == Outcome::resume, "resume");
    require(resumption.session.secret == session.secret, "the secret");
    require(tickets.open(ticket->bytes, noon).has_value(), "open");
  }
}

void carry_opaque(const Tickets& tickets, Bytes data) {
  std::array<std::byte, max_ticket> room;
  const auto ticket = tickets.seal_opaque("canary/1", data, room, noon);
  require(ticket.has_value(), "seal_opaque");
  Wiped opened(max_ticket);
  const auto back = tickets.open_opaque("canary/1", ticket->bytes, opened, noon);
  require(back && std::ranges::equal(*back, data), "open_opaque");
}

void print_and_read(const Session& session) {
  const wire::SecretText text = to_json(session, Reveal::secret).dump();
  const auto back = session_from_json(text);
  require(back && *back == session, "session as JSON");
  // A text that breaks off behind the secret.
  require(!session_from_json(std::string_view(text).substr(0, text.size() - 2)), "cut JSON");
}

/// Until every key that was there at first has ended.
void rotate_away(FileStore& store, Ticketer& ticketer) {
  for (Instant now = noon; now < noon + hours(48); now += hours(1)) {
    require(store.update([&](KeyRing ring) { return advance(std::move(ring), now); }).has_value(),
            "advance");
    require(ticketer.refresh(now).has_value(), "refresh");
  }
}

void copy_ring(const std::filesystem::path& folder, const KeyRing& ring) {
  const auto path = folder / "copy.ring";
  FileStore copy(path);
  require(copy.create(ring).has_value(), "create a copy");
  require(copy.update([&](KeyRing r) { return promote(std::move(r), noon); }).has_value(),
          "promote");
  require(copy.read().has_value(), "read the copy");
  std::filesystem::remove(path);
  std::filesystem::remove(path.string() + ".lock");
}

void use(const std::filesystem::path& folder, Profile profile) {
  FileStore store(ring_in(folder, profile));
  auto ticketer = Ticketer::open(store, {}, noon);
  require(ticketer.has_value(), "Ticketer::open");
  const auto tickets = ticketer->in("public", {}, noon).value();
  for (const char* name : {"tls12.json", "tls13.json"}) {
    const auto session = session_from_json(text_in(folder / name));
    require(session.has_value(), name);
    print_and_read(*session);
    serve(tickets, *session);
    if (session->application_data) carry_opaque(tickets, session->application_data->expose());
  }
  copy_ring(folder, store.read().value());
  rotate_away(store, *ticketer);
}

void live(const std::filesystem::path& folder) {
  for (const Profile profile : test::profiles) use(folder, profile);
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  std::cout << "done" << std::endl;
  pause();
}

}  // namespace
}  // namespace stek

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string_view verb = argv[1];
  if (verb == "make") stek::make(argv[2]);
  if (verb == "needles") stek::print_needles(argv[2]);
  if (verb == "live") stek::live(argv[2]);
  return 0;
}
