// The clock the whole machine shares: CLOCK_MONOTONIC, so that two processes' stamps can be
// subtracted. Read once a pass by the owner of a loop; cores are handed the value.
#pragma once

#include <time.h>

#include "dataplane/base/ids.h"

namespace ringroad {

inline Nanos monotonic_now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return Nanos{t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

}  // namespace ringroad
