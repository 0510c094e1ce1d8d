#include "dataplane/clock.h"

#include <cpuid.h>

namespace ringroad {
namespace {

// AMD64 manual, volume 3, CPUID Fn8000_0007_EDX: the counter's rate never changes.
bool counter_is_invariant() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x8000'0007, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
}

// Counter and clock read within this are read at one instant: a few microseconds.
constexpr std::uint64_t kReadTicksMax = 10'000;
// A rate told over less is too coarse; one told since longer ago would notice a change late.
constexpr Nanos kRateFrom = milliseconds(1), kRateUntil = seconds(10);

}  // namespace

Nanos LoopClock::set() {
  if (first_tick_ == 0) is_even_ = counter_is_invariant();
  if (!is_even_) return tell(monotonic_now());
  // Both at one instant, or neither: whoever loses the CPU in between tries at the next call.
  const std::uint64_t before = __rdtsc();
  const Nanos read = monotonic_now();
  const std::uint64_t after = __rdtsc();
  ticks_valid_ = 0;
  if (after - before < kReadTicksMax) {
    const std::uint64_t tick = before + (after - before) / 2;
    note_rate(tick, read);
    if (ns_scaled_ != 0) {
      base_ = read;
      base_tick_ = tick;
      ticks_valid_ = (static_cast<std::uint64_t>(kValid.count) << kScaleBits) / ns_scaled_;
    }
  }
  return tell(read);
}

// The rate from a first reading on. One that is told of two readings far apart is within some parts
// in 10^6; another than that means that the counter, or the machine, changed: begin anew.
void LoopClock::note_rate(std::uint64_t tick, Nanos read) {
  const Nanos since = read - first_;
  if (first_tick_ != 0 && tick > first_tick_ && since < kRateFrom) return;
  if (first_tick_ != 0 && tick > first_tick_ && since <= kRateUntil) {
    const auto ns = static_cast<std::uint64_t>(since.count);
    const std::uint64_t rate = (ns << kScaleBits) / (tick - first_tick_);
    const std::uint64_t off = rate > ns_scaled_ ? rate - ns_scaled_ : ns_scaled_ - rate;
    if (ns_scaled_ == 0 || off <= ns_scaled_ / 100) {
      ns_scaled_ = rate;
      return;
    }
    ns_scaled_ = 0;
  }
  // The old rate, if it is to be believed, holds until the new one can be told.
  first_tick_ = tick;
  first_ = read;
}

}  // namespace ringroad
