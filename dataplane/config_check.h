// What the schema cannot say of a configuration: how its values must fit each other.
#pragma once

#include "dataplane/config.h"
#include "dataplane/config_fault.h"
#include "nlohmann/json.hpp"

namespace ringroad {

// `document` passed the schema and `config` was read from it, its peers still in the file's order,
// so that the n-th peer stands at /cluster_nodes/n.
void check_config(const nlohmann::json& document, const NodeConfig& config, ConfigFaults& faults);

}  // namespace ringroad
