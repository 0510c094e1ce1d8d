#include "tools/ringroad-fabric/faults.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace ringroad::fabric {
namespace {

constexpr PortId kOne{1};
constexpr PortId kTwo{2};
constexpr std::size_t kFrames = 100'000;

std::vector<bool> losses(std::uint64_t seed, std::uint32_t ppm) {
  Faults faults(2, seed);
  faults.set(kOne, kTwo, {.loss_ppm = ppm});
  std::vector<bool> lost;
  for (std::size_t i = 0; i < kFrames; ++i) {
    lost.push_back(faults.judge(kOne, kTwo, 100, Nanos{}).drop == Drop::kLoss);
  }
  const auto count = static_cast<std::uint64_t>(std::count(lost.begin(), lost.end(), true));
  EXPECT_EQ(faults.counts(kOne, kTwo).lost, count);
  return lost;
}

TEST(Faults, WithoutSettingsAFramePassesAtOnce) {
  Faults faults(2, 1);
  EXPECT_TRUE(faults.is_clear(kOne, kTwo));
  const Verdict verdict = faults.judge(kOne, kTwo, 100, seconds(5));
  EXPECT_FALSE(verdict.drop);
  EXPECT_EQ(verdict.departure, seconds(5));
  EXPECT_FALSE(verdict.flip_bit);
  EXPECT_FALSE(verdict.duplicate);
}

TEST(Faults, LossComesAtItsRateAndReplaysWithItsSeed) {
  for (const std::uint32_t ppm : {1'000u, 10'000u, 300'000u}) {
    const auto first = losses(7, ppm);
    const double share = static_cast<double>(std::count(first.begin(), first.end(), true)) /
                         static_cast<double>(kFrames);
    // Six standard deviations of a binomial.
    const double p = ppm / 1e6;
    const double sigma = std::sqrt(p * (1 - p) / static_cast<double>(kFrames));
    EXPECT_NEAR(share, p, 6 * sigma);
    EXPECT_EQ(first, losses(7, ppm));
    EXPECT_NE(first, losses(8, ppm));
  }
}

TEST(Faults, WhatBefallsAPairDoesNotDependOnOtherPairs) {
  const auto alone = losses(7, 100'000);
  Faults faults(2, 7);
  faults.set(kOne, kTwo, {.loss_ppm = 100'000});
  faults.set(kTwo, kOne, {.loss_ppm = 500'000});
  for (std::size_t i = 0; i < kFrames; ++i) {
    (void)faults.judge(kTwo, kOne, 100, Nanos{});
    ASSERT_EQ(faults.judge(kOne, kTwo, 100, Nanos{}).drop.has_value(), alone[i]) << i;
  }
}

TEST(Faults, ReseedingReplays) {
  Faults faults(2, 7);
  faults.set(kOne, kTwo, {.loss_ppm = 500'000});
  std::vector<bool> first, again;
  for (int i = 0; i < 100; ++i) first.push_back(!!faults.judge(kOne, kTwo, 9, Nanos{}).drop);
  faults.reseed(7);
  for (int i = 0; i < 100; ++i) again.push_back(!!faults.judge(kOne, kTwo, 9, Nanos{}).drop);
  EXPECT_EQ(first, again);
}

TEST(Faults, APartitionIsDirected) {
  Faults faults(2, 1);
  faults.set(kOne, kTwo, {.partitioned = true});
  EXPECT_EQ(faults.judge(kOne, kTwo, 100, Nanos{}).drop, Drop::kPartition);
  EXPECT_TRUE(faults.is_clear(kTwo, kOne));
  EXPECT_FALSE(faults.judge(kTwo, kOne, 100, Nanos{}).drop);
  EXPECT_EQ(faults.counts(kOne, kTwo).partitioned, 1u);
  faults.set(kOne, kTwo, {});
  EXPECT_FALSE(faults.judge(kOne, kTwo, 100, Nanos{}).drop);
}

TEST(Faults, DelayAndJitterKeepTheOrderAndStayInBounds) {
  Faults faults(2, 3);
  faults.set(kOne, kTwo, {.delay = microseconds(50), .jitter = microseconds(40)});
  Nanos last;
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1'000; ++i) {
    const Nanos now = microseconds(i);
    const Verdict verdict = faults.judge(kOne, kTwo, 100, now);
    EXPECT_GE(verdict.departure, now + microseconds(50));
    EXPECT_LE(verdict.departure, now + microseconds(90));
    EXPECT_GE(verdict.departure, last);
    last = verdict.departure;
    seen.insert((verdict.departure - now).count);
  }
  EXPECT_GT(seen.size(), 100u) << "jitter varies";
  EXPECT_EQ(faults.counts(kOne, kTwo).delayed, 1'000u);
}

TEST(Faults, ReorderHoldsSomeFramesBackAndLetsOthersOvertake) {
  Faults faults(2, 3);
  faults.set(kOne, kTwo, {.reorder_ppm = 100'000, .reorder_delay = microseconds(100)});
  std::uint64_t held = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Verdict verdict = faults.judge(kOne, kTwo, 100, microseconds(i));
    if (verdict.departure == microseconds(i + 100)) {
      ++held;
    } else {
      EXPECT_EQ(verdict.departure, microseconds(i))
          << "a frame that keeps its place is not delayed";
    }
  }
  EXPECT_EQ(held, faults.counts(kOne, kTwo).reordered);
  EXPECT_NEAR(static_cast<double>(held), 1'000, 180);
}

TEST(Faults, CorruptionNamesABitOfTheFrameAndDuplicationACopy) {
  Faults faults(2, 3);
  faults.set(kOne, kTwo, {.corrupt_ppm = 500'000, .duplicate_ppm = 250'000});
  std::uint64_t corrupted = 0, duplicated = 0;
  std::set<std::uint32_t> bits;
  for (int i = 0; i < 10'000; ++i) {
    const Verdict verdict = faults.judge(kOne, kTwo, 60, Nanos{});
    if (verdict.flip_bit) {
      ++corrupted;
      EXPECT_LT(*verdict.flip_bit, 480u);
      bits.insert(*verdict.flip_bit);
    }
    if (verdict.duplicate) ++duplicated;
  }
  EXPECT_EQ(corrupted, faults.counts(kOne, kTwo).corrupted);
  EXPECT_EQ(duplicated, faults.counts(kOne, kTwo).duplicated);
  EXPECT_NEAR(static_cast<double>(corrupted), 5'000, 300);
  EXPECT_NEAR(static_cast<double>(duplicated), 2'500, 260);
  EXPECT_EQ(bits.size(), 480u) << "every bit is hit sooner or later";
}

TEST(Faults, RateSpacesFramesByTheirTimeOnTheWire) {
  Faults faults(2, 1);
  faults.set(kOne, kTwo, {.rate_bits_per_s = 1'000'000'000});
  // 976 bytes and 24 of preamble, FCS and gap: 8 us at 1 Gb/s.
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(faults.judge(kOne, kTwo, 976, Nanos{}).departure, microseconds(8 * i));
  }
  EXPECT_EQ(faults.judge(kOne, kTwo, 976, seconds(1)).departure, seconds(1) + microseconds(8));
}

TEST(Faults, TheQueueBeforeARateIsBoundedAndItsDropsCounted) {
  Faults faults(2, 1);
  faults.set(kOne, kTwo, {.rate_bits_per_s = 8'000'000, .queue_bytes = 10'000});
  std::uint64_t passed = 0, dropped = 0;
  for (int i = 0; i < 100; ++i) {
    const Verdict verdict = faults.judge(kOne, kTwo, 976, Nanos{});
    if (verdict.drop) {
      EXPECT_EQ(verdict.drop, Drop::kRateQueue);
      ++dropped;
    } else {
      ++passed;
    }
  }
  EXPECT_EQ(passed, 11u) << "ten thousand bytes wait, one frame is on the wire";
  EXPECT_EQ(dropped, 89u);
  EXPECT_EQ(faults.counts(kOne, kTwo).rate_dropped, 89u);
  EXPECT_FALSE(faults.judge(kOne, kTwo, 976, milliseconds(2)).drop) << "room again later";
}

}  // namespace
}  // namespace ringroad::fabric
