// Who keeps a node's processes, and so what starts them anew: tools/deploy_distributed.sh, where it
// deployed the node on this machine, else systemd. A deployment is known by the files it makes: its
// marker and the node's configuration, found from the folder that the node's sockets stand in.
//
// Looks at the disk when it is asked, keeps nothing and starts nothing.
#pragma once

#include <optional>
#include <string>

#include "control/core/problems.h"
#include "dataplane/base/ids.h"

namespace ringroad::control {

class Keeper {
 public:
  // The folder of the sockets of all nodes on this machine, as programs see it; `root` is put
  // before every path that is looked at (another machine's files, in tests).
  explicit Keeper(std::string folder, std::string root = "")
      : folder_(std::move(folder)), root_(std::move(root)) {}

  // "tools/deploy_distributed.sh restart 3 dataplane", or "sudo systemctl restart ..."; empty where
  // nothing, or nothing that we know of, restarts it.
  std::string restart_command(NodeId node, Restart restart) const;
  std::string start_command(NodeId node, Restart restart) const;
  // Of a node that was deployed.
  std::optional<std::string> config_file(NodeId node) const;

 private:
  struct Deployment {
    std::string directory;
    std::string option;  // " --directory D", where it was chosen
  };
  std::optional<Deployment> find_deployment(NodeId node) const;
  std::string command(const char* verb, NodeId node, Restart restart) const;

  std::string folder_, root_;
};

}  // namespace ringroad::control
