// CPUs, memory, limits and clocks, each well once and then with its fault planted.
#include "planted_machine.h"

namespace ringroad::cli {
namespace {

using Doctor = PlantedMachine;
constexpr Severity kOk = Severity::kOk;
constexpr Severity kWarning = Severity::kWarning;
constexpr Severity kWrong = Severity::kWrong;

TEST_F(Doctor, FindsNothingWrongWithAMachineThatIsWell) {
  const auto findings = all();
  EXPECT_GE(findings.size(), 20u);
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.severity, kOk) << finding.subject << ": " << finding.text;
    EXPECT_EQ(finding.mend, "") << finding.subject;
    EXPECT_NE(finding.subject, "");
    EXPECT_NE(finding.text, "");
  }
}

TEST_F(Doctor, SaysSomethingOfEverySubjectOnAMachineThatShowsNothing) {
  const std::size_t well = all().size();
  remove("/proc");
  remove("/sys");
  examination_.config.reset();
  const auto findings = all();
  EXPECT_GE(findings.size() + 3, well);
  for (const Finding& finding : findings) {
    EXPECT_NE(finding.text, "") << finding.subject;
    EXPECT_EQ(finding.text.find("unknown"), std::string::npos) << finding.text;
    EXPECT_EQ(finding.severity == kOk, finding.mend.empty()) << finding.subject;
  }
}

TEST_F(Doctor, LeavesTheTreeAsItWas) {
  const auto files = [&] {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(real(""))) {
      paths.push_back(entry.path().string());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  };
  const auto before = files();
  (void)all();
  EXPECT_EQ(files(), before);
}

TEST_F(Doctor, NamesTheCpuFlagsThatAreMissing) {
  expect("CPU", kOk, "AVX-512, VAES, VPCLMULQDQ");
  plant_flags("fpu sse4_2 popcnt constant_tsc nonstop_tsc avx512f hypervisor");
  expect("CPU", kWarning, "no VAES and VPCLMULQDQ", "-cpu host");
  plant_flags("fpu hypervisor");
  expect("CPU", kWrong, "no SSE4.2", "-cpu host");
}

TEST_F(Doctor, SaysWhereTheLoopsGoAndWhyTheyCannot) {
  expect("CPU plan", kOk, "loops float over CPUs 0,1,2,3,4,5,6,7");
  config().cpu.io = {2};
  expect("CPU plan", kOk, "io on CPU 2");
  config().cpu.io = {64};
  expect("CPU plan", kWrong, "/cpu/io/0: 64 is not a CPU of this machine", "--plan");
  config().cpu.io = {3};
  plant("/proc/self/status", "Cpus_allowed_list:\t0-1");
  expect("CPU plan", kWrong, "CPU 3 is not allowed to this process", "--plan");
}

TEST_F(Doctor, WarnsOfPollingLoopsThatShareACpu) {
  config().cpu.idle = IdlePolicy::kPoll;
  config().cpu.io_lcores = 2;
  config().cpu.io = {2, 3};
  expect("CPU plan", kOk, "io on CPUs 2,3");
  plant("/proc/self/status", "Cpus_allowed_list:\t2");
  config().cpu.io = {};
  config().cpu.io_lcores = 1;
  expect("CPU plan", kWarning, "CPU 2", "adaptive");
}

TEST_F(Doctor, WarnsOfAGovernorThatSavesPower) {
  expect("governor", kOk, "performance");
  plant(std::string(kCpuFolder) + "/cpu3/cpufreq/scaling_governor", "powersave");
  expect("governor", kWarning, "\"powersave\" on CPU 3", "echo performance | sudo tee");
  config().cpu.io = {2};  // the loop's own CPU is well
  expect("governor", kOk, "performance");
}

TEST_F(Doctor, WantsPollingCpusIsolated) {
  config().cpu.io = {2};
  expect("isolation", kOk, "only \"idle\": \"poll\" gains");
  config().cpu.idle = IdlePolicy::kPoll;
  expect("isolation", kWarning, "CPU 2 polls", "isolcpus=2 nohz_full=2");
  plant(std::string(kCpuFolder) + "/isolated", "2-3");
  expect("isolation", kWarning, "CPU 2 polls", "isolcpus=2 nohz_full=2");
  plant(std::string(kCpuFolder) + "/nohz_full", "2-3");
  expect("isolation", kOk, "isolated and without a tick");
}

TEST_F(Doctor, WarnsOfLoopsOnOneCoresThreads) {
  config().cpu.io_lcores = 2;
  config().cpu.io = {2, 3};
  expect("siblings", kOk, "a core of its own");
  config().cpu.io = {2, 6};
  expect("siblings", kWarning, "CPUs 2 and 6 are hardware threads of one core",
         "different cores in /cpu/io");
}

