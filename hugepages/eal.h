// DPDK's environment layer (EAL): the arguments it is started with, derived from the CPU and memory
// plans, and an object that holds it up.
//
// EAL is a process-wide singleton of DPDK's own and cannot be started twice in a process. Its
// runtime directory is private and gone again before Eal::start returns: nothing in it is needed,
// for there are no secondary processes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/config.h"
#include "hugepages/cpu_plan.h"
#include "hugepages/memory.h"

namespace ringroad {

// The argument vector after the program's name. `mode` is kHuge or kNone. `eal_extra` comes last,
// and so wins where EAL lets a later option win.
std::vector<std::string> derive_eal_arguments(const CpuPlan& cpus, MemoryMode mode,
                                              std::span<const MemoryDemand> demands,
                                              std::span<const std::string> eal_extra);

// As it would be typed in a shell.
std::string print_eal_arguments(std::span<const std::string> arguments);

class Eal {
 public:
  // Starts EAL; the calling thread becomes lcore 0 and is pinned to its CPU. An error carries what
  // EAL itself logged. Takes about 0.15 s, 0.1 s of which EAL sleeps to measure the TSC.
  static absl::StatusOr<std::unique_ptr<Eal>> start(std::span<const std::string> arguments);

  // Cleans EAL up; ports, pools and rings must be gone. The calling thread, the one that started
  // it, gets its affinity back.
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

 private:
  struct Impl;
  explicit Eal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringroad
