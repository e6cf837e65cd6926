// stekd's configuration: a file of CLI11's, that flags and the environment overrule.
//
//   ring = "/var/lib/stek/ring.json"
//   kek = "credential:stek-kek"
//   metrics_listen = "127.0.0.1:9464"
//
//   [realm.shop]                       # in whose name tickets are made and opened
//   labels = ["rustls/0.20"]
//
//   [listen.shop]                      # where who is served in which realm
//   socket = "/run/stekd/shop.sock"
//   realm = "shop"
//
// `stekd --help` and stekd.toml have every key. An unknown key, section or value is an error that
// names the file, the line and the key.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include <stek/resumption.hpp>

#include "complaint.hpp"
#include "http.hpp"
#include "ring_option.hpp"
#include "socket.hpp"

namespace stek::daemon {

struct RealmConfig {
  std::string name;
  std::string domain;               ///< trust domain; by default the realm's name
  std::vector<std::string> labels;  ///< that /v1/seal and /v1/open may name
  Policy policy;                    ///< with the context
};

/// Which of several peers is served in which realm.
struct PeerConfig {
  std::string peer;
  std::string realm;
};

struct ListenConfig {
  std::string name;
  Place place;
  TlsFiles tls;                     ///< where `place` is an address
  std::string realm;                ///< of every peer that is not named; empty: none
  std::vector<PeerConfig> users;    ///< at a Unix socket, by name or number
  std::vector<PeerConfig> clients;  ///< over TLS, by a certificate's name or sha256:FINGERPRINT
};

struct AdminConfig {
  Place place{.path = "/run/stekd/admin.sock", .mode = 0600, .group = {}, .address = {}};
  std::vector<std::string> users;  ///< beside root and who runs stekd
};

struct Config {
  tool::RingOption ring;
  bool rotate = true;
  bool allow_unlocked = false;
  Limits limits;
  Milliseconds grace{5000};
  AdminConfig admin;
  std::string metrics_listen;  ///< empty: off
  std::vector<RealmConfig> realms;
  std::vector<ListenConfig> listeners;
};

/// What flags said. It goes before the file's.
struct Flags {
  std::string file = "/etc/stekd/stekd.toml";
  tool::RingOption ring;
  bool allow_unlocked = false;
};

/// Reads the file, and checks all that can be checked without looking elsewhere.
tool::Or<Config> read_config(const Flags& flags);

}  // namespace stek::daemon
