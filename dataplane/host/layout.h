// What an application and the dataplane share: one memfd for each attached application, laid out
// here. Both sides include this file; kLayoutVersion changes with it.
//
//   offset 0        ChannelControl: indices, sleep flags, advisory states
//   then            transmit descriptors   application -> dataplane
//                   masks of broadcasts    application -> dataplane (one beside each of them)
//                   completions            dataplane -> application
//                   receive descriptors    dataplane -> application
//                   returns                application -> dataplane (slots of read messages)
//   then            transmit arena         written by the application
//                   receive arena          written by the dataplane
//
// Rings are single producer, single consumer, a power of two long, with free-running 32-bit
// indices: the producer's tail is stored with release, and everything before it is then readable.
//
// The dataplane trusts nothing in here. Geometry, heads of its own, payload bookkeeping and
// generations live in its private memory; what it reads from here it reads once, into a local, and
// checks. The application may trust the dataplane, and so reads it plainly.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/base/limits.h"

namespace ringroad::host {

inline constexpr std::uint32_t kLayoutVersion = 5;

// A message on its way out. `offset` and `length` lie within the transmit arena. Four descriptors
// share a cache line: between two cores a message costs by the line.
struct TransmitDescriptor {
  std::uint32_t offset;
  std::uint32_t length;
  std::uint32_t type;
  std::uint16_t token;   // comes back in the completion; consecutive tokens are told together
  std::uint8_t to;       // a node, or kToPeers
  std::uint8_t options;  // a priority, and kTransmit...
};
static_assert(sizeof(TransmitDescriptor) == 16);

// To all the nodes of a mask (bit n stands for node n + 1), which lies at the descriptor's place in
// the ring of masks.
inline constexpr std::uint8_t kToPeers = 0xff;
static_assert(kNodesMax < kToPeers);

inline constexpr std::uint8_t kTransmitPriority = 0x0f;
// Each peer's outcome of a broadcast is told as it is known, before the final completion.
inline constexpr std::uint8_t kTransmitEachOutcome = 0x10;
inline constexpr std::uint8_t kTransmitOptionsKnown = kTransmitPriority | kTransmitEachOutcome;

// Tokens `token` to `token + count - 1` ended this way.
struct Completion {
  std::uint64_t token;
  std::uint32_t count;
  std::uint16_t peer;   // meaningful when count is 1
  std::uint8_t result;  // an Outcome, or kRefused + a SendResult: it was never queued
  std::uint8_t flags;   // kCompletion...
};
static_assert(sizeof(Completion) == 16);

inline constexpr std::uint8_t kRefused = 16;
// The payload is the application's again. Without it: one peer's share of a broadcast.
inline constexpr std::uint8_t kCompletionFinal = 1;

// A message that arrived. Its bytes stay until its handle is returned.
struct ReceiveDescriptor {
  std::uint32_t offset;  // in the receive arena
  std::uint32_t length;
  std::uint32_t type;
  std::uint32_t rest;  // handle, priority and sender, from the lowest bit on

  std::uint32_t handle() const { return rest & ((1U << kHandleBits) - 1); }
  std::uint32_t priority() const { return rest >> kHandleBits & (kPriorities - 1); }
  std::uint32_t from() const { return rest >> kFromShift; }

  // A slot and its generation, which tells a slot returned twice from its next use.
  static constexpr unsigned kSlotBits = 11, kGenerationBits = 10;
  static constexpr unsigned kHandleBits = kSlotBits + kGenerationBits;
  static constexpr unsigned kFromShift = 24;

