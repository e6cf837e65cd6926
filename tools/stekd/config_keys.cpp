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

/// As long as a ticket may live (RFC 8446 section 4.6.1).
Wrong set_duration(Seconds& into, const Values& values) {
  constexpr Seconds most(604800);
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

/// Sets what `members` lead to.
template <auto set, auto... members>
constexpr auto put =
    [](auto& into, const Values& values) { return set((into.*....*members), values); };

/// Where a section's listener is.
template <class Into>
std::vector<Key<Into>> place_keys() {
  return {
      {"socket", put<set_text, &Into::place, &Place::path>},
      {"mode", put<set_mode, &Into::place, &Place::mode>},
      {"group", put<set_text, &Into::place, &Place::group>},
  };
}

template <class Into>
std::vector<Key<Into>> operator+(std::vector<Key<Into>> some, const std::vector<Key<Into>>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

}  // namespace

const std::vector<Key<Config>>& top_keys() {
  static const std::vector<Key<Config>> keys = {
      {"ring", put<set_text, &Config::ring, &tool::RingOption::url>},
      {"kek", put<set_list, &Config::ring, &tool::RingOption::keks>},
      {"remember", put<set_text, &Config::ring, &tool::RingOption::remember>},
      {"rotate", put<set_flag, &Config::rotate>},
      {"allow_unlocked", put<set_flag, &Config::allow_unlocked>},
      {"threads",
       [](Config& c, const Values& v) { return set_number(c.limits.threads, v, 1U, 64U); }},
      {"deadline", put<set_short_duration, &Config::limits, &Limits::deadline>},
      {"idle", put<set_short_duration, &Config::limits, &Limits::idle>},
      {"grace", put<set_short_duration, &Config::grace>},
      {"metrics_listen", put<set_text, &Config::metrics_listen>},
  };
  return keys;
}

const std::vector<Key<AdminConfig>>& admin_keys() {
  static const std::vector<Key<AdminConfig>> keys =
      place_keys<AdminConfig>() + std::vector<Key<AdminConfig>>{
                                      {"users", put<set_list, &AdminConfig::users>},
                                  };
  return keys;
}

const std::vector<Key<RealmConfig>>& realm_keys() {
  static const std::vector<Key<RealmConfig>> keys = {
      {"domain",
       [](RealmConfig& r, const Values& v) -> Wrong {
         if (v.size() == 1 && v.front().size() > 255) return "a trust domain has at most 255 bytes";
         return set_text(r.domain, v);
       }},
      {"context", put<set_context, &RealmConfig::policy, &Policy::context>},
      {"labels", put<set_labels, &RealmConfig::labels>},
      {"lifetime", put<set_duration, &RealmConfig::policy, &Policy::lifetime>},
      {"cap", put<set_duration, &RealmConfig::policy, &Policy::cap>},
      {"cap_tls13", put<set_duration, &RealmConfig::policy, &Policy::cap_tls13>},
      {"legacy_ems", put<set_legacy_ems, &RealmConfig::policy, &Policy::legacy_ems>},
      {"require_client_identity",
       put<set_flag, &RealmConfig::policy, &Policy::require_client_identity>},
      {"early_data", put<set_flag, &RealmConfig::policy, &Policy::early_data>},
      {"tls13_any_server_name",
       put<set_flag, &RealmConfig::policy, &Policy::tls13_any_server_name>},
  };
  return keys;
}

const std::vector<Key<ListenConfig>>& listen_keys() {
  static const std::vector<Key<ListenConfig>> keys =
      place_keys<ListenConfig>() +
      std::vector<Key<ListenConfig>>{
          {"tcp", put<set_text, &ListenConfig::place, &Place::address>},
          {"certificate", put<set_text, &ListenConfig::tls, &TlsFiles::certificate>},
          {"key", put<set_text, &ListenConfig::tls, &TlsFiles::key>},
          {"client_ca", put<set_text, &ListenConfig::tls, &TlsFiles::client_ca>},
          {"realm", put<set_text, &ListenConfig::realm>},
          {"users", put<set_peers, &ListenConfig::users>},
          {"clients", put<set_peers, &ListenConfig::clients>},
      };
  return keys;
}

}  // namespace stek::daemon
