// What one configuration serves: its ring, and for each peer the realm that it is served in.
#pragma once

#include <map>
#include <memory>

#include <stek/ticketer.hpp>

#include "config.hpp"
#include "http.hpp"
#include "keys/succession.hpp"

namespace stek::daemon {

/// In whose name tickets are made and opened.
struct Realm {
  std::string name;
  Tickets tickets;
  std::vector<std::string> labels;
};

/// A listener's peers. Values are names of realms.
struct Admission {
  std::string anybody;  ///< empty: nobody but these
  std::map<uid_t, std::string> users;
  std::map<std::string, std::string, std::less<>> fingerprints;  ///< of certificates
  std::map<std::string, std::string, std::less<>> names;         ///< likewise
};

struct Service {
  Config config;
  std::unique_ptr<FileStore> store;
  std::optional<Ticketer> ticketer;
  std::map<std::string, Realm, std::less<>> realms;
  /// By the names of their places: a connection that stays over a reload stays where it came in.
  std::map<std::string, Admission> listeners;
  std::map<std::string, Tls> tls;  ///< of those listeners that have any
  std::vector<uid_t> administrators;
  keys::RingMark mark;  ///< of the ring as it was opened
  Seconds lead{};       ///< of the ring's schedule
};

/// Opens all that `config` names but its sockets. Refuses a ring of which every key has expired,
/// one that may not follow that of `before`, which is nullptr at the start, and memory that cannot
/// be locked unless that is allowed.
tool::Or<std::unique_ptr<Service>> open_service(Config config, const Service* before, Instant now);

/// What stands against taking `next` for the ring that `service` uses. That may be newer than the
/// one that was opened: somebody else rotates or revokes too.
std::optional<Failure> refusal_to_follow(const Service& service, const KeyRing& next, Instant now);

/// The ring at the place of the one that is used, unless it may not follow that.
std::expected<KeyRing, Failure> read_ring(const Service& service, Instant now);

/// The realm that `peer` is served in, or nullptr.
const Realm* realm_of(const Service& service, const Peer& peer) noexcept;

}  // namespace stek::daemon
