// The histogram against a plain sorted list of the same values, and its bucket edges one by one.
#include "dataplane/base/histogram.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "dataplane/base/prng.h"

namespace ringroad {
namespace {

TEST(Histogram, BucketsTileTheRangeWithoutGapOrOverlap) {
  EXPECT_EQ(Histogram::lowest(0), 0u);
  for (std::size_t b = 0; b + 1 < Histogram::kBuckets; ++b) {
    ASSERT_EQ(Histogram::highest(b) + 1, Histogram::lowest(b + 1));
    ASSERT_EQ(Histogram::bucket_of(Histogram::lowest(b)), b);
    ASSERT_EQ(Histogram::bucket_of(Histogram::highest(b)), b);
  }
  EXPECT_EQ(Histogram::highest(Histogram::kBuckets - 1),
            (std::uint64_t{1} << Histogram::kValueBits) - 1);
}

TEST(Histogram, BucketsAreExactBelow256AndWithinOnePercentAbove) {
  for (std::size_t b = 0; b < Histogram::kBuckets; ++b) {
    const std::uint64_t width = Histogram::highest(b) - Histogram::lowest(b) + 1;
    if (b < 256) {
      ASSERT_EQ(width, 1u);
    } else {
      ASSERT_LE(width * 128, Histogram::lowest(b)) << "bucket " << b;
    }
  }
}

TEST(Histogram, EmptyAnswersZero) {
  const auto h = std::make_unique<Histogram>();
  EXPECT_EQ(h->count(), 0u);
  EXPECT_EQ(h->min(), 0u);
  EXPECT_EQ(h->max(), 0u);
  EXPECT_EQ(h->quantile(0.99), 0u);
  EXPECT_EQ(h->mean(), 0.0);
}

TEST(Histogram, QuantilesMatchASortedList) {
  Prng prng{7};
  const auto h = std::make_unique<Histogram>();
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    // All magnitudes alike: a uniform number of bits.
    const std::uint64_t value = prng.next() >> (24 + prng.below(40));
    values.push_back(value);
    h->record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double fraction : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = std::max<std::size_t>(
        1, static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size()))));
    const std::uint64_t exact = values[rank - 1];
    const std::uint64_t told = h->quantile(fraction);
    EXPECT_GE(told, exact) << fraction;
    EXPECT_LE(told, exact + exact / 128) << fraction;
  }
  EXPECT_EQ(h->count(), values.size());
  EXPECT_EQ(h->min(), values.front());
  EXPECT_EQ(h->max(), values.back());
  EXPECT_EQ(h->quantile(1.0), values.back());
}

TEST(Histogram, MeanAndSumAreExact) {
  Histogram h;
  h.record(1'000'003, 2);
  h.record(1, 2);
  EXPECT_EQ(h.sum(), 2'000'008u);
  EXPECT_DOUBLE_EQ(h.mean(), 500'002.0);
  EXPECT_EQ(h.count(), 4u);
}

TEST(Histogram, ValuesBeyondTheRangeLandInTheLastBucketAndKeepTheMaximum) {
  Histogram h;
  h.record(~std::uint64_t{0} >> 8);
  EXPECT_EQ(h.bucket_count(Histogram::kBuckets - 1), 1u);
  EXPECT_EQ(h.max(), ~std::uint64_t{0} >> 8);
}

TEST(Histogram, AddingIsLikeRecordingAllInOne) {
  Prng prng{11};
  const auto a = std::make_unique<Histogram>(), b = std::make_unique<Histogram>(),
             all = std::make_unique<Histogram>();
  for (int i = 0; i < 5'000; ++i) {
    const std::uint64_t value = prng.below(10'000'000);
    ((i % 3 == 0) ? a : b)->record(value);
    all->record(value);
  }
  a->add(*b);
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    ASSERT_EQ(a->bucket_count(i), all->bucket_count(i));
  }
  EXPECT_EQ(a->count(), all->count());
  EXPECT_EQ(a->sum(), all->sum());
  EXPECT_EQ(a->min(), all->min());
  EXPECT_EQ(a->max(), all->max());
}

TEST(Histogram, AddingAnEmptyOneChangesNothing) {
  Histogram h;
  h.record(50);
  h.add(Histogram{});
  EXPECT_EQ(h.min(), 50u);
  EXPECT_EQ(h.max(), 50u);
}

TEST(Histogram, SinceTakesAwayWhatWasThereBefore) {
  Histogram h;
  h.record(10, 5);
  h.record(1'000'000);
  const Histogram before = h;
  EXPECT_EQ(h.since(before).count(), 0u);
  EXPECT_EQ(h.since(before).min(), 0u);
  h.record(100, 3);
  h.record(200);
  const Histogram delta = h.since(before);
  EXPECT_EQ(delta.count(), 4u);
  EXPECT_EQ(delta.sum(), 500u);
  EXPECT_EQ(delta.min(), 100u);
  EXPECT_EQ(delta.max(), 200u);
  EXPECT_EQ(delta.quantile(0.5), 100u);
}

TEST(Histogram, BucketsCarriedElsewhereKeepTheirPlace) {
  Histogram from, to;
  from.record(123'456, 7);
  for (std::size_t b = 0; b < Histogram::kBuckets; ++b) to.record_bucket(b, from.bucket_count(b));
  EXPECT_EQ(to.bucket_count(Histogram::bucket_of(123'456)), 7u);
  EXPECT_EQ(to.count(), 7u);
  EXPECT_EQ(Histogram::bucket_of(to.max()), Histogram::bucket_of(123'456));
}

TEST(Histogram, ClearForgets) {
  Histogram h;
  h.record(5);
  h.clear();
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.max(), 0u);
  h.record(9);
  EXPECT_EQ(h.min(), 9u);
}

}  // namespace
}  // namespace ringroad
