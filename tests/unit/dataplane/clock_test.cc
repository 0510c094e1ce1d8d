// The loop's clock against the system's: never backwards, never far from it.
#include "dataplane/clock.h"

#include <gtest/gtest.h>

namespace ringroad {
namespace {

TEST(LoopClock, NeverGoesBackwardsAndStaysBesideTheSystemsClock) {
  LoopClock clock;
  Nanos last{};
  std::uint64_t readings = 0;
  // Past several settings of it: the rate is told after the first millisecond.
  for (const Nanos end = monotonic_now() + milliseconds(20); last < end; ++readings) {
    const Nanos before = monotonic_now();
    const Nanos read = clock.now();
    const Nanos after = monotonic_now();
    ASSERT_GE(read, last);
    last = read;
    // Whoever takes the CPU away in between widens the bracket, and proves nothing.
    const Nanos off = read < before ? before - read : read > after ? read - after : Nanos{};
    ASSERT_LT(off, microseconds(100)) << "the counter is set again every millisecond";
  }
  EXPECT_GT(readings, 100u);
}

}  // namespace
}  // namespace ringroad
