#include "config.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "config_keys.hpp"

namespace stek::daemon {
namespace {

using tool::Complaint;
using tool::Exit;

// ---- the file

/// Where something stands: CLI11 does not say.
struct Line {
  std::size_t number;
  std::string section;
  std::string key;  ///< empty: opens the section
};

std::vector<Line> lines_of(const std::string& text) {
  std::vector<Line> found;
  std::istringstream lines(text);
  std::string section;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    // As CLI11 has comments.
    line = CLI::detail::trim_copy(line.substr(0, line.find('#')));
    const std::size_t equals = line.find('=');
    if (line.starts_with('[') && line.ends_with(']')) {
      section = line.substr(1, line.size() - 2);
      found.push_back({.number = number, .section = section, .key = {}});
    } else if (equals != std::string::npos) {
      const std::string key = CLI::detail::trim_copy(line.substr(0, equals));
      found.push_back({.number = number, .section = section, .key = key});
    }
  }
  return found;
}

/// Of the first one. 0: it is nowhere.
std::size_t line_of(const std::string& text, std::string_view section, std::string_view key) {
  for (const Line& line : lines_of(text)) {
    if (line.section == section && line.key == key) return line.number;
  }
  return 0;
}

struct File {
  std::string name;
  std::string text;

  [[nodiscard]] std::unexpected<Complaint> wrong(const std::string& section, std::string_view key,
                                                 std::string_view what, std::string hint = {},
                                                 std::size_t line = 0) const {
    if (line == 0) line = line_of(text, section, key);
    const std::string place = line == 0 ? name : fmt::format("{}:{}", name, line);
    const std::string dot = section.empty() || key.empty() ? "" : ".";
    const std::string colon = section.empty() && key.empty() ? "" : ": ";
    return tool::complain(Exit::usage,
                          fmt::format("{}: {}{}{}{}{}", place, section, dot, key, colon, what),
                          std::move(hint));
  }
};

template <class Into>
std::string names_of(const std::vector<Key<Into>>& keys) {
  std::string names;
  for (const auto& key : keys) names += (names.empty() ? "" : ", ") + std::string(key.name);
  return names;
}

template <class Into>
tool::Or<void> set(Into& into, const std::vector<Key<Into>>& keys, const CLI::ConfigItem& item,
                   const std::string& section, const File& file) {
  const auto known = std::ranges::find(keys, item.name, &Key<Into>::name);
  if (known == keys.end()) {
    return file.wrong(section, item.name, "unknown key", "known are " + names_of(keys));
  }
  if (auto wrong = known->set(into, item.inputs)) {
    return file.wrong(section, item.name, *wrong);
  }
  return {};
}

/// The one of its name, made when it is new.
template <class Named>
Named& named(std::vector<Named>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &Named::name);
  if (found != all.end()) return *found;
  Named& made = all.emplace_back();
  made.name = name;
  return made;
}

bool is_bracket(const CLI::ConfigItem& item) {
  return item.name == "++" || item.name == "--";
}

tool::Or<void> take(Config& config, const CLI::ConfigItem& item, const File& file) {
  const std::vector<std::string>& parents = item.parents;
  const std::string section = CLI::detail::join(parents, ".");
  const bool opens = is_bracket(item);
  if (parents.empty()) return set(config, top_keys(), item, "", file);
  if (parents.size() == 1 && parents[0] == "admin") {
    return opens ? tool::Or<void>() : set(config.admin, admin_keys(), item, section, file);
  }
  // CLI11 opens and closes [realm] around [realm.shop].
  if (opens && line_of(file.text, section, "") == 0) return {};
  const bool listed = parents[0] == "realm" || parents[0] == "listen";
  if (!listed || parents.size() != 2 || parents[1].empty()) {
    return file.wrong(section, "", "unknown section",
                      "known are [admin], [realm.NAME] and [listen.NAME]");
  }
  if (parents[0] == "realm") {
    RealmConfig& realm = named(config.realms, parents[1]);
    return opens ? tool::Or<void>() : set(realm, realm_keys(), item, section, file);
  }
  ListenConfig& listener = named(config.listeners, parents[1]);
  return opens ? tool::Or<void>() : set(listener, listen_keys(), item, section, file);
}

/// CLI11 would take the comment for a part of its name.
tool::Or<void> refuse_comments_behind_sections(const File& file) {
  std::istringstream lines(file.text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    CLI::detail::trim(line);
    const std::size_t comment = line.find('#');
    if (!line.starts_with('[') || comment == std::string::npos) continue;
    return file.wrong(CLI::detail::trim_copy(line.substr(0, comment)), "",
                      "a section has its line for itself", "move the comment above it", number);
  }
  return {};
}

