#include "config.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/encoding.hpp"
#include "session/state.hpp"
#include "time_text.hpp"

namespace stek::daemon {
namespace {

using tool::Complaint;
using tool::Exit;

/// One `key = value` of the file. What is wrong with it, or nothing.
using Wrong = std::optional<std::string>;
using Values = std::vector<std::string>;

template <class Into>
struct Key {
  std::string_view name;
  std::function<Wrong(Into&, const Values&)> set;
};

// ---- values

Wrong set_text(std::string& into, const Values& values) {
  if (values.size() != 1 || values.front().empty()) return "expected a text";
  into = values.front();
  return std::nullopt;
}

Wrong set_flag(bool& into, const Values& values) {
  const std::string text = values.size() == 1 ? values.front() : std::string();
  if (text != "true" && text != "false") return "expected true or false";
  into = text == "true";
  return std::nullopt;
}

Wrong set_list(Values& into, const Values& values) {
  if (std::ranges::any_of(values, &std::string::empty)) return "expected texts, in a list";
  into = values;
  return std::nullopt;
}

template <class N>
std::optional<N> number_in(std::string_view text, N least, N most, int base = 10) {
  N n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, base);
  if (error != std::errc{} || end != text.data() + text.size() || n < least || n > most) {
    return std::nullopt;
  }
  return n;
}

template <class N>
Wrong set_number(N& into, const Values& values, N least, N most) {
  const auto n = values.size() == 1 ? number_in(values.front(), least, most) : std::nullopt;
  if (!n) return fmt::format("expected a number from {} to {}", least, most);
  into = *n;
  return std::nullopt;
}

Wrong set_mode(mode_t& into, const Values& values) {
  const auto mode =
      values.size() == 1 ? number_in<std::uint32_t>(values.front(), 0, 0777, 8) : std::nullopt;
  if (!mode) return "expected permissions in octal, such as \"0660\"";
  into = *mode;
  return std::nullopt;
}

Wrong set_duration(Seconds& into, const Values& values, Seconds most) {
  const auto duration = values.size() == 1 ? tool::seconds_from(values.front()) : std::nullopt;
  if (!duration || *duration <= Seconds(0) || *duration > most) {
    return fmt::format("expected a duration of up to {}, such as \"12h\"", tool::text_of(most));
  }
  into = *duration;
  return std::nullopt;
}

/// "250ms", or as `set_duration`.
Wrong set_short_duration(Milliseconds& into, const Values& values) {
  constexpr std::int64_t most = 3'600'000;
  std::string text = values.size() == 1 ? values.front() : std::string();
  std::optional<std::int64_t> count;
  if (text.ends_with("ms")) {
    count = number_in<std::int64_t>(text.substr(0, text.size() - 2), 1, most);
  } else if (const auto seconds = tool::seconds_from(text)) {
    count = seconds->count() * 1000;
  }
  if (!count || *count < 1 || *count > most) {
    return "expected a duration of up to 1h, such as \"2s\" or \"500ms\"";
  }
  into = Milliseconds(*count);
  return std::nullopt;
}

Wrong set_context(Context& into, const Values& values) {
  if (values.size() != 1 || !from_hex(into, values.front())) {
    return "expected 16 bytes as 32 hex digits";
  }
  return std::nullopt;
}

Wrong set_legacy_ems(LegacyEms& into, const Values& values) {
  const std::string text = values.size() == 1 ? values.front() : std::string();
  if (text == "full_handshake")
    into = LegacyEms::full_handshake;
  else if (text == "abort")
    into = LegacyEms::abort;
  else if (text == "resume")
    into = LegacyEms::resume;
  else
    return "expected \"full_handshake\", \"abort\" or \"resume\"";
  return std::nullopt;
}

Wrong set_labels(Values& into, const Values& values) {
  const bool fit = std::ranges::all_of(values, [](const std::string& label) {
    return !label.empty() && label.size() <= state::longest_label;
  });
  if (!fit) return "expected labels of 1 to 32 bytes, such as [\"rustls/0.20\"]";
  into = values;
  return std::nullopt;
}

/// "www-data=shop".
Wrong set_peers(std::vector<PeerConfig>& into, const Values& values) {
  for (const std::string& text : values) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return "expected who is served in which realm, such as [\"www-data=shop\"]";
    }
    into.push_back({.peer = text.substr(0, equals), .realm = text.substr(equals + 1)});
  }
  return std::nullopt;
}

