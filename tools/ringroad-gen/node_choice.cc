#include "tools/ringroad-gen/node_choice.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/ringroad-gen/nodes_here.h"
#include "tools/ringroad-gen/quantity.h"

namespace ringroad::gen {
absl::StatusOr<NodeChoice> choose_node(const std::string& text) {
  NodeChoice choice;
  if (text.empty()) {
    std::vector<std::string> sockets;
    const std::vector<NodeId> nodes = nodes_here(".sock");
    for (const NodeId node : nodes) sockets.push_back(default_host_socket(node));
    if (sockets.empty()) {
      return absl::NotFoundError(absl::StrCat(
          "--node: no node runs here (no node-*.sock in ", runtime_directory(),
          "); start ringroad-dataplane, or name its configuration or socket with --node"));
    }
    if (sockets.size() > 1) {
      return absl::NotFoundError(absl::StrCat("--node: several nodes run here; name one of: ",
                                              absl::StrJoin(sockets, ", ")));
    }
    choice.socket = sockets.front();
    return choice;
  }
  if (text.ends_with(".json")) {
    auto config = read_config(text);
    if (!config.ok()) return config.status();
    choice.config_file = text;
    choice.medium = medium_of(*config);
    return choice;
  }
  if (std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
    const auto id = parse_quantity(text, 1000);
    if (!id || *id == 0 || *id > kNodesMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("--node: \"", text, "\" is not a node id from 1 to ", kNodesMax));
    }
    choice.node = NodeId{static_cast<std::uint16_t>(*id)};
    choice.socket = default_host_socket(choice.node);
    return choice;
  }
  choice.socket = text;
  return choice;
}

std::string medium_of(const NodeConfig& config) {
  if (config.ports.empty()) return {};
  const PortConfig& port = config.ports.front();
  const char* name = "unknown";
  switch (port.kind) {
    case PortKind::kMemif:
      name = "memif (shared memory";
      break;
    case PortKind::kTap:
      name = "tap (through the kernel";
      break;
    case PortKind::kAfPacket:
      name = "af_packet (through the kernel";
      break;
    case PortKind::kNull:
      name = "null (goes nowhere";
      break;
    case PortKind::kRing:
      name = "ring (within the process";
      break;
  }
  return absl::StrCat(name, port.mtu > 1500 ? ", jumbo frames, MTU " : ", MTU ", port.mtu, ")");
}

}  // namespace ringroad::gen
