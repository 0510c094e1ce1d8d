// Which CPU each role of a node runs on. A pure function of the machine, of what this process may
// use of it, and of the /cpu part of the configuration.
//
// Roles are loops (io, consensus), the control process and the background thread that writes the
// log. Rules, in order of weight:
//   1. A CPU named in the configuration is taken, or refused with an error; never replaced.
//   2. A CPU each while there are enough. When there are not, control and background join the CPU
//      that carries the fewest io loops.
//   3. io and consensus want P-cores; control and background want E-cores.
//   4. A physical core nobody uses comes before the SMT sibling of a busy one.
//   5. All stay on the NUMA node of the first io loop: the node of the first CPU in /cpu/io, else
//      the one with the most allowed cores of the wanted kind.
//   6. CPU 0 comes last for io and consensus: the kernel's housekeeping and interrupts live there.
//
// Invariant: every placement's CPU is in the topology and allowed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/config.h"
#include "hugepages/topology.h"

namespace ringroad {

inline constexpr std::uint32_t kIoLcoresMax = 16;

enum class CpuRole : std::uint8_t { kIo, kConsensus, kControl, kBackground };

struct Placement {
  CpuRole role = CpuRole::kIo;
  std::uint32_t index = 0;  // among the io loops; 0 for every other role
  std::uint32_t cpu = 0;
  std::uint32_t numa_node = 0;
};

// One EAL lcore: the loops (io, consensus) that take turns on one CPU. Lcore 0 is EAL's main one.
struct Lcore {
  std::uint32_t id = 0;
  std::uint32_t cpu = 0;
  std::uint32_t numa_node = 0;
  std::vector<Placement> loops;
};

struct CpuPlan {
  std::vector<Placement> placements;  // io 0, io 1, ..., consensus, control, background
  std::vector<Lcore> lcores;          // ascending ids from 0; lcore 0 runs io 0
  std::vector<std::string> shared;    // "CPU 1: io 0 and control share it"
  std::vector<std::string> warnings;  // each ends with its mend
};

// Which roles this node has besides io.
struct CpuRoles {
  bool consensus = true;
  bool control = true;
  bool background = true;
};

// `allowed` is the affinity mask, in any order. An error names the JSON pointer, the value and the
// mend.
absl::StatusOr<CpuPlan> plan_cpus(const Topology& topology, std::span<const std::uint32_t> allowed,
                                  const CpuConfig& config, const CpuRoles& roles = {});

// "io 0", "consensus", "control", "log writer".
std::string placement_name(const Placement& placement);

// One line a placement, then the shared CPUs and the warnings.
std::string describe(const CpuPlan& plan, const Topology& topology);

}  // namespace ringroad