// ---- keys

template <auto member, auto set, class Into>
Wrong put(Into& into, const Values& values) {
  return set(into.*member, values);
}

const std::vector<Key<Config>>& top_keys() {
  static const std::vector<Key<Config>> keys = {
      {"ring", [](Config& c, const Values& v) { return set_text(c.ring.url, v); }},
      {"kek", [](Config& c, const Values& v) { return set_list(c.ring.keks, v); }},
      {"remember", [](Config& c, const Values& v) { return set_text(c.ring.remember, v); }},
      {"rotate", put<&Config::rotate, set_flag, Config>},
      {"allow_unlocked", put<&Config::allow_unlocked, set_flag, Config>},
      {"threads",
       [](Config& c, const Values& v) { return set_number(c.limits.threads, v, 1U, 64U); }},
      {"deadline",
       [](Config& c, const Values& v) { return set_short_duration(c.limits.deadline, v); }},
      {"idle", [](Config& c, const Values& v) { return set_short_duration(c.limits.idle, v); }},
      {"grace", put<&Config::grace, set_short_duration, Config>},
      {"metrics_listen", put<&Config::metrics_listen, set_text, Config>},
  };
  return keys;
}

const std::vector<Key<AdminConfig>>& admin_keys() {
  static const std::vector<Key<AdminConfig>> keys = {
      {"socket", [](AdminConfig& a, const Values& v) { return set_text(a.place.path, v); }},
      {"mode", [](AdminConfig& a, const Values& v) { return set_mode(a.place.mode, v); }},
      {"group", [](AdminConfig& a, const Values& v) { return set_text(a.place.group, v); }},
      {"users", put<&AdminConfig::users, set_list, AdminConfig>},
  };
  return keys;
}

const std::vector<Key<RealmConfig>>& realm_keys() {
  constexpr Seconds week(604800);
  static const std::vector<Key<RealmConfig>> keys = {
      {"domain",
       [](RealmConfig& r, const Values& v) -> Wrong {
         if (v.size() == 1 && v.front().size() > 255) return "a trust domain has at most 255 bytes";
         return set_text(r.domain, v);
       }},
      {"context", [](RealmConfig& r, const Values& v) { return set_context(r.policy.context, v); }},
      {"labels", put<&RealmConfig::labels, set_labels, RealmConfig>},
      {"lifetime",
       [=](RealmConfig& r, const Values& v) { return set_duration(r.policy.lifetime, v, week); }},
      {"cap", [=](RealmConfig& r, const Values& v) { return set_duration(r.policy.cap, v, week); }},
      {"legacy_ems",
       [](RealmConfig& r, const Values& v) { return set_legacy_ems(r.policy.legacy_ems, v); }},
      {"require_client_identity",
       [](RealmConfig& r, const Values& v) {
         return set_flag(r.policy.require_client_identity, v);
       }},
      {"early_data",
       [](RealmConfig& r, const Values& v) { return set_flag(r.policy.early_data, v); }},
      {"tls13_any_server_name",
       [](RealmConfig& r, const Values& v) { return set_flag(r.policy.tls13_any_server_name, v); }},
  };
  return keys;
}

const std::vector<Key<ListenConfig>>& listen_keys() {
  static const std::vector<Key<ListenConfig>> keys = {
      {"socket", [](ListenConfig& l, const Values& v) { return set_text(l.place.path, v); }},
      {"mode", [](ListenConfig& l, const Values& v) { return set_mode(l.place.mode, v); }},
      {"group", [](ListenConfig& l, const Values& v) { return set_text(l.place.group, v); }},
      {"tcp", [](ListenConfig& l, const Values& v) { return set_text(l.place.address, v); }},
      {"certificate",
       [](ListenConfig& l, const Values& v) { return set_text(l.tls.certificate, v); }},
      {"key", [](ListenConfig& l, const Values& v) { return set_text(l.tls.key, v); }},
      {"client_ca", [](ListenConfig& l, const Values& v) { return set_text(l.tls.client_ca, v); }},
      {"realm", put<&ListenConfig::realm, set_text, ListenConfig>},
      {"users", put<&ListenConfig::users, set_peers, ListenConfig>},
      {"clients", put<&ListenConfig::clients, set_peers, ListenConfig>},
  };
  return keys;
}

