// Starts EAL for a test program, without hugepages, devices or a name another process could hold,
// runs the tests and takes it down again.
#pragma once

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace ringroad {

inline int run_with_eal(const char* program,
                        const std::vector<std::string>& memory = {"--no-huge", "-m", "512"}) {
  std::vector<std::string> arguments = {program,
                                        "--no-pci",
                                        "--no-telemetry",
                                        "--lcores=0",
                                        "--log-level=error",
                                        "--iova-mode=va",
                                        "--file-prefix=ringroad-test-" + std::to_string(getpid())};
  // Wherever this process may run at all.
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    arguments[3] = "--lcores=0@" + std::to_string(cpu);
    break;
  }
  arguments.insert(arguments.end(), memory.begin(), memory.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    std::fprintf(stderr, "EAL did not start\n");
    return 1;
  }
  const int result = RUN_ALL_TESTS();
  rte_eal_cleanup();
  return result;
}

}  // namespace ringroad
