// A bounded queue between exactly two threads of this process. Lock-free, nothing allocated.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "dataplane/base/limits.h"

namespace ringroad::host {

template <typename T, std::size_t kCapacity>
class SpscQueue {
  static_assert((kCapacity & (kCapacity - 1)) == 0);

 public:
  [[nodiscard]] bool push(T item) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == kCapacity) return false;
    items_[tail % kCapacity] = std::move(item);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  [[nodiscard]] bool pop(T& item) {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    item = std::move(items_[head % kCapacity]);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // The producer's: whether the next push will be taken.
  bool has_room() const {
    return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire) <
           kCapacity;
  }

  bool empty() const {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }

 private:
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> tail_{0};
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> head_{0};
  alignas(kCacheLineBytes) std::array<T, kCapacity> items_{};
};

}  // namespace ringroad::host
