// Runs links through seeded worlds (link_world.h) and says how they fared.
//
//   link_sim [--from S] [--seeds N] [--messages M] [--at-least D] [--verbose]
//
// Runs seeds S to S+N-1, and further ones until D messages were delivered. Each failure prints its
// seed and the command that replays it. Output is TAP: one line a hundred seeds, so that the test
// runner sees progress.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "tests/sim/link/link_world.h"

namespace {

void* allocate(std::size_t size) {
  if (ringroad::sim::inside_link) {
    ringroad::sim::inside_link = false;
    std::fputs("a link allocated memory after its construction\n", stderr);
    std::abort();
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

struct Options {
  std::uint64_t from = 1;
  std::uint64_t seeds = 100;
  std::uint32_t messages = 40'000;
  std::uint64_t at_least = 0;
  bool verbose = false;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--verbose") {
      options.verbose = true;
      continue;
    }
    if (i + 1 == argc) return false;
    char* end = nullptr;
    const std::uint64_t value = std::strtoull(argv[++i], &end, 10);
    if (*end != '\0') return false;
    if (name == "--from") {
      options.from = value;
    } else if (name == "--seeds") {
      options.seeds = value;
    } else if (name == "--messages" && value < (1u << 29)) {
      options.messages = static_cast<std::uint32_t>(value);
    } else if (name == "--at-least") {
      options.at_least = value;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ringroad::sim;
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: %s [--from S] [--seeds N] [--messages M] [--at-least D] [--verbose]\n",
                 argv[0]);
    return 2;
  }
  std::uint64_t delivered = 0;
  std::uint64_t bursts = 0;
  std::uint64_t failures = 0;
  std::uint64_t run = 0;
  for (; run < options.seeds || delivered < options.at_least; ++run) {
    const std::uint64_t seed = options.from + run;
    LinkWorld world(draw_scenario(seed, options.messages));
    const Report report = world.run();
    delivered += report.delivered;
    bursts += report.bursts;
    if (options.verbose) {
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
                seed, report.failure.c_str(), argv[0], seed, options.messages);
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
