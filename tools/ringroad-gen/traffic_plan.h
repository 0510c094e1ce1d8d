// From options to the objects of a run: the role's configuration and the facts printed about it,
// once it is known which node this is.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "tools/ringroad-gen/options.h"
#include "tools/ringroad-gen/summary.h"
#include "tools/ringroad-gen/traffic_role.h"

namespace ringroad::gen {

struct TrafficPlan {
  RoleConfig role;
  RunFacts facts;
};

struct Surroundings {
  NodeId self;
  std::vector<NodeId> peers;
  std::uint32_t message_bytes_max = 0;
  std::string medium;
};

// An error names the option, its value and the mend.
absl::StatusOr<TrafficPlan> plan_traffic(const Options& options, const Surroundings& node);

}  // namespace ringroad::gen
