// Virtual time: a queue of what happens when. Two things at one moment happen in the order in which
// they were asked for, so that a seed gives the same run everywhere.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "dataplane/base/ids.h"

namespace ringroad::raft::sim {

class Scheduler {
 public:
  using Action = std::function<void()>;

  Nanos now() const { return now_; }
  std::uint64_t events() const { return events_; }
  bool empty() const { return queue_.empty(); }
  Nanos next_due() const { return queue_.empty() ? kNever : queue_.front().due; }

  // Never before now.
  void at(Nanos due, Action action) {
    queue_.push_back({std::max(due, now_), order_++, std::move(action)});
    std::push_heap(queue_.begin(), queue_.end(), Later{});
  }
  void after(Nanos delay, Action action) { at(now_ + delay, std::move(action)); }

  // Nothing happens before `time`, which has come.
  void pass_until(Nanos time) { now_ = std::max(now_, std::min(time, next_due())); }
  // Invariant: not empty.
  void run_next() {
    std::pop_heap(queue_.begin(), queue_.end(), Later{});
    Event event = std::move(queue_.back());
    queue_.pop_back();
    now_ = event.due;
    ++events_;
    event.action();
  }

 private:
  struct Event {
    Nanos due;
    std::uint64_t order;
    Action action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.due != b.due ? a.due > b.due : a.order > b.order;
    }
  };

  Nanos now_ = seconds(1);
  std::uint64_t order_ = 0;
  std::uint64_t events_ = 0;
  std::vector<Event> queue_;
};

}  // namespace ringroad::raft::sim
