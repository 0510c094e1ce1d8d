// The commands of the files in confchange/, in the form of the configuration tests of etcd's Raft:
//
//   simple                        v1 l2 r3 u4 on the next line: change without a joint
//                                 configuration
//   enter-joint autoleave=true    the same by way of one
//   leave-joint                   out of it
//
// Output: the configuration and each member's progress, or why it was refused. A file starts with
// no members. The log's last index is the number of the command, from 0, so that `next` tells with
// which command a member was added.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "command.h"
#include "consensus/core/tracker.h"

namespace ringroad::scenarios {

class ConfChangeCommands {
 public:
  static bool knows(absl::string_view name);
  // Throws BadCommand on what is no command.
  std::string run(const Command& command);

 private:
  raft::Tracker tracker_{{.messages_max = 10}};
  raft::Index last_index_{0};
};

}  // namespace ringroad::scenarios
