#include "service.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "base/memory.hpp"

namespace stek::daemon {
namespace {

using tool::complain;
using tool::Complaint;
using tool::Exit;

std::optional<uid_t> user_named(const std::string& name) {
  uid_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc{} && end == name.data() + name.size()) return number;
  // Of the main thread alone.
  const passwd* found = getpwnam(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (found == nullptr) return std::nullopt;
  return found->pw_uid;
}

tool::Or<uid_t> user_for(const std::string& name, std::string_view where) {
  const auto user = user_named(name);
  if (user) return *user;
  return complain(Exit::usage, fmt::format("{}: no user {}", where, name),
                  "a user's name, or its number");
}

// ---- the ring

/// A ring that nobody has rotated for so long is an old copy, or the clock is wrong.
tool::Or<void> refuse_expired(const KeyRing& ring, Instant now) {
  const bool all = std::ranges::all_of(
      ring.keys, [&](const Key& key) { return phase_of(key, now) == Phase::expired; });
  if (!all) return {};
  return complain(Exit::failure, "every key of the ring has expired",
                  "is the clock right, and the ring the one in use? 'stek keys rotate' gives it a "
                  "new key");
}

tool::Or<void> refuse_unlocked(const Service& service, Instant now) {
  if (service.config.allow_unlocked || service.ticketer->health(now).memory_locked) return {};
  return complain(memory_unlocked(std::size_t{1} << 20U));
}

tool::Or<void> open_ring(Service& service, const Service* before, Instant now) {
  auto store = tool::store_named(service.config.ring);
  if (!store) return std::unexpected(std::move(store.error()));
  service.store = std::make_unique<FileStore>(*std::move(store));
  const auto ring = service.store->read();
  if (!ring) return complain(ring.error());
  if (auto lives = refuse_expired(*ring, now); !lives) return lives;
  if (before != nullptr) {
    if (auto refusal = refusal_to_follow(*before, *ring, now)) return complain(*std::move(refusal));
  }
  service.mark = keys::mark_of(*ring);
  service.lead = ring->schedule.lead;
  auto ticketer = Ticketer::open(*service.store, {.key_memory = KeyMemory::secret}, now);
  if (!ticketer) return complain(std::move(ticketer.error()));
  service.ticketer = *std::move(ticketer);
  return {};
}

tool::Or<void> open_realms(Service& service, Instant now) {
  for (const RealmConfig& config : service.config.realms) {
    auto tickets = service.ticketer->with_policy(config.domain, config.policy, now);
    if (!tickets) return complain(std::move(tickets.error()));
    service.realms.emplace(
        config.name,
        Realm{.name = config.name, .tickets = *std::move(tickets), .labels = config.labels});
  }
  return {};
}

// ---- who is served

constexpr std::string_view fingerprint_scheme = "sha256:";

/// As `ClientCertificate` has it, of what is written with colons or without and in any case.
std::optional<std::string> fingerprint_in(std::string_view text) {
  std::string digits(text.substr(fingerprint_scheme.size()));
  std::erase(digits, ':');
  std::array<std::byte, 32> fingerprint{};
  if (!from_hex(fingerprint, digits)) return std::nullopt;
  return std::string(fingerprint_scheme) + to_hex(fingerprint);
}

std::unexpected<Complaint> given_twice(std::string_view where, const PeerConfig& peer) {
  return complain(Exit::usage, fmt::format("{}: {} is given twice", where, peer.peer),
                  "each peer is served in one realm");
}

std::unexpected<Complaint> no_fingerprint(std::string_view where, const PeerConfig& peer) {
  return complain(Exit::usage, fmt::format("{}: {} is no fingerprint", where, peer.peer),
                  "sha256: and the 64 hex digits that 'openssl x509 -noout -fingerprint -sha256' "
                  "prints");
}

tool::Or<Admission> admission_of(const ListenConfig& config) {
  Admission admission;
  admission.anybody = config.realm;
  const std::string where = "listen." + config.name;
  for (const PeerConfig& peer : config.users) {
    const auto user = user_for(peer.peer, where);
    if (!user) return std::unexpected(user.error());
    if (!admission.users.emplace(*user, peer.realm).second) return given_twice(where, peer);
  }
  for (const PeerConfig& peer : config.clients) {
    const bool by_name = !peer.peer.starts_with(fingerprint_scheme);
    const auto key = by_name ? peer.peer : fingerprint_in(peer.peer);
    if (!key) return no_fingerprint(where, peer);
    auto& certificates = by_name ? admission.names : admission.fingerprints;
    if (!certificates.emplace(*key, peer.realm).second) return given_twice(where, peer);
  }
  return admission;
}

/// The key of a server's certificate is as secret as a ring.
tool::Or<void> refuse_exposed(const std::string& file) {
  struct stat status{};
  if (stat(file.c_str(), &status) != 0 || (status.st_mode & (S_IROTH | S_IWOTH)) == 0) return {};
  return complain(Failure{.error = Error::exposed,
                          .message = file + ": others can read it",
                          .hint = "chmod 600 " + file});
}

tool::Or<void> open_tls(Service& service, const ListenConfig& config) {
  if (auto closed = refuse_exposed(config.tls.key); !closed) return closed;
  auto tls = load_tls(config.tls);
  if (!tls) return complain(std::move(tls.error()));
  service.tls.emplace(config.place.name(), *std::move(tls));
  return {};
}

tool::Or<void> admit(Service& service) {
  for (const ListenConfig& config : service.config.listeners) {
    auto admission = admission_of(config);
    if (!admission) return std::unexpected(std::move(admission.error()));
    service.listeners.emplace(config.place.name(), *std::move(admission));
    if (!config.place.path.empty()) continue;
    if (auto loaded = open_tls(service, config); !loaded) return loaded;
  }
  service.administrators = {0, geteuid()};
  for (const std::string& name : service.config.admin.users) {
    const auto user = user_for(name, "admin.users");
    if (!user) return std::unexpected(user.error());
    service.administrators.push_back(*user);
  }
  return {};
}

}  // namespace

tool::Or<std::unique_ptr<Service>> open_service(Config config, const Service* before, Instant now) {
  auto service = std::make_unique<Service>();
  service->config = std::move(config);
  tool::Or<void> opened = admit(*service);
  if (opened) opened = open_ring(*service, before, now);
  if (opened) opened = open_realms(*service, now);
  // Only now are there keys to lock.
  if (opened) opened = refuse_unlocked(*service, now);
  if (!opened) return std::unexpected(std::move(opened.error()));
  return service;
}

std::optional<Failure> refusal_to_follow(const Service& service, const KeyRing& next, Instant now) {
  const keys::RingMark mark = keys::mark_of(next);
  keys::RingMark held = service.mark;
  const std::uint64_t in_use = service.ticketer->health(now).generation;
  // Of one that is newer than the one that was opened only the generation is known.
  if (in_use > held.generation) {
    held.generation = in_use;
    held.fingerprint = mark.fingerprint;
  }
  return keys::refusal_to_follow(held, mark, "restart to take it over");
}

std::expected<KeyRing, Failure> read_ring(const Service& service, Instant now) {
  auto ring = service.store->read();
  if (!ring) return ring;
  if (auto refusal = refusal_to_follow(service, *ring, now)) {
    return std::unexpected(*std::move(refusal));
  }
  return ring;
}

namespace {

/// Empty for who is served in none.
std::string_view realm_name(const Admission& admission, const Peer& peer) noexcept {
  if (peer.user) {
    const auto user = admission.users.find(*peer.user);
    if (user != admission.users.end()) return user->second;
  }
  if (peer.certificate) {
    const auto& [fingerprints, names] = std::tie(admission.fingerprints, admission.names);
    const auto pinned = fingerprints.find(peer.certificate->fingerprint);
    if (pinned != fingerprints.end()) return pinned->second;
    const auto named = names.find(peer.certificate->common_name);
    if (named != names.end()) return named->second;
  }
  return admission.anybody;
}

}  // namespace

const Realm* realm_of(const Service& service, const Peer& peer) noexcept {
  const auto listener = service.listeners.find(peer.listener);
  if (listener == service.listeners.end()) return nullptr;
  const auto realm = service.realms.find(realm_name(listener->second, peer));
  return realm == service.realms.end() ? nullptr : &realm->second;
}

}  // namespace stek::daemon
