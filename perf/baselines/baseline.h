// What the baseline programs share: a CPU to run on, a clock, and an end. Only programs include it.
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace ringroad::baseline {

// Pins the calling thread, or ends the program: a figure from the wrong CPU is worse than none.
inline void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    std::fprintf(stderr,
                 "cannot run on CPU %d; choose one this process is allowed (taskset -p $$)\n", cpu);
    std::exit(1);
  }
}

// For a forked half of a pair: a partner that spins alone would never end.
inline void end_with_parent() { prctl(PR_SET_PDEATHSIG, SIGKILL); }

inline std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

inline std::int64_t deadline_after(double seconds) {
  return now_ns() + static_cast<std::int64_t>(seconds * 1e9);
}

// Nothing written to `data` before this may be left out or put off by the compiler.
inline void keep(const void* data) { asm volatile("" : : "r"(data) : "memory"); }

}  // namespace ringroad::baseline
