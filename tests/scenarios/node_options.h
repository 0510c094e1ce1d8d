// What add-nodes can be told of the nodes it makes. Without options they are as in etcd's
// interaction tests: no limits, nothing of what is optional, an election timeout of three ticks.
#pragma once

#include "absl/strings/string_view.h"
#include "command.h"
#include "environment.h"

namespace ringroad::scenarios {

// Throws BadCommand for options it does not know.
NodeTemplate node_template(const Command& add_nodes);

raft::ZoneLossPolicy zone_loss(absl::string_view text);

}  // namespace ringroad::scenarios
