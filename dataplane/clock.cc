#include "dataplane/clock.h"

#include <cpuid.h>

#include <algorithm>

namespace ringroad {
namespace {

// AMD64 manual, volume 3, CPUID Fn8000_0007_EDX: the counter's rate never changes.
bool counter_is_invariant() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x8000'0007, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
}

// A rate told over less is too coarse; one told over more than this ago would notice a change late.
constexpr Nanos kRateFrom = milliseconds(1), kRateUntil = seconds(10);

}  // namespace

Nanos LoopClock::set() {
  if (first_tick_ == 0) is_even_ = counter_is_invariant();
  if (!is_even_) return monotonic_now();
  const std::uint64_t tick = __rdtsc();
  const Nanos read = monotonic_now();
  // What was told already is not taken back.
  const Nanos told = ticks_valid_ == 0 ? read : base_ + kValid;
  if (first_tick_ == 0 || tick <= first_tick_ || read - first_ > kRateUntil) {
    // The old rate holds until the new one can be told.
    first_tick_ = tick;
    first_ = read;
  } else if (read - first_ >= kRateFrom) {
    const auto ns = static_cast<std::uint64_t>((read - first_).count);
    ns_scaled_ = (ns << kScaleBits) / (tick - first_tick_);
  }
  if (ns_scaled_ == 0) return read;
  base_ = std::max(read, std::min(told, read + kValid));
  base_tick_ = tick;
  ticks_valid_ = (static_cast<std::uint64_t>(kValid.count) << kScaleBits) / ns_scaled_;
  return base_;
}

}  // namespace ringroad