TEST_F(Doctor, CountsThermalThrottling) {
  expect("throttling", kOk, "never");
  plant(std::string(kCpuFolder) + "/cpu5/thermal_throttle/core_throttle_count", "1234");
  expect("throttling", kWarning, "CPU 5 was slowed down by heat 1,234 times",
         "core_throttle_count");
}

TEST_F(Doctor, WarnsOfTimeTheHostTook) {
  expect("steal time", kOk, "no hypervisor");
  plant_flags(std::string(kHealthyFlags) + " hypervisor");
  expect("steal time", kOk, "a virtual machine; its host took 0.0 %");
  plant("/proc/stat", "cpu  100 0 100 700 0 0 0 100 0 0");
  expect("steal time", kWarning, "its host took 10.0 %", "pin the VM's CPUs");
}

TEST_F(Doctor, WantsHugepagesWhereTheNodeDoes) {
  expect("memory", kOk, "huge: ");
  for (const std::string node : {"0", "1"}) {
    plant("/sys/devices/system/node/node" + node + "/hugepages/hugepages-2048kB/free_hugepages",
          "0");
  }
  expect("memory", kWarning, "0 of 1,024 hugepages of 2 MB free", "sudo hugepages/reserve --mb ");
  config().memory.mode = MemoryMode::kHuge;
  expect("memory", kWrong, "/memory/mode: \"huge\" asked for", "hugepages/reserve --mb ");
  config().memory.mode = MemoryMode::kNone;
  expect("memory", kOk, "as asked");
  // What lacks now, a running node may have.
  config().memory.mode = MemoryMode::kHuge;
  examination_.status = nlohmann::json{{"buffers_total", 4'095}, {"buffers_free", 4'000}};
  expect("memory", kOk, "the node has its memory");
}

TEST_F(Doctor, WantsMemoryForPlainBuffersToo) {
  config().memory.mode = MemoryMode::kNone;
  plant("/proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 1024 kB");
  expect("memory", kWrong, "this machine has 1 MB available", "/memory/buffers");
}

TEST_F(Doctor, ReadsTheLimitOfLockedMemory) {
  expect("memlock", kOk, "any amount");
  const std::string line = "Max locked memory         8192       8192       bytes";
  plant("/proc/self/limits", line);
  expect("memlock", kOk, "ports of the kernel or of shared memory need no more");
  config().cpu.idle = IdlePolicy::kPoll;
  expect("memlock", kWarning, "packet buffers take", "--memlock=unlimited");
  // What counts is the running dataplane's own.
  plant("/proc/77/limits", "Max locked memory         unlimited  unlimited  bytes");
  examination_.status = nlohmann::json{{"dataplane", {{"process_id", 77}}}};
  expect("memlock", kOk, "any amount");
}

TEST_F(Doctor, FindsTheTightestLimitOfTheControlGroups) {
  expect("cgroup", kOk, "limits neither");
  plant("/sys/fs/cgroup/system.slice/node.service/cpu.max", "900000 100000");
  plant("/sys/fs/cgroup/system.slice/cpu.max", "50000 100000");
  expect("cgroup", kWarning, "0.50 CPUs' time is allowed",
         "echo max | sudo tee /sys/fs/cgroup/system.slice/cpu.max");
  plant("/sys/fs/cgroup/system.slice/cpu.max", "800000 100000");
  expect("cgroup", kOk, "8.00 CPUs' time");
  plant("/sys/fs/cgroup/system.slice/node.service/memory.max", "1048576");
  expect("cgroup", kWrong, "1 MB of memory are allowed, the node takes",
         "sudo tee /sys/fs/cgroup/system.slice/node.service/memory.max");
}

TEST_F(Doctor, WantsAnEvenCounterForAClock) {
  expect("clock", kOk, "tsc, an even counter");
  const std::string current = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
  plant(current, "hpet");
  expect("clock", kWarning, "the kernel reads hpet", "echo tsc | sudo tee " + current);
  plant_flags("fpu sse4_2 popcnt avx512f vaes vpclmulqdq hypervisor");
  expect("clock", kWarning, "does not tick evenly", "+invtsc");
}

TEST_F(Doctor, WarnsOfATimeNobodySets) {
  expect("time", kOk, "synchronised");
  remove("/run/systemd/timesync");
  expect("time", kWarning, "nobody sets the clock", "timedatectl set-ntp true");
}

}  // namespace
}  // namespace ringroad::cli
