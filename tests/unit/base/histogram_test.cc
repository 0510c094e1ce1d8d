// The histogram's buckets tile the integers, and quantiles are true to within its precision.
#include "dataplane/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "dataplane/base/prng.h"

namespace ringroad {
namespace {

TEST(Histogram, BucketsTileTheRangeWithoutGapOrOverlap) {
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    ASSERT_EQ(Histogram::bucket_of(Histogram::lowest(bucket)), bucket);
    ASSERT_EQ(Histogram::bucket_of(Histogram::highest(bucket)), bucket);
    ASSERT_LE(Histogram::highest(bucket) - Histogram::lowest(bucket),
              Histogram::lowest(bucket) / 128);
  }
  EXPECT_EQ(Histogram::highest(Histogram::kBuckets - 1) + 1,
            std::uint64_t{1} << Histogram::kValueBits);
}

TEST(Histogram, SmallValuesAreExact) {
  for (std::uint64_t v = 0; v < 256; ++v) {
    EXPECT_EQ(Histogram::lowest(Histogram::bucket_of(v)), v);
    EXPECT_EQ(Histogram::highest(Histogram::bucket_of(v)), v);
  }
}

TEST(Histogram, QuantilesAreWithinOnePercentOfTheSortedValues) {
  Prng prng{7};
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t v = prng.below(std::uint64_t{1} << (1 + prng.below(40)));
    values.push_back(v);
    histogram.record(v);
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * 20'000.0)) - 1;
    EXPECT_GE(histogram.quantile(q), values[rank]);
    EXPECT_LE(static_cast<double>(histogram.quantile(q)),
              static_cast<double>(values[rank]) * 1.01 + 1);
  }
  EXPECT_EQ(histogram.quantile(1.0), values.back());
}

TEST(Histogram, AnEmptyOneAnswersZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.99), 0U);
  EXPECT_EQ(histogram.max(), 0U);
}

TEST(Histogram, ValuesBeyondTheRangeKeepTheirMaximum) {
  Histogram histogram;
  histogram.record(~std::uint64_t{0});
  EXPECT_EQ(histogram.max(), ~std::uint64_t{0});
  EXPECT_EQ(histogram.count(), 1U);
}

TEST(Histogram, SinceIsWhatCameAfterTheEarlierCopy) {
  Histogram histogram;
  histogram.record(1'000'000);
  const Histogram earlier = histogram;
  histogram.record(100, 3);
  const Histogram interval = histogram.since(earlier);
  EXPECT_EQ(interval.count(), 3U);
  EXPECT_EQ(interval.quantile(0.5), 100U);
  EXPECT_EQ(interval.max(), 100U);

  Histogram both = earlier;
  both.add(interval);
  EXPECT_EQ(both.count(), histogram.count());
  EXPECT_EQ(both.sum(), histogram.sum());
}

}  // namespace
}  // namespace ringroad
