// Runs Raft clusters through seeded worlds (world.h) and says how they fared.
//
//   raft_sim [--from S] [--seeds N] [--minutes M] [--mode links|direct] [--processes P]
//            [--troubles A,B,...] [--trouble-ms T] [--timeline LINES] [--every-fault]
//            [--verbose]
//
// Seeds S to S+N-1, or as many as fit into M minutes. --troubles leaves a seed only those of its
// kinds of trouble, --trouble-ms shortens their time: what a failure's replay line says.
// --timeline prints the last events of each seed. Output is TAP, with a line of progress for every
// few hundred seeds, and at the end with how often each kind of trouble happened in all of them
// (tally.h); with --every-fault a kind that never did is a failure. A seed that fails is run again
// and again with fewer kinds of trouble; the command that replays the smallest one, and its last
// events, are printed.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <optional>
#include <string>

#include "tests/sim/raft/explain.h"
#include "tests/sim/raft/runner.h"
#include "tests/sim/raft/tap.h"

namespace {

using namespace ringroad::raft::sim;

struct Options {
  std::uint64_t from = 1;
  std::uint64_t seeds = 200;
  std::uint64_t minutes = 0;
  std::uint64_t trouble_ms = 0;
  std::size_t timeline = 0;
  unsigned processes = 2;
  Mode mode = Mode::kLinks;
  TroubleSet troubles = kAllTroubles;
  bool verbose = false;
  bool every_fault = false;
};

std::optional<TroubleSet> parse_troubles(const std::string& text) {
  if (text == "none") return TroubleSet{};
  std::uint32_t bits = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string name = text.substr(begin, end - begin);
    std::size_t i = 0;
    while (i < kTroubles && name_of(static_cast<Trouble>(i)) != name) ++i;
    if (i == kTroubles) return std::nullopt;
    bits |= 1u << i;
    begin = end + 1;
  }
  return TroubleSet{bits};
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("--from", options.from, "the first seed")->capture_default_str();
  app.add_option("--seeds", options.seeds, "how many")->capture_default_str();
  app.add_option("--minutes", options.minutes, "as many as fit into these instead");
  app.add_option("--mode", options.mode, "links or direct: what carries messages")
      ->transform(CLI::Transformer(
          std::map<std::string, Mode>{{"links", Mode::kLinks}, {"direct", Mode::kDirect}}));
  app.add_option("--processes", options.processes, "at a time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option_function<std::string>(
      "--troubles",
      [&options](const std::string& text) {
        const auto troubles = parse_troubles(text);
        if (!troubles) throw CLI::ValidationError("--troubles", "no such kind in " + text);
        options.troubles = *troubles;
      },
      "of those that a seed has, only these: A,B,...");
  app.add_option("--trouble-ms", options.trouble_ms, "how long they last");
  app.add_option("--timeline", options.timeline, "so many last events of each seed");
  app.add_flag("--every-fault", options.every_fault, "fail when a kind of trouble never happened");
  app.add_flag("--verbose", options.verbose, "a line for each seed");
}

Scenario scenario_of(const Options& options, std::uint64_t seed) {
  Scenario scenario = draw_scenario(seed, options.mode, options.troubles);
  if (options.trouble_ms > 0) {
    scenario.trouble_time = ringroad::milliseconds(static_cast<std::int64_t>(options.trouble_ms));
  }
  return scenario;
}

void print_seed(const Scenario& s, const Report& r) {
  std::printf(
      "# seed %" PRIu64 ": hash %016" PRIx64 ", %" PRIu64 " events, %" PRIu64 " elections, %" PRIu64
      " committed, %" PRIu64 " requests, recovery %" PRId64 " ms%s; %s\n",
      s.seed, r.hash, r.events, r.elections, r.committed, r.requests, r.recovery.count / 1'000'000,
      r.is_quorum_lost ? ", quorum lost to damage" : "", describe(s).c_str());
}