// ---- the file

/// Where a key of a section stands, for messages. CLI11 does not say. 0: nowhere.
std::size_t line_of(const std::string& text, std::string_view section, std::string_view key) {
  std::istringstream lines(text);
  std::string current;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    CLI::detail::trim(line);
    if (line.starts_with('[') && line.ends_with(']')) {
      current = line.substr(1, line.size() - 2);
      if (key.empty() && current == section) return number;
    } else if (!key.empty() && current == section && line.starts_with(key)) {
      const std::size_t behind = line.find_first_not_of(" \t", key.size());
      if (behind == std::string::npos || line[behind] == '=') return number;
    }
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
std::expected<void, Complaint> set(Into& into, const std::vector<Key<Into>>& keys,
                                   const CLI::ConfigItem& item, const std::string& section,
                                   const File& file) {
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

std::expected<void, Complaint> take(Config& config, const CLI::ConfigItem& item, const File& file) {
  const std::vector<std::string>& parents = item.parents;
  const std::string section = CLI::detail::join(parents, ".");
  const bool opens = is_bracket(item);
  if (parents.empty()) return set(config, top_keys(), item, "", file);
  if (parents.size() == 1 && parents[0] == "admin") {
    return opens ? std::expected<void, Complaint>()
                 : set(config.admin, admin_keys(), item, section, file);
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
    return opens ? std::expected<void, Complaint>() : set(realm, realm_keys(), item, section, file);
  }
  ListenConfig& listener = named(config.listeners, parents[1]);
  return opens ? std::expected<void, Complaint>()
               : set(listener, listen_keys(), item, section, file);
}

/// CLI11 joins what is given twice into a list.
std::expected<void, Complaint> refuse_doubles(const std::vector<CLI::ConfigItem>& items,
                                              const File& file) {
  std::istringstream lines(file.text);
  std::set<std::string> seen;
  std::set<std::string> sections;
  std::string section;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    CLI::detail::trim(line);
    if (line.starts_with('[') && line.ends_with(']')) {
      section = line.substr(1, line.size() - 2);
      if (!sections.insert(section).second) {
        return file.wrong(section, "", "given twice", "", number);
      }
    }
    const std::string key = CLI::detail::trim_copy(line.substr(0, line.find('=')));
    const bool is_key = std::ranges::any_of(items, [&](const CLI::ConfigItem& item) {
      return item.name == key && CLI::detail::join(item.parents, ".") == section;
    });
    if (is_key && !seen.insert(section + "." + key).second) {
      return file.wrong(section, key, "given twice", "", number);
    }
  }
  return {};
}

// ---- what belongs together

bool has_realm(const Config& config, const std::string& name) {
  return std::ranges::find(config.realms, name, &RealmConfig::name) != config.realms.end();
}

std::expected<void, Complaint> check(const ListenConfig& listener, const Config& config,
                                     const File& file) {
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

std::expected<void, Complaint> check(const Config& config, const File& file) {
  if (config.listeners.empty()) {
    return file.wrong("", "", "no section [listen.NAME]",
                      "[listen.shop] with socket = \"/run/stekd/shop.sock\" and realm = \"shop\"");
  }
  std::set<std::string> places = {config.admin.place.path};
  for (const ListenConfig& listener : config.listeners) {
    if (auto fits = check(listener, config, file); !fits) return fits;
    if (!places.insert(listener.place.name()).second) {
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

std::expected<File, Complaint> read_file(const std::string& name) {
  std::ifstream in(name);
  File file{.name = name, .text = {}};
  for (std::string line; std::getline(in, line);) file.text += line + "\n";
  if (!in.is_open() || in.bad()) {
    return tool::complain(Exit::usage, name + ": cannot be read",
                          "stekd needs a configuration: name it with --config");
  }
  return file;
}

}  // namespace

std::expected<Config, Complaint> read_config(const Flags& flags) {
  auto file = read_file(flags.file);
  if (!file) return std::unexpected(std::move(file.error()));
  std::istringstream text(file->text);
  const auto items = CLI::ConfigTOML().from_config(text);
  Config config;
  if (auto once = refuse_doubles(items, *file); !once) {
    return std::unexpected(std::move(once.error()));
  }
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
