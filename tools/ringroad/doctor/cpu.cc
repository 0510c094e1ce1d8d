// The CPUs: what they can do, how fast they are let run, and whether the node's loops have them to
// themselves. Loops have a CPU each of their own only when the configuration names CPUs or polls;
// else they float, and what matters is the same for all CPUs this process may use.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "hugepages/text.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

constexpr char kCpuFolder[] = "/sys/devices/system/cpu";
constexpr double kStealShareMax = 0.01;

std::string cpu_file(std::uint32_t cpu, const std::string& file) {
  return absl::StrCat(kCpuFolder, "/cpu", cpu, "/", file);
}

// The CPUs that matter most: of the loops when these are pinned, else all we may use.
std::vector<std::uint32_t> looked_at(const Machine& machine) {
  const auto pinned = machine.pinned_io_cpus();
  return pinned.empty() ? machine.allowed_cpus() : pinned;
}

std::string cpus_text(const std::vector<std::uint32_t>& cpus) {
  return absl::StrCat(cpus.size() == 1 ? "CPU " : "CPUs ", print_cpu_list(cpus));
}

bool is_poll(const Machine& machine) {
  return machine.config() && machine.config()->cpu.idle == IdlePolicy::kPoll;
}

}  // namespace

void check_cpu_flags(const Machine& machine, Findings& findings) {
  if (!machine.read("/proc/cpuinfo"))
    return findings.ok("flags not readable here: no /proc/cpuinfo");
  if (!machine.has_cpu_flag("sse4_2") || !machine.has_cpu_flag("popcnt")) {
    return findings.wrong("no SSE4.2: Ringroad is built for x86-64-v2 and will not run",
                          machine.is_virtual() ? "give the VM its host's CPU (QEMU: -cpu host)"
                                               : "use a machine made since 2009");
  }
  std::vector<std::string> there, missing;
  for (const auto& [flag, name] : {std::pair{"avx512f", "AVX-512"}, std::pair{"vaes", "VAES"},
                                   std::pair{"vpclmulqdq", "VPCLMULQDQ"}}) {
    (machine.has_cpu_flag(flag) ? there : missing).emplace_back(name);
  }
  if (missing.empty()) return findings.ok(absl::StrJoin(there, ", "));
  findings.warning(absl::StrCat("no ", join_and(missing),
                                ": checksums take slower kernels, and so will ciphers"),
                   machine.is_virtual() ? "give the VM its host's CPU (QEMU: -cpu host)" : "");
}

void check_cpu_plan(const Machine& machine, Findings& findings) {
  if (!machine.config()) return findings.ok("no node is configured here: nothing is planned");
  if (!machine.plan_fault().empty()) {
    return findings.wrong(machine.plan_fault(), "ringroad-dataplane --config FILE --plan");
  }
  if (!machine.plan()) {
    return findings.warning("the CPUs are not readable here: no topology under /sys, or no mask",
                            "mount -t sysfs sysfs /sys");
  }
  const CpuPlan& plan = *machine.plan();
  const auto pinned = machine.pinned_io_cpus();
  if (pinned.empty()) {
    return findings.ok(absl::StrCat("loops float over ", cpus_text(machine.allowed_cpus())));
  }
  const std::set<std::uint32_t> distinct(pinned.begin(), pinned.end());
  if (is_poll(machine) && distinct.size() < pinned.size()) {
    return findings.warning(
        absl::StrCat(pinned.size(), " io loops share ", plural(distinct.size(), "CPU"),
                     " and never sleep: they starve each other"),
        "set /cpu/io_lcores lower, or /cpu/idle to \"adaptive\"");
  }
  if (is_poll(machine) && !plan.shared.empty()) {
    return findings.warning(absl::StrCat(plan.shared.front(), ", and io never sleeps there"),
                            "set /cpu/idle to \"adaptive\", or give the node another CPU");
  }
  findings.ok(absl::StrCat("io on ", cpus_text(pinned)));
}

void check_governor(const Machine& machine, Findings& findings) {
  std::map<std::string, std::vector<std::uint32_t>> cpus_by_governor;
  for (const std::uint32_t cpu : looked_at(machine)) {
    const auto governor = machine.read(cpu_file(cpu, "cpufreq/scaling_governor"));
    if (governor) cpus_by_governor[*governor].push_back(cpu);
  }
  if (cpus_by_governor.empty()) {
    return findings.ok(machine.is_virtual()
                           ? "not readable here: the VM's host governs the frequency"
                           : "not readable here: the kernel does not scale the frequency");
  }
  for (const auto& [governor, cpus] : cpus_by_governor) {
    if (governor == "performance") continue;
    return findings.warning(
        absl::StrCat("\"", governor, "\" on ", cpus_text(cpus),
                     ": bursts start at a low frequency"),
        absl::StrCat("echo performance | sudo tee ", kCpuFolder, "/cpu*/cpufreq/scaling_governor"));
  }
  findings.ok("performance");
}