// What all seeds did together.
class Sum {
 public:
  void add(std::uint64_t seed, const Report& report) {
    ++seeds_;
    events_ += report.events;
    elections_ += report.elections;
    requests_ += report.requests;
    quorums_lost_ += report.is_quorum_lost;
    tally_.add(report.tally);
    digest_ += mixed(mixed(0, seed), report.hash);  // in whatever order they come
    if (!report.failure.empty()) failed_.emplace(seed, report);
  }
  std::uint64_t seeds() const { return seeds_; }
  const std::map<std::uint64_t, Report>& failed() const { return failed_; }

  void print(double elapsed_seconds) const {
    std::printf("# %" PRIu64 " seeds in %.0f s: %" PRIu64 " events, %" PRIu64 " elections, %" PRIu64
                " requests answered, %" PRIu64
                " quorums lost to damage, %zu failures; digest %016" PRIx64 "\n# how often:\n",
                seeds_, elapsed_seconds, events_, elections_, requests_, quorums_lost_,
                failed_.size(), digest_);
    for (std::size_t i = 0; i < kFaults; ++i) {
      const auto fault = static_cast<Fault>(i);
      std::printf("#   %12" PRIu64 "  %s\n", tally_[fault], std::string(name_of(fault)).c_str());
    }
  }
  // Kinds of which there was none.
  std::vector<std::string> missing() const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < kFaults; ++i) {
      const auto fault = static_cast<Fault>(i);
      if (tally_[fault] == 0) all.emplace_back(name_of(fault));
    }
    return all;
  }
  bool loses_few_quorums() const { return quorums_lost_ * 100 <= seeds_; }

 private:
  std::uint64_t seeds_ = 0, events_ = 0, elections_ = 0, requests_ = 0, quorums_lost_ = 0;
  std::uint64_t digest_ = 0;
  Tally tally_;
  std::map<std::uint64_t, Report> failed_;
};

void run_with_timelines(const Options& options, const TakeReport& take) {
  for (std::uint64_t seed = options.from; seed < options.from + options.seeds; ++seed) {
    const Outcome outcome = run_apart(scenario_of(options, seed), options.timeline);
    for (const std::string& line : outcome.lines) std::printf("# %s\n", line.c_str());
    if (!outcome.report.failure.empty()) print_indented(outcome.report.failure);
    if (!take(seed, outcome.report)) break;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Raft clusters in seeded worlds"};
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  constexpr std::size_t kFailuresMax = 5;
  constexpr std::uint64_t kProgressEvery = 250;
  const auto begun = std::chrono::steady_clock::now();
  const auto elapsed = [begun] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  if (options.minutes > 0) options.seeds = ~std::uint64_t{0} >> 1;
  Sum sum;
  const auto take = [&](std::uint64_t seed, const Report& report) {
    sum.add(seed, report);
    if (options.verbose) print_seed(scenario_of(options, seed), report);
    if (!report.failure.empty()) {
      std::printf("# seed %" PRIu64 ": %s\n", seed, kind_of(report.failure).c_str());
    }
    if (sum.seeds() % kProgressEvery == 0) {
      std::printf("# %" PRIu64 " seeds, %.0f s\n", sum.seeds(), elapsed());
    }
    std::fflush(stdout);
    const bool has_time =
        options.minutes == 0 || elapsed() < 60.0 * static_cast<double>(options.minutes);
    return has_time && sum.failed().size() < kFailuresMax;
  };
  if (options.timeline > 0) {
    run_with_timelines(options, take);
  } else {
    run_seeds(
        options.from, options.seeds, options.processes,
        [&options](std::uint64_t seed) { return scenario_of(options, seed); }, take);
    for (const auto& [seed, report] : sum.failed()) {
      explain(argv[0], scenario_of(options, seed), report);
    }
  }
  sum.print(elapsed());
  Tap tap;
  tap.tell(sum.failed().empty(), "clusters keep Raft's promises in every world");
  if (options.every_fault) {
    const auto missing = sum.missing();
    for (const std::string& what : missing) std::printf("# never: %s\n", what.c_str());
    tap.tell(missing.empty(), "every kind of trouble happened");
    tap.tell(sum.loses_few_quorums(), "damage took the quorum of no more than one world of 100");
  }
  return tap.finish();
}
