// The segment of a local channel: two applications of one node, and nobody else. Each direction is
// the same: descriptors and an arena written by the sender, returns written by the receiver.
//
// Descriptors carry the lap in which they were written, stored last with release: the receiver
// looks at the descriptor it expects next and at nothing else, so a message costs one cache line's
// way across, and four of them share that line. A burst is written from its end: the receiver sees
// nothing of it until its first descriptor is there, and does not pull lines away half written.
//
// What the receiver is done with comes back as one index, `released`: all before it. What it is
// done with earlier than that, out of order, comes back one by one in `early`, with laps as above;
// `released` passes over those later. Invariant: an entry of `early` is written before a `released`
// that passes over its message; so who reads `released` first and `early` then misses none.
//
// Sleeping: see host/README.md. A sleeper whose word says kPairFences issues the fence of both
// sides, see process_barrier.h.
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
// descriptor. Two words of 32 bits a field, each read and written at once.
struct PairDescriptor {
  std::atomic<std::uint64_t> where;  // offset in the sender's arena; length above it
  std::atomic<std::uint64_t> what;   // type; lap above it, stored last
};
static_assert(sizeof(PairDescriptor) == 16);

struct PairReturn {
  std::atomic<std::uint64_t> what;  // the descriptor's index, free-running; lap above it
};
static_assert(sizeof(PairReturn) == 8);

constexpr std::uint64_t pair_word(std::uint32_t low, std::uint32_t high) {
  return std::uint64_t{high} << 32 | low;
}
constexpr std::uint32_t low_of(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
constexpr std::uint32_t high_of(std::uint64_t word) {
  return static_cast<std::uint32_t>(word >> 32);
}

// Sent and not yet returned; as many early returns fit, so neither ring can overflow.
inline constexpr std::uint32_t kPairRing = 1'024;

// Of receiver_sleep and sender_sleep.
inline constexpr std::uint32_t kPairAsleep = 1;  // ring my bell, and take this away
inline constexpr std::uint32_t kPairFences = 2;  // I fence everywhere between kPairAsleep and sleep

struct PairDirection {
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> receiver_sleep;
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> sender_sleep;
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> released;
  alignas(kCacheLineBytes) PairDescriptor descriptors[kPairRing];
  alignas(kCacheLineBytes) PairReturn early[kPairRing];
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
