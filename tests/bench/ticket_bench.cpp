// What a ticket costs: stek's beside the bare cipher on the same bytes, beside what other TLS
// libraries do for theirs, and beside a session cache.
//
//   ticket_bench [--smoke] [--json FILE]
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/cipher.hpp"
#include "base/random.hpp"
#include "figures.hpp"
#include "rows.hpp"

namespace {

using namespace bench;

constexpr int rounds = 31;
constexpr int skipped = 77;

// What is compared stands together, so that little time passes between.
Rows all_rows() {
  Rows rows;
  for (const stek::Profile profile : profiles) {
    for (const std::size_t size : state_sizes) {
      add_bare_rows(rows, profile, size);
      add_path_rows(rows, profile, size);
      add_nonce_rows(rows, profile, size);
    }
    add_thread_rows(rows, profile);
  }
  add_peer_rows(rows);
  add_key_rows(rows);
  add_refusal_rows(rows);
  for (const stek::Profile profile : profiles) {
    add_cold_bare_rows(rows, profile);
    add_cold_rows(rows, profile);
  }
  return rows;
}

std::vector<Counts> all_counts(const Options& options) {
  std::vector<Counts> counts;
  for (const stek::Profile profile : profiles) {
    counts.push_back(counts_of(profile, options.smoke ? 10 : 1'000));
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = begin(argc, argv);
  if (!stek::cipher_tests().aes256gcm) {
    fmt::print("this CPU has no AES\n");
    return skipped;
  }
  const std::vector<Counts> counts = all_counts(options);
  Rows rows = all_rows();
  run(rows, rounds, options);
  fmt::print(
      "Medians of {} rounds; ratios to the bare cipher on the same bytes, or to what stands "
      "first,\nleast to most. vDSO getrandom: {}.\n\n",
      rows.front().ns.size(), stek::vdso_random_available() ? "yes" : "no");
  print(rows);
  fmt::print("\nThe figures of DESIGN, section 13, that are of the ticket path:\n\n");
  nlohmann::json results{{"vdso", stek::vdso_random_available()}};
  results["figures"] = print_figures(rows, counts);
  write_json(options, std::move(results), rows);
}
