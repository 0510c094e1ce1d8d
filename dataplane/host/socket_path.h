// Where a node's socket stands when its configuration does not say: one rule for the dataplane, the
// library and the tools.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "dataplane/base/ids.h"

namespace ringroad::host {

// $RINGROAD_RUNTIME_DIR, else /run/ringroad when it is writable, else $XDG_RUNTIME_DIR/ringroad,
// else /tmp/ringroad-<uid>.
inline std::string runtime_directory() {
  if (const char* chosen = std::getenv("RINGROAD_RUNTIME_DIR"); chosen != nullptr && *chosen != 0) {
    return chosen;
  }
  if (::access("/run/ringroad", W_OK | X_OK) == 0) return "/run/ringroad";
  if (const char* user = std::getenv("XDG_RUNTIME_DIR"); user != nullptr && *user != 0) {
    return std::string{user} + "/ringroad";
  }
  return "/tmp/ringroad-" + std::to_string(::getuid());
}

inline std::string default_socket(NodeId node) {
  return runtime_directory() + "/node-" + std::to_string(node.value) + ".sock";
}

}  // namespace ringroad::host
