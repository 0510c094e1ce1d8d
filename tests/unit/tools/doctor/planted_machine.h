// A machine made of files under a temporary root: well by default, with a fault planted where a
// test wants one. Two packages of two cores with two hardware threads each; CPU n and n + 4 are
// threads of one core, CPUs 0, 1, 4 and 5 are NUMA node 0.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/temporary_directory.h"
#include "tools/ringroad/doctor/doctor.h"

namespace ringroad::cli {

inline constexpr char kCpuFolder[] = "/sys/devices/system/cpu";
inline constexpr char kHealthyFlags[] =
    "fpu sse4_2 popcnt constant_tsc nonstop_tsc avx512f vaes vpclmulqdq";

class PlantedMachine : public ::testing::Test {
 protected:
  void SetUp() override {
    examination_.root = directory_.path();
    plant_cpus();
    plant_memory();
    plant_rest();
    auto config = parse_config(R"({
      "local_node": {"node_id": 1, "bind_address": "10.77.0.1"},
      "cluster_nodes": [{"node_id": 2, "endpoints": [{"address": "10.77.0.2"}]}],
      "security": {"tls": {"enabled": false}},
      "ports": [{"kind": "af_packet", "interface": "eth9"}],
      "host": {"socket": "/run/ringroad/node-1.sock"},
      "control": {"socket": "/run/ringroad/node-1-control.sock"}
    })",
                               "planted");
    ASSERT_TRUE(config.ok()) << config.status();
    examination_.config = *config;
  }

  NodeConfig& config() { return *examination_.config; }
  std::string real(const std::string& path) const { return examination_.root + path; }

  void plant(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(real(path)).parent_path());
    std::ofstream(real(path), std::ios::binary) << text << "\n";
  }
  void plant_link(const std::string& path, const std::string& target) {
    std::filesystem::create_directories(std::filesystem::path(real(path)).parent_path());
    std::filesystem::create_symlink(target, real(path));
  }
  void remove(const std::string& path) { std::filesystem::remove_all(real(path)); }
  void plant_flags(const std::string& flags) {
    plant("/proc/cpuinfo", "processor\t: 0\nflags\t\t: " + flags);
  }
  // A program that has the socket with this inode open.
  void plant_owner(int process, const std::string& name, const std::string& inode) {
    const std::string folder = "/proc/" + std::to_string(process);
    plant(folder + "/comm", name);
    plant_link(folder + "/fd/3", "socket:[" + inode + "]");
  }
  // /proc/net/unix with these listeners, by path and inode, and one connection that was accepted.
  void plant_listeners(const std::vector<std::pair<std::string, std::string>>& listeners) {
    std::string text = "Num       RefCount Protocol Flags    Type St Inode Path";
    for (const auto& [path, inode] : listeners) {
      text += "\n0000000000000000: 00000002 00000000 00010000 0005 01 " + inode + " " + path;
    }
    plant("/proc/net/unix", text +
                                "\n0000000000000000: 00000003 00000000 00000000 0001 03 7 "
                                "/run/ringroad/node-1-control.sock");
  }

  std::vector<Finding> all() { return examine(examination_); }

  // The worst finding about a subject; the first of equals.
  Finding worst(const std::string& subject) {
    Finding found;
    bool any = false;
    for (const Finding& finding : all()) {
      if (finding.subject != subject || (any && finding.severity <= found.severity)) continue;
      found = finding;
      any = true;
    }
    EXPECT_TRUE(any) << "nothing was said about " << subject;
    return found;
  }

  bool says(const std::string& subject, const std::string& text) {
    const auto findings = all();
    return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
      return finding.subject == subject && finding.text.find(text) != std::string::npos;
    });
  }

  // That a subject is so, in these words, and is mended so; a mend only where something is amiss.
  void expect(const std::string& subject, Severity severity, const std::string& text,
              const std::string& mend = "") {
    const Finding finding = worst(subject);
    EXPECT_EQ(finding.severity, severity) << finding.text;
    EXPECT_NE(finding.text.find(text), std::string::npos) << finding.text;
    EXPECT_NE(finding.mend.find(mend), std::string::npos) << finding.mend;
    EXPECT_EQ(finding.mend.empty(), mend.empty()) << finding.mend;
  }

  TemporaryDirectory directory_;
  Examination examination_;

 private:
  void plant_cpus() {
    plant_flags(kHealthyFlags);
    plant("/proc/self/status", "Name:\tdoctor\nCpus_allowed_list:\t0-7");
    plant("/proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0");
    plant(std::string(kCpuFolder) + "/online", "0-7");
    plant(std::string(kCpuFolder) + "/isolated", "");
    for (int cpu = 0; cpu < 8; ++cpu) {
      const std::string folder = std::string(kCpuFolder) + "/cpu" + std::to_string(cpu);
      const int core = cpu % 4;
      plant(folder + "/topology/core_id", std::to_string(core));
      plant(folder + "/topology/physical_package_id", core < 2 ? "0" : "1");
      plant(folder + "/topology/thread_siblings", std::vector{"11", "22", "44", "88"}[core]);
      plant(folder + "/topology/core_siblings", core < 2 ? "33" : "cc");
      plant(folder + "/cpufreq/scaling_governor", "performance");
      plant(folder + "/thermal_throttle/core_throttle_count", "0");
    }
    for (const std::string node : {"0", "1"}) {
      const std::string folder = "/sys/devices/system/node/node" + node;
      plant(folder + "/cpumap", node == "0" ? "33" : "cc");
      plant(folder + "/cpulist", node == "0" ? "0-1,4-5" : "2-3,6-7");
      plant(folder + "/meminfo", "Node " + node + " MemTotal: 8388608 kB");
      plant(folder + "/hugepages/hugepages-2048kB/nr_hugepages", "512");
      plant(folder + "/hugepages/hugepages-2048kB/free_hugepages", "512");
    }
    plant("/sys/devices/system/node/online", "0-1");
  }

  void plant_memory() {
    plant("/proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB");
    plant("/proc/self/limits",
          "Limit                     Soft Limit           Hard Limit           Units\n"
          "Max locked memory         unlimited            unlimited            bytes");
    plant("/proc/mounts",
          "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
          "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0");
    plant("/proc/self/cgroup", "0::/system.slice/node.service");
    plant("/sys/fs/cgroup/system.slice/node.service/cpu.max", "max 100000");
    plant("/sys/fs/cgroup/system.slice/node.service/memory.max", "max");
    std::filesystem::create_directories(real("/dev/hugepages"));
  }

  void plant_rest() {
    const std::string clock = "/sys/devices/system/clocksource/clocksource0";
    plant(clock + "/current_clocksource", "tsc");
    plant(clock + "/available_clocksource", "tsc hpet acpi_pm");
    plant("/run/systemd/timesync/synchronized", "");
    const std::string interface = "/sys/class/net/eth9";
    plant(interface + "/flags", "0x1003");
    plant(interface + "/carrier", "1");
    plant(interface + "/mtu", "1500");
    plant(interface + "/device/numa_node", "0");
    plant_link(interface + "/device/driver", "../../../bus/pci/drivers/i40e");
    plant("/proc/net/unix", "Num       RefCount Protocol Flags    Type St Inode Path");
    plant("/proc/net/tcp", "  sl  local_address rem_address   st");
    std::filesystem::create_directories(real("/run/ringroad"));
    std::filesystem::create_directories(real("/var/lib/ringroad"));
  }
};

}  // namespace ringroad::cli
