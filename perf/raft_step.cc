// raft_step: what the Raft core itself costs. Cores only, in one thread: N nodes hand each other
// their messages directly, a write is durable as soon as it is asked for, applying does nothing.
// The leader is given a batch whenever all before it is committed; every payload is copied into
// each node's log, as it is from the wire.
//
// Prints one JSON object: entries a second, and how often anything was allocated while they were
// counted (by operator new, or a chunk for payloads).
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "consensus/core/raft.h"
#include "tests/sim/operator_new.h"

namespace {

using namespace ringroad;
using namespace ringroad::raft;

std::uint64_t allocations = 0;

class Cores {
 public:
  Cores(std::uint16_t count, std::uint64_t kept_entries) : kept_entries_(kept_entries) {
    Restored restored;
    for (std::uint16_t i = 1; i <= count; ++i) restored.snapshot.conf.voters.insert(NodeId{i});
    for (std::uint16_t i = 1; i <= count; ++i) {
      Config config;
      config.id = NodeId{i};
      config.async_storage_writes = true;
      nodes_.push_back(std::make_unique<Raft>(config, restored, Prng{i}, now_));
    }
    leader().campaign();
    settle();
  }

  Raft& leader() { return *nodes_.front(); }
  std::uint64_t applied() { return leader().log().applied().value; }
  bool propose(std::span<const Entry> batch) { return leader().propose(batch) == StepResult::kOk; }

  // Until nobody has anything left to do.
  void settle() {
    for (bool any = true; any;) {
      any = false;
      for (auto& node : nodes_) {
        while (node->has_ready()) {
          drive(*node);
          any = true;
        }
      }
    }
  }

  // Heartbeats and whatever else is due, and the end of what nobody needs.
  void pass_time() {
    now_ = now_ + milliseconds(1);
    for (auto& node : nodes_) {
      node->tick(now_);
      const Log& log = node->log();
      if (log.applied().value > log.compacted().value + 2 * kept_entries_) {
        node->compact(Index{log.applied().value - kept_entries_});
      }
    }
  }

  std::uint64_t chunk_allocations() {
    std::uint64_t sum = 0;
    for (auto& node : nodes_) sum += node->arena().allocations();
    return sum;
  }

 private:
  void drive(Raft& node) {
    const Ready& ready = node.ready();
    for (const Message& m : ready.messages) deliver(m);
    own_.clear();
    for (const Message& m : ready.responses) {
      if (m.to == m.from) {
        own_.push_back(m);
      } else {
        deliver(m);
      }
    }
    if (ready.applied) own_.push_back(*ready.applied);
    for (const Message& m : own_) (void)node.step(m);
  }

  void deliver(const Message& m) { (void)nodes_[m.to.value - 1]->step(m); }

  std::uint64_t kept_entries_;
  Nanos now_ = seconds(1);
  std::vector<std::unique_ptr<Raft>> nodes_;
  std::vector<Message> own_;
};

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t nodes = 3;
  std::uint32_t size = 256, batch = 256, kept = 0;
  double run_seconds = 1;
  CLI::App app{"Entries a second through Raft cores, without network and disk"};
  app.add_option("--nodes", nodes, "1 to 64")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--size", size, "payload bytes of an entry")->capture_default_str();
  app.add_option("--batch", batch, "entries proposed at a time")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--kept", kept, "entries a log keeps behind what is applied")
      ->capture_default_str();
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  sim::on_operator_new([] { ++allocations; });
  Cores cores{nodes, kept};
  const std::vector<std::byte> payload(std::size_t{size} * batch, std::byte{0x5a});
  std::vector<Entry> entries(batch);
  for (std::uint32_t i = 0; i < batch; ++i) {
    entries[i].data = payload.data() + std::size_t{size} * i;
    entries[i].size_bytes = size;
  }
  std::uint64_t refused = 0;
  const auto run = [&](std::uint32_t batches) {
    for (std::uint32_t i = 0; i < batches; ++i) {
      refused += cores.propose(entries) ? 0 : 1;
      cores.settle();
      cores.pass_time();
    }
  };
  run(200);
  const std::uint64_t applied_before = cores.applied();
  const std::uint64_t chunks_before = cores.chunk_allocations();
  const std::uint64_t allocations_before = allocations;
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t proposed = 0;
  double elapsed = 0;
  do {
    run(16);
    proposed += std::uint64_t{16} * batch;
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  } while (elapsed < run_seconds);
  const std::uint64_t allocated =
      allocations - allocations_before + cores.chunk_allocations() - chunks_before;
  const std::uint64_t applied = cores.applied() - applied_before;
  std::printf(
      "{\"value\": %.0f, \"unit\": \"entries/s\", \"nodes\": %u, \"size_bytes\": %u, "
      "\"batch\": %u, \"entries\": %llu, \"allocations\": %llu}\n",
      static_cast<double>(applied) / elapsed, nodes, size, batch,
      static_cast<unsigned long long>(applied), static_cast<unsigned long long>(allocated));
  if (refused > 0 || applied != proposed) {
    std::fprintf(stderr, "raft_step: %llu batches refused, %llu of %llu entries applied\n",
                 static_cast<unsigned long long>(refused), static_cast<unsigned long long>(applied),
                 static_cast<unsigned long long>(proposed));
    return 1;
  }
  return 0;
}
