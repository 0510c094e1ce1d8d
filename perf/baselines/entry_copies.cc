// entry_copies: the least that an entry replicated to three nodes costs, its bytes copied three
// times, as they are into three logs. Each log is a window of `--kept` entries, written round and
// round; a batch is copied as a whole before the next, from one node's window to the next.
// Prints entries a second.
#include <CLI/CLI.hpp>
#include <cstring>
#include <vector>

#include "perf/baselines/baseline.h"

int main(int argc, char** argv) {
  using namespace ringroad::baseline;
  std::size_t size = 256, batch = 256, kept = 256;
  double run_seconds = 1;
  int cpu = 0;
  CLI::App app{"Entries a second, each copied three times"};
  app.add_option("--size", size, "payload bytes of an entry")->capture_default_str();
  app.add_option("--batch", batch, "entries at a time")->capture_default_str();
  app.add_option("--kept", kept, "entries in each window, a multiple of the batch")
      ->capture_default_str();
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  app.add_option("--cpu", cpu, "where to run")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  pin_to(cpu);

  const std::vector<unsigned char> source(size * batch, 0x5a);
  std::vector<std::vector<unsigned char>> logs(3, std::vector<unsigned char>(size * kept));
  std::uint64_t entries = 0;
  std::size_t at = 0;
  const std::int64_t begin = now_ns();
  const std::int64_t deadline = deadline_after(run_seconds);
  do {
    for (int i = 0; i < 16; ++i) {
      const unsigned char* from = source.data();
      for (auto& log : logs) {
        unsigned char* to = log.data() + at * size;
        for (std::size_t entry = 0; entry < batch; ++entry) {
          std::memcpy(to + entry * size, from + entry * size, size);
        }
        keep(to);
        from = to;
      }
      entries += batch;
      at = at + 2 * batch <= kept ? at + batch : 0;
    }
  } while (now_ns() < deadline);
  const double elapsed = static_cast<double>(now_ns() - begin) / 1e9;
  std::printf("{\"value\": %.0f, \"unit\": \"entries/s\", \"size_bytes\": %zu}\n",
              static_cast<double>(entries) / elapsed, size);
  return 0;
}
