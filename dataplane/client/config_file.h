// The two things the library reads of a node's configuration file.
#pragma once

#include <string>

#include "dataplane/client/dist_net.h"

namespace ringroad::client {

struct ConfigFile {
  raft_node_id_t node_id = DIST_NET_ANY_NODE;  // /local_node/node_id
  std::string socket;                          // /host/socket, or empty
};

dist_net_error_t read_config_file(const std::string& path, ConfigFile& config);

// Which socket, and which node is expected behind it: what the caller said, then the file, then the
// node's default. A file that contradicts `node_id` is DIST_NET_CONFIGURATION.
dist_net_error_t find_socket(raft_node_id_t node_id, const char* config_file, const char* socket,
                             ConfigFile& found);

}  // namespace ringroad::client
