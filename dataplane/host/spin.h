// How a loop spins before it sleeps, the same on every side of every channel.
//
// Waking a sleeper costs its CPU's way out of idle: tens of microseconds, most of a round trip. So
// a loop that ran out of work looks again for a while first. Where processes outnumber CPUs it
// yields at every look: whoever it waits for runs at once, and no CPU goes idle under a
// conversation. Measured on 2 CPUs with five processes between the ends: see pingpong.fabric.64B in
// perf/.
#pragma once

#include <emmintrin.h>
#include <sched.h>

#include <cstddef>
#include <cstdint>

namespace ringroad::host {

struct Spin {
  std::uint32_t us;  // without work, before sleeping
  bool yields;

  void pause() const {
    if (yields) {
      sched_yield();
    } else {
      _mm_pause();
    }
  }
};

inline constexpr std::size_t kCpusFew = 2;

// `cpus`: how many the process may use.
constexpr Spin spin_on(std::size_t cpus) {
  return cpus <= kCpusFew ? Spin{200, true} : Spin{50, false};
}

}  // namespace ringroad::host
