// bounce: two threads on two CPUs hand a cache line there and back: the floor under any round trip
// between them. Prints the round trip's p50 and p99 in nanoseconds, measured with the TSC.
#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "dataplane/base/histogram.h"
#include "perf/baselines/baseline.h"

namespace {

using namespace ringroad::baseline;

// The line: odd numbers are for the echo, even ones come back; 0 ends it.
struct alignas(128) Line {
  std::atomic<std::uint64_t> turn{2};
};

// Waits until the line holds something else than `last`. A hung or descheduled partner only delays.
std::uint64_t await_change(const Line& line, std::uint64_t last) {
  for (;;) {
    const std::uint64_t turn = line.turn.load(std::memory_order_acquire);
    if (turn != last) return turn;
    _mm_pause();
  }
}

void echo(Line& line, int cpu) {
  pin_to(cpu);
  for (std::uint64_t last = 2;;) {
    const std::uint64_t turn = await_change(line, last);
    if (turn == 0) return;
    last = turn + 1;
    line.turn.store(last, std::memory_order_release);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int cpu_a = 0, cpu_b = 1;
  double seconds = 1;
  CLI::App app{"two threads bounce a cache line: nanoseconds there and back"};
  app.add_option("--cpu-a", cpu_a);
  app.add_option("--cpu-b", cpu_b);
  app.add_option("--seconds", seconds)->check(CLI::Range(0.01, 60.0));
  CLI11_PARSE(app, argc, argv);
  if (cpu_a == cpu_b) {
    std::fprintf(stderr, "--cpu-a and --cpu-b must differ: on one CPU nothing bounces\n");
    return 2;
  }

  Line line;
  std::thread partner(echo, std::ref(line), cpu_b);
  pin_to(cpu_a);
  const auto cycles = std::make_unique<ringroad::Histogram>();
  const std::int64_t start_ns = now_ns(), deadline = deadline_after(seconds);
  const std::uint64_t start_cycles = __rdtsc();
  std::uint64_t last = 2;
  while (now_ns() < deadline) {
    for (int i = 0; i < 256; ++i) {
      const std::uint64_t sent = __rdtsc();
      line.turn.store(last + 1, std::memory_order_release);
      last = await_change(line, last + 1);
      cycles->record(__rdtsc() - sent);
    }
  }
  const double ns_per_cycle =
      static_cast<double>(now_ns() - start_ns) / static_cast<double>(__rdtsc() - start_cycles);
  line.turn.store(0, std::memory_order_release);
  partner.join();

  const auto nanos = [&](double q) {
    return static_cast<double>(cycles->quantile(q)) * ns_per_cycle;
  };
  std::printf(
      "{\"value\": %.1f, \"unit\": \"ns\", \"p50_ns\": %.1f, \"p99_ns\": %.1f, "
      "\"max_ns\": %.1f, \"round_trips\": %llu}\n",
      nanos(0.5), nanos(0.5), nanos(0.99), nanos(1.0),
      static_cast<unsigned long long>(cycles->count()));
  return 0;
}
