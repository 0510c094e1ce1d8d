// The segment of a local channel: two applications of one node, and nobody else. Each direction is
// the same: descriptors and an arena written by the sender, returns written by the receiver.
//
// Descriptors carry the lap in which they were written, stored last with release: the receiver
// looks at the descriptor it expects next and at nothing else, so a message costs one cache line's
// way across, and four of them share that line. Returns work alike.
//
// Neither side trusts the other: the sender's block bookkeeping is private, and both check what
// they read. Bytes by reference may change under the receiver's eyes at any time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dataplane/base/limits.h"

namespace ringroad::host {

// 32-bit indices count up freely; the lap of index i is i / length + 1, so that zeroed memory is no
// descriptor.
struct PairDescriptor {
  std::uint32_t offset;  // in the sender's arena
  std::uint32_t length;
  std::uint32_t type;
  std::atomic<std::uint32_t> lap;
};
static_assert(sizeof(PairDescriptor) == 16);

struct PairReturn {
  std::uint32_t index;  // the descriptor's, free-running
  std::atomic<std::uint32_t> lap;
};
static_assert(sizeof(PairReturn) == 8);

// Sent and not yet returned; as many returns fit, so neither ring can overflow.
inline constexpr std::uint32_t kPairRing = 1'024;

struct PairDirection {
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> receiver_asleep;
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> sender_asleep;
  alignas(kCacheLineBytes) PairDescriptor descriptors[kPairRing];
  alignas(kCacheLineBytes) PairReturn returns[kPairRing];
};
static_assert(std::is_standard_layout_v<PairDirection>);

// directions[0] is from the application that opened the channel to the one that accepted it.
struct PairControl {
  PairDirection directions[2];
};

// A megabyte each way: what is in flight stays in L2.
inline constexpr std::uint32_t kPairArenaBytes = 1024 * 1024;
inline constexpr std::uint32_t kPairArenaOffset = (sizeof(PairControl) + 4095) / 4096 * 4096;

constexpr std::uint64_t pair_segment_bytes(std::uint32_t arena_bytes) {
  return kPairArenaOffset + std::uint64_t{2} * arena_bytes;
}

}  // namespace ringroad::host
