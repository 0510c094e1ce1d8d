#include "tools/ringroad/target.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "control/keeper.h"
#include "dataplane/config.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/nodes_here.h"
#include "tools/ringroad/rpc_client.h"
#include "tools/ringroad/tree.h"

namespace ringroad::cli {
namespace {

using fabric::cat;

constexpr double kLookSeconds = 1;  // at each of several sockets

std::string socket_of(std::uint32_t id) {
  return default_control_socket(NodeId{static_cast<std::uint16_t>(id)});
}

Target of_node(std::uint32_t id) { return {.socket = socket_of(id), .node_id = id}; }

// Where the node was deployed, which its files tell.
std::optional<std::string> deployed(std::optional<std::uint32_t> node_id, bool is_restart) {
  if (!node_id) return std::nullopt;
  const NodeId node{static_cast<std::uint16_t>(*node_id)};
  const control::Keeper keeper(runtime_directory());
  if (!keeper.config_file(node)) return std::nullopt;
  return is_restart ? keeper.restart_command(node, control::Restart::kControl)
                    : keeper.start_command(node, control::Restart::kControl);
}

bool is_number(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string Target::name() const { return node_id ? cat("node ", *node_id) : socket; }

std::string start_command(std::optional<std::uint32_t> node_id) {
  if (const auto command = deployed(node_id, false)) return *command;
  const std::string node = node_id ? std::to_string(*node_id) : "N";
  return cat("systemctl start ringroad-control@", node, ", tools/deploy_distributed.sh start ",
             node, " control, or ringroad-control --config FILE");
}

std::string restart_command(std::optional<std::uint32_t> node_id) {
  if (const auto command = deployed(node_id, true)) return *command;
  const std::string node = node_id ? std::to_string(*node_id) : "N";
  return cat("systemctl restart ringroad-control@", node,
             ", or tools/deploy_distributed.sh restart ", node, " control");
}

std::vector<std::uint32_t> control_sockets_here() {
  std::vector<std::uint32_t> ids;
  const std::vector<NodeId> nodes = gen::nodes_here("-control.sock");
  for (const NodeId node : nodes) ids.push_back(node.value);
  return ids;
}

absl::StatusOr<Target> choose_target(const std::string& text, const std::string& source,
                                     Interrupts& interrupts) {
  if (is_number(text)) {
    const auto id = node_id_of(source, text);
    if (!id.ok()) return id.status();
    return of_node(*id);
  }
  if (!text.empty()) return Target{.socket = text};
  const auto ids = control_sockets_here();
  if (ids.empty()) {
    if (access(runtime_directory().c_str(), R_OK | X_OK) != 0 && errno == EACCES) {
      return absl::PermissionDeniedError(
          cat(runtime_directory(),
              ": permission denied; mend: ask as the user that runs the node, or name a socket "
              "with --node"));
    }
    return absl::UnavailableError(
        cat("no control process on this machine: no node-N-control.sock in ", runtime_directory(),
            "; mend: ", start_command({}), "; or name its socket with --node"));
  }
  if (ids.size() == 1) return of_node(ids.front());
  absl::Status denied;
  std::string silent;  // whom the note is to name, since it is not who was expected to answer
  for (const std::uint32_t id : ids) {
    Target target = of_node(id);
    const auto client = RpcClient::connect(target.socket, kLookSeconds, interrupts);
    if (denied.ok() && absl::IsPermissionDenied(client.status())) {
      denied = absl::PermissionDeniedError(
          cat(target.name(), ": ", fabric::message_of(client.status())));
    }
    if (!client.ok()) {
      const char* const words = absl::IsPermissionDenied(client.status())
                                    ? "lets this user ask nothing"
                                    : "has a control process that does not answer";
      if (silent.empty()) silent = cat(target.name(), " ", words, "; ");
      continue;
    }
    target.note =
        cat(silent, ids.size(), " nodes here; asking node ", id, " (another one: --node N)");
    return target;
  }
  if (!denied.ok()) return denied;
  return absl::UnavailableError(cat("none of ", ids.size(), " control sockets in ",
                                    runtime_directory(),
                                    " answers; mend: ", start_command(ids.front())));
}

}  // namespace ringroad::cli
