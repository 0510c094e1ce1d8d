#include "tests/sim/history/random_history.h"

#include <gtest/gtest.h>

#include "tests/sim/history/brute_force.h"
#include "tests/sim/history/linearizability.h"

namespace ringroad::sim {
namespace {

// Few operations, much overlap, and now and then every value new.
Workload draw_small(Prng& prng) {
  Workload workload;
  workload.operations = 3 + static_cast<std::uint32_t>(prng.below(5));
  workload.clients = 1 + static_cast<std::uint32_t>(prng.below(5));
  workload.keys = prng.chance_ppm(200'000) ? 2 : 1;
  workload.values = prng.below(4);
  workload.get_ppm = static_cast<std::uint32_t>(prng.below(600'000));
  workload.cas_ppm = static_cast<std::uint32_t>(prng.below(400'000));
  workload.unknown_ppm = static_cast<std::uint32_t>(prng.below(600'000));
  workload.refused_ppm = static_cast<std::uint32_t>(prng.below(200'000));
  workload.linger_max = microseconds(400);
  return workload;
}

// As a simulated cluster leaves them.
Workload draw_large(Prng& prng) {
  Workload workload;
  workload.operations = 200 + static_cast<std::uint32_t>(prng.below(1'801));
  workload.clients = 8;
  workload.keys = 4 + static_cast<std::uint32_t>(prng.below(13));
  workload.unknown_ppm = 50'000 + static_cast<std::uint32_t>(prng.below(350'000));
  workload.refused_ppm = static_cast<std::uint32_t>(prng.below(100'000));
  workload.linger_max = milliseconds(static_cast<std::int64_t>(1 + prng.below(5)));
  return workload;
}

TEST(RandomHistory, OfAnAtomicRegisterIsLinearizable) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    Prng prng(seed);
    const auto violation = check(random_history(seed, draw_small(prng)));
    ASSERT_FALSE(violation) << "seed " << seed << "\n" << violation->account;
  }
}

TEST(RandomHistory, WithOneWrongAnswerIsJudgedAsByTryingEveryOrder) {
  std::uint32_t wrong = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    Prng prng(seed);
    Workload workload = draw_small(prng);
    workload.lie_after = static_cast<std::uint32_t>(prng.below(4));
    const History history = random_history(seed, workload);
    const auto violation = check(history);
    ASSERT_EQ(!violation, BruteForce(history.operations()).is_linearizable()) << "seed " << seed;
    if (!violation) continue;
    ++wrong;
    ASSERT_FALSE(BruteForce(violation->operations).is_linearizable()) << "seed " << seed << "\n"
                                                                      << violation->account;
  }
  EXPECT_GT(wrong, 4'000u);
  EXPECT_LT(wrong, 16'000u);
}

TEST(RandomHistory, OfALongRunIsJudgedInTwoStepsAnOperation) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Prng prng(seed);
    const Workload workload = draw_large(prng);
    const auto violation =
        check(random_history(seed, workload), {.steps_max_per_key = 2 * workload.operations});
    ASSERT_FALSE(violation) << "seed " << seed << "\n" << violation->account;
  }
}

TEST(RandomHistory, OfOneKeyOfWhichHalfIsUnknownIsJudgedInTenStepsAnOperation) {
  for (const std::uint64_t seed : {205, 238, 327, 846}) {
    Prng prng(seed);
    Workload workload = draw_large(prng);
    workload.keys = 1;
    workload.operations = 2'000;
    workload.unknown_ppm = 500'000;
    const auto violation = check(random_history(seed, workload), {.steps_max_per_key = 20'000});
    ASSERT_FALSE(violation) << "seed " << seed << "\n" << violation->account;
  }
}

TEST(RandomHistory, OfALongRunWithAWrongAnswerIsJudgedAndExplained) {
  std::uint32_t wrong = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Prng prng(seed);
    Workload workload = draw_large(prng);
    workload.lie_after = static_cast<std::uint32_t>(prng.below(workload.operations / 4));
    const auto violation = check(random_history(seed, workload));
    if (!violation) continue;
    ++wrong;
    ASSERT_EQ(violation->kind, Violation::Kind::kNotLinearizable) << "seed " << seed;
    ASSERT_LE(violation->operations.size(), 30u) << "seed " << seed << "\n" << violation->account;
  }
  EXPECT_GT(wrong, 50u);
}

}  // namespace
}  // namespace ringroad::sim
