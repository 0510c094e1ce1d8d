// Where a node's socket stands when its configuration does not say, for programs that link the
// library and not the configuration: the same rule as runtime_directory() and default_host_socket()
// of dataplane/config.h (a test holds them together), without Abseil.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "dataplane/base/ids.h"

namespace ringroad::host {

// An environment variable that holds an absolute path; others are taken as not set.
inline std::string path_from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

// $RINGROAD_RUNTIME_DIR, else /run/ringroad when it is writable, else $XDG_RUNTIME_DIR/ringroad,
// else /tmp/ringroad-<uid>.
inline std::string runtime_directory() {
  if (auto chosen = path_from_environment("RINGROAD_RUNTIME_DIR"); !chosen.empty()) return chosen;
  if (::access("/run/ringroad", W_OK | X_OK) == 0) return "/run/ringroad";
  if (auto session = path_from_environment("XDG_RUNTIME_DIR"); !session.empty()) {
    return session + "/ringroad";
  }
  return "/tmp/ringroad-" + std::to_string(::getuid());
}

inline std::string default_socket(NodeId node) {
  return runtime_directory() + "/node-" + std::to_string(node.value) + ".sock";
}

}  // namespace ringroad::host
