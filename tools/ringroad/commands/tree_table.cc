// The whole tree: nouns, what every command takes, and the commands in the order help shows them.
#include <iterator>

#include "tools/ringroad/commands/commands.h"

namespace ringroad::cli {
namespace {

std::vector<Option> global_options() {
  return {
      {.names = "--node",
       .value = "N|SOCKET",
       .help = "whom to ask: a node's id, or its control process's socket; default $RINGROAD_NODE, "
               "else the one on this machine",
       .source = Source::kNode},
      {.names = "-o,--output",
       .value = "FORMAT",
       .help = "table (fits 80 columns), wide (everything) or json (base units, stable keys)",
       .words = {"table", "wide", "json"}},
      {.names = "-j,--json", .value = "", .help = "the same as --output json"},
      {.names = "--watch",
       .value = "SECONDS",
       .help = "again and again, each second unless said; into a pipe: a JSON object a line",
       .when_bare = "1"},
      {.names = "--timeout",
       .value = "SECONDS",
       .help = "how long to wait for an answer (5; ping: 1; listen: --for)"},
      {.names = "--no-color",
       .value = "",
       .help = "no colour on a terminal either; NO_COLOR in the environment does the same"},
      {.names = "-h,--help", .value = "", .help = "this text; of any command"},
      {.names = "--version", .value = "", .help = "the same as: ringroad version"},
  };
}

}  // namespace

Tree ringroad_tree() {
  Tree tree;
  tree.nouns = {{"cluster", "All the nodes."},
                {"node", "The node that is asked."},
                {"port", "The node's ports."},
                {"link", "The node's links to its peers."},
                {"app", "The programs attached to the node."},
                {"config", "The node's configuration, in its file and in force."},
                {"registry", "The keys and values that the cluster agrees on."},
                {"raft", "The node's part in consensus."},
                {"completion", "Completion for shells."}};
  tree.globals = global_options();
  for (const auto commands :
       {cluster_commands, node_commands, port_commands, link_commands, app_commands,
        config_commands, ping_commands, message_commands, registry_commands, raft_commands,
        capture_commands, top_commands, doctor_commands, version_commands, completion_commands}) {
    auto noun = commands();
    std::move(noun.begin(), noun.end(), std::back_inserter(tree.commands));
  }
  return tree;
}

}  // namespace ringroad::cli
