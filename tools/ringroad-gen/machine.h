// What the figures were measured on: read from /proc and /sys once, printed above them.
#pragma once

#include <cstdint>
#include <string>

namespace ringroad::gen {

struct Machine {
  std::string cpu_model = "unknown CPU";
  std::uint32_t cpus = 0;  // that this process may run on
  double ghz = 0;          // as the kernel says now; 0: it doesn't
  bool avx512 = false;
  std::uint64_t hugepages = 0;  // of 2 MB, reserved on this machine
  std::uint64_t boot_id = 0;    // equal on two nodes: one machine, one monotonic clock
};

Machine read_machine();

// "AMD EPYC ... 2 CPUs 2.6 GHz, AVX-512, no hugepages"
std::string describe(const Machine& machine);

// CPU time of this process so far, nanoseconds, all threads, user and system.
std::uint64_t process_cpu_ns();

}  // namespace ringroad::gen
