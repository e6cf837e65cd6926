#include "figures.hpp"

#include <algorithm>
#include <optional>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/cipher.hpp"
#include "base/random.hpp"

namespace bench {

using stek::Profile;

namespace {

/// Which half of the figures for AES-256-GCM this run gives; STEK_AES256GCM in the environment
/// chooses the other.
bool is_accelerated() {
  return stek::aes256gcm_library() == "ipsec-mb";
}

/// Nothing where the figure is another tier's, or what it compares with is not there.
using Value = std::optional<Spread>;

struct Figure {
  std::string what;
  bool at_least;
  double reach;
  std::string unit;
  Value value;
};

class Figures {
 public:
  explicit Figures(const Rows& rows) : rows_(rows) {}

  void add_aes();
  void add_others();
  void add_threads();
  void add_keys();
  void add_refusals();
  void add_peers();
  void add_counts(const std::vector<Counts>& counts);

  [[nodiscard]] const std::vector<Figure>& all() const { return figures_; }

 private:
  void at_most(std::string what, double reach, const Value& value, std::string unit = "") {
    figures_.push_back({std::move(what), false, reach, std::move(unit), value});
  }
  void at_least(std::string what, double reach, const Value& value) {
    figures_.push_back({std::move(what), true, reach, "x", value});
  }

  [[nodiscard]] const std::vector<double>& ns(std::string_view who, std::string_view what,
                                              std::size_t bytes = 0) const {
    return row(rows_, who, what, bytes).ns;
  }
  [[nodiscard]] Value beside_bare(Profile profile, std::string_view what, std::size_t size) const;
  [[nodiscard]] Value pooled_beside_bare(std::string_view what) const;
  [[nodiscard]] Value worst_of_larger_states() const;

