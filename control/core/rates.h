// How fast things went between two looks at counters. Pure: counters and times are handed in.
// Counters that went back belong to a new incarnation of whoever counts, and then nothing is known
// of the time between: rates are 0 until the next look.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/histogram.h"
#include "dataplane/base/ids.h"

namespace ringroad::control {

// By the second.
double rate_between(std::uint64_t before, std::uint64_t after, Nanos elapsed);

// 0 to 1: how much of `elapsed` was spent.
double share_between(std::uint64_t before_ns, std::uint64_t after_ns, Nanos elapsed);

struct TrafficCounts {
  std::uint64_t messages_sent = 0, messages_received = 0;
  std::uint64_t bytes_sent = 0, bytes_received = 0;
};

struct TrafficRates {  // each a second
  double messages_sent = 0, messages_received = 0;
  double bytes_sent = 0, bytes_received = 0;

  TrafficRates& operator+=(const TrafficRates& other);
};

TrafficRates rates_between(const TrafficCounts& before, const TrafficCounts& after, Nanos elapsed);

// A histogram of the last ticks only, out of one that counts from the start.
class HistogramWindow {
 public:
  static constexpr std::size_t kTicks = 8;

  void tick(const LatencyHistogram& total);
  // What was recorded in the last kTicks ticks; everything, while there were fewer.
  LatencyHistogram recent(const LatencyHistogram& total) const;

 private:
  std::array<LatencyHistogram, kTicks> kept_{};
  std::size_t next_ = 0;
};

}  // namespace ringroad::control
