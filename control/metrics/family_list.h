// Metric families on their way to a scrape. A family is begun by its name and help text, and holds
// what is added until the next one begins; every metric carries the node's id as its first label.
//
// Label values come from fixed tables and small numbers, never from a peer or a program, so that
// the number of series has a bound that no traffic moves.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/base/histogram.h"
#include "dataplane/base/ids.h"
#include "prometheus/metric_family.h"

namespace ringroad::control {

using Labels = std::vector<std::pair<const char*, std::string>>;

class FamilyList {
 public:
  explicit FamilyList(NodeId node) : node_(std::to_string(node.value)) {}

  // `name` ends in _total for a counter. Both texts outlive nothing: they are copied.
  void counter(const char* name, const char* help);
  void gauge(const char* name, const char* help);
  void histogram(const char* name, const char* help);

  // To the family begun last: a value of a counter or gauge, in base units.
  void add(double value, const Labels& labels = {});
  void add(std::uint64_t value, const Labels& labels = {}) {
    add(static_cast<double>(value), labels);
  }
  void add(bool value, const Labels& labels = {}) { add(value ? 1.0 : 0.0, labels); }
  // A histogram of nanoseconds, told in seconds.
  void add(const LatencyHistogram& nanoseconds, const Labels& labels);

  std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  void begin(const char* name, const char* help, prometheus::MetricType type);
  prometheus::ClientMetric& append(const Labels& labels);

  std::string node_;
  std::vector<prometheus::MetricFamily> families_;
};

// "udp checksum" as a label's value: udp_checksum.
std::string label_value(std::string_view words);

double in_seconds(Nanos nanos);
double in_seconds(std::uint64_t nanoseconds);

// The edges of a latency histogram as it is told: every octave, each the highest value of the last
// bucket below a power of two, from 255 ns to 34.4 s. Since values are whole nanoseconds and a
// bucket's edge is inclusive as Prometheus' `le` is, the counts at these edges are exact. The last
// octave has no edge: its last bucket holds whatever was longer too.
inline constexpr std::uint32_t kFirstEdgeBits = 8;
inline constexpr std::uint32_t kLastEdgeBits = LatencyHistogram::kValueBits - 1;
inline constexpr std::size_t kEdges = kLastEdgeBits - kFirstEdgeBits + 1;

}  // namespace ringroad::control
