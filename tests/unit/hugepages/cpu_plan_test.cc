// The CPU plan as tables: a machine, a mask, a configuration, and where each role must land.
#include "hugepages/cpu_plan.h"

#include <gtest/gtest.h>

#include <numeric>

namespace ringroad {
namespace {

// Two sockets of eight cores with two threads each, numbered as Linux does: CPUs 0-7 and 8-15 are
// the first threads of node 0 and 1, CPU n+16 is the sibling of CPU n.
Topology dual_socket() {
  Topology t;
  for (std::uint32_t id = 0; id < 32; ++id) {
    const std::uint32_t core = id % 16;
    t.cpus.push_back({id, core, id / 16, core / 8, core / 8, CoreKind::kPerformance});
  }
  t.numa_nodes = {{0, 0}, {1, 0}};
  t.packages = 2;
  t.cores = 16;
  return t;
}

// Two P-cores with two threads each (CPUs 0-3), four E-cores (4, 6, 8, 10).
Topology hybrid() {
  auto t = read_xml_topology(HYBRID_XML);
  EXPECT_TRUE(t.ok()) << t.status();
  return t.ok() ? *t : Topology{};
}

Topology flat(std::uint32_t cpus) {
  Topology t;
  for (std::uint32_t id = 0; id < cpus; ++id) t.cpus.push_back({id, id});
  t.numa_nodes = {{}};
  t.cores = cpus;
  return t;
}

std::vector<std::uint32_t> all_of(const Topology& t) {
  std::vector<std::uint32_t> ids;
  for (const Cpu& cpu : t.cpus) ids.push_back(cpu.id);
  return ids;
}

// "io 0@1 consensus@2 ...", in the plan's order.
std::string where(const CpuPlan& plan) {
  std::string text;
  for (const Placement& p : plan.placements) {
    text += (text.empty() ? "" : ", ") + placement_name(p) + "@" + std::to_string(p.cpu);
  }
  return text;
}

struct Case {
  const char* name;
  Topology topology;
  std::vector<std::uint32_t> allowed;  // empty: all
  CpuConfig config;
  CpuRoles roles;
  std::string expected;
  std::vector<std::string> shared;
};

std::vector<Case> placement_cases() {
  const CpuRoles all{}, io_control{false, true, false}, io_only{false, false, false};
  return {
      {"one CPU carries everything",
       flat(1),
       {},
       {},
       all,
       "io 0@0, consensus@0, control@0, log writer@0",
       {"CPU 0: io 0, consensus, control and log writer all share it"}},
      {"of two CPUs, io has one to itself",
       flat(2),
       {},
       {},
       all,
       "io 0@1, consensus@0, control@0, log writer@0",
       {"CPU 0: consensus, control and log writer all share it"}},
      {"two CPUs, two roles: nothing is shared",
       flat(2),
       {},
       {},
       io_control,
       "io 0@1, control@0",
       {}},
      {"one CPU, two roles",
       flat(1),
       {},
       {},
       io_control,
       "io 0@0, control@0",
       {"CPU 0: io 0 and control share it"}},
      {"four CPUs, one each, and CPU 0 is not for loops",
       flat(4),
       {},
       {},
       all,
       "io 0@1, consensus@2, control@0, log writer@3",
       {}},
      {"more io loops than CPUs take turns",
       flat(2),
       {},
       {.io_lcores = 3},
       io_only,
       "io 0@1, io 1@0, io 2@1",
       {"CPU 1: io 0 and io 2 share it"}},
      {"a mask is obeyed", flat(8), {5, 6}, {}, io_control, "io 0@5, control@6", {}},
      {"dual socket: one node, physical cores first",
       dual_socket(),
       {},
       {.io_lcores = 4},
       all,
       "io 0@1, io 1@2, io 2@3, io 3@4, consensus@5, control@0, log writer@6",
       {}},
      {"the node with more allowed cores is home",
       dual_socket(),
       {0, 1, 8, 9, 10, 11},
       {},
       io_control,
       "io 0@8, control@9",
       {}},
      {"a core of the other node comes before a sibling",
       dual_socket(),
       {1, 17, 9},
       {},
       {true, false, false},
       "io 0@1, consensus@9",
       {}},
      {"hybrid: loops on P-cores, the rest on E-cores",
       hybrid(),
       {},
       {},
       all,
       "io 0@2, consensus@1, control@4, log writer@6",
       {}},
      {"explicit CPUs are obeyed, and set the home node",
       dual_socket(),
       {},
       {.io = {12, 13}, .control = 3},
       all,
       "io 0@12, io 1@13, consensus@8, control@3, log writer@9",
       {}},
      {"nothing automatic lands on an explicit CPU",
       flat(4),
       {},
       {.consensus = 1, .control = 2},
       all,
       "io 0@3, consensus@1, control@2, log writer@0",
       {}},
      {"explicit sharing is obeyed and named",
       flat(4),
       {},
       {.io = {2}, .consensus = 2},
       {true, false, false},
       "io 0@2, consensus@2",
       {"CPU 2: io 0 and consensus share it"}},
  };
}

TEST(CpuPlan, PlacesRoles) {
  for (const Case& c : placement_cases()) {
    SCOPED_TRACE(c.name);
    const auto allowed = c.allowed.empty() ? all_of(c.topology) : c.allowed;
    const auto plan = plan_cpus(c.topology, allowed, c.config, c.roles);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(where(*plan), c.expected);
    EXPECT_EQ(plan->shared, c.shared);
    EXPECT_TRUE(plan->warnings.empty()) << plan->warnings.front();
  }
}

TEST(CpuPlan, RefusesWhatItCannotDo) {
  struct Refusal {
    CpuConfig config;
    std::vector<std::uint32_t> allowed;
    const char* expected;
  };
  const Refusal refusals[] = {
      {{.io = {9}},
       {0, 1},
       "/cpu/io/0: 9 is not a CPU of this machine, which has 0-3; choose one "
       "of 0-1"},
      {{.io = {0, 2}},
       {0, 1, 3},
       "/cpu/io/1: CPU 2 is not allowed to this process, whose affinity "
       "mask has 0-1,3; choose one of these, or widen the mask "
       "(taskset, cgroup cpuset)"},
      {{.consensus = 3}, {0}, "/cpu/consensus: CPU 3 is not allowed"},
      {{.control = 7}, {0}, "/cpu/control: 7 is not a CPU"},
      {{.io_lcores = 0}, {0}, "/cpu/io_lcores: 0 is out of range; choose 1 to 16"},
      {{.io_lcores = 17}, {0}, "/cpu/io_lcores: 17 is out of range; choose 1 to 16"},
      {{.io_lcores = 3, .io = {0, 1}}, {0, 1}, "/cpu/io_lcores: 3 contradicts /cpu/io"},
      {{.io = std::vector<std::uint32_t>(17, 0)}, {0}, "/cpu/io: names 17 CPUs; name at most 16"},
      {{}, {}, "/cpu: this process is allowed no CPU"},
  };
  for (const Refusal& r : refusals) {
    const auto plan = plan_cpus(flat(4), r.allowed, r.config);
    ASSERT_FALSE(plan.ok()) << r.expected;
    EXPECT_NE(std::string(plan.status().message()).find(r.expected), std::string::npos)
        << plan.status();
  }
}

TEST(CpuPlan, WarnsOfPollOnASharedCpu) {
  const Topology t = flat(1);
  const auto plan = plan_cpus(t, all_of(t), {.idle = IdlePolicy::kPoll}, {false, true, false});
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->warnings.size(), 1u);
  EXPECT_EQ(plan->warnings[0],
            "CPU 0: /cpu/idle is \"poll\" and io 0 and control share it: a loop that never sleeps "
            "starves the others; set /cpu/idle to \"adaptive\", or give each its CPU");
}

TEST(CpuPlan, WarnsOfLoopsOnOnePhysicalCore) {
  const Topology t = dual_socket();
  const auto plan = plan_cpus(t, std::vector<std::uint32_t>{3, 19}, {}, {true, false, false});
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->shared.empty());
  ASSERT_EQ(plan->warnings.size(), 1u);
  EXPECT_EQ(plan->warnings[0],
            "io 0 (CPU 3) and consensus (CPU 19) are SMT siblings: each gets about half a core; "
            "allow more cores to this process, or fewer /cpu/io_lcores");
}

