// The clocks: the counter that loops and stamps read, and whether the time of day is right, which
// logs, captures and certificates go by.
#include <sys/timex.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

constexpr char kFolder[] = "/sys/devices/system/clocksource/clocksource0";

// The kernel's own word: whoever steers the clock (timesyncd, chrony, ntpd) tells it.
bool kernel_says_synchronised() {
  timex state{};
  const int result = adjtimex(&state);
  return result >= 0 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

}  // namespace

void check_clock_source(const Machine& machine, Findings& findings) {
  if (!machine.read("/proc/cpuinfo")) return findings.ok("not readable here: no /proc/cpuinfo");
  if (!machine.has_cpu_flag("constant_tsc") || !machine.has_cpu_flag("nonstop_tsc")) {
    return findings.warning(
        "the time stamp counter does not tick evenly: loops ask the kernel for the time on every "
        "pass",
        machine.is_virtual() ? "give the VM its host's CPU (QEMU: -cpu host,+invtsc)" : "");
  }
  const auto current = machine.read(absl::StrCat(kFolder, "/current_clocksource"));
  if (!current) return findings.ok("source not readable here: no clocksource in /sys");
  // KVM's and Hyper-V's are read without a system call too, from a page the host keeps.
  if (*current == "tsc" || *current == "kvm-clock" || *current == "hyperv_clocksource_tsc_page") {
    return findings.ok(absl::StrCat(*current, ", an even counter"));
  }
  const auto available =
      words_of(machine.read(absl::StrCat(kFolder, "/available_clocksource")).value_or(""));
  const bool has_tsc = std::find(available.begin(), available.end(), "tsc") != available.end();
  findings.warning(
      absl::StrCat("the kernel reads ", *current, ", a microsecond and a system call each time"),
      has_tsc ? absl::StrCat("echo tsc | sudo tee ", kFolder, "/current_clocksource")
              : "see why the kernel gave the counter up: sudo dmesg | grep -i tsc");
}

void check_time_synchronised(const Machine& machine, Findings& findings) {
  if (machine.exists("/run/systemd/timesync/synchronized") ||
      (machine.is_this_one() && kernel_says_synchronised())) {
    return findings.ok("synchronised");
  }
  findings.warning("nobody sets the clock: times of different nodes' logs will not agree",
                   "sudo apt-get install systemd-timesyncd && sudo timedatectl set-ntp true");
}

}  // namespace ringroad::cli
