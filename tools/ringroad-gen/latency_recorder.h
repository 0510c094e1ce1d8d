// Turns "sent at, so many" into latencies once the time of arrival is known. Arrivals are noted
// without a clock and settled together with one reading at the end of the pass, so every message is
// recorded (none is sampled) and a burst that shares its times costs one entry. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/histogram.h"
#include "dataplane/base/ids.h"

namespace ringroad::gen {

class LatencyRecorder {
 public:
  // Reads the same clock as the senders' intended times come from; null: settle()'s argument only.
  using Clock = Nanos (*)();
  explicit LatencyRecorder(Clock clock) : clock_(clock) {}

  // One more message intended at `intended`, to go into `histogram`.
  void note(Histogram* histogram, Nanos intended) {
    if (count_ > 0) {
      Entry& last = entries_[count_ - 1];
      if (last.intended == intended && last.histogram == histogram) [[likely]] {
        ++last.count;
        return;
      }
      if (count_ == entries_.size()) settle_early();
    }
    entries_[count_++] = {histogram, intended, 1};
  }

  // Everything noted is here by now; `now` is used where there is no clock.
  void settle(Nanos now) {
    latest_ = now;
    if (count_ == 0) return;
    const Nanos arrived = clock_ != nullptr ? clock_() : now;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::int64_t latency = (arrived - entries_[i].intended).count;
      entries_[i].histogram->record(static_cast<std::uint64_t>(std::max<std::int64_t>(latency, 0)),
                                    entries_[i].count);
    }
    count_ = 0;
  }

  // Before the end of the pass: everything noted must go into its histogram now.
  void settle_early() { settle(latest_); }

 private:
  struct Entry {
    Histogram* histogram = nullptr;
    Nanos intended;
    std::uint64_t count = 0;
  };

  Clock clock_;
  Nanos latest_{};
  std::size_t count_ = 0;
  std::array<Entry, 256> entries_{};
};

}  // namespace ringroad::gen
