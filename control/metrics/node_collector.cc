#include "control/metrics/node_collector.h"

#include <sstream>

#include "prometheus/text_serializer.h"

namespace ringroad::control {

std::vector<prometheus::MetricFamily> NodeCollector::Collect() const {
  FamilyList families(snapshot_.node);
  add_control_families(snapshot_, families);
  if (snapshot_.attached && snapshot_.has_report) {
    add_node_families(snapshot_.report, families);
    add_link_families(snapshot_.report, families);
    add_application_families(snapshot_.applications, families);
    add_consensus_families(snapshot_.report.consensus, families);
  }
  return families.take();
}

std::string exposition(const MetricsSnapshot& snapshot) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, NodeCollector(snapshot).Collect());
  return std::move(out).str();
}

}  // namespace ringroad::control
