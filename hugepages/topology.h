// What the machine is made of, as plain structs: CPUs, the cores and packages they belong to, their
// NUMA nodes, and whether a core is a fast (P) or a frugal (E) one. Read once at start through
// hwloc, from the running machine or, in tests, from a synthetic description or an XML file.
//
// Numbers are the operating system's (CPU 5 is what taskset calls 5); cores and packages are
// numbered by hwloc's logical order, which has no gaps. What a process may use of it (its affinity
// mask) is not part of a topology: see allowed_cpus().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace ringroad {

enum class CoreKind : std::uint8_t {
  kPerformance,  // every core of a machine that has one kind only
  kEfficiency,
};

struct Cpu {
  std::uint32_t id = 0;       // the operating system's number
  std::uint32_t core = 0;     // the physical core it is a hardware thread of
  std::uint32_t thread = 0;   // 0 for the core's first hardware thread, 1 for its SMT sibling, ...
  std::uint32_t package = 0;  // socket
  std::uint32_t numa_node = 0;
  CoreKind kind = CoreKind::kPerformance;
};

struct NumaNode {
  std::uint32_t id = 0;
  std::uint64_t memory_bytes = 0;  // 0 when the source does not say
};

struct Topology {
  std::vector<Cpu> cpus;             // ascending ids
  std::vector<NumaNode> numa_nodes;  // ascending ids, at least one
  std::uint32_t packages = 1;
  std::uint32_t cores = 0;
  std::uint64_t l2_bytes = 0;  // of the first core; 0 when not known
  std::string cpu_model;       // empty when not known

  // The CPU with this number, or null.
  const Cpu* find(std::uint32_t cpu) const;
};

// The running machine, or the one whose /sys and /proc a test planted under `root`.
absl::StatusOr<Topology> read_topology(const std::string& root = "");
// hwloc's synthetic notation, for example "package:2 numa:1 core:8 pu:2".
absl::StatusOr<Topology> read_synthetic_topology(const std::string& description);
// A file written by `lstopo --of xml`.
absl::StatusOr<Topology> read_xml_topology(const std::string& path);

// The CPUs this thread may run on, ascending: its affinity mask, which cgroups narrow.
absl::StatusOr<std::vector<std::uint32_t>> allowed_cpus();

// One line: "Intel Xeon, 2 CPUs, 2 cores, 1 package, 1 NUMA node, L2 2,048 KB".
std::string describe(const Topology& topology);

}  // namespace ringroad
