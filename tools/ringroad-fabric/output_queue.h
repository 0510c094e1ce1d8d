// The frames that wait for room in one port's ring: a bounded FIFO of buffer references. Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "dataplane/base/check.h"
#include "tools/ringroad-fabric/packet_pool.h"

namespace ringroad::fabric {

class OutputQueue {
 public:
  // Holds `capacity` frames, a power of two.
  explicit OutputQueue(std::size_t capacity) : slots_(capacity) {
    RR_CHECK(std::has_single_bit(capacity));
  }

  [[nodiscard]] std::size_t size() const { return tail_ - head_; }
  [[nodiscard]] bool is_empty() const { return tail_ == head_; }
  [[nodiscard]] bool is_full() const { return size() == slots_.size(); }

  void push(BufferId buffer) {
    RR_CHECK(!is_full());
    slots_[tail_++ & (slots_.size() - 1)] = buffer;
  }
  // The i-th from the front.
  [[nodiscard]] BufferId at(std::size_t i) const {
    return slots_[(head_ + i) & (slots_.size() - 1)];
  }
  void pop(std::size_t count) {
    RR_CHECK(count <= size());
    head_ += count;
  }

 private:
  std::vector<BufferId> slots_;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace ringroad::fabric
