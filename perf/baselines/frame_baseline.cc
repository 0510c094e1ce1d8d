// frame_baseline: the least that filling frames can cost: memcpy of each message from an L2-sized
// arena into frame buffers, and ISA-L's CRC32C of each full frame. No headers, records, windows.
// Prints cycles (TSC) and nanoseconds a message.
#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <vector>

#include "perf/baselines/baseline.h"
#include "perf/baselines/frame_filler.h"

namespace {

using namespace ringroad::baseline;

struct Options {
  std::size_t size = 1'024;
  std::size_t frame_bytes = 8'192;
  std::size_t frames = 16;
  std::size_t arena_bytes = 512 * 1'024;
  double seconds = 1;
  int cpu = -1;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"memcpy and CRC32C of messages into frames: cycles a message"};
  app.add_option("--size", options.size, "payload bytes")->check(CLI::Range(1, 1 << 18));
  app.add_option("--frame-bytes", options.frame_bytes)->check(CLI::Range(64, 65'000));
  app.add_option("--frames", options.frames, "buffers in turn")->check(CLI::Range(1, 1'024));
  app.add_option("--arena-bytes", options.arena_bytes)->check(CLI::Range(1 << 18, 1 << 26));
  app.add_option("--seconds", options.seconds)->check(CLI::Range(0.01, 60.0));
  app.add_option("--cpu", options.cpu);
  CLI11_PARSE(app, argc, argv);
  if (options.cpu >= 0) pin_to(options.cpu);

  std::vector<unsigned char> arena(options.arena_bytes);
  for (std::size_t i = 0; i < arena.size(); ++i) arena[i] = static_cast<unsigned char>(i * 7);
  FrameFiller filler(options.frame_bytes, options.frames);
  const auto ignore = [](const unsigned char* frame) { keep(frame); };

  constexpr std::uint64_t kBatch = 1'024;  // messages between looks at the clock
  const std::uint64_t slots = arena.size() / options.size;
  std::uint64_t messages = 0, slot = 0;
  const std::int64_t start_ns = now_ns(), deadline = deadline_after(options.seconds);
  const std::uint64_t start_cycles = __rdtsc();
  while (now_ns() < deadline) {
    for (std::uint64_t i = 0; i < kBatch; ++i) {
      filler.add(arena.data() + slot * options.size, options.size, ignore);
      slot = slot + 1 == slots ? 0 : slot + 1;
    }
    messages += kBatch;
  }
  const auto cycles = static_cast<double>(__rdtsc() - start_cycles);
  const auto nanos = static_cast<double>(now_ns() - start_ns);
  const auto count = static_cast<double>(messages);
  std::printf(
      "{\"value\": %.2f, \"unit\": \"cycles/message\", \"ns\": %.3f, \"messages\": %llu, "
      "\"size_bytes\": %zu, \"frame_bytes\": %zu}\n",
      cycles / count, nanos / count, static_cast<unsigned long long>(messages), options.size,
      options.frame_bytes);
  return 0;
}
