#include "dataplane/client/config_file.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "dataplane/base/limits.h"
#include "dataplane/client/error.h"
#include "dataplane/host/socket_path.h"

namespace ringroad::client {

dist_net_error_t read_config_file(const std::string& path, ConfigFile& config) {
  std::ifstream file{path};
  if (!file) return fail(DIST_NET_CONFIGURATION, path + ": cannot be read");
  const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail(DIST_NET_CONFIGURATION, path + ": is not a JSON object");
  const nlohmann::json::json_pointer node_at{"/local_node/node_id"}, socket_at{"/host/socket"};
  if (json.contains(node_at)) {
    const auto& node = json[node_at];
    if (!node.is_number_unsigned() || node.get<std::uint64_t>() == 0 ||
        node.get<std::uint64_t>() > kNodesMax) {
      return fail(DIST_NET_CONFIGURATION, path + ": /local_node/node_id: expected 1 to 64");
    }
    config.node_id = node.get<raft_node_id_t>();
  }
  if (json.contains(socket_at)) {
    const auto& socket = json[socket_at];
    if (!socket.is_string()) {
      return fail(DIST_NET_CONFIGURATION, path + ": /host/socket: expected a path");
    }
    config.socket = socket.get<std::string>();
  }
  return DIST_NET_SUCCESS;
}

dist_net_error_t find_socket(raft_node_id_t node_id, const char* config_file, const char* socket,
                             ConfigFile& found) {
  if (node_id > kNodesMax) return fail(DIST_NET_INVALID_ARGUMENT, "a node id is 1 to 64");
  found = {};
  if (config_file != nullptr) {
    const dist_net_error_t error = read_config_file(config_file, found);
    if (error != DIST_NET_SUCCESS) return error;
    if (node_id != DIST_NET_ANY_NODE && found.node_id != DIST_NET_ANY_NODE &&
        node_id != found.node_id) {
      return fail(DIST_NET_CONFIGURATION, std::string{config_file} + ": is for node " +
                                              std::to_string(found.node_id) + ", not " +
                                              std::to_string(node_id));
    }
  }
  if (node_id != DIST_NET_ANY_NODE) found.node_id = node_id;
  if (socket != nullptr) found.socket = socket;
  if (!found.socket.empty()) return DIST_NET_SUCCESS;
  if (found.node_id == DIST_NET_ANY_NODE) {
    return fail(DIST_NET_INVALID_ARGUMENT, "neither a node, a socket nor a file names the node");
  }
  found.socket = host::default_socket(NodeId{static_cast<std::uint16_t>(found.node_id)});
  return DIST_NET_SUCCESS;
}

}  // namespace ringroad::client
