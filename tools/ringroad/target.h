// Which control process is asked: what --node or RINGROAD_NODE says, or one that runs here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/ringroad/interrupts.h"

namespace ringroad::cli {

struct Target {
  std::string socket;
  std::optional<std::uint32_t> node_id;  // when it was chosen by it
  std::string note;                      // to be told to whoever asked; empty: nothing
  // What a text about this target opens with: "node 3", or the socket's path.
  std::string name() const;
};

// `text` is a node's id or a socket's path, and `source` who said so, for an error to name; empty:
// the only control socket in runtime_directory(), or of several the lowest id's that answers, which
// the note then names.
absl::StatusOr<Target> choose_target(const std::string& text, const std::string& source,
                                     Interrupts& interrupts);

// The ids of the control sockets in runtime_directory(), ascending, whether they answer or not.
std::vector<std::uint32_t> control_sockets_here();

// What starts a control process: "systemctl start ringroad-control@3, or ..."; and one anew that
// hangs.
std::string start_command(std::optional<std::uint32_t> node_id);
std::string restart_command(std::optional<std::uint32_t> node_id);

}  // namespace ringroad::cli
