// Each noun's commands, one function a file beside this one; ringroad_tree() (tree_table.cc)
// strings them together.
#pragma once

#include <vector>

#include "tools/ringroad/tree.h"

namespace ringroad::cli {

std::vector<Command> cluster_commands();
std::vector<Command> node_commands();
std::vector<Command> port_commands();
std::vector<Command> link_commands();
std::vector<Command> app_commands();
std::vector<Command> config_commands();
std::vector<Command> ping_commands();
std::vector<Command> message_commands();
std::vector<Command> registry_commands();
std::vector<Command> raft_commands();
std::vector<Command> capture_commands();
std::vector<Command> top_commands();
std::vector<Command> doctor_commands();
std::vector<Command> version_commands();
std::vector<Command> completion_commands();

}  // namespace ringroad::cli
