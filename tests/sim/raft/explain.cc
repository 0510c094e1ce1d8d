// Prints what became of a seed that failed, for a reader who has to mend it: the smallest run that
// fails in the same way, how to replay it, and its last events. Holds nothing and checks nothing.
#include "tests/sim/raft/explain.h"

#include <cstdio>
#include <map>
#include <vector>

namespace ringroad::raft::sim {

namespace {

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

std::string replay(const std::string& program, const Scenario& scenario) {
  const char* mode = scenario.mode == Mode::kLinks ? "links" : "direct";
  return program + " --mode " + mode + " --from " + std::to_string(scenario.seed) + " --seeds 1";
}

}  // namespace

void print_indented(const std::string& text) {
  std::printf("#   ");
  for (const char c : text) {
    std::putchar(c);
    if (c == '\n') std::printf("#   ");
  }
  std::putchar('\n');
}

void explain(const std::string& program, const Scenario& failing, const Report& report) {
  std::printf("# seed %s failed:\n", std::to_string(failing.seed).c_str());
  print_indented(report.failure);
  if (!program.empty()) print_indented("replay: " + replay(program, failing) + " --timeline 300");
  std::fflush(stdout);
  const Minimised small = minimise(failing, kind_of(report.failure));
  std::printf("#   smallest of %u runs: %ld ms of %s\n", small.runs,
              static_cast<long>(small.scenario.trouble_time.count / 1'000'000),
              describe(small.scenario.troubles).c_str());
  if (!program.empty()) {
    print_indented("replay: " + replay(program, failing) + " --troubles " +
                   describe(small.scenario.troubles) + " --trouble-ms " +
                   std::to_string(small.scenario.trouble_time.count / 1'000'000) +
                   " --timeline 300");
  }
  print_indented(describe(small.scenario));
  print_indented(small.outcome.report.failure);
  print_timeline(small.outcome.lines);
  std::fflush(stdout);
}

}  // namespace ringroad::raft::sim
