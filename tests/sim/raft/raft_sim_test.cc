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
  constexpr std::array<std::uint64_t, 5> kLinks = {0xdfc4d94745212cc3, 0x10fbc7d059ebacb2,
                                                   0x466a1e038df27298, 0x20077c9b5d8426c9,
                                                   0x1d66dc989648bb83};
  constexpr std::array<std::uint64_t, 5> kDirect = {0xb0091fefb9087069, 0x26a730c81cd93fb8,
                                                    0x4e5a4f318cdf7322, 0xf71eb2149d044a71,
                                                    0x8787e540048e1175};
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
