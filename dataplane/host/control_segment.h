// The memory that a dataplane and its control process share: one memfd for each attachment. Private
// to control_channel.* (the dataplane's half) and control_attachment.* (control's half, which must
// not need DPDK's library: hence a file of its own for what both use).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/host/control_protocol.h"

struct rte_ring;

namespace ringroad::host {

// A value one writer replaces again and again and others copy: a sequence lock over words, each
// stored and loaded atomically, so that a torn copy is noticed and never undefined.
template <typename T>
class SequenceLocked {
 public:
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0);

  // The first `bytes` of the value; the rest keeps what it had.
  void write(const T& value, std::size_t bytes = sizeof(T)) {
    const std::uint64_t before = sequence_.load(std::memory_order_relaxed);
    sequence_.store(before + 1, std::memory_order_relaxed);
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    for (std::size_t i = 0; i < (bytes + 7) / 8; ++i) {
      std::uint64_t word;
      std::memcpy(&word, from + 8 * i, sizeof word);
      words_[i].store(word, std::memory_order_release);
    }
    sequence_.store(before + 2, std::memory_order_release);
  }

  // False when it has never been written, or was being written all the time.
  [[nodiscard]] bool read(T& out) const {
    auto* to = reinterpret_cast<std::byte*>(&out);
    for (int attempt = 0; attempt < 100; ++attempt) {
      const std::uint64_t before = sequence_.load(std::memory_order_acquire);
      if (before == 0) return false;
      if (before % 2 != 0) continue;
      for (std::size_t i = 0; i < kWords; ++i) {
        const std::uint64_t word = words_[i].load(std::memory_order_acquire);
        std::memcpy(to + 8 * i, &word, sizeof word);
      }
      if (sequence_.load(std::memory_order_relaxed) == before) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t kWords = sizeof(T) / 8;
  std::atomic<std::uint64_t> sequence_;
  std::atomic<std::uint64_t> words_[kWords];
};

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
