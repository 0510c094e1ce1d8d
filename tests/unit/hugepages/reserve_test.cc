// hugepages/reserve against planted /sys and /proc trees, with `mount` and, where the kernel is to
// give less than asked, `tee` replaced in PATH; and, as root, once for real.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/temporary_directory.h"

namespace ringroad {
namespace {

namespace fs = std::filesystem;

struct Result {
  int code = -1;
  std::string output;  // both streams
};

Result run(const std::string& command) {
  Result result;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4'096> buffer;
  while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), n);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  return result;
}

std::string slurp(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class Reserve : public ::testing::Test {
 protected:
  void SetUp() override {
    meminfo(16'000'000, 8'000'000);
    write("proc/mounts", "proc /proc proc rw 0 0\n");
    fs::create_directories(root_ / "dev");
    program("mount", "printf '%s\\n' \"$*\" > " + (root_ / "mounted").string());
  }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  // A stand-in for a standard tool.
  void program(const std::string& name, const std::string& body) {
    write("bin/" + name, "#!/bin/sh\n" + body + "\n");
    fs::permissions(root_ / "bin" / name, fs::perms::owner_all);
  }
  void meminfo(long total_kb, long available_kb) {
    write("proc/meminfo", "MemTotal:       " + std::to_string(total_kb) +
                              " kB\nMemAvailable:   " + std::to_string(available_kb) + " kB\n");
  }
  std::string folder(int id) { return "sys/devices/system/node/node" + std::to_string(id) + "/"; }
  void node(int id, int total, int free, long memory_free_kb = 7'000'000) {
    const std::string pages = folder(id) + "hugepages/hugepages-2048kB/";
    write(pages + "nr_hugepages", std::to_string(total) + "\n");
    write(pages + "free_hugepages", std::to_string(free) + "\n");
    const std::string name = "Node " + std::to_string(id);
    write(folder(id) + "meminfo", name + " MemTotal:  8000000 kB\n" + name +
                                      " MemFree:  " + std::to_string(memory_free_kb) + " kB\n" +
                                      name + " FilePages:  0 kB\n");
  }
  std::string total(int id) {
    return slurp(root_ / (folder(id) + "hugepages/hugepages-2048kB/nr_hugepages"));
  }
  Result reserve(const std::string& arguments) {
    return run("PATH=" + (root_ / "bin").string() +
               ":$PATH RINGROAD_RESERVE_ROOT=" + root_.string() + " " + RESERVE + " " + arguments);
  }

  TemporaryDirectory directory_;
  const fs::path root_ = directory_.path();
};

TEST_F(Reserve, AddsWhatLacksOnEveryNode) {
  node(0, 0, 0);
  node(1, 100, 6);
  const Result r = reserve("--mb 512");
  EXPECT_EQ(r.code, 0) << r.output;
  EXPECT_EQ(total(0), "256\n");
  EXPECT_EQ(total(1), "350\n") << "94 pages are in use and stay; 250 more make 256 free";
  EXPECT_TRUE(contains(r.output, "NUMA node 0: 0 -> 256 pages (512 MB)")) << r.output;
}

TEST_F(Reserve, NeverShrinks) {
  node(0, 400, 300);
  const Result r = reserve("--mb 64");
  EXPECT_EQ(r.code, 0) << r.output;
  EXPECT_EQ(total(0), "400\n");
  EXPECT_TRUE(contains(r.output, "300 of 400 pages are free, 32 wanted: nothing to do"));
}

TEST_F(Reserve, OneNodeOnly) {
  node(0, 0, 0);
  node(1, 0, 0);
  const Result r = reserve("--pages 8 --node 1");
  EXPECT_EQ(r.code, 0) << r.output;
  EXPECT_EQ(total(0), "0\n");
  EXPECT_EQ(total(1), "8\n");
}

TEST_F(Reserve, OddMegabytesRoundUp) {
  node(0, 0, 0);
  EXPECT_EQ(reserve("--mb=63").code, 0);
  EXPECT_EQ(total(0), "32\n");
}

TEST_F(Reserve, DryRunWritesNothing) {
  node(0, 10, 10);
  const Result r = reserve("--mb 64 --dry-run");
  EXPECT_EQ(r.code, 0) << r.output;
  EXPECT_EQ(total(0), "10\n");
  EXPECT_TRUE(contains(r.output, "would raise 10 to 32 pages (44 MB more)")) << r.output;
  EXPECT_TRUE(contains(r.output, "would mount a hugetlbfs")) << r.output;
  EXPECT_FALSE(fs::exists(root_ / "mounted"));
}

TEST_F(Reserve, RefusesWhatMemoryCannotGive) {
  node(0, 0, 0);
  meminfo(16'000'000, 2'000'000);  // a tenth of all stays: 400,000 kB can be spared, 195 pages
  const Result r = reserve("--mb 400");
  EXPECT_EQ(r.code, 1);
  EXPECT_EQ(total(0), "0\n");
  EXPECT_TRUE(contains(r.output,
                       "NUMA node 0: 400 MB more are asked for, this machine can spare "
                       "390 MB there"))
      << r.output;
  EXPECT_TRUE(contains(r.output, "mend: ")) << r.output;
  EXPECT_EQ(reserve("--mb 390").code, 0);
}

TEST_F(Reserve, RefusesWhatOneNodeCannotGive) {
  node(0, 0, 0);
  node(1, 0, 0, 100'000);  // 48 pages
  const Result r = reserve("--pages 49");
  EXPECT_EQ(r.code, 1);
  EXPECT_TRUE(contains(r.output, "NUMA node 1")) << r.output;
  EXPECT_EQ(total(0), "0\n") << "nothing is written when any node must be refused";
  EXPECT_EQ(reserve("--pages 48").code, 0);
}

TEST_F(Reserve, NodesTogetherMayNotExceedTheMachine) {
  node(0, 0, 0);
  node(1, 0, 0);
  meminfo(8'000'000, 3'000'000);  // 2,200,000 kB can be spared: 1,074 pages
  EXPECT_EQ(reserve("--pages 1000").code, 1);
  EXPECT_EQ(reserve("--pages 537").code, 0);
}

TEST_F(Reserve, TellsWhatTheKernelDidNotGive) {
  node(0, 4, 4);
  program("tee", "read -r wanted; echo 20 > \"$1\"");
  const Result r = reserve("--pages 32");
  EXPECT_EQ(r.code, 1);
  EXPECT_TRUE(contains(r.output, "the kernel gave 16 of 28 pages, 24 MB are lacking")) << r.output;
  EXPECT_TRUE(contains(r.output, "mend: run it again after a restart")) << r.output;
}

TEST_F(Reserve, CompactsMemoryAndAsksAgain) {
  node(0, 0, 0);
  write("proc/sys/vm/compact_memory", "0\n");
  // Gives half until memory was compacted.
  program("tee",
          "read -r wanted\n"
          "case $1 in */nr_hugepages)\n"
          "  [ \"$(cat " +
              (root_ / "proc/sys/vm/compact_memory").string() +
              ")\" = 1 ] || wanted=$((wanted / 2)) ;;\n"
              "esac\necho \"$wanted\" > \"$1\"");
  const Result r = reserve("--pages 32");
  EXPECT_EQ(r.code, 0) << r.output;
  EXPECT_TRUE(contains(r.output, "compacting")) << r.output;
  EXPECT_EQ(total(0), "32\n");
}

TEST_F(Reserve, MountsHugetlbfsOnlyWhenThereIsNone) {
  node(0, 0, 0);
  EXPECT_EQ(reserve("--pages 1").code, 0);
  EXPECT_TRUE(contains(slurp(root_ / "mounted"), "-t hugetlbfs -o pagesize=2M"));
  fs::remove(root_ / "mounted");
  write("proc/mounts", "none /mnt/huge hugetlbfs rw,relatime,pagesize=2M 0 0\n");
  EXPECT_EQ(reserve("--pages 1").code, 0);
  EXPECT_FALSE(fs::exists(root_ / "mounted"));
}

TEST_F(Reserve, AKernelWithoutNuma) {
  write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
  write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
  EXPECT_EQ(reserve("--pages 4").code, 0);
  EXPECT_EQ(slurp(root_ / "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"), "4\n");
}

TEST_F(Reserve, AKernelWithoutHugepages) {
  const Result r = reserve("--pages 4");
  EXPECT_EQ(r.code, 1);
  EXPECT_TRUE(contains(r.output, "offers no 2 MB hugepages")) << r.output;
}

TEST_F(Reserve, WrongUsageIsCodeTwoAndNamesTheWord) {
  node(0, 0, 0);
  const std::pair<const char*, const char*> cases[] = {
      {"", "how much?"},
      {"--mb", "--mb needs a number"},
      {"--mb twelve", "\"twelve\" is not a number"},
      {"--mb -5", "\"-5\" is not a number"},
      {"--mb 99999999999999999999", "is not a number"},
      {"--mb 0", "0 pages are there already"},
      {"--mb 2 --pages 2", "give --mb or --pages, once"},
      {"--gb 2", "\"--gb\" is not an option"},
      {"--gb=2", "\"--gb\" is not an option"},
      {"512", "\"512\" is not an option"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Result r = reserve(arguments);
    EXPECT_EQ(r.code, 2) << arguments << "\n" << r.output;
    EXPECT_TRUE(contains(r.output, expected)) << arguments << "\n" << r.output;
  }
  EXPECT_EQ(reserve("--pages 1 --node 3").code, 1) << "no such node is the machine's answer";
  EXPECT_EQ(total(0), "0\n");
}

TEST_F(Reserve, HelpTeaches) {
  const Result r = reserve("--help");
  EXPECT_EQ(r.code, 0);
  for (const char* part : {"usage:", "--dry-run", "Examples", "Exit codes"}) {
    EXPECT_TRUE(contains(r.output, part)) << part;
  }
}

TEST_F(Reserve, LeadingZerosAreDecimal) {
  node(0, 0, 0);
  EXPECT_EQ(reserve("--pages 010").code, 0);
  EXPECT_EQ(total(0), "10\n");
}

// For real: four pages more than are free on every node, and back to what it was.
TEST(ReserveForReal, GivesPagesWhenRoot) {
  const fs::path setting = "/proc/sys/vm/nr_hugepages";
  const fs::path free_pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
  if (geteuid() != 0 || access(setting.c_str(), W_OK) != 0) GTEST_SKIP() << "takes root";
  const bool mounted_before = contains(slurp("/proc/mounts"), " hugetlbfs ");
  const std::string before = slurp(setting);
  const long wanted = std::stol(slurp(free_pages)) + 4;

  const Result r = run(std::string(RESERVE) + " --pages " + std::to_string(wanted));
  const long free_after = std::stol(slurp(free_pages));
  std::ofstream(setting) << before;
  if (!mounted_before) run("umount /dev/hugepages");
  if (r.code == 1 && contains(r.output, "can spare")) GTEST_SKIP() << r.output;
  EXPECT_EQ(r.code, 0) << r.output;
  EXPECT_GE(free_after, wanted);
}

}  // namespace
}  // namespace ringroad
