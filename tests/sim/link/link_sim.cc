// Runs links through seeded worlds (link_world.h) and says how they fared.
//
//   link_sim [--from S] [--seeds N] [--messages M] [--at-least D] [--verbose]
//
// Runs seeds S to S+N-1, and further ones until D messages were delivered. Each failure prints its
// seed and the command that replays it. Output is TAP: one line a hundred seeds, so that the test
// runner sees progress.
#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "tests/sim/link/link_world.h"
#include "tests/sim/operator_new.h"

namespace {

void forbid_in_a_link() {
  if (!ringroad::sim::inside_link) return;
  ringroad::sim::inside_link = false;
  std::fputs("a link allocated memory after its construction\n", stderr);
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ringroad::sim;
  on_operator_new(forbid_in_a_link);
  std::uint64_t from = 1, seeds = 100, at_least = 0;
  std::uint32_t messages = 40'000;
  bool verbose = false;
  CLI::App app{"Links in seeded worlds"};
  app.add_option("--from", from, "the first seed")->capture_default_str();
  app.add_option("--seeds", seeds, "how many")->capture_default_str();
  app.add_option("--messages", messages, "that are sent in each")
      ->check(CLI::Range(1u, (1u << 29) - 1))
      ->capture_default_str();
  app.add_option("--at-least", at_least, "further seeds until so many messages are delivered");
  app.add_flag("--verbose", verbose, "a line for each seed");
  CLI11_PARSE(app, argc, argv);

  std::uint64_t delivered = 0;
  std::uint64_t bursts = 0;
  std::uint64_t failures = 0;
  std::uint64_t run = 0;
  for (; run < seeds || delivered < at_least; ++run) {
    const std::uint64_t seed = from + run;
    LinkWorld world(draw_scenario(seed, messages));
    const Report report = world.run();
    delivered += report.delivered;
    bursts += report.bursts;
    if (verbose) {
      std::printf("# seed %" PRIu64 ": %" PRIu64 " delivered, %" PRIu64 " unknown, %" PRIu64
                  " not sent, %" PRIu64 " no receiver, %" PRIu64 " again, %" PRIu64
                  " sessions, %" PRIu64 " restarts, %" PRIu64 " refused, %" PRIu64
                  " held full, %" PRId64 " ms\n",
                  seed, report.delivered, report.outcomes[4], report.outcomes[2],
                  report.outcomes[3], report.retransmitted, report.sessions, report.restarts,
                  report.refused_frames, report.held_full, report.virtual_time.count / 1'000'000);
      std::fflush(stdout);
    }
    if (report.failure.empty()) continue;
    ++failures;
    std::printf("# seed %" PRIu64 ": %s\n#   replay: %s --from %" PRIu64
                " --seeds 1 --messages %u --verbose\n",
                seed, report.failure.c_str(), argv[0], seed, messages);
    std::fflush(stdout);
    if (failures >= 10) {
      ++run;
      break;
    }
  }
  std::printf("# %" PRIu64 " seeds, %" PRIu64 " messages delivered, %" PRIu64 " bursts, %" PRIu64
              " failures\n",
              run, delivered, bursts, failures);
  std::printf("%s 1 - links keep their promises in every world\n1..1\n",
              failures == 0 ? "ok" : "not ok");
  return failures == 0 ? 0 : 1;
}
