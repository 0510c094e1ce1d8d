// The frames that are under way: a binary heap by departure time over memory reserved at the start.
// Frames of one departure time leave in the order they were added. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dataplane/base/check.h"
#include "dataplane/base/ids.h"
#include "tools/ringroad-fabric/packet_pool.h"
#include "tools/ringroad-fabric/types.h"

namespace ringroad::fabric {

class Schedule {
 public:
  struct Entry {
    Nanos departure;
    std::uint64_t order = 0;
    BufferId buffer;
    PortId to;
  };

  explicit Schedule(std::size_t capacity) : capacity_(capacity) { heap_.reserve(capacity); }

  [[nodiscard]] bool is_full() const { return heap_.size() == capacity_; }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  void add(Nanos departure, BufferId buffer, PortId to) {
    RR_CHECK(!is_full());
    heap_.push_back({departure, next_order_++, buffer, to});
    std::push_heap(heap_.begin(), heap_.end(), leaves_after);
  }

  [[nodiscard]] Nanos next_departure() const {
    return heap_.empty() ? kNever : heap_.front().departure;
  }

  // The earliest entry; there must be one.
  Entry pop() {
    RR_CHECK(!heap_.empty());
    std::pop_heap(heap_.begin(), heap_.end(), leaves_after);
    const Entry entry = heap_.back();
    heap_.pop_back();
    return entry;
  }

 private:
  static bool leaves_after(const Entry& a, const Entry& b) {
    return a.departure != b.departure ? a.departure > b.departure : a.order > b.order;
  }

  std::size_t capacity_;
  std::vector<Entry> heap_;
  std::uint64_t next_order_ = 0;
};

}  // namespace ringroad::fabric
