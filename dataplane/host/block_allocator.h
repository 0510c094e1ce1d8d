// Hands out blocks of an arena, in any order and back in any order: a binary buddy allocator with
// caches in front of it, so that the steady state (same sizes, again and again) is a pop and a push
// and stays in the same cache lines. Out-of-order return is the point: one peer that never answers
// pins its own messages, not the arena.
//
// Caches of small blocks are first in, first out: which ones come next is known early enough to ask
// for their lines, which another core has. Those of large blocks are last in, first out: of many
// lines the warm ones are worth more.
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
#include <utility>
#include <vector>

#include "dataplane/base/check.h"

namespace ringroad::host {

class BlockAllocator {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::uint32_t kBlockBytes = 64;

  // Blocks of 2^order times kBlockBytes.
  using Order = std::uint8_t;
  static constexpr Order order_of(std::uint32_t bytes) {
    return static_cast<Order>(std::countr_zero(block_bytes(bytes) / kBlockBytes));
  }

  explicit BlockAllocator(std::uint32_t arena_bytes)
      : blocks_(arena_bytes / kBlockBytes),
        links_(blocks_, Links{kNone, kNone}),
        free_order_(blocks_, kNotFree) {
    heads_.fill(kNone);
    for (unsigned order = 0; order < kOrders; ++order) {
      // No more than a sixteenth of the arena waits in any one cache.
      const std::uint32_t depth = std::min(kCacheDepthMax, (blocks_ / 16) >> order);
      caches_[order].depth = depth;
      caches_[order].is_fifo = order <= kFifoOrderMax;
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
    Cache& cache = caches_[order];
    if (cache.count != 0) [[likely]] {
      return cache.blocks[cache.take(1) % kCacheDepthMax] * kBlockBytes;
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
    const std::uint32_t cached = std::min(static_cast<std::uint32_t>(offsets.size()), cache.count);
    const std::uint32_t first = cache.take(cached);
    for (std::uint32_t i = 0; i < cached; ++i) {
      offsets[i] = cache.blocks[(first + i) % kCacheDepthMax] * kBlockBytes;
    }
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
    release_order(offset, order_of(bytes));
  }
  // As release(), for who keeps order_of(bytes).
  void release_order(std::uint32_t offset, Order order) {
    Cache& cache = caches_[order];
    if (cache.count < cache.depth) [[likely]] {
      cache.blocks[(cache.first + cache.count++) % kCacheDepthMax] = offset / kBlockBytes;
    } else {
      merge(offset / kBlockBytes, order);
    }
  }
  void release_burst(std::span<const std::uint32_t> offsets, Order order) {
    Cache& cache = caches_[order];
    const auto cached = std::min<std::size_t>(offsets.size(), cache.depth - cache.count);
    const std::uint32_t next = cache.first + cache.count;
    for (std::uint32_t i = 0; i < cached; ++i) {
      cache.blocks[(next + i) % kCacheDepthMax] = offsets[i] / kBlockBytes;
    }
    cache.count += static_cast<std::uint32_t>(cached);
    for (const std::uint32_t offset : offsets.subspan(cached)) merge(offset / kBlockBytes, order);
  }

  // Calls `function` with the offsets of up to `count` blocks that will be handed out next for
  // `bytes`, as far as that is known.
  template <typename Function>
  void foresee(std::uint32_t bytes, std::uint32_t count, Function function) const {
    const Order order = order_of(bytes);
    if (order > kFifoOrderMax) return;
    const Cache& cache = caches_[order];
    const std::uint32_t known = std::min(count, cache.count);
    for (std::uint32_t i = 0; i < known; ++i) {
      function(cache.blocks[(cache.first + i) % kCacheDepthMax] * kBlockBytes);
    }
  }

 private:
  static constexpr unsigned kOrders = 19;  // 64 B to 16 MB
  static constexpr std::uint32_t kCacheDepthMax = 256;
  static_assert((kCacheDepthMax & (kCacheDepthMax - 1)) == 0);
  static constexpr unsigned kFifoOrderMax = 2;
  static constexpr std::uint8_t kNotFree = 0xff;
  struct Links {
    std::uint32_t next, previous;
  };
  struct Cache {
    std::array<std::uint32_t, kCacheDepthMax> blocks;  // a ring
    std::uint32_t first = 0, count = 0, depth = 0;
    bool is_fifo = false;

    // Where `n` of its blocks begin, which are not its own any more.
    std::uint32_t take(std::uint32_t n) {
      count -= n;
      if (!is_fifo) return first + count;
      return std::exchange(first, first + n);
    }
  };

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
      while (cache.count != 0) merge(cache.blocks[cache.take(1) % kCacheDepthMax], order);
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
