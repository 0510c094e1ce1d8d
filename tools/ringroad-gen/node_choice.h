// Which running node a program is to attach to: what --node says, or the only one there is.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "dataplane/config.h"

namespace ringroad::gen {

struct NodeChoice {
  std::string config_file;
  std::string socket;
  NodeId node;         // whose default socket, when the others are empty
  std::string medium;  // from the configuration; empty: not known
};

// `text` is a configuration file (a name ending in .json), a socket, a node id, or empty. NotFound
// when it is empty and there is no node, or more than one, on this machine.
absl::StatusOr<NodeChoice> choose_node(const std::string& text);

// "memif (shared memory, MTU 65535)"
std::string medium_of(const NodeConfig& config);

}  // namespace ringroad::gen
