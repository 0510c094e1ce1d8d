// The memory that a dataplane and its control process share: one memfd for each attachment. Private
// to control_channel.* (the dataplane's half) and control_attachment.* (control's half, which must
// not need DPDK's library: hence a file of its own for what both use).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/base/sequence_lock.h"
#include "dataplane/host/control_protocol.h"

struct rte_ring;

namespace ringroad::host {

// Captured packets, back to back, each behind a CapturedPacket and padded to 8 bytes; indices run
// freely, in bytes. Written by the io lcore, which drops and counts what does not fit.
struct CaptureRing {
  static constexpr std::uint32_t kBytes = 1024 * 1024;  // a power of two
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> tail;
  std::atomic<std::uint64_t> dropped;
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> head;
  alignas(kCacheLineBytes) std::byte bytes[kBytes];
};

// The configuration that the dataplane was started with, as text. Written once, before control
// knows of the segment.
struct StartedConfig {
  static constexpr std::uint32_t kBytes = 64 * 1024;
  std::uint32_t length;  // 0: it did not fit, or is not known
  char text[kBytes];
};

struct ControlSegment {
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> control_asleep;
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> dataplane_asleep;
  alignas(kCacheLineBytes) SequenceLocked<NodeReport> report;
  alignas(kCacheLineBytes) SequenceLocked<ApplicationsReport> applications;
  alignas(kCacheLineBytes) CaptureRing capture;
  alignas(kCacheLineBytes) StartedConfig started_config;
  // Two rte_rings follow, each of control_ring_bytes(): commands, then events.
};
static_assert(std::is_standard_layout_v<ControlSegment>);

std::size_t control_ring_bytes();
std::size_t control_segment_bytes();
rte_ring* command_ring(std::byte* segment);
rte_ring* event_ring(std::byte* segment);

}  // namespace ringroad::host