void check_isolated_cpus(const Machine& machine, Findings& findings) {
  const auto isolated =
      parse_cpu_list(machine.read(absl::StrCat(kCpuFolder, "/isolated")).value_or(""));
  if (!is_poll(machine)) {
    return findings.ok(isolated.empty()
                           ? "no CPU is isolated; only \"idle\": \"poll\" gains from it"
                           : absl::StrCat(cpus_text(isolated),
                                          isolated.size() == 1 ? " is" : " are", " isolated"));
  }
  const auto tickless =
      parse_cpu_list(machine.read(absl::StrCat(kCpuFolder, "/nohz_full")).value_or(""));
  std::vector<std::uint32_t> exposed;
  for (const std::uint32_t cpu : machine.pinned_io_cpus()) {
    const auto has = [cpu](const std::vector<std::uint32_t>& list) {
      return std::find(list.begin(), list.end(), cpu) != list.end();
    };
    if (!has(isolated) || !has(tickless)) exposed.push_back(cpu);
  }
  if (exposed.empty()) return findings.ok("the polling CPUs are isolated and without a tick");
  const std::string list = print_cpu_list(machine.pinned_io_cpus());
  findings.warning(
      absl::StrCat(cpus_text(exposed), exposed.size() == 1 ? " polls" : " poll",
                   " and the kernel schedules others there, or ticks"),
      absl::StrCat("add \"isolcpus=", list, " nohz_full=", list, " rcu_nocbs=", list,
                   "\" to GRUB_CMDLINE_LINUX in /etc/default/grub, then: sudo update-grub, and "
                   "restart"));
}

void check_smt_siblings(const Machine& machine, Findings& findings) {
  const auto pinned = machine.pinned_io_cpus();
  if (pinned.empty()) return findings.ok("no loop is pinned: the kernel spreads them over cores");
  std::map<std::uint32_t, std::set<std::uint32_t>> cpus_by_core;
  for (const std::uint32_t cpu : pinned) {
    cpus_by_core[machine.topology()->find(cpu)->core].insert(cpu);
  }
  for (const auto& [core, cpus] : cpus_by_core) {
    if (cpus.size() < 2) continue;
    return findings.warning(
        absl::StrCat("CPUs ", absl::StrJoin(cpus, " and "),
                     " are hardware threads of one core, and a loop runs on each: they halve each "
                     "other"),
        absl::StrCat("name CPUs of different cores in /cpu/io: grep . ", kCpuFolder,
                     "/cpu*/topology/thread_siblings_list"));
  }
  findings.ok("each loop has a core of its own");
}

void check_throttling(const Machine& machine, Findings& findings) {
  bool readable = false;
  std::uint64_t times = 0;
  std::vector<std::uint32_t> cpus;
  for (const std::uint32_t cpu : machine.allowed_cpus()) {
    const auto count = machine.read_number(cpu_file(cpu, "thermal_throttle/core_throttle_count"));
    if (!count) continue;
    readable = true;
    times += *count;
    if (*count > 0) cpus.push_back(cpu);
  }
  if (!readable) return findings.ok("not readable here: no thermal_throttle in /sys");
  if (times == 0) return findings.ok("never since the machine started");
  findings.warning(absl::StrCat(cpus_text(cpus), cpus.size() == 1 ? " was" : " were",
                                " slowed down by heat ", with_commas(times),
                                times == 1 ? " time" : " times", " since the machine started"),
                   absl::StrCat("mend the cooling, and see whether it still grows: grep . ",
                                kCpuFolder, "/cpu*/thermal_throttle/core_throttle_count"));
}

void check_steal_time(const Machine& machine, Findings& findings) {
  const auto lines = machine.read_lines("/proc/stat");
  const auto fields = lines.empty() ? std::vector<std::string>{} : words_of(lines.front());
  constexpr std::size_t kSteal = 8;  // "cpu user nice system idle iowait irq softirq steal"
  if (fields.size() <= kSteal) return findings.ok("not readable here: no /proc/stat");
  double all = 0, steal = 0;
  for (std::size_t i = 1; i <= kSteal; ++i) {
    const auto ticks = static_cast<double>(parse_number(fields[i]).value_or(0));
    all += ticks;
    if (i == kSteal) steal = ticks;
  }
  const double share = all > 0 ? steal / all : 0;
  const std::string machine_text = machine.is_virtual() ? "a virtual machine" : "no hypervisor";
  const std::string text = absl::StrFormat(
      "%s; its host took %.1f %% of the CPUs' time since it started", machine_text, share * 100);
  if (share <= kStealShareMax) return findings.ok(machine.is_virtual() ? text : machine_text);
  findings.warning(text + ": latency has gaps", "have the host pin the VM's CPUs, or move the VM");
}

}  // namespace ringroad::cli
