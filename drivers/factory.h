// Makes the port that a node's configuration asks for, and says what a port can do. Used at start
// only; EAL must be up.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/config.h"
#include "drivers/port.h"

struct rte_mempool;

namespace ringroad {

// Not started yet. `index` counts this node's ports; `node` gives the port its MAC address unless
// the configuration does or the device's own is taken (af_packet). Errors name port, value and
// mend.
absl::StatusOr<std::unique_ptr<Port>> make_port(const PortConfig& config, std::uint32_t index,
                                                NodeId node, rte_mempool* pool);

// The MAC address of a port without one of its own: 02:52:52, the port's index, the node's id.
MacAddress default_mac(std::uint32_t index, NodeId node);

// One line a property, "  mtu        9000 bytes" and so on, beginning with the kind.
std::string print_capabilities(const Port& port);

}  // namespace ringroad
