// Which nodes have a socket on this machine.
#pragma once

#include <string_view>
#include <vector>

#include "dataplane/base/ids.h"

namespace ringroad::gen {

// Those with a socket node-<id><suffix> in the runtime directory, ascending: ".sock" is the
// programs' socket, "-control.sock" the control process's.
std::vector<NodeId> nodes_here(std::string_view suffix);

}  // namespace ringroad::gen
