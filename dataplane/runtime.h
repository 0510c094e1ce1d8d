// Everything a node needs around it, put up in order and taken down in the opposite one: CPU and
// memory plan, EAL, packet pool, port, node, the applications' channel and the loop. Used by
// ringroad-dataplane and by programs that host a node themselves (the generator inline, perf/).
//
// Threads: run() is the io lcore (the thread that called create(), which EAL made its main one);
// one slow thread serves the applications' socket. stop() may come from any thread or from a signal
// handler.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/config.h"
#include "dataplane/io_loop.h"
#include "dataplane/node.h"
#include "hugepages/cpu_plan.h"
#include "hugepages/memory.h"
#include "hugepages/memory_plan.h"
#include "hugepages/topology.h"

struct rte_mempool;

namespace ringroad {

// What create() will do, known before anything is taken.
struct RuntimePlan {
  Topology topology;
  std::vector<std::uint32_t> allowed;  // CPUs
  CpuPlan cpus;
  MemoryPlan memory;
  MemoryChoice mode;
  std::vector<std::string> eal_arguments;
  // adaptive and no CPU named: loops go where the kernel finds room
  bool floating = false;
};
absl::StatusOr<RuntimePlan> plan_runtime(const NodeConfig& config);

// The machine, the CPUs (each shared one named), the memory and its mode, as --plan prints them.
std::string describe(const RuntimePlan& plan, const NodeConfig& config);

class Runtime {
 public:
  struct Options {
    bool applications = true;  // serve the host channel
    std::uint64_t seed = 0;    // of the links' sessions; 0: from the operating system
    // Told, on the slow thread, what a person watching would want to know: ports and links that
    // come and go, and a port that does not come up. Needs `applications`.
    std::function<void(const std::string&)> on_event = nullptr;
  };
  static absl::StatusOr<std::unique_ptr<Runtime>> create(const NodeConfig& config,
                                                         const Options& options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Returns after stop(), having said goodbye to the peers.
  void run();
  void stop();

  // From one other thread while run() runs. False when the loop did not answer.
  bool report(NodeReport& out);

  Node& node();
  // Of the io lcore; what is attached to the node before run() may wake it.
  IoLoop& loop();
  rte_mempool* pool();
  const RuntimePlan& plan() const;
  const IoLoopStatistics& loop_statistics() const;

 private:
  struct Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringroad
