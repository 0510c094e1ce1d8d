#include "tools/ringroad/doctor/doctor.h"

#include <array>

#include "tools/ringroad/doctor/checks.h"
#include "tools/ringroad/doctor/machine.h"

namespace ringroad::cli {
namespace {

struct Check {
  const char* subject;
  void (*run)(const Machine&, Findings&);
};

constexpr std::array kChecks = {
    Check{"node", check_node},
    Check{"config", check_config_in_force},
    Check{"links", check_links},
    Check{"programs", check_programs},
    Check{"CPU", check_cpu_flags},
    Check{"CPU plan", check_cpu_plan},
    Check{"governor", check_governor},
    Check{"isolation", check_isolated_cpus},
    Check{"siblings", check_smt_siblings},
    Check{"throttling", check_throttling},
    Check{"steal time", check_steal_time},
    Check{"memory", check_hugepages},
    Check{"memlock", check_memlock},
    Check{"cgroup", check_cgroup},
    Check{"clock", check_clock_source},
    Check{"time", check_time_synchronised},
    Check{"port 0", check_port},
    Check{"port 0", check_port_state},
    Check{"MTU", check_mtu},
    Check{"MTU", check_link_mtu},
    Check{"metrics", check_metrics_port},
    Check{"sockets", check_unix_sockets},
    Check{"disk", check_free_space},
    Check{"flush", check_flush_latency},
    Check{"buffers", check_leaked_buffers},
    Check{"left files", check_left_hugepages},
    Check{"left files", check_left_sockets},
};

}  // namespace

std::vector<Finding> examine(const Examination& examination) {
  const Machine machine(examination);
  Findings findings;
  for (const Check& check : kChecks) {
    findings.subject(check.subject);
    check.run(machine, findings);
  }
  return findings.take();
}

}  // namespace ringroad::cli
