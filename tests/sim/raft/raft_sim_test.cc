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
  constexpr std::array<std::uint64_t, 5> kLinks = {0xf8d9107b3749d406, 0x19991b126575625b,
                                                   0x48c44c291b090a5f, 0x933adcf0b8734d80,
                                                   0x8bf82c9b29898873};
  constexpr std::array<std::uint64_t, 5> kDirect = {0x73ffbb5e56756e78, 0x1fd01dd0319cc921,
                                                    0x56f40cab72411a90, 0x209112aa941fa9c7,
                                                    0x16095a93fdb73d77};
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
