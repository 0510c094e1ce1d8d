// Whether packet buffers live in hugepages or in plain memory: what the machine offers, read from
// /sys and /proc, and the choice, a pure function of that offer.
//
// Only 2 MB pages count. A mounted hugetlbfs is reported but not needed: EAL takes the pages as
// anonymous memory (--in-memory), which any user may do.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/config.h"
#include "hugepages/memory_plan.h"

namespace ringroad {

inline constexpr std::uint64_t kHugepageBytes = 2ull << 20;

struct NodePages {
  std::uint32_t numa_node = 0;
  std::uint64_t total = 0;
  std::uint64_t free = 0;
};

struct MemoryOffer {
  std::vector<NodePages> pages;       // ascending NUMA nodes; empty: a kernel without hugepages
  std::string hugetlbfs;              // where 2 MB pages are mounted; empty: nowhere
  bool hugetlbfs_writable = false;    // by this user
  std::uint64_t available_bytes = 0;  // /proc/meminfo's MemAvailable; 0: not known
  std::uint64_t memlock_bytes = 0;    // RLIMIT_MEMLOCK; physical NICs behind VFIO need it
};

// `root` stands before /sys and /proc, so that a test can plant its own.
absl::StatusOr<MemoryOffer> read_memory_offer(const std::string& root = "");

// EAL memory wanted on one NUMA node.
struct MemoryDemand {
  std::uint32_t numa_node = 0;
  std::uint64_t bytes = 0;  // whole hugepages
};
std::vector<MemoryDemand> memory_demands(const MemoryPlan& plan);

struct MemoryChoice {
  MemoryMode mode = MemoryMode::kNone;  // kHuge or kNone
  std::string reason;                   // one line
};

// An error has the form "/memory/mode: ...\n  mend: ...".
absl::StatusOr<MemoryChoice> choose_memory_mode(MemoryMode wanted,
                                                std::span<const MemoryDemand> demands,
                                                const MemoryOffer& offer);

}  // namespace ringroad
