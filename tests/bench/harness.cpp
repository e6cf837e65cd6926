#include "harness.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace bench {
namespace {

[[noreturn]] void usage(const char* program) {
  fmt::print(stderr, "usage: {} [--smoke] [--json FILE]\n", program);
  std::exit(2);
}

// doctest's assertions, outside of its test cases.
void let_require_end_the_program() {
  static doctest::Context context;
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler([](const doctest::AssertData& assertion) {
    if (!assertion.m_failed) return;
    fmt::print(stderr, "{}:{}: wrong: {}\n", assertion.m_file, assertion.m_line, assertion.m_expr);
    std::exit(1);
  });
}

/// Those of the process, before it was pinned.
const std::vector<std::size_t>& allowed_cpus() {
  static const std::vector<std::size_t> cpus = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    std::vector<std::size_t> allowed;
    for (std::size_t n = 0; n < CPU_SETSIZE; ++n) {
      if (CPU_ISSET(n, &set)) allowed.push_back(n);
    }
    return allowed;
  }();
  return cpus;
}

const Row* found(const Rows& rows, std::string_view who, std::string_view what, std::size_t bytes) {
  const auto at = std::ranges::find_if(rows, [&](const Row& row) {
    return row.who == who && row.what == what && row.bytes == bytes;
  });
  return at == rows.end() ? nullptr : &*at;
}

double wall_seconds() noexcept {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void walk_memory() {
  static std::vector<unsigned char> memory(std::size_t{12} << 20U);
  for (std::size_t i = 0; i < memory.size(); i += 64) ++memory[i];
}

/// Also the row's warm-up.
int calls_for(const Row& row) {
  constexpr double seconds = 1e-3;
  for (int calls = 1;; calls *= 2) {
    const double took = row.measure(calls);
    if (took > seconds / 2 || calls > 1'000'000) {
      return std::max(1, static_cast<int>(calls * seconds / took));
    }
  }
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

nlohmann::json machine() {
  utsname system{};
  uname(&system);
  return {{"cpu", cpu_name()}, {"kernel", system.release}, {"cpus", cpus()}};
}

nlohmann::json json_of(const Row& row) {
  nlohmann::json json{
      {"who", row.who}, {"what", row.what}, {"bytes", row.bytes}, {"ns", json_of(spread(row.ns))}};
  if (!row.note.empty()) json["note"] = row.note;
  if (row.beside != nullptr) json["ratio"] = json_of(spread(ratios(row.ns, row.beside->ns)));
  return json;
}

}  // namespace

void end_at(const std::source_location& at) {
  fmt::print(stderr, "{}:{}: wrong answer\n", at.file_name(), at.line());
  std::exit(1);
}

Options begin(int argc, const char* const* argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--smoke") {
      options.smoke = true;
    } else if (word == "--json" && i + 1 < argc) {
      options.json = argv[++i];
    } else {
      usage(argv[0]);
    }
  }
  let_require_end_the_program();
  pin(0);
  return options;
}

double thread_seconds() noexcept {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Measure cold(std::function<void()> work) {
  return [work = std::move(work)](int calls) {
    std::vector<double> seconds;
    for (int i = 0; i < calls; ++i) {
      walk_memory();
      wall_seconds();  // or the clock would be cold
      const double begin = wall_seconds();
      work();
      seconds.push_back(wall_seconds() - begin);
    }
    return spread(std::move(seconds)).median * calls;
  };
}

std::size_t cpus() {
  return allowed_cpus().size();
}

void pin(std::size_t n) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(allowed_cpus()[n], &one);
  sched_setaffinity(0, sizeof one, &one);
}

const Row& row(const Rows& rows, std::string_view who, std::string_view what, std::size_t bytes) {
  const Row* row = found(rows, who, what, bytes);
  if (row == nullptr) {
    fmt::print(stderr, "no such row: {} {} {}\n", who, what, bytes);
    std::exit(1);
  }
  return *row;
}

bool has(const Rows& rows, std::string_view who, std::string_view what, std::size_t bytes) {
  return found(rows, who, what, bytes) != nullptr;
}

Spread spread(std::vector<double> values) {
  std::ranges::sort(values);
  return {.median = values[values.size() / 2], .least = values.front(), .most = values.back()};
}

std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result;
  std::ranges::transform(a, b, std::back_inserter(result), std::divides());
  return result;
}

std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result;
  std::ranges::transform(a, b, std::back_inserter(result), std::minus());
  return result;
}

void print(const Rows& rows) {
  fmt::print("{:<14} {:<40} {:>5} {:>10} {:>8}\n", "", "", "bytes", "ns", "ratio");
  for (const Row& row : rows) {
    fmt::print("{:<14} {:<40} {:>5} {:>10.1f}", row.who, row.what,
               row.bytes == 0 ? "" : std::to_string(row.bytes), spread(row.ns).median);
    if (row.beside != nullptr) {
      const auto [median, least, most] = spread(ratios(row.ns, row.beside->ns));
      fmt::print(" {:>8.2f} ({:.2f} to {:.2f})", median, least, most);
    }
    fmt::print("{}{}\n", row.note.empty() ? "" : "  ", row.note);
  }
}

void run(Rows& rows, int rounds, const Options& options) {
  if (options.smoke) {
    rounds = 1;
    fmt::print("a smoke run: the times mean nothing\n\n");
  }
  for (Row& row : rows) {
    if (options.smoke) row.calls = 2;
    if (row.calls == 0) row.calls = calls_for(row);
  }
  for (int round = 0; round < rounds; ++round) {
    if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\rround {} of {} ", round + 1, rounds);
    for (Row& row : rows) row.ns.push_back(row.measure(row.calls) * 1e9 / row.calls);
  }
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r{:20}\r", "");
}

nlohmann::json json_of(const Spread& spread) {
  return {{"median", spread.median}, {"least", spread.least}, {"most", spread.most}};
}

void write_json(const Options& options, nlohmann::json results, const Rows& rows) {
  if (options.json.empty()) return;
  results["machine"] = machine();
  results["rows"] = nlohmann::json::array();
  for (const Row& row : rows) results["rows"].push_back(json_of(row));
  std::ofstream file(options.json);
  file << results.dump(1) << '\n';
  require(!file.flush().fail());
}

}  // namespace bench
