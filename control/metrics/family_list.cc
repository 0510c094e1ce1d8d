#include "control/metrics/family_list.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace ringroad::control {

void FamilyList::counter(const char* name, const char* help) {
  begin(name, help, prometheus::MetricType::Counter);
}

void FamilyList::gauge(const char* name, const char* help) {
  begin(name, help, prometheus::MetricType::Gauge);
}

void FamilyList::histogram(const char* name, const char* help) {
  begin(name, help, prometheus::MetricType::Histogram);
}

void FamilyList::begin(const char* name, const char* help, prometheus::MetricType type) {
  families_.push_back({name, help, type, {}});
}

prometheus::ClientMetric& FamilyList::append(const Labels& labels) {
  RR_CHECK(!families_.empty());
  prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
  metric.label.reserve(labels.size() + 1);
  metric.label.push_back({"node", node_});
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  return metric;
}

void FamilyList::add(double value, const Labels& labels) {
  prometheus::ClientMetric& metric = append(labels);
  if (families_.back().type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    RR_CHECK(families_.back().type == prometheus::MetricType::Gauge);
    metric.gauge.value = value;
  }
}

void FamilyList::add(const LatencyHistogram& nanoseconds, const Labels& labels) {
  RR_CHECK(!families_.empty() && families_.back().type == prometheus::MetricType::Histogram);
  prometheus::ClientMetric::Histogram& told = append(labels).histogram;
  told.sample_sum = in_seconds(nanoseconds.sum());
  told.bucket.reserve(kEdges);
  std::uint64_t cumulative = 0;
  std::size_t bucket = 0;
  for (std::uint32_t bits = kFirstEdgeBits; bits <= kLastEdgeBits; ++bits) {
    const std::uint64_t edge = (std::uint64_t{1} << bits) - 1;
    while (LatencyHistogram::highest(bucket) <= edge)
      cumulative += nanoseconds.bucket_count(bucket++);
    told.bucket.push_back({cumulative, in_seconds(edge)});
  }
  while (bucket < LatencyHistogram::kBuckets) cumulative += nanoseconds.bucket_count(bucket++);
  // Of the buckets, not nanoseconds.count(): +Inf never contradicts the edges below it.
  told.sample_count = cumulative;
}

std::string label_value(std::string_view words) {
  std::string value(words);
  std::replace(value.begin(), value.end(), ' ', '_');
  return value;
}

double in_seconds(Nanos nanos) { return static_cast<double>(nanos.count) / 1e9; }

double in_seconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace ringroad::control