  static constexpr std::uint32_t handle_of(std::uint32_t slot, std::uint32_t generation) {
    return generation << kSlotBits | slot;
  }
  static constexpr std::uint32_t rest_of(std::uint16_t from, std::uint8_t priority) {
    return std::uint32_t{from} << kFromShift | std::uint32_t{priority} << kHandleBits;
  }
};
static_assert(sizeof(ReceiveDescriptor) == 16);
static_assert(sizeof(ReceiveDescriptor) == sizeof(TransmitDescriptor));
inline constexpr std::uint32_t kDescriptorsALine = kCacheLineBytes / sizeof(TransmitDescriptor);
static_assert(kPriorities << ReceiveDescriptor::kHandleBits == 1U << ReceiveDescriptor::kFromShift);
static_assert(kNodesMax < 1U << (32 - ReceiveDescriptor::kFromShift));

// Why the dataplane stopped serving an application.
enum class Verdict : std::uint32_t {
  kAttached = 0,
  kGarbage = 1,  // its rings held what no library writes
  kStopped = 2,  // the dataplane is going down
};

// State of (peer, priority) as far as this node knows, one byte: advisory, read by the library
// before it commits a message.
inline constexpr std::uint8_t kPeerKnown = 1;
inline constexpr std::uint8_t kPeerConnected = 2;
inline constexpr std::uint8_t kPeerBlocked = 4;  // messages to it wait in the dataplane
inline constexpr unsigned kPeerReasonShift = 4;  // a Backpressure, when kPeerBlocked

// What a sleeping dataplane wants to be rung for; 0 while it is awake.
inline constexpr std::uint32_t kWakeForSends = 1;
inline constexpr std::uint32_t kWakeForReturns = 2;      // a delivery waits for room
inline constexpr std::uint32_t kWakeForCompletions = 4;  // a descriptor waits for room

template <typename T>
struct alignas(kCacheLineBytes) Line {
  std::atomic<T> value;
};

// What each side publishes shares one cache line, since the other side wants all of it in a pass.
struct alignas(kCacheLineBytes) ApplicationIndices {
  std::atomic<std::uint32_t> transmit_tail;
  std::atomic<std::uint32_t> completion_head;
  std::atomic<std::uint32_t> return_tail;
};

struct alignas(kCacheLineBytes) DataplaneIndices {
  std::atomic<std::uint32_t> transmit_head;
  std::atomic<std::uint32_t> completion_tail;
  std::atomic<std::uint32_t> receive_tail;
  // Counts what no ring tells: states of `peers` that changed, and transmit descriptors taken from
  // a ring that was full. A program that waits remembers it at each return, and so misses none
  // that came between its look and its sleep.
  std::atomic<std::uint32_t> changes;
  // The configured peers (bit n: node n + 1). They may come and go while the node runs.
  std::atomic<std::uint64_t> peers;
};

struct ChannelControl {
  ApplicationIndices application;
  DataplaneIndices dataplane;
  Line<Verdict> verdict;                   // apart: looked at in every call, written once
  Line<std::uint32_t> application_asleep;  // set by the application; cleared with its bell rung
  Line<std::uint32_t> dataplane_asleep;    // kWake... bits, set and cleared by the dataplane
  // By node id and priority; node 0 is unused.
  alignas(kCacheLineBytes) std::atomic<std::uint8_t> peers[kNodesMax + 1][kPriorities];
};
static_assert(std::is_standard_layout_v<ChannelControl>);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(offsetof(ChannelControl, dataplane) == 64);
static_assert(offsetof(ChannelControl, verdict) == 128);
static_assert(offsetof(ChannelControl, application_asleep) == 192);
static_assert(offsetof(ChannelControl, dataplane_asleep) == 256);
static_assert(offsetof(ChannelControl, peers) == 320);
static_assert(sizeof(ChannelControl) <= 4096);

// Descriptors in flight between application and dataplane: 16 KB of ring.
inline constexpr std::uint32_t kTransmitRing = 1'024;
// Accepted and not yet ended, counting one for each node a message goes to and one more for a
// broadcast itself: twice a link's default queue, so that a quota of 50 % fills one.
inline constexpr std::uint32_t kTransmitUnits = 4'096;
// A unit ends in at most one completion, and as many may wait to be read: 2 * kTransmitUnits. The
// dataplane takes no descriptor that could make it overflow.
inline constexpr std::uint32_t kCompletionRing = 2 * kTransmitUnits;
// Delivered and not yet returned. The receive and return rings are as long, so neither overflows.
inline constexpr std::uint32_t kReceiveSlots = 2'048;
static_assert(kReceiveSlots == 1U << ReceiveDescriptor::kSlotBits);
static_assert(kTransmitUnits <= 1U << 16, "a token is 16 bits");
static_assert(kNodesMax + 1 < kTransmitUnits);

// Where everything lies: bytes from the start of the segment. The dataplane computes it once, keeps
// it, and tells the application over the socket.
struct ChannelGeometry {
  std::uint32_t transmit_ring;
  std::uint32_t completion_ring;
  std::uint32_t receive_ring;
  std::uint32_t return_ring;
  std::uint32_t transmit_arena;
  std::uint32_t transmit_arena_bytes;
  std::uint32_t receive_arena;
  std::uint32_t receive_arena_bytes;
  std::uint64_t segment_bytes;
};
static_assert(sizeof(ChannelGeometry) == 40);

constexpr std::uint32_t transmit_masks(const ChannelGeometry& geometry) {
  return geometry.transmit_ring +
         kTransmitRing * static_cast<std::uint32_t>(sizeof(TransmitDescriptor));
}

constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t to) {
  return (value + to - 1) / to * to;
}

// `arena_bytes` each direction, at most 1 GB, and never less than four of the largest messages.
constexpr ChannelGeometry channel_geometry(std::uint32_t arena_bytes,
                                           std::uint32_t message_bytes_max) {
  constexpr std::uint32_t kPage = 4096;
  const std::uint32_t least = 4 * std::bit_ceil(message_bytes_max);
  const std::uint32_t arena = round_up(arena_bytes < least ? least : arena_bytes, kPage);
  ChannelGeometry g{};
  g.transmit_ring = round_up(sizeof(ChannelControl), kPage);
  g.completion_ring =
      transmit_masks(g) + kTransmitRing * static_cast<std::uint32_t>(sizeof(std::uint64_t));
  g.receive_ring =
      g.completion_ring + kCompletionRing * static_cast<std::uint32_t>(sizeof(Completion));
  g.return_ring =
      g.receive_ring + kReceiveSlots * static_cast<std::uint32_t>(sizeof(ReceiveDescriptor));
  const auto returns_bytes = kReceiveSlots * static_cast<std::uint32_t>(sizeof(std::uint32_t));
  g.transmit_arena = round_up(g.return_ring + returns_bytes, kPage);
  g.transmit_arena_bytes = arena;
  g.receive_arena = g.transmit_arena + arena;
  g.receive_arena_bytes = arena;
  g.segment_bytes = std::uint64_t{g.receive_arena} + arena;
  return g;
}

// Orders all stores before it before all loads after it, between processes: what a sleep flag needs
// on both sides. (Not std::atomic_thread_fence, which g++ refuses under ThreadSanitizer.)
inline void full_fence() { __sync_synchronize(); }

// Copies a descriptor out of memory that somebody else may be changing: whatever it held, the
// caller's copy changes no more.
template <typename T>
inline T copy_once(const T* shared) {
  static_assert(std::is_trivially_copyable_v<T>);
  T local;
  std::memcpy(&local, shared, sizeof local);
  asm volatile("" : "+m"(local) : : "memory");
  return local;
}

// One word of it, likewise, straight into a register.
template <typename T>
inline T word_once(const void* shared) {
  static_assert(std::is_integral_v<T>);
  T local;
  std::memcpy(&local, shared, sizeof local);
  asm volatile("" : "+r"(local));
  return local;
}

}  // namespace ringroad::host
