// Starts EAL for a test program: without hugepages, devices, or a name that another process could
// hold, wherever this process may run at all.
#pragma once

#include <rte_eal.h>
#include <sched.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace ringroad {

inline bool start_eal(const char* program,
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
  return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0;
}

}  // namespace ringroad