TEST(CpuPlan, LoopsOnOneCpuShareAnLcore) {
  const Topology t = flat(2);
  const auto plan = plan_cpus(t, all_of(t), {.io = {1, 0, 1}}, {true, true, true});
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->lcores.size(), 2u);
  EXPECT_EQ(plan->lcores[0].cpu, 1u) << "lcore 0 runs io 0";
  ASSERT_EQ(plan->lcores[0].loops.size(), 2u);
  EXPECT_EQ(placement_name(plan->lcores[0].loops[1]), "io 2");
  EXPECT_EQ(plan->lcores[1].cpu, 0u);
  EXPECT_EQ(plan->lcores[1].loops.size(), 2u) << "io 1 and consensus; control is no loop of EAL's";
}

// Whatever the machine, the mask and the number of loops: every role is placed once, on an allowed
// CPU, and a CPU is shared only when there are fewer CPUs than roles.
TEST(CpuPlan, SharesOnlyWhenItMust) {
  const Topology machines[] = {dual_socket(), hybrid(), flat(1), flat(2), flat(5)};
  for (const Topology& t : machines) {
    const auto everything = all_of(t);
    for (std::size_t count = 1; count <= everything.size(); ++count) {
      const std::vector<std::uint32_t> allowed(everything.end() - static_cast<long>(count),
                                               everything.end());
      for (std::uint32_t io = 1; io <= kIoLcoresMax; ++io) {
        const auto plan = plan_cpus(t, allowed, {.io_lcores = io});
        ASSERT_TRUE(plan.ok()) << plan.status();
        ASSERT_EQ(plan->placements.size(), io + 3u);
        for (const Placement& p : plan->placements) {
          ASSERT_NE(std::find(allowed.begin(), allowed.end(), p.cpu), allowed.end());
          ASSERT_EQ(p.numa_node, t.find(p.cpu)->numa_node);
        }
        EXPECT_EQ(plan->shared.empty(), io + 3 <= count);
      }
    }
  }
}

TEST(CpuPlan, DescribesEveryPlacement) {
  const Topology t = hybrid();
  const auto plan = plan_cpus(t, all_of(t), {});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(describe(*plan, t),
            "io 0        CPU 2  (core 1, package 0, NUMA node 0)\n"
            "consensus   CPU 1  (core 0, SMT sibling, package 0, NUMA node 0)\n"
            "control     CPU 4  (core 2, package 0, NUMA node 0, E-core)\n"
            "log writer  CPU 6  (core 3, package 0, NUMA node 0, E-core)\n");
}

}  // namespace
}  // namespace ringroad
