// A node's own clock: it starts anywhere and runs a little fast or slow. Integers only, so that
// every compiler rounds alike.
#pragma once

#include <cstdint>

#include "dataplane/base/ids.h"

namespace ringroad::raft::sim {

class Clock {
 public:
  Clock() = default;
  Clock(Nanos start, std::int64_t drift_ppm) : start_(start), drift_ppm_(drift_ppm) {}

  Nanos local(Nanos now) const { return start_ + now + Nanos{now.count * drift_ppm_ / 1'000'000}; }
  // The first moment, to a few nanoseconds later, at which it shows `local_time`; kNever for
  // kNever. Holds for runs of some hours.
  Nanos when(Nanos local_time) const {
    if (local_time == kNever) return kNever;
    const Nanos shown = local_time - start_;
    return Nanos{shown.count * 1'000'000 / (1'000'000 + drift_ppm_) + 2};
  }

 private:
  Nanos start_{};
  std::int64_t drift_ppm_ = 0;
};

}  // namespace ringroad::raft::sim
