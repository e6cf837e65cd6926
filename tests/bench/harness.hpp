// What the benchmarks share: rows that are measured in interleaved rounds, and ratios that are
// formed inside a round. Times are of this thread's own CPU; on a shared machine only the ratios
// mean something. Every answer is checked before it is timed.
#pragma once

#include <deque>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace bench {

[[noreturn]] void end_at(const std::source_location& at);

/// Ends the program on a wrong answer. Next to nothing, so that it may stand in what is timed.
inline void require(bool right, const std::source_location& at = std::source_location::current()) {
  if (!right) [[unlikely]]
    end_at(at);
}

/// Of this thread's own time on a CPU.
double thread_seconds() noexcept;

/// Keeps this thread, and what it starts from now on, on the n-th of the CPUs it may use.
void pin(std::size_t n);
std::size_t cpus();

/// The seconds of CPU that so many calls took.
using Measure = std::function<double(int calls)>;

/// The calls one after another.
template <class Work>
Measure loop(Work work) {
  return [work](int calls) {
    const double begin = thread_seconds();
    for (int i = 0; i < calls; ++i) work();
    return thread_seconds() - begin;
  };
}

/// Single calls after walking more memory than the caches nearest to the CPU hold; their median, as
/// if each had taken that. By the wall clock, which is read without a system call.
Measure cold(std::function<void()> work);
/// Walking takes much longer than they do.
inline constexpr int cold_calls = 5;

struct Row {
  std::string who;
  std::string what;
  std::size_t bytes;  ///< of state; 0 where that says nothing
  Measure measure;
  int calls = 0;                ///< a round; 0: as many as take about a millisecond
  const Row* beside = nullptr;  ///< what it is compared with
  std::string note{};
  std::vector<double> ns{};  ///< a call, in each round
};

/// A deque, so that a row stays where it is.
using Rows = std::deque<Row>;
/// The row of this name, which there must be.
const Row& row(const Rows& rows, std::string_view who, std::string_view what,
               std::size_t bytes = 0);
bool has(const Rows& rows, std::string_view who, std::string_view what, std::size_t bytes = 0);

struct Spread {
  double median;
  double least;
  double most;
};
Spread spread(std::vector<double> values);

/// `a / b`, `a - b` in each round.
std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b);
std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b);

struct Options {
  bool smoke = false;  ///< one round of few calls: it still runs, and the answers are right
  std::string json;    ///< where to write what is printed; empty: nowhere
};
/// Of `[--smoke] [--json FILE]`. Ends the program on anything else. Pins this thread, and from here
/// on lets what is shared with tests use REQUIRE.
Options begin(int argc, const char* const* argv);

/// The rows, and their ratios to what stands beside them.
void print(const Rows& rows);

/// Every row once a round. Prints on stderr how far it is.
void run(Rows& rows, int rounds, const Options& options);

nlohmann::json json_of(const Spread& spread);

/// `results`, with all rows and what is known of the machine, to the file that `options` names.
void write_json(const Options& options, nlohmann::json results, const Rows& rows);

}  // namespace bench
