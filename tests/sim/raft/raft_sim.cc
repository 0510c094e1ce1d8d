// Runs Raft clusters through seeded worlds (world.h) and says how they fared.
//
//   raft_sim [--from S] [--seeds N] [--minutes M] [--mode links|direct] [--processes P]
//            [--troubles A,B,...] [--trouble-ms T] [--timeline LINES] [--verbose]
//
// Seeds S to S+N-1, or as many as fit into M minutes. --troubles leaves a seed only those of its
// kinds of trouble, --trouble-ms shortens their time: what a failure's replay line says.
// --timeline prints the last events of each seed. Output is TAP, with a line of progress for every
// few hundred seeds. A seed that fails is run again and again with fewer kinds of trouble; the
// command that replays the smallest one, and its last events, are printed.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <optional>
#include <string>

#include "tests/sim/raft/runner.h"

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
  app.add_flag("--verbose", options.verbose, "a line for each seed");
}

Scenario scenario_of(const Options& options, std::uint64_t seed) {
  Scenario scenario = draw_scenario(seed, options.mode, options.troubles);
  if (options.trouble_ms > 0) {
    scenario.trouble_time = ringroad::milliseconds(static_cast<std::int64_t>(options.trouble_ms));
  }
  return scenario;
}

void print_indented(const std::string& text) {
  std::printf("#   ");
  for (const char c : text) {
    std::putchar(c);
    if (c == '\n') std::printf("#   ");
  }
  std::putchar('\n');
}

void print_seed(const Scenario& s, const Report& r) {
  std::printf("# seed %" PRIu64 ": hash %016" PRIx64 ", %" PRIu64 " events, %" PRIu64
              " elections, %" PRIu64 " committed, %" PRIu64 " requests, %" PRIu64
              " crashes, %" PRIu64 " changes, %" PRIu64 " snapshots, %" PRIu64
              " damaged, recovery %" PRId64 " ms; %s\n",
              s.seed, r.hash, r.events, r.elections, r.committed, r.requests, r.crashes, r.changes,
              r.snapshots, r.damaged, r.recovery.count / 1'000'000, describe(s).c_str());
}

// The last lines of the run, and of each node at least a few.
void print_timeline(const std::vector<std::string>& lines) {
  constexpr std::size_t kLast = 40, kOfEachNode = 6, kNodeAt = 14, kNodeWidth = 4;
  std::map<std::string, std::size_t> shown;
  std::vector<const std::string*> chosen;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const std::string node = line->size() > kNodeAt ? line->substr(kNodeAt, kNodeWidth) : "";
    if (chosen.size() >= kLast && shown[node] >= kOfEachNode) continue;
    ++shown[node];
    chosen.push_back(&*line);
  }
  for (auto line = chosen.rbegin(); line != chosen.rend(); ++line) {
    std::printf("#   %s\n", (*line)->c_str());
  }
}

void explain(const Options& options, const char* program, const Scenario& scenario,
             const Report& report) {
  std::printf("# seed %" PRIu64 " failed:\n", scenario.seed);
  print_indented(report.failure);
  const char* mode = options.mode == Mode::kLinks ? "links" : "direct";
  std::printf("#   replay: %s --mode %s --from %" PRIu64 " --seeds 1 --timeline 300\n", program,
              mode, scenario.seed);
  std::fflush(stdout);
  const Minimised small = minimise(scenario, kind_of(report.failure));
  std::printf("#   smallest of %u: %s --mode %s --from %" PRIu64
              " --seeds 1 --troubles %s --trouble-ms %" PRId64 " --timeline 300\n",
              small.runs, program, mode, scenario.seed, describe(small.scenario.troubles).c_str(),
              small.scenario.trouble_time.count / 1'000'000);
  print_indented(small.outcome.report.failure);
  print_timeline(small.outcome.lines);
  std::fflush(stdout);
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
  std::map<std::uint64_t, Report> failed;
  Report sum;
  std::uint64_t done = 0;
  const auto take = [&](std::uint64_t seed, const Report& report) {
    ++done;
    sum.events += report.events;
    sum.elections += report.elections;
    sum.requests += report.requests;
    sum.crashes += report.crashes;
    sum.changes += report.changes;
    sum.snapshots += report.snapshots;
    if (options.verbose) print_seed(scenario_of(options, seed), report);
    if (!report.failure.empty()) {
      std::printf("# seed %" PRIu64 ": %s\n", seed, kind_of(report.failure).c_str());
      failed.emplace(seed, report);
    }
    if (done % kProgressEvery == 0) std::printf("# %" PRIu64 " seeds, %.0f s\n", done, elapsed());
    std::fflush(stdout);
    const bool has_time =
        options.minutes == 0 || elapsed() < 60.0 * static_cast<double>(options.minutes);
    return has_time && failed.size() < kFailuresMax;
  };
  if (options.timeline > 0) {
    for (std::uint64_t seed = options.from; seed < options.from + options.seeds; ++seed) {
      const Outcome outcome = run_apart(scenario_of(options, seed), options.timeline);
      for (const std::string& line : outcome.lines) std::printf("# %s\n", line.c_str());
      if (!outcome.report.failure.empty()) print_indented(outcome.report.failure);
      if (!take(seed, outcome.report)) break;
    }
  } else {
    run_seeds(
        options.from, options.seeds, options.processes,
        [&options](std::uint64_t seed) { return scenario_of(options, seed); }, take);
    for (const auto& [seed, report] : failed) {
      explain(options, argv[0], scenario_of(options, seed), report);
    }
  }
  std::printf("# %" PRIu64 " seeds in %.0f s: %" PRIu64 " events, %" PRIu64 " elections, %" PRIu64
              " requests answered, %" PRIu64 " crashes, %" PRIu64 " changes of membership, %" PRIu64
              " snapshots sent, %zu failures\n",
              done, elapsed(), sum.events, sum.elections, sum.requests, sum.crashes, sum.changes,
              sum.snapshots, failed.size());
  std::printf("%s 1 - clusters keep Raft's promises in every world\n1..1\n",
              failed.empty() ? "ok" : "not ok");
  return failed.empty() ? 0 : 1;
}
