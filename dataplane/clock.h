// The clock the whole machine shares: CLOCK_MONOTONIC, so that two processes' stamps can be
// subtracted. Read once a pass by the owner of a loop; cores are handed the value.
#pragma once

#include <time.h>
#include <x86intrin.h>

#include <cstdint>

#include "dataplane/base/ids.h"

namespace ringroad {

inline Nanos monotonic_now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return Nanos{t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

// The same clock for a loop that reads it on every pass: from the time stamp counter, and set by
// monotonic_now() again every millisecond. Off by what the counter drifts in between, and by half
// of how long the two took to read, a few microseconds at most. Never goes backwards. Owned by one
// thread; falls back to monotonic_now() where the counter does not tick evenly.
class LoopClock {
 public:
  Nanos now() {
    const std::uint64_t tick = __rdtsc();
    if (tick - base_tick_ >= ticks_valid_) [[unlikely]]
      return set();
    const std::uint64_t ns = ((tick - base_tick_) * ns_scaled_) >> kScaleBits;
    return tell(base_ + Nanos{static_cast<std::int64_t>(ns)});
  }

 private:
  static constexpr unsigned kScaleBits = 24;
  static constexpr Nanos kValid = milliseconds(1);

  Nanos set();
  void note_rate(std::uint64_t tick, Nanos read);
  Nanos tell(Nanos time) { return told_ = time > told_ ? time : told_; }

  Nanos told_{};  // the latest
  Nanos base_{};
  std::uint64_t base_tick_ = 0;
  std::uint64_t ticks_valid_ = 0;  // from base_tick_ on; 0: not calibrated
  std::uint64_t ns_scaled_ = 0;    // nanoseconds a tick, times 2^kScaleBits
  // The first reading, from which the rate is told: the longer ago, the better.
  Nanos first_{};
  std::uint64_t first_tick_ = 0;
  bool is_even_ = true;
};

}  // namespace ringroad
