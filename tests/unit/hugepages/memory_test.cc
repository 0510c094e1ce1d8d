// The memory plan's arithmetic, and the choice between hugepages and plain memory, on planted
// /sys and /proc trees.
#include "hugepages/memory.h"

#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "hugepages/mempool.h"
#include "hugepages/text.h"
#include "tests/temporary_directory.h"

namespace ringroad {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMegabyte = 1ull << 20;

NodeConfig node_with_peers(std::uint16_t peers) {
  NodeConfig config;
  config.local_node.node_id = NodeId{1};
  for (std::uint16_t i = 0; i < peers; ++i) {
    config.cluster_nodes.push_back({.node_id = NodeId(static_cast<std::uint16_t>(i + 2))});
  }
  config.ports.push_back({});
  return config;
}

CpuPlan cpus_on(std::initializer_list<std::uint32_t> numa_nodes) {
  CpuPlan plan;
  std::uint32_t index = 0;
  for (const std::uint32_t node : numa_nodes) {
    plan.placements.push_back({CpuRole::kIo, index, index, node});
    ++index;
  }
  return plan;
}

TEST(MemoryPlan, DefaultLimitsTakeAtMost128MbBesideBuffers) {
  // Buffers are configured apart, and applications bring their arenas when they come.
  for (const std::uint16_t peers : std::initializer_list<std::uint16_t>{1, 2, 5, 63}) {
    const MemoryPlan plan = plan_memory(node_with_peers(peers), cpus_on({0}));
    EXPECT_EQ(plan.links, peers);
    EXPECT_LE(plan.node_bytes(), 128 * kMegabyte) << peers << " peers";
  }
}

TEST(MemoryPlan, CountsFollowTheLimits) {
  NodeConfig config = node_with_peers(2);
  const MemoryPlan before = plan_memory(config, cpus_on({0}));
  const MemorySizes sizes;
  // 8 priorities of 2,048 queued and 2,048 granted, 1,024 in flight, 512 held.
  EXPECT_EQ(before.per_link, 8 * 2'048 * (sizes.queue_slot + sizes.window_slot) +
                                 1'024 * sizes.flight_slot + 512 * sizes.held_slot + sizes.link);
  config.limits.queue_messages *= 2;
  EXPECT_EQ(plan_memory(config, cpus_on({0})).per_link - before.per_link,
            8 * 2'048 * sizes.queue_slot);
  config.limits.application_arena_bytes += 1'000;
  EXPECT_GE(plan_memory(config, cpus_on({0})).per_application - before.per_application, 2'000u);
}

TEST(MemoryPlan, BuffersHoldWhatLinksAndLoopsKeep) {
  NodeConfig config = node_with_peers(2);
  const MemoryPlan plan = plan_memory(config, cpus_on({0}));
  ASSERT_EQ(plan.pools.size(), 1u);
  // memif: two bursts of 64, two links of 512 held frames, a cache of 384: 1,536.
  EXPECT_EQ(plan.pools[0].buffers, 2'047u);
  EXPECT_GE(plan.pools[0].buffer_bytes, config.ports[0].mtu + 64);
  EXPECT_TRUE(std::has_single_bit(plan.pools[0].buffers + 1));

  // An ethdev's rings hold buffers too: 1,024 each way.
  config.ports[0].kind = PortKind::kNull;
  EXPECT_EQ(plan_memory(config, cpus_on({0})).pools[0].buffers, 4'095u);

  config.memory.buffers = 500;
  EXPECT_EQ(plan_memory(config, cpus_on({0})).pools[0].buffers, 511u) << "as configured";
}

TEST(MemoryPlan, APoolOnEachNodeWithAnIoLoop) {
  const MemoryPlan plan = plan_memory(node_with_peers(1), cpus_on({1, 0, 1}));
  ASSERT_EQ(plan.pools.size(), 2u);
  EXPECT_EQ(plan.pools[0].numa_node, 0u);
  EXPECT_EQ(plan.pools[1].numa_node, 1u);
  const auto demands = memory_demands(plan);
  ASSERT_EQ(demands.size(), 2u);
  EXPECT_EQ(demands[1].bytes % kHugepageBytes, 0u);
  EXPECT_GE(demands[1].bytes, plan.pools[1].bytes);
}

TEST(MemoryPlan, BuffersNeverExceedWhatAnMbufHolds) {
  NodeConfig config = node_with_peers(1);
  config.ports[0].mtu = 65'535;
  EXPECT_EQ(plan_memory(config, cpus_on({0})).pools[0].buffer_bytes, kBufferBytesMax);
  config.ports[0].mtu = 65'000 + 28;
  EXPECT_GE(plan_memory(config, cpus_on({0})).pools[0].buffer_bytes, 65'028u + 64);
}

TEST(MemoryPlan, DescribesItself) {
  const std::string text = describe(plan_memory(node_with_peers(2), cpus_on({0})));
  for (const char* part : {"base ", "links ", "2 links x ", "buffers ", "NUMA node 0", "at start",
                           "applications", "at most 16", "MB\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

class FakeMachine : public ::testing::Test {
 protected:
  void SetUp() override {
    write("proc/meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable: 8192000 kB\n");
    write("proc/mounts", "proc /proc proc rw 0 0\n");
  }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void node(int id, int total, int free) {
    const std::string folder =
        "sys/devices/system/node/node" + std::to_string(id) + "/hugepages/hugepages-2048kB/";
    write(folder + "nr_hugepages", std::to_string(total) + "\n");
    write(folder + "free_hugepages", std::to_string(free) + "\n");
  }
  MemoryOffer offer() {
    auto read = read_memory_offer(root_.string());
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *read : MemoryOffer{};
  }

  TemporaryDirectory directory_;
  const fs::path root_ = directory_.path();
};

TEST_F(FakeMachine, OfferIsReadByNode) {
  node(1, 512, 100);
  node(0, 256, 0);
  write("sys/devices/system/node/nodes_online", "0-1\n");
  write("proc/mounts",
        "hugetlbfs /dev/hugepages1G hugetlbfs rw,pagesize=1024M 0 0\n"
        "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\n");
  fs::create_directories(root_ / "dev/hugepages");
  const MemoryOffer o = offer();
  ASSERT_EQ(o.pages.size(), 2u);
  EXPECT_EQ(o.pages[0].numa_node, 0u);
  EXPECT_EQ(o.pages[0].total, 256u);
  EXPECT_EQ(o.pages[1].free, 100u);
  EXPECT_EQ(o.hugetlbfs, "/dev/hugepages");
  EXPECT_TRUE(o.hugetlbfs_writable);
  EXPECT_EQ(o.available_bytes, 8'192'000ull * 1'024);
}

TEST_F(FakeMachine, AKernelWithoutNumaOffersNodeZero) {
  write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8\n");
  write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "7\n");
  const MemoryOffer o = offer();
  ASSERT_EQ(o.pages.size(), 1u);
  EXPECT_EQ(o.pages[0].free, 7u);
  EXPECT_EQ(o.hugetlbfs, "");
}

TEST_F(FakeMachine, NoProcIsAnError) {
  EXPECT_FALSE(read_memory_offer((root_ / "nowhere").string()).ok());
}

const MemoryDemand kDemand512[] = {{0, 512 * kMegabyte}};

TEST_F(FakeMachine, AutoTakesPagesWhenThereAreEnough) {
  node(0, 300, 256);
  const auto choice = choose_memory_mode(MemoryMode::kAuto, kDemand512, offer());
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->mode, MemoryMode::kHuge);
  EXPECT_EQ(choice->reason, "huge: 512 MB in 2 MB pages");
}

TEST_F(FakeMachine, AutoSaysWhyNotOtherwise) {
  node(0, 300, 255);
  auto choice = choose_memory_mode(MemoryMode::kAuto, kDemand512, offer());
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->mode, MemoryMode::kNone);
  EXPECT_EQ(choice->reason,
            "no-huge: 255 of 256 pages are free on NUMA node 0; for hugepages: "
            "hugepages/reserve --mb 512");

  choice = choose_memory_mode(MemoryMode::kAuto, kDemand512, MemoryOffer{});
  ASSERT_TRUE(choice.ok());
  EXPECT_NE(choice->reason.find("this kernel offers no 2 MB hugepages"), std::string::npos);
}

TEST_F(FakeMachine, HugeWithoutPagesIsAnErrorWithItsMend) {
  node(0, 0, 0);
  const auto choice = choose_memory_mode(MemoryMode::kHuge, kDemand512, offer());
  ASSERT_FALSE(choice.ok());
  EXPECT_EQ(std::string(choice.status().message()),
            "/memory/mode: \"huge\" asked for 512 MB, 0 of 256 pages are free on NUMA node 0\n"
            "  mend: hugepages/reserve --mb 512    or set /memory/mode to \"auto\"");
}

TEST_F(FakeMachine, TheNodeThatLacksPagesIsNamed) {
  node(0, 256, 256);
  node(1, 256, 10);
  const MemoryDemand demands[] = {{0, 512 * kMegabyte}, {1, 64 * kMegabyte}};
  const auto choice = choose_memory_mode(MemoryMode::kHuge, demands, offer());
  ASSERT_FALSE(choice.ok());
  EXPECT_EQ(std::string(choice.status().message()),
            "/memory/mode: \"huge\" asked for 64 MB, 10 of 32 pages are free on NUMA node 1\n"
            "  mend: hugepages/reserve --mb 64 --node 1    or set /memory/mode to \"auto\"");
}

TEST_F(FakeMachine, NoneIgnoresPagesButNotMemory) {
  node(0, 300, 300);
  const auto choice = choose_memory_mode(MemoryMode::kNone, kDemand512, offer());
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->mode, MemoryMode::kNone);

  write("proc/meminfo", "MemAvailable: 102400 kB\n");
  const auto refused = choose_memory_mode(MemoryMode::kNone, kDemand512, offer());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.status().message())
                .find("/memory/buffers: packet buffers need "
                      "512 MB, this machine has 100 MB"),
            std::string::npos)
      << refused.status();
}

TEST(Text, Shapes) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1'048'576), "1,048,576");
  EXPECT_EQ(plural(1, "page"), "1 page");
  EXPECT_EQ(plural(2'000, "page"), "2,000 pages");
  EXPECT_EQ(megabytes(kMegabyte * 3 / 2), "1.5 MB");
  EXPECT_EQ(megabytes(512 * kMegabyte), "512 MB");
  EXPECT_EQ(shell_word("--lcores"), "--lcores");
  EXPECT_EQ(shell_word("it's (0-1)"), "'it'\\''s (0-1)'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace ringroad
