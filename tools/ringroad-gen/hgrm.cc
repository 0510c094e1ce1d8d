#include "tools/ringroad-gen/hgrm.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace ringroad::gen {
namespace {

constexpr double kTicksPerHalfDistance = 5;
constexpr double kNanosPerMicro = 1000;

double standard_deviation(const Histogram& h) {
  if (h.count() == 0) return 0;
  double sum = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    const auto middle =
        static_cast<double>((Histogram::lowest(bucket) + Histogram::highest(bucket)) / 2);
    sum += static_cast<double>(h.bucket_count(bucket)) * (middle - h.mean()) * (middle - h.mean());
  }
  return std::sqrt(sum / static_cast<double>(h.count()));
}

// The step after `percentile`: halved each time the distance to 100 has halved.
double next_percentile(double percentile) {
  const double halvings = std::floor(std::log2(100.0 / (100.0 - percentile)));
  return percentile + 100.0 / (kTicksPerHalfDistance * std::exp2(halvings + 1));
}

}  // namespace

std::string write_hgrm(const Histogram& nanos) {
  std::string text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
  std::uint64_t seen = 0;
  double percentile = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets && seen < nanos.count(); ++bucket) {
    if (nanos.bucket_count(bucket) == 0) continue;
    seen += nanos.bucket_count(bucket);
    const auto value =
        static_cast<double>(std::min(Histogram::highest(bucket), nanos.max())) / kNanosPerMicro;
    const double reached = 100.0 * static_cast<double>(seen) / static_cast<double>(nanos.count());
    for (; percentile <= reached && seen < nanos.count();
         percentile = next_percentile(percentile)) {
      absl::StrAppendFormat(&text, "%12.3f %2.12f %10d %14.2f\n", value, percentile / 100, seen,
                            100.0 / (100.0 - percentile));
    }
    if (seen == nanos.count()) {
      absl::StrAppendFormat(&text, "%12.3f %2.12f %10d\n", value, 1.0, seen);
    }
  }
  absl::StrAppendFormat(&text, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
                        nanos.mean() / kNanosPerMicro, standard_deviation(nanos) / kNanosPerMicro);
  absl::StrAppendFormat(&text, "#[Max     = %12.3f, Total count    = %12d]\n",
                        static_cast<double>(nanos.max()) / kNanosPerMicro, nanos.count());
  absl::StrAppendFormat(&text, "#[Buckets = %12d, SubBuckets     = %12d]\n",
                        Histogram::kValueBits - Histogram::kSubBits, 1U << Histogram::kSubBits);
  return text;
}

}  // namespace ringroad::gen
