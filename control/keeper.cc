#include "control/keeper.h"

#include <filesystem>

#include "absl/strings/str_cat.h"

namespace ringroad::control {
namespace {

// As tools/deploy/cluster.sh names them.
constexpr char kMarker[] = "deployment";
constexpr char kScript[] = "tools/deploy_distributed.sh ";

std::string config_name(NodeId node) { return absl::StrCat("/node-", node.value, ".json"); }

bool is_file(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

// For a shell; what the script takes for a directory needs no more than this.
std::string quoted(const std::string& path) {
  return path.find(' ') == std::string::npos ? path : absl::StrCat("'", path, "'");
}

}  // namespace

// Its sockets lie in the runtime directory, with the deployment's directory below it, or, where a
// directory was chosen, beside the marker.
std::optional<Keeper::Deployment> Keeper::find_deployment(NodeId node) const {
  const std::string below = absl::StrCat(folder_, "/", kMarker);
  const auto is_deployment = [&](const std::string& directory) {
    return is_file(absl::StrCat(root_, directory, "/", kMarker)) &&
           is_file(absl::StrCat(root_, directory, config_name(node)));
  };
  if (is_deployment(below)) return Deployment{.directory = below, .option = ""};
  if (!is_deployment(folder_)) return std::nullopt;
  return Deployment{.directory = folder_, .option = absl::StrCat(" --directory ", quoted(folder_))};
}

std::string Keeper::command(const char* verb, NodeId node, Restart restart) const {
  if (restart == Restart::kNothing) return "";
  const bool is_network = restart == Restart::kNetwork;
  if (const auto deployment = find_deployment(node)) {
    const std::string what =
        is_network ? "fabric" : absl::StrCat(node.value, " ", restart_name(restart));
    return absl::StrCat(kScript, verb, " ", what, deployment->option);
  }
  if (is_network) return "";
  return absl::StrCat("sudo systemctl ", verb, " ringroad-", restart_name(restart), "@",
                      node.value);
}

std::string Keeper::restart_command(NodeId node, Restart restart) const {
  return command("restart", node, restart);
}

std::string Keeper::start_command(NodeId node, Restart restart) const {
  return command("start", node, restart);
}

std::optional<std::string> Keeper::config_file(NodeId node) const {
  const auto deployment = find_deployment(node);
  if (!deployment) return std::nullopt;
  return absl::StrCat(deployment->directory, config_name(node));
}

}  // namespace ringroad::control
