// Packet pools: one rte_mempool of single-segment mbufs on each NUMA node that an io loop runs on.
// Made once at start from a PoolPlan, shared by that node's io lcores, freed after they stopped.
//
// EAL must be up. Only EAL lcores have a cache in the pool; other threads may use it, slower.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "hugepages/memory_plan.h"

struct rte_mempool;

namespace ringroad {

struct MempoolDeleter {
  void operator()(rte_mempool* pool) const;
};
using Mempool = std::unique_ptr<rte_mempool, MempoolDeleter>;

// Every buffer has room for plan.buffer_bytes after the usual headroom; at most 65,407 (an mbuf's
// lengths have 16 bits). `name` is unique in the process. An error says what to raise or lower.
absl::StatusOr<Mempool> create_packet_pool(const std::string& name, const PoolPlan& plan);

// The largest PoolPlan::buffer_bytes.
inline constexpr std::uint32_t kBufferBytesMax = 65'535 - 128;

}  // namespace ringroad
