// Where a node keeps its sockets.
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "dataplane/config.h"

namespace ringroad {
namespace {

// An environment variable that holds an absolute path; others are taken as not set.
std::string path_from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

}  // namespace

std::string runtime_directory() {
  if (const auto directory = path_from_environment("RINGROAD_RUNTIME_DIR"); !directory.empty()) {
    return directory;
  }
  constexpr const char* kSystem = "/run/ringroad";
  if (access(kSystem, W_OK | X_OK) == 0) return kSystem;
  if (const auto session = path_from_environment("XDG_RUNTIME_DIR"); !session.empty()) {
    return absl::StrCat(session, "/ringroad");
  }
  return absl::StrCat("/tmp/ringroad-", getuid());
}

std::string default_host_socket(NodeId node) {
  return absl::StrCat(runtime_directory(), "/node-", node.value, ".sock");
}

std::string default_control_socket(NodeId node) {
  return absl::StrCat(runtime_directory(), "/node-", node.value, "-control.sock");
}

}  // namespace ringroad
