// That a seed is one run: here, again, and with the other compiler.
#include <gtest/gtest.h>

#include <array>
#include <cinttypes>
#include <cstdio>

#include "tests/sim/raft/world.h"

namespace ringroad::raft::sim {
namespace {

std::uint64_t hash_of_run(std::uint64_t seed, Mode mode) {
  World world(draw_scenario(seed, mode));
  const Report report = world.run();
  EXPECT_EQ(report.failure, "") << "seed " << seed;
  return report.hash;
}

TEST(RaftSim, ASeedGivesTheSameRunTwice) {
  for (const Mode mode : {Mode::kLinks, Mode::kDirect}) {
    for (std::uint64_t seed = 501; seed <= 504; ++seed) {
      EXPECT_EQ(hash_of_run(seed, mode), hash_of_run(seed, mode)) << "seed " << seed;
    }
  }
}

// They change with the core and with the simulator; then the test prints the new ones. That both
// compilers agree on them is what is tested.
TEST(RaftSim, TenSeedsRunAsEveryCompilerRunsThem) {
  constexpr std::array<std::uint64_t, 5> kLinks = {0x9c38ec6e2e22fc79, 0x9a7140e9d1ed78c4,
                                                   0x6b030d7add5e4f0f, 0x0087ceb04b4528bf,
                                                   0xab26e083ab54e8d9};
  constexpr std::array<std::uint64_t, 5> kDirect = {0x47b786c6cdb7b6b8, 0x5131726a814b4707,
                                                    0x276f2e1b939bcb49, 0xf7980a7d120497c5,
                                                    0x4419091f7603b0f5};
  for (const Mode mode : {Mode::kLinks, Mode::kDirect}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const std::uint64_t known = (mode == Mode::kLinks ? kLinks : kDirect)[seed - 1];
      const std::uint64_t hash = hash_of_run(seed, mode);
      EXPECT_EQ(hash, known);
      if (hash != known) std::printf("0x%016" PRIx64 ",\n", hash);
    }
  }
}

}  // namespace
}  // namespace ringroad::raft::sim
