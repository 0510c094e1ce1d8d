// The time since 1970, for a capture's timestamps.
#pragma once

#include <time.h>

#include "dataplane/base/ids.h"

namespace ringroad::fabric {

inline Nanos wall_clock_now() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return Nanos{t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

}  // namespace ringroad::fabric
