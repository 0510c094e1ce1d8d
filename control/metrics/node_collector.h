// A node's figures as Prometheus has them: which families there are, what each counts, and their
// labels. README.md lists the same for people, and a test holds the two against each other.
//
// Without a dataplane's current report its families are left out, stale figures being worse than
// none; what the control process knows of itself is always told. A link whose peer was removed
// leaves with its series. Every reason of a drop or a wait is there from the start, at 0, so that
// rates have something to begin from.
#pragma once

#include <string>
#include <vector>

#include "control/metrics/family_list.h"
#include "control/metrics/metrics_snapshot.h"
#include "prometheus/collectable.h"

namespace ringroad::control {

class NodeCollector final : public prometheus::Collectable {
 public:
  // The snapshot outlives the collector.
  explicit NodeCollector(const MetricsSnapshot& snapshot) : snapshot_(snapshot) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const MetricsSnapshot& snapshot_;
};

// What /metrics answers: text format 0.0.4.
std::string exposition(const MetricsSnapshot& snapshot);

// Outcomes as label values, in this order.
struct OutcomeLabel {
  Outcome outcome;
  const char* label;
};
inline constexpr OutcomeLabel kOutcomes[] = {
    {Outcome::kDelivered, "delivered"},
    {Outcome::kNotSent, "not_sent"},
    {Outcome::kNoReceiver, "no_receiver"},
    {Outcome::kUnknown, "unknown"},
};

// The parts of Collect(), one file each.
void add_control_families(const MetricsSnapshot& snapshot, FamilyList& families);
void add_node_families(const NodeReport& report, FamilyList& families);
void add_link_families(const NodeReport& report, FamilyList& families);
void add_consensus_families(const ConsensusCounts& counts, FamilyList& families);
void add_application_families(const host::ApplicationsReport& report, FamilyList& families);

}  // namespace ringroad::control
