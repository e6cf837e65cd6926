#include "config_keys.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "session/state.hpp"
#include "time_text.hpp"

namespace stek::daemon {
namespace {

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

template <auto member, auto set, class Into>
Wrong put(Into& into, const Values& values) {
  return set(into.*member, values);
}

}  // namespace

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
      {"cap_tls13",
       [=](RealmConfig& r, const Values& v) { return set_duration(r.policy.cap_tls13, v, week); }},
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

}  // namespace stek::daemon
