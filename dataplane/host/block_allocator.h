// Hands out blocks of an arena, in any order and back in any order: a binary buddy allocator with
// last-in-first-out caches in front of it, so that the steady state (same sizes, again and again)
// is a pop and a push and stays in the same cache lines. Out-of-order return is the point: one peer
// that never answers pins its own messages, not the arena.
//
// All bookkeeping is in private memory; the arena itself is never touched. Owned by one thread (or
// one lock). Nothing is allocated after construction.
//
// Invariant: a block is in exactly one of: handed out, a cache, the buddy lists, split.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/check.h"

namespace ringroad::host {

class BlockAllocator {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::uint32_t kBlockBytes = 64;

  explicit BlockAllocator(std::uint32_t arena_bytes)
      : blocks_(arena_bytes / kBlockBytes),
        links_(blocks_, Links{kNone, kNone}),
        free_order_(blocks_, kNotFree) {
    heads_.fill(kNone);
    for (unsigned order = 0; order < kOrders; ++order) {
      // No more than a sixteenth of the arena waits in any one cache.
      const std::uint32_t depth = std::min(kCacheDepthMax, (blocks_ / 16) >> order);
      caches_[order].blocks.resize(depth);
    }
    std::uint32_t block = 0;
    while (block < blocks_) {
      unsigned order =
          block == 0 ? kOrders - 1 : std::min<unsigned>(kOrders - 1, std::countr_zero(block));
      while (block + (1U << order) > blocks_) --order;
      push_free(block, order);
      block += 1U << order;
    }
  }

  // What a payload of `bytes` takes.
  static constexpr std::uint32_t block_bytes(std::uint32_t bytes) {
    return bytes <= kBlockBytes ? kBlockBytes : std::bit_ceil(bytes);
  }

  // The offset of a block for `bytes` (aligned to 64), or kNone when there is none.
  [[nodiscard]] std::uint32_t allocate(std::uint32_t bytes) {
    const unsigned order = order_of(bytes);
    if (order >= kOrders) return kNone;
    auto& cache = caches_[order];
    if (cache.count != 0) [[likely]] {
      return cache.blocks[--cache.count] * kBlockBytes;
    }
    std::uint32_t block = take(order);
    if (block == kNone) {
      if (!drain_caches()) return kNone;
      block = take(order);
    }
    return block == kNone ? kNone : block * kBlockBytes;
  }

  // As many of them as there are, and as `offsets` has room for; returns how many.
  [[nodiscard]] std::size_t allocate_burst(std::uint32_t bytes, std::span<std::uint32_t> offsets) {
    const unsigned order = order_of(bytes);
    if (order >= kOrders) return 0;
    Cache& cache = caches_[order];
    const std::uint32_t cached =
        std::min(static_cast<std::uint32_t>(offsets.size()), cache.count);
    const std::uint32_t* last = cache.blocks.data() + cache.count;
    for (std::uint32_t i = 0; i < cached; ++i) offsets[i] = *--last * kBlockBytes;
    cache.count -= cached;
    std::size_t count = cached;
    while (count < offsets.size()) {
      offsets[count] = allocate(bytes);
      if (offsets[count] == kNone) break;
      ++count;
    }
    return count;
  }

  // Takes back what allocate(bytes) returned; `bytes` needs the same block as then.
  void release(std::uint32_t offset, std::uint32_t bytes) {
    const unsigned order = order_of(bytes);
    auto& cache = caches_[order];
    if (cache.count < cache.blocks.size()) [[likely]] {
      cache.blocks[cache.count++] = offset / kBlockBytes;
    } else {
      merge(offset / kBlockBytes, order);
    }
  }
  void release_burst(std::span<const std::uint32_t> offsets, std::uint32_t bytes) {
    Cache& cache = caches_[order_of(bytes)];
    const std::size_t cached = std::min(offsets.size(), cache.blocks.size() - cache.count);
    std::uint32_t* next = cache.blocks.data() + cache.count;
    for (std::size_t i = 0; i < cached; ++i) *next++ = offsets[i] / kBlockBytes;
    cache.count += static_cast<std::uint32_t>(cached);
    for (std::size_t i = cached; i < offsets.size(); ++i) release(offsets[i], bytes);
  }

 private:
  static constexpr unsigned kOrders = 19;  // 64 B to 16 MB
  static constexpr std::uint32_t kCacheDepthMax = 256;
  static constexpr std::uint8_t kNotFree = 0xff;
  struct Links {
    std::uint32_t next, previous;
  };
  struct Cache {
    std::vector<std::uint32_t> blocks;  // as many as it may hold
    std::uint32_t count = 0;
  };

  static constexpr unsigned order_of(std::uint32_t bytes) {
    return static_cast<unsigned>(std::countr_zero(block_bytes(bytes) / kBlockBytes));
  }

  void push_free(std::uint32_t block, unsigned order) {
    links_[block] = {heads_[order], kNone};
    if (heads_[order] != kNone) links_[heads_[order]].previous = block;
    heads_[order] = block;
    free_order_[block] = static_cast<std::uint8_t>(order);
  }

  void remove_free(std::uint32_t block, unsigned order) {
    const Links links = links_[block];
    if (links.previous == kNone) {
      heads_[order] = links.next;
    } else {
      links_[links.previous].next = links.next;
    }
    if (links.next != kNone) links_[links.next].previous = links.previous;
    free_order_[block] = kNotFree;
  }

  std::uint32_t take(unsigned order) {
    unsigned have = order;
    while (have < kOrders && heads_[have] == kNone) ++have;
    if (have == kOrders) return kNone;
    const std::uint32_t block = heads_[have];
    remove_free(block, have);
    while (have > order) {
      --have;
      push_free(block + (1U << have), have);
    }
    return block;
  }

  void merge(std::uint32_t block, unsigned order) {
    RR_CHECK(block < blocks_ && free_order_[block] == kNotFree);
    while (order + 1 < kOrders) {
      const std::uint32_t buddy = block ^ (1U << order);
      if (buddy >= blocks_ || free_order_[buddy] != order) break;
      remove_free(buddy, order);
      block = std::min(block, buddy);
      ++order;
    }
    push_free(block, order);
  }

  // At most kCacheDepthMax merges an order, each for a block that was released since the last time.
  bool drain_caches() {
    bool any = false;
    for (unsigned order = 0; order < kOrders; ++order) {
      Cache& cache = caches_[order];
      any = any || cache.count != 0;
      while (cache.count != 0) merge(cache.blocks[--cache.count], order);
    }
    return any;
  }

  std::uint32_t blocks_;
  std::vector<Links> links_;              // of free blocks, by first block
  std::vector<std::uint8_t> free_order_;  // of a free block's first; kNotFree elsewhere
  std::array<std::uint32_t, kOrders> heads_{};
  std::array<Cache, kOrders> caches_;
};

}  // namespace ringroad::host
