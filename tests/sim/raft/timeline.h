// What happened, as a number and, when asked for, as text. The number is mixed from every event of
// consequence, so that two runs of a seed that differ anywhere differ in it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "dataplane/base/ids.h"
#include "tests/sim/raft/machine.h"
#include "tests/sim/raft/scheduler.h"

namespace ringroad::raft::sim {

class Timeline {
 public:
  struct Line {
    Nanos at;
    NodeId node;  // kNoNode: the world
    std::string text;
  };

  // `lines_max`: how many of the last lines are kept; 0 keeps none, and costs nothing.
  Timeline(const Scheduler& scheduler, std::size_t lines_max)
      : scheduler_(scheduler), lines_max_(lines_max) {}

  void mix(std::uint64_t value) { hash_ = mixed(hash_, value); }
  std::uint64_t hash() const { return hash_; }

  bool is_recording() const { return lines_max_ > 0; }
  void record(NodeId node, std::string text) {
    if (!is_recording()) return;
    if (lines_.size() == lines_max_) lines_.pop_front();
    lines_.push_back({scheduler_.now(), node, std::move(text)});
  }
  const std::deque<Line>& lines() const { return lines_; }

 private:
  const Scheduler& scheduler_;
  std::size_t lines_max_;
  std::uint64_t hash_ = 0;
  std::deque<Line> lines_;
};

}  // namespace ringroad::raft::sim
