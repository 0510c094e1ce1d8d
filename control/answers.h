// The answers of the methods that only tell, as JSON with the keys that the interface's description
// lists for them, made of what the control process knows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/keeper.h"
#include "control/node_model.h"
#include "dataplane/base/ids.h"
#include "nlohmann/json.hpp"

namespace ringroad::control {

// Of the process, and not of the node.
struct ProcessFacts {
  std::string version;
  std::string config_file;
  std::uint64_t config_version = 1;
  std::string metrics_listen;  // where HTTP is served in fact
  std::uint32_t process_id = 0;
  Nanos started;
  std::uint32_t dataplane_process = 0;  // while attached
};

nlohmann::json node_status(const NodeModel& state, const ProcessFacts& process,
                           const Keeper& keeper, Nanos now);
nlohmann::json cluster_status(const NodeModel& state, const Keeper& keeper, Nanos now);
nlohmann::json cluster_members(const NodeModel& state);
nlohmann::json port_list(const NodeModel& state, const Keeper& keeper, Nanos now);
// Of one peer's link, or of all.
nlohmann::json link_list(const NodeModel& state, std::optional<NodeId> peer, const Keeper& keeper,
                         Nanos now);
nlohmann::json app_list(const NodeModel& state, const Keeper& keeper, Nanos now);

// Why the node is not ready for messages, one line; empty when it is.
std::string unready_reason(const NodeModel& state);

}  // namespace ringroad::control
