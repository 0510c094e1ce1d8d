#include "tools/ringroad-gen/node_choice.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/ringroad-gen/quantity.h"

namespace ringroad::gen {
namespace {

// node-<id>.sock in the runtime directory.
std::vector<std::string> sockets_here() {
  std::vector<std::string> sockets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{runtime_directory(), error}) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("node-") && name.ends_with(".sock") && !name.ends_with("-control.sock")) {
      sockets.push_back(entry.path().string());
    }
  }
  std::ranges::sort(sockets);
  return sockets;
}

}  // namespace

absl::StatusOr<NodeChoice> choose_node(const std::string& text) {
  NodeChoice choice;
  if (text.empty()) {
    const auto sockets = sockets_here();
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
