// Topologies from hwloc's synthetic notation, from an XML file and from this machine.
#include "hugepages/topology.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringroad {
namespace {

Topology synthetic(const std::string& description) {
  auto topology = read_synthetic_topology(description);
  EXPECT_TRUE(topology.ok()) << topology.status();
  return topology.ok() ? *topology : Topology{};
}

TEST(Topology, DualSocketHasTwoPackagesNodesAndSiblings) {
  const Topology t = synthetic("package:2 numa:1 core:8 pu:2");
  EXPECT_EQ(t.cpus.size(), 32u);
  EXPECT_EQ(t.cores, 16u);
  EXPECT_EQ(t.packages, 2u);
  ASSERT_EQ(t.numa_nodes.size(), 2u);
  EXPECT_GT(t.numa_nodes[1].memory_bytes, 0u);

  // hwloc numbers synthetic CPUs depth first: siblings are neighbours.
  const Cpu* sibling = t.find(1);
  ASSERT_NE(sibling, nullptr);
  EXPECT_EQ(sibling->core, t.find(0)->core);
  EXPECT_EQ(sibling->thread, 1u);
  const Cpu* far = t.find(16);
  ASSERT_NE(far, nullptr);
  EXPECT_EQ(far->package, 1u);
  EXPECT_EQ(far->numa_node, 1u);
  EXPECT_EQ(far->thread, 0u);
  EXPECT_EQ(t.find(32), nullptr);
}

TEST(Topology, SiblingsFarApartInNumberAreFound) {
  // As Linux numbers most machines: first every core's first thread, then the second ones.
  const Topology t = synthetic("package:1 numa:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)");
  ASSERT_EQ(t.cpus.size(), 8u);
  EXPECT_EQ(t.find(0)->core, t.find(4)->core);
  EXPECT_EQ(t.find(4)->thread, 1u);
  EXPECT_EQ(t.find(3)->thread, 0u);
}

TEST(Topology, HybridXmlTellsPCoresFromECores) {
  const auto t = read_xml_topology(HYBRID_XML);
  ASSERT_TRUE(t.ok()) << t.status();
  ASSERT_EQ(t->cpus.size(), 8u);
  for (const Cpu& cpu : t->cpus) {
    EXPECT_EQ(cpu.kind, cpu.id < 4 ? CoreKind::kPerformance : CoreKind::kEfficiency) << cpu.id;
  }
  EXPECT_EQ(describe(*t), "8 CPUs (4 on P-cores, 4 on E-cores), 6 cores, 1 package, 1 NUMA node");
}

TEST(Topology, OneKindOfCoreIsPerformance) {
  for (const Cpu& cpu : synthetic("core:2 pu:1").cpus) {
    EXPECT_EQ(cpu.kind, CoreKind::kPerformance);
  }
}

TEST(Topology, WrongSourcesAreErrorsThatNameThem) {
  const auto synthetic = read_synthetic_topology("no such notation");
  ASSERT_FALSE(synthetic.ok());
  EXPECT_NE(synthetic.status().message().find("no such notation"), absl::string_view::npos);
  const auto xml = read_xml_topology("/nonexistent/machine.xml");
  ASSERT_FALSE(xml.ok());
  EXPECT_NE(xml.status().message().find("/nonexistent/machine.xml"), absl::string_view::npos);
}

TEST(Topology, ThisMachineHasEveryCpuWeMayRunOn) {
  const auto t = read_topology();
  ASSERT_TRUE(t.ok()) << t.status();
  const auto allowed = allowed_cpus();
  ASSERT_TRUE(allowed.ok()) << allowed.status();
  ASSERT_FALSE(allowed->empty());
  for (const std::uint32_t cpu : *allowed) EXPECT_NE(t->find(cpu), nullptr) << cpu;
  EXPECT_TRUE(std::is_sorted(t->cpus.begin(), t->cpus.end(),
                             [](const Cpu& a, const Cpu& b) { return a.id < b.id; }));
}

}  // namespace
}  // namespace ringroad