  const Rows& rows_;
  std::vector<Figure> figures_;
};

Value Figures::beside_bare(Profile profile, std::string_view what, std::size_t size) const {
  const Row& measured = row(rows_, "stek", named(profile, what), state_size(profile, size));
  return spread(ratios(measured.ns, measured.beside->ns));
}

/// No option of a Ticketer forces the pool: what it costs more in `ticket::seal` is added.
Value Figures::pooled_beside_bare(std::string_view what) const {
  const Row& measured = row(rows_, "stek", named(Profile::aes256gcm, what), 128);
  std::vector<double> ns_with_pool = differences(ns("stek", "aes256gcm ticket::seal, pooled", 128),
                                                 ns("stek", "aes256gcm ticket::seal, fresh", 128));
  std::ranges::transform(ns_with_pool, measured.ns, ns_with_pool.begin(), std::plus());
  return spread(ratios(ns_with_pool, measured.beside->ns));
}

Value Figures::worst_of_larger_states() const {
  Value worst;
  for (const std::size_t size : state_sizes) {
    for (const char* what : {"issue", "resume", "seal", "open"}) {
      if (size == 128) continue;
      const Value value = beside_bare(Profile::aes256gcm, what, size);
      if (!worst || value->median > worst->median) worst = value;
    }
  }
  return worst;
}

Value only_if(bool tier, const Value& value) {
  return tier ? value : std::nullopt;
}

void Figures::add_aes() {
  const bool vdso = stek::vdso_random_available();
  for (const bool fast : {true, false}) {
    const bool tier = fast == is_accelerated();
    const auto named_here = [&](std::string_view what) {
      return fmt::format("{}, {}, 128 B", fast ? "accelerated AES-GCM" : "libsodium's AES-GCM",
                         what);
    };
    for (const char* what : {"issue", "seal"}) {
      at_most(named_here(fmt::format("{} / raw, vDSO", what)), fast ? 0.65 : 1.40,
              only_if(tier && vdso, beside_bare(Profile::aes256gcm, what, 128)));
      at_most(named_here(fmt::format("{} / raw, hedged pool", what)), fast ? 0.85 : 1.60,
              only_if(tier, pooled_beside_bare(what)));
    }
    for (const char* what : {"resume", "open"}) {
      at_most(named_here(fmt::format("{} / raw", what)), fast ? 0.45 : 1.20,
              only_if(tier, beside_bare(Profile::aes256gcm, what, 128)));
    }
  }
  at_most("accelerated AES-GCM, worst of all / raw, 512 B to 4 KiB", 0.35,
          only_if(is_accelerated(), worst_of_larger_states()));
}

void Figures::add_others() {
  for (const Profile profile : {Profile::xchacha20poly1305, Profile::rfc5077}) {
    for (const char* what : {"issue", "seal", "resume", "open"}) {
      at_most(fmt::format("{}, {} / raw", name_of(profile), what), 1.10,
              beside_bare(profile, what, 128));
    }
  }
}

void Figures::add_threads() {
  for (const Profile profile : profiles) {
    for (const char* what : {"issue", "resume"}) {
      const std::string two = named(profile, fmt::format("{}, 2 threads", what));
      Value value;
      if (has(rows_, "stek", two)) {
        const std::string one = named(profile, fmt::format("{}, 1 thread", what));
        value = spread(ratios(ns("stek", one), ns("stek", two)));
        value = {{2 * value->median, 2 * value->least, 2 * value->most}};
      }
      at_least(fmt::format("{}, {}, two threads / one", name_of(profile), what), 1.9, value);
    }
  }
}

void Figures::add_keys() {
  const auto& one = ns("stek", "open, 1 keys, one again and again");
  const auto& many = ns("stek", "open, 4096 keys, one again and again");
  const auto& each = ns("stek", "open, 4096 keys, each in turn");
  at_most("4096 keys - one key, a warm ticket", 5, spread(differences(many, one)), "ns");
  at_most("4096 keys - one key, a ticket of each in turn", 5, spread(differences(each, one)), "ns");
}

void Figures::add_refusals() {
  for (const char* what : {"open", "resume"}) {
    const auto refusal = [&](const char* kind) {
      return spread(ns("stek", fmt::format("{}, {}", what, kind)));
    };
    at_most(fmt::format("unknown key, {}", what), 10, refusal("unknown key"), "ns");
    at_most(fmt::format("bad tag, {}", what), 60, refusal("bad tag"), "ns");
  }
}

void Figures::add_peers() {
  struct Reach {
    const char* who;
    double seal;
    double open;
  };
  constexpr std::array reaches{Reach{"OpenSSL 3.0", 110, 85}, Reach{"GnuTLS 3.7", 22, 26},
                               Reach{"BoringSSL", 17, 17}, Reach{"mbed TLS 2.28", 11, 15}};
  const auto add = [&](const char* who, const char* what, const char* ours, double reach) {
    const auto peer = std::ranges::find_if(
        rows_, [&](const Row& row) { return row.who == who && row.what == what; });
    Value value;
    if (peer != rows_.end()) {
      value = spread(ratios(peer->ns, ns("stek", named(Profile::aes256gcm, ours), 128)));
    }
    at_least(fmt::format("{} / {}, {}", who, ours, what), reach, value);
  };
  for (const auto& [who, seal, open] : reaches) {
    add(who, "seal", "issue", seal);
    add(who, "open", "resume", open);
  }
}

void Figures::add_counts(const std::vector<Counts>& counts) {
  const auto most = [&](double Counts::* count) {
    const double value = std::ranges::max(counts, {}, count).*count;
    return Spread{value, value, value};
  };
  at_most("heap allocations a ticket", 0, most(&Counts::allocations));
  at_most("system calls a ticket", 0, most(&Counts::system_calls));
}

std::string_view verdict_on(const Figure& figure) {
  if (!figure.value) return "n/a";
  const double value = figure.value->median;
  const bool holds = figure.at_least ? value >= figure.reach : value <= figure.reach;
  return holds ? "holds" : "short";
}

void print(const Figure& figure) {
  fmt::print("{:<62} {:<2} {:>6.2f} {:<2}", figure.what,
             figure.at_least ? ">=" : "<=", figure.reach, figure.unit);
  if (figure.value) {
    const auto& [median, least, most] = *figure.value;
    fmt::print(" {:>8.2f} ({:.2f} to {:.2f})", median, least, most);
  }
  fmt::print("  {}\n", verdict_on(figure));
}

nlohmann::json json_of(const Figure& figure) {
  nlohmann::json json{{"what", figure.what},
                      {"at_least", figure.at_least},
                      {"reach", figure.reach},
                      {"unit", figure.unit},
                      {"verdict", verdict_on(figure)}};
  if (figure.value) json["value"] = json_of(*figure.value);
  return json;
}

}  // namespace

nlohmann::json print_figures(const Rows& rows, const std::vector<Counts>& counts) {
  Figures figures(rows);
  figures.add_aes();
  figures.add_others();
  figures.add_threads();
  figures.add_keys();
  figures.add_refusals();
  figures.add_peers();
  figures.add_counts(counts);
  nlohmann::json json = nlohmann::json::array();
  for (const Figure& figure : figures.all()) {
    print(figure);
    json.push_back(json_of(figure));
  }
  return json;
}

}  // namespace bench
