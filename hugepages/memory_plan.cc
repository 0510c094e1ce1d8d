// The derivation of every count and size, line by line.
#include "hugepages/memory_plan.h"

#include <algorithm>
#include <bit>
#include <map>

#include "absl/strings/str_format.h"
#include "dataplane/base/limits.h"
#include "hugepages/text.h"

namespace ringroad {
namespace {

// What receive and transmit hold of one port's packets at a time.
constexpr std::uint32_t kPortBurst = 64;

// An lcore's own stock of buffers. It is last in, first out: a loop that moves few packets keeps
// using the same few buffers, which stay in its L2.
constexpr std::uint32_t kPoolCache = 256;

// rte_mempool lets a cache grow to one and a half times its size before it gives back.
constexpr std::uint32_t kPoolCacheMost = kPoolCache + kPoolCache / 2;

// The largest packet, and what the node asks for beside it: Ethernet header, VLAN tag, slack for
// packing kernels that store whole vectors.
constexpr std::uint32_t kPacketSlack = 64;

std::uint32_t largest_buffer(const NodeConfig& config) {
  std::uint32_t bytes = 2'048;
  for (const PortConfig& port : config.ports) {
    bytes = std::max({bytes, port.mtu + kPacketSlack, port.buffer_bytes});
  }
  // data_len and buf_len of an mbuf have 16 bits, and the headroom is in buf_len.
  const std::uint32_t rounded = (bytes + 63) / 64 * 64;
  return std::min<std::uint32_t>(rounded, 65'535 - 128);
}

// memif's packets wait in rings of its own; an ethdev's descriptors hold one buffer each.
bool has_buffers_in_rings(PortKind kind) { return kind != PortKind::kMemif; }

// Buffers in use at the worst moment, on the node where `loops` io loops run.
std::uint32_t derive_buffers(const NodeConfig& config, std::uint32_t loops) {
  std::uint64_t count = 0;
  for (const PortConfig& port : config.ports) {
    // Both directions full, on every loop: a queue pair a loop.
    if (has_buffers_in_rings(port.kind)) count += std::uint64_t{2} * port.ring_slots * loops;
    // A burst received and not yet looked at, one built and not yet taken.
    count += std::uint64_t{2} * kPortBurst * loops;
  }
  // Frames that links keep, for reordering and reassembly.
  count += std::uint64_t{config.limits.held_frames} * config.cluster_nodes.size();
  // What lies in the loops' caches is nobody else's.
  count += std::uint64_t{kPoolCacheMost} * loops;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, 1u << 24));
}

// The pool's ring holds a power of two less one; anything between wastes room.
std::uint32_t round_to_ring(std::uint32_t count) { return std::bit_ceil(count + 1) - 1; }

std::uint64_t link_bytes(const LimitsConfig& limits, const MemorySizes& sizes) {
  return kPriorities * limits.queue_messages * sizes.queue_slot +
         kPriorities * limits.window_messages * sizes.window_slot +
         limits.flight_frames * sizes.flight_slot + limits.held_frames * sizes.held_slot +
         sizes.link;
}

std::uint64_t application_bytes(const LimitsConfig& limits, const MemorySizes& sizes) {
  // An arena and a ring in each direction.
  const std::uint64_t ring =
      std::uint64_t{limits.queue_messages} * kPriorities * sizes.application_slot;
  return 2 * (limits.application_arena_bytes + ring) + sizes.application;
}

}  // namespace

std::uint64_t packet_pool_bytes(std::uint32_t count, std::uint32_t buffer_bytes) {
  // A buffer is rte_mempool's header (64), struct rte_mbuf (128), headroom (128) and room, in whole
  // cache lines, and up to one line that spreads buffers over the memory channels.
  const std::uint64_t element = 64 + 128 + 128 + (buffer_bytes + 63ull) / 64 * 64 + 64;
  // No buffer crosses a 2 MB page: the end of each page stays empty.
  const std::uint64_t page = 2ull << 20;
  const std::uint64_t per_page = page / element;
  const std::uint64_t pages = (count + per_page - 1) / per_page;
  // The ring of free buffers: a pointer each. The pool keeps a cache of 1,024 pointers for each of
  // EAL's 128 possible lcores, whether they exist or not.
  const std::uint64_t ring = std::bit_ceil(std::uint64_t{count} + 1) * 8;
  const std::uint64_t caches = 128 * (1'024 * 8 + 128);
  return pages * page + ring + caches + (64ull << 10);
}

MemoryPlan plan_memory(const NodeConfig& config, const CpuPlan& cpus, const MemorySizes& sizes) {
  MemoryPlan plan;
  plan.base = sizes.base;
  plan.per_link = link_bytes(config.limits, sizes);
  plan.links = static_cast<std::uint32_t>(config.cluster_nodes.size());
  plan.per_application = application_bytes(config.limits, sizes);
  plan.applications_max = config.limits.applications_max;
  plan.eal_bytes_per_pool_node = sizes.eal;

  std::map<std::uint32_t, std::uint32_t> loops_by_node;
  for (const Placement& p : cpus.placements) {
    if (p.role == CpuRole::kIo) ++loops_by_node[p.numa_node];
  }
  const std::uint32_t buffer_bytes = largest_buffer(config);
  for (const auto& [node, loops] : loops_by_node) {
    const std::uint32_t wanted =
        config.memory.buffers > 0 ? config.memory.buffers : derive_buffers(config, loops);
    const std::uint32_t buffers = round_to_ring(wanted);
    plan.pools.push_back(
        {node, buffers, buffer_bytes, kPoolCache, packet_pool_bytes(buffers, buffer_bytes)});
  }
  return plan;
}

bool has_buffers_for(const NodeConfig& config, std::uint32_t buffers, std::size_t peers) {
  NodeConfig alone = config;
  alone.cluster_nodes.clear();
  const std::uint64_t links = std::uint64_t{config.limits.held_frames} * peers / 4;
  return buffers >= derive_buffers(alone, config.cpu.io_lcores) + links;
}

std::uint64_t MemoryPlan::buffer_bytes() const {
  std::uint64_t total = 0;
  for (const PoolPlan& pool : pools) total += pool.bytes + eal_bytes_per_pool_node;
  return total;
}

std::string describe(const MemoryPlan& plan) {
  std::string text;
  const auto line = [&](const std::string& what, const std::string& derivation,
                        std::uint64_t bytes) {
    absl::StrAppendFormat(&text, "%-14s%-44s%10s\n", what, derivation, megabytes(bytes));
  };
  line("base", "program, stacks, tables", plan.base);
  line("links", absl::StrFormat("%s x %s", plural(plan.links, "link"), megabytes(plan.per_link)),
       plan.per_link * plan.links);
  for (const PoolPlan& pool : plan.pools) {
    line("buffers",
         absl::StrFormat("%s x %s bytes, NUMA node %u", with_commas(pool.buffers),
                         with_commas(pool.buffer_bytes), pool.numa_node),
         pool.bytes + plan.eal_bytes_per_pool_node);
  }
  line("at start", "", plan.start_bytes());
  line("applications",
       absl::StrFormat("%s each, at most %u", megabytes(plan.per_application),
                       plan.applications_max),
       plan.per_application * plan.applications_max);
  line("at most", "with every application attached", plan.most_bytes());
  return text;
}

}  // namespace ringroad
