// How much memory a node will take, before it takes any: base, each link, packet buffers, each
// application. A pure function of the configuration and of a table of sizes; what it derives is
// what is allocated, so the mempool's element count comes from here too.
//
// Buffers live in EAL memory (hugepages, or one plain mapping under no-huge), on each NUMA node an
// io loop runs on. Everything else is ordinary memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/config.h"
#include "hugepages/cpu_plan.h"

namespace ringroad {

// What one of each thing takes, in bytes. The defaults are upper bounds of the structs named.
struct MemorySizes {
  // The program itself: text, stacks, EAL's tables and its heap outside the pools.
  std::uint64_t base = 24ull << 20;
  // EAL memory beside the pools: lcore and device tables, ethdev queues, memzones.
  std::uint64_t eal = 8ull << 20;

  // One unresolved message a priority: OutboundMessage (48) and its place in the send order.
  std::uint64_t queue_slot = 64;
  // One message the peer may send us: progress of its reassembly, and whether it was delivered.
  std::uint64_t window_slot = 32;
  // One sent, unacknowledged frame: number, time sent, and which messages it carried.
  std::uint64_t flight_slot = 64;
  // One received frame kept for reordering or reassembly: a handle; its bytes are a packet buffer.
  std::uint64_t held_slot = 32;
  // A link's counters, timers and cursors.
  std::uint64_t link = 16ull << 10;

  // One application: session, its private copy of the rings' geometry, statistics.
  std::uint64_t application = 64ull << 10;
  // One descriptor of an application's ring; there are queue_messages a priority, each direction.
  std::uint64_t application_slot = 32;
};

// The packet pool of one NUMA node.
struct PoolPlan {
  std::uint32_t numa_node = 0;
  std::uint32_t buffers = 0;       // one less than a power of two: what an rte_ring holds
  std::uint32_t buffer_bytes = 0;  // room for one packet, headroom not counted
  std::uint32_t cache = 0;         // buffers an lcore keeps to itself
  std::uint64_t bytes = 0;         // what the pool takes in all
};

struct MemoryPlan {
  std::uint64_t base = 0;
  std::uint64_t per_link = 0;
  std::uint32_t links = 0;
  std::vector<PoolPlan> pools;                // ascending NUMA nodes
  std::uint64_t eal_bytes_per_pool_node = 0;  // beside the pool, on each of its nodes
  std::uint64_t per_application = 0;
  std::uint32_t applications_max = 0;

  // From start on, whoever attaches.
  std::uint64_t node_bytes() const { return base + per_link * links; }
  std::uint64_t buffer_bytes() const;
  std::uint64_t start_bytes() const { return node_bytes() + buffer_bytes(); }
  std::uint64_t most_bytes() const { return start_bytes() + per_application * applications_max; }
};

MemoryPlan plan_memory(const NodeConfig& config, const CpuPlan& cpus,
                       const MemorySizes& sizes = {});

// What rte_pktmbuf pools take for `count` buffers of `buffer_bytes`; an upper bound, exact to the
// allocator's rounding.
std::uint64_t packet_pool_bytes(std::uint32_t count, std::uint32_t buffer_bytes);

// Whether a pool of `buffers` carries `peers` links. Sizes are derived for every link keeping all
// it may at once; a pool that runs dry delays frames and loses no message, so peers that are added
// while a node runs are taken as long as a quarter of that is there for each.
bool has_buffers_for(const NodeConfig& config, std::uint32_t buffers, std::size_t peers);

// A table: base, links, buffers, applications, totals.
std::string describe(const MemoryPlan& plan);

}  // namespace ringroad
