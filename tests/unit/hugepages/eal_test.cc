// EAL's arguments as text, and EAL itself: each case that starts it does so in a process of its own
// (it cannot start twice), as whoever runs the test, without hugepages.
#include "hugepages/eal.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "hugepages/mempool.h"
#include "hugepages/topology.h"
#include "tests/temporary_directory.h"

namespace ringroad {
namespace {

CpuPlan two_lcores() {
  CpuPlan plan;
  plan.lcores = {{0, 5, 1, {}}, {1, 200, 0, {}}};
  return plan;
}

std::string printed(MemoryMode mode, std::vector<MemoryDemand> demands,
                    std::vector<std::string> extra = {}) {
  return print_eal_arguments(derive_eal_arguments(two_lcores(), mode, demands, extra));
}

TEST(EalArguments, NoHuge) {
  EXPECT_EQ(printed(MemoryMode::kNone, {{0, 64u << 20}, {1, 32u << 20}}),
            "--lcores 0@5,1@200 --main-lcore 0 --no-pci --no-telemetry --iova-mode va "
            "--log-level warning --log-level lib.eal:error --no-huge --no-shconf -m 96");
}

TEST(EalArguments, HugeNamesEachNode) {
  EXPECT_EQ(printed(MemoryMode::kHuge, {{1, 512u << 20}}),
            "--lcores 0@5,1@200 --main-lcore 0 --no-pci --no-telemetry --iova-mode va "
            "--log-level warning --log-level lib.eal:error --in-memory --socket-mem 0,512");
}

TEST(EalArguments, ExtraComesLastAndIsQuoted) {
  const std::string text = printed(MemoryMode::kNone, {}, {"--vdev", "net_null0,x=a b"});
  EXPECT_TRUE(text.ends_with(" --vdev 'net_null0,x=a b'")) << text;
}

// Runs `body` in a child and expects it to return true. The child skips every destructor and
// handler of the test's own process.
void in_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool good = body();
    std::fflush(nullptr);
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

bool expect(bool condition, const std::string& what) {
  if (!condition) std::fprintf(stderr, "not so: %s\n", what.c_str());
  return condition;
}

absl::StatusOr<std::unique_ptr<Eal>> start_here(std::uint64_t mb,
                                                std::vector<std::string> extra = {}) {
  const auto topology = read_topology();
  const auto allowed = allowed_cpus();
  if (!topology.ok() || !allowed.ok()) return absl::InternalError("no topology");
  const auto cpus = plan_cpus(*topology, *allowed, {});
  if (!cpus.ok()) return cpus.status();
  const MemoryDemand demands[] = {{0, mb << 20}};
  return Eal::start(derive_eal_arguments(*cpus, MemoryMode::kNone, demands, extra));
}

// Memory a pool takes, by EAL's own count.
std::uint64_t heap_in_use() {
  rte_malloc_socket_stats stats{};
  std::uint64_t used = 0;
  for (int socket = 0; socket < 8; ++socket) {
    if (rte_malloc_get_socket_stats(socket, &stats) == 0) used += stats.heap_allocsz_bytes;
  }
  return used;
}

PoolPlan pool_of(std::uint32_t buffers, std::uint32_t buffer_bytes) {
  return {0, buffers, buffer_bytes, 256, packet_pool_bytes(buffers, buffer_bytes)};
}

bool pool_fits_its_plan(std::uint32_t buffers, std::uint32_t buffer_bytes) {
  const PoolPlan plan = pool_of(buffers, buffer_bytes);
  const std::uint64_t before = heap_in_use();
  const auto pool = create_packet_pool("test", plan);
  if (!expect(pool.ok(), pool.ok() ? "" : std::string(pool.status().message()))) return false;
  const std::uint64_t taken = heap_in_use() - before;
  bool good = expect(taken <= plan.bytes, "the pool took " + std::to_string(taken) +
                                              " bytes, planned " + std::to_string(plan.bytes));
  good &= expect(plan.bytes - taken <= plan.bytes / 20 + (4u << 20),
                 "the plan asks for " + std::to_string(plan.bytes) + " bytes where " +
                     std::to_string(taken) + " do");
  std::vector<rte_mbuf*> all(buffers);
  good &= expect(rte_pktmbuf_alloc_bulk(pool->get(), all.data(), buffers) == 0,
                 "every buffer can be had at once");
  good &= expect(rte_pktmbuf_append(all[0], static_cast<std::uint16_t>(buffer_bytes)) != nullptr,
                 "a buffer holds the planned bytes");
  for (rte_mbuf* packet : all) rte_pktmbuf_free(packet);
  return good;
}

TEST(Eal, PoolsOfEverySizeFitWhatIsPlannedForThem) {
  in_child([] {
    const auto eal = start_here(8 + (packet_pool_bytes(1'023, kBufferBytesMax) >> 20));
    if (!expect(eal.ok(), eal.ok() ? "" : std::string(eal.status().message()))) return false;
    bool good = pool_fits_its_plan(2'047, 2'048);
    good &= pool_fits_its_plan(2'047, 9'088);
    good &= pool_fits_its_plan(1'023, 65'000 + 92);
    good &= pool_fits_its_plan(1'023, kBufferBytesMax);
    good &= pool_fits_its_plan(3, 64);
    return good;
  });
}

// The whole way from a configuration to a pool: what is planned is asked for, and is enough.
bool plan_holds(MemoryMode mode) {
  NodeConfig config;
  config.cluster_nodes.resize(2);
  config.ports.resize(1);
  const auto topology = read_topology();
  const auto cpus = plan_cpus(*topology, *allowed_cpus(), config.cpu);
  if (!expect(cpus.ok(), "a CPU plan")) return false;
  const MemoryPlan plan = plan_memory(config, *cpus);
  const auto eal = Eal::start(derive_eal_arguments(*cpus, mode, memory_demands(plan), {}));
  if (!expect(eal.ok(), eal.ok() ? "" : std::string(eal.status().message()))) return false;
  bool good = expect((rte_eal_has_hugepages() != 0) == (mode == MemoryMode::kHuge), "the mode");
  for (const PoolPlan& pool_plan : plan.pools) {
    const auto pool = create_packet_pool("packets", pool_plan);
    good &= expect(pool.ok(), pool.ok() ? "" : std::string(pool.status().message()));
  }
  return good;
}

TEST(Eal, ThePlanHoldsInPlainMemory) {
  in_child([] { return plan_holds(MemoryMode::kNone); });
}

TEST(Eal, ThePlanHoldsInHugepages) {
  const auto offer = read_memory_offer();
  ASSERT_TRUE(offer.ok()) << offer.status();
  std::uint64_t free = 0;
  for (const NodePages& pages : offer->pages) free += pages.free;
  if (free < 32) GTEST_SKIP() << "takes 64 MB of free hugepages: hugepages/reserve --mb 64";
  in_child([] { return plan_holds(MemoryMode::kHuge); });
}

TEST(Eal, PoolErrorsSayWhatToChange) {
  in_child([] {
    const auto eal = start_here(16);
    if (!expect(eal.ok(), "EAL starts")) return false;
    const auto large = create_packet_pool("large", pool_of(8'191, 9'088));
    bool good = expect(!large.ok(), "77 MB in 16 is refused");
    const std::string text(large.status().message());
    good &= expect(text.find("8,191 buffers of 9,088 bytes") != std::string::npos &&
                       text.find("set /memory/buffers lower") != std::string::npos,
                   text);
    good &= expect(!create_packet_pool("long", pool_of(15, kBufferBytesMax + 1)).ok(),
                   "an mbuf's 16 bits are respected");
    good &= expect(!create_packet_pool("none", pool_of(0, 2'048)).ok(), "no buffers is an error");
    const auto first = create_packet_pool("twice", pool_of(15, 2'048));
    good &= expect(first.ok() && !create_packet_pool("twice", pool_of(15, 2'048)).ok(),
                   "names are unique");
    return good;
  });
}

TEST(Eal, LcoresFollowThePlanAndNothingIsLeftBehind) {
  const TemporaryDirectory folder;
  in_child([&] {
    setenv("TMPDIR", folder.path().c_str(), 1);
    const auto before = allowed_cpus();
    bool good = true;
    {
      const auto eal = start_here(16);
      if (!expect(eal.ok(), eal.ok() ? "" : std::string(eal.status().message()))) return false;
      good &= expect(rte_lcore_id() == 0, "the caller is lcore 0");
      good &= expect(allowed_cpus()->size() == 1, "and pinned");
      good &= expect(rte_lcore_count() == (before->size() > 1 ? 2u : 1u),
                     "io and consensus each have a CPU, when there are two");
      good &= expect(std::getenv("RUNTIME_DIRECTORY") == nullptr, "the environment is as before");
    }
    return good && expect(*allowed_cpus() == *before, "the affinity mask is given back");
  });
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "EAL's runtime directory is gone";
}

TEST(Eal, AFailureCarriesEalsOwnWords) {
  in_child([] {
    const auto eal = start_here(16, {"--no-such-option"});
    if (!expect(!eal.ok(), "an unknown option is refused")) return false;
    const std::string text(eal.status().message());
    return expect(text.find("--no-such-option") != std::string::npos, text);
  });
}

TEST(Eal, StartsWithoutPrivileges) {
  if (geteuid() != 0) GTEST_SKIP() << "the other cases ran without privileges already";
  in_child([] {
    if (setgid(65'534) != 0 || setuid(65'534) != 0) return expect(false, "becoming nobody");
    const auto eal = start_here(32);
    return expect(eal.ok(), eal.ok() ? "" : std::string(eal.status().message())) &&
           pool_fits_its_plan(1'023, 9'088);
  });
}

}  // namespace
}  // namespace ringroad
