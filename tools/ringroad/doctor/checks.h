// The checks, in groups by what they look at: one function each, which appends its findings. A
// check says something in every case, so that a subject is never missing; what cannot be read is
// said as such, with why, and is a warning only where it matters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/ringroad/doctor/doctor.h"
#include "tools/ringroad/doctor/machine.h"

namespace ringroad::cli {

// What a check has found, about one subject.
class Findings {
 public:
  void subject(const std::string& subject) { subject_ = subject; }
  void ok(const std::string& text) { add(Severity::kOk, text, ""); }
  void warning(const std::string& text, const std::string& mend) {
    add(Severity::kWarning, text, mend);
  }
  void wrong(const std::string& text, const std::string& mend) {
    add(Severity::kWrong, text, mend);
  }

  std::vector<Finding> take() { return std::move(found_); }

 private:
  void add(Severity severity, const std::string& text, const std::string& mend) {
    found_.push_back({severity, subject_, text, mend});
  }
  std::string subject_;
  std::vector<Finding> found_;
};

// cpu.cc
void check_cpu_flags(const Machine& machine, Findings& findings);
void check_cpu_plan(const Machine& machine, Findings& findings);
void check_governor(const Machine& machine, Findings& findings);
void check_isolated_cpus(const Machine& machine, Findings& findings);
void check_smt_siblings(const Machine& machine, Findings& findings);
void check_throttling(const Machine& machine, Findings& findings);
void check_steal_time(const Machine& machine, Findings& findings);
// memory.cc
void check_hugepages(const Machine& machine, Findings& findings);
void check_memlock(const Machine& machine, Findings& findings);
// limits.cc
void check_cgroup(const Machine& machine, Findings& findings);
// clock.cc
void check_clock_source(const Machine& machine, Findings& findings);
void check_time_synchronised(const Machine& machine, Findings& findings);
// port.cc
void check_port(const Machine& machine, Findings& findings);
void check_mtu(const Machine& machine, Findings& findings);
// node.cc
void check_node(const Machine& machine, Findings& findings);
void check_config_in_force(const Machine& machine, Findings& findings);
void check_port_state(const Machine& machine, Findings& findings);
void check_links(const Machine& machine, Findings& findings);
void check_programs(const Machine& machine, Findings& findings);
void check_link_mtu(const Machine& machine, Findings& findings);
// What only a dataplane that moves can tell: false when there is none that does, or no node, and
// then that is said, with what mends it.
bool is_told(const Machine& machine, Findings& findings);
// False when the process goes on.
bool say_halted(const Machine& machine, const std::string& what, std::uint64_t process,
                Findings& findings);
// sockets.cc
void check_metrics_port(const Machine& machine, Findings& findings);
void check_unix_sockets(const Machine& machine, Findings& findings);
// storage.cc
void check_free_space(const Machine& machine, Findings& findings);
void check_flush_latency(const Machine& machine, Findings& findings);
// leaks.cc
void check_leaked_buffers(const Machine& machine, Findings& findings);
void check_left_hugepages(const Machine& machine, Findings& findings);
void check_left_sockets(const Machine& machine, Findings& findings);

}  // namespace ringroad::cli
