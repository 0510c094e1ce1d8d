// When messages are due. Open loop: the times depend on the rate alone, never on how the last
// message fared, so a stall shows up as latency of everything that should have left during it
// (no coordinated omission). Pure; given the time, never reading it.
//
// Message k of a schedule of R messages a second is due at start + k * 1e9 / R, rounded down to a
// nanosecond, exactly, for any k: the remainder is carried, not rounded away.
#pragma once

#include <cstdint>

#include "dataplane/base/check.h"
#include "dataplane/base/ids.h"

namespace ringroad::gen {

class Schedule {
 public:
  // As fast as possible: always due, intended now.
  Schedule() = default;

  // The part `index` of `parts` interleaved schedules that together offer `rate_per_s` (at least
  // 1): this one has every parts-th message, beginning with message `index`.
  Schedule(std::uint64_t rate_per_s, Nanos start, std::uint32_t index = 0, std::uint32_t parts = 1)
      : rate_(rate_per_s), next_(start) {
    RR_CHECK(rate_per_s > 0 && parts > 0 && index < parts);
    constexpr std::uint64_t kSecond = 1'000'000'000;
    const std::uint64_t step = kSecond * parts;
    step_ns_ = step / rate_;
    step_remainder_ = step % rate_;
    const std::uint64_t offset = kSecond * index;
    next_ = next_ + Nanos{static_cast<std::int64_t>(offset / rate_)};
    carry_ = offset % rate_;
  }

  bool is_max() const { return rate_ == 0; }
  bool is_due(Nanos now) const { return rate_ == 0 || next_ <= now; }

  // The intended time of the next message.
  Nanos intended(Nanos now) const { return rate_ == 0 ? now : next_; }

  // The next message has left.
  void advance() {
    carry_ += step_remainder_;
    std::uint64_t step = step_ns_;
    if (carry_ >= rate_ && rate_ != 0) {
      carry_ -= rate_;
      ++step;
    }
    next_ = next_ + Nanos{static_cast<std::int64_t>(step)};
  }

 private:
  std::uint64_t rate_ = 0;
  std::uint64_t step_ns_ = 0;
  std::uint64_t step_remainder_ = 0;
  std::uint64_t carry_ = 0;  // in 1 / rate of a nanosecond
  Nanos next_{};
};

}  // namespace ringroad::gen