/// CLI11 joins what is given twice into a list. What stands in a list of several lines is no key.
tool::Or<void> refuse_doubles(const std::vector<CLI::ConfigItem>& items, const File& file) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const Line& line : lines_of(file.text)) {
    const bool is_real =
        line.key.empty() || std::ranges::any_of(items, [&](const auto& item) {
          return item.name == line.key && CLI::detail::join(item.parents, ".") == line.section;
        });
    if (is_real && !seen.emplace(line.section, line.key).second) {
      return file.wrong(line.section, line.key, "given twice", "", line.number);
    }
  }
  return {};
}

// ---- what belongs together

bool has_realm(const Config& config, const std::string& name) {
  return std::ranges::find(config.realms, name, &RealmConfig::name) != config.realms.end();
}

tool::Or<void> check(const ListenConfig& listener, const Config& config, const File& file) {
  const std::string section = "listen." + listener.name;
  const Place& place = listener.place;
  if (place.path.empty() == place.address.empty()) {
    return file.wrong(section, "", "needs a socket or tcp, one of them",
                      "socket = \"/run/stekd/shop.sock\"");
  }
  const bool at_path = !place.path.empty();
  const TlsFiles& tls = listener.tls;
  if (!at_path && (tls.certificate.empty() || tls.key.empty() || tls.client_ca.empty())) {
    return file.wrong(section, "", "tcp goes with certificate, key and client_ca",
                      "over TCP each client has to show a certificate");
  }
  const std::vector<std::string_view> of_the_other =
      at_path ? std::vector<std::string_view>{"certificate", "key", "client_ca", "clients"}
              : std::vector<std::string_view>{"mode", "group", "users"};
  for (const std::string_view key : of_the_other) {
    if (line_of(file.text, section, key) == 0) continue;
    return file.wrong(section, key, at_path ? "goes with tcp" : "goes with socket");
  }
  if (listener.realm.empty() && listener.users.empty() && listener.clients.empty()) {
    return file.wrong(section, "", "serves nobody", "name its realm, or its users or clients");
  }
  if (!listener.realm.empty() && !has_realm(config, listener.realm)) {
    return file.wrong(section, "realm", "no section [realm." + listener.realm + "]");
  }
  for (const PeerConfig& peer : at_path ? listener.users : listener.clients) {
    if (has_realm(config, peer.realm)) continue;
    return file.wrong(section, at_path ? "users" : "clients",
                      "no section [realm." + peer.realm + "]");
  }
  return {};
}

tool::Or<void> check(const Config& config, const File& file) {
  if (config.listeners.empty()) {
    return file.wrong("", "", "no section [listen.NAME]",
                      "[listen.shop] with socket = \"/run/stekd/shop.sock\" and realm = \"shop\"");
  }
  std::set<std::string> places = {canonical(config.admin.place)};
  if (!config.metrics_listen.empty()) {
    places.insert(canonical({.path = {}, .address = config.metrics_listen}));
  }
  for (const ListenConfig& listener : config.listeners) {
    if (auto fits = check(listener, config, file); !fits) return fits;
    if (!places.insert(canonical(listener.place)).second) {
      return file.wrong("listen." + listener.name, "", "another listener is there already");
    }
  }
  return {};
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value == nullptr ? "" : value;
}

/// Flag, environment, file: an empty one of the first leaves it to the second, as `stek` has it.
void overrule(Config& config, const Flags& flags) {
  tool::RingOption& ring = config.ring;
  if (!flags.ring.url.empty() || !environment("STEK_RING").empty()) ring.url = flags.ring.url;
  if (!flags.ring.keks.empty() || !environment("STEK_KEK").empty()) ring.keks = flags.ring.keks;
  if (!flags.ring.remember.empty()) ring.remember = flags.ring.remember;
  config.allow_unlocked |= flags.allow_unlocked;
}

tool::Or<File> read_file(const std::string& name) {
  std::ifstream in(name);
  File file{.name = name, .text = {}};
  for (std::string line; std::getline(in, line);) file.text += line + "\n";
  if (!in.is_open() || in.bad()) {
    return tool::complain(
        Exit::usage,
        fmt::format("{}: cannot be read: {}", name, std::generic_category().message(errno)),
        "stekd needs a configuration: name it with --config");
  }
  return file;
}

}  // namespace

tool::Or<Config> read_config(const Flags& flags) {
  auto file = read_file(flags.file);
  if (!file) return std::unexpected(std::move(file.error()));
  std::istringstream text(file->text);
  const auto items = CLI::ConfigTOML().from_config(text);
  Config config;
  auto sound = refuse_comments_behind_sections(*file);
  if (sound) sound = refuse_doubles(items, *file);
  if (!sound) return std::unexpected(std::move(sound.error()));
  for (const CLI::ConfigItem& item : items) {
    if (auto taken = take(config, item, *file); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  for (RealmConfig& realm : config.realms) {
    if (realm.domain.empty()) realm.domain = realm.name;
  }
  if (auto fits = check(config, *file); !fits) return std::unexpected(std::move(fits.error()));
  overrule(config, flags);
  return config;
}

}  // namespace stek::daemon
