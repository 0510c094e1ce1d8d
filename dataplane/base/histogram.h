// A log-linear histogram of non-negative integers (nanoseconds, bytes): every power of two is cut
// into 2^kSubBits equal buckets, and values below 2^(kSubBits + 1) are kept exactly. One writer;
// copies are taken whole by it. Fixed memory, no allocation, no clock, trivially copyable. Values
// of 2^kValueBits and more are kept in the last bucket; max() stays exact.
//
//   Histogram         128 buckets an octave: values within 0.8 %, up to 73 minutes of nanoseconds;
//                     HdrHistogram's layout with two significant digits; 36 KB
//   LatencyHistogram  4 an octave: within 25 %, up to 68 s; 1 KB, so that every link has one
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace ringroad {

template <std::uint32_t kSubBitsValue, std::uint32_t kValueBitsValue>
class LogLinearHistogram {
 public:
  static constexpr std::uint32_t kSubBits = kSubBitsValue;
  static constexpr std::uint32_t kValueBits = kValueBitsValue;
  static constexpr std::size_t kBuckets =
      ((kValueBits - kSubBits) << kSubBits) + (std::size_t{1} << kSubBits);

  // The bucket that holds `value`.
  static constexpr std::size_t bucket_of(std::uint64_t value) {
    value = std::min(value, (std::uint64_t{1} << kValueBits) - 1);
    const auto width = static_cast<std::uint32_t>(std::bit_width(value | 1));
    const std::uint32_t shift = width > kSubBits + 1 ? width - kSubBits - 1 : 0;
    return (std::size_t{shift} << kSubBits) + static_cast<std::size_t>(value >> shift);
  }

  // The smallest and the largest value of a bucket.
  static constexpr std::uint64_t lowest(std::size_t bucket) {
    const std::size_t shift = bucket < (std::size_t{2} << kSubBits) ? 0 : (bucket >> kSubBits) - 1;
    return (std::uint64_t{bucket} - (std::uint64_t{shift} << kSubBits)) << shift;
  }
  static constexpr std::uint64_t highest(std::size_t bucket) { return lowest(bucket + 1) - 1; }

  void record(std::uint64_t value, std::uint64_t count = 1) {
    counts_[bucket_of(value)] += count;
    count_ += count;
    sum_ += value * count;
    max_ = std::max(max_, value);
    if (count > 0) min_ = std::min(min_, value);
  }

  // Adds `count` values of a bucket, as told by another histogram's bucket.
  void record_bucket(std::size_t bucket, std::uint64_t count) {
    if (count > 0) record(highest(std::min(bucket, kBuckets - 1)), count);
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  std::uint64_t bucket_count(std::size_t bucket) const { return counts_[bucket]; }
  double mean() const {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

  // The value at or below which `fraction` (0 to 1) of all values lie: the upper edge of its
  // bucket, never more than max(). 0 when empty.
  std::uint64_t quantile(double fraction) const {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      seen += counts_[bucket];
      if (seen >= rank) return std::min(highest(bucket), max_);
    }
    return max_;
  }

  void add(const LogLinearHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
    min_ = std::min(min_, other.min_);
  }

  // What was recorded after `earlier`, a copy of this histogram taken before. The extremes of the
  // difference are known to their buckets only (exact when they are those of all).
  LogLinearHistogram since(const LogLinearHistogram& earlier) const {
    LogLinearHistogram result;
    std::size_t top = 0, bottom = kBuckets;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      result.counts_[i] = counts_[i] - earlier.counts_[i];
      if (result.counts_[i] > 0) {
        top = i;
        bottom = std::min(bottom, i);
      }
    }
    result.count_ = count_ - earlier.count_;
    result.sum_ = sum_ - earlier.sum_;
    if (result.count_ > 0) {
      result.max_ = std::min(highest(top), max_);
      result.min_ = std::max(lowest(bottom), min_);
    }
    return result;
  }

  void clear() { *this = LogLinearHistogram{}; }

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
};

using Histogram = LogLinearHistogram<7, 42>;
using LatencyHistogram = LogLinearHistogram<2, 36>;

}  // namespace ringroad
