// Runs Raft clusters through seeded worlds (world.h) and says how they fared.
//
//   raft_sim [--from S] [--seeds N] [--verbose] [--mode links|direct]
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/raft/world.h"

int main(int argc, char** argv) {
  using namespace ringroad::raft::sim;
  std::uint64_t from = 1, seeds = 20;
  Mode mode = Mode::kDirect;
  std::size_t lines = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--from") from = std::strtoull(argv[++i], nullptr, 10);
    if (name == "--seeds") seeds = std::strtoull(argv[++i], nullptr, 10);
    if (name == "--lines") lines = std::strtoull(argv[++i], nullptr, 10);
    if (name == "--mode") mode = std::string(argv[++i]) == "links" ? Mode::kLinks : Mode::kDirect;
  }
  int failures = 0;
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    const Scenario scenario = draw_scenario(seed, mode);
    World world(scenario, lines);
    const Report r = world.run();
    for (const auto& line : world.timeline().lines()) {
      std::printf("%10.3f ms  %2u  %s\n", static_cast<double>(line.at.count) / 1e6, line.node.value,
                  line.text.c_str());
    }
    std::printf("# seed %" PRIu64 ": %s, hash %016" PRIx64 ", %" PRIu64 " events, %" PRIu64
                " elections, %" PRIu64 " committed, %" PRIu64 " requests, %" PRIu64
                " crashes, %" PRIu64 " changes, %" PRIu64 " damaged, recovery %" PRId64 " ms; %s\n",
                seed, r.failure.empty() ? "ok" : r.failure.c_str(), r.hash, r.events, r.elections,
                r.committed, r.requests, r.crashes, r.changes, r.damaged,
                r.recovery.count / 1'000'000, describe(scenario).c_str());
    std::fflush(stdout);
    failures += !r.failure.empty();
  }
  return failures > 0;
}
