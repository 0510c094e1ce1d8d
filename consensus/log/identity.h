// Whose folder this is. A node under an old name with an empty disk is dangerous: it would vote
// again in terms it has voted in. So a folder names its owner, and the name is written last when a
// folder is made: where it is missing, nothing was ever promised from here.
//
// What to do about a folder that is fresh or of somebody else is decided above.
#pragma once

#include <cstdint>
#include <string>

#include "consensus/log/file_system.h"
#include "dataplane/base/ids.h"

namespace ringroad::raft::durable {

struct Identity {
  std::string cluster;  // 1 to 64 bytes
  NodeId node = kNoNode;
  // Counts how often this node was admitted with an empty disk.
  std::uint64_t incarnation = 0;
  bool operator==(const Identity&) const = default;
};

// kNotFound when there is none, kDataLoss when it is not as it was written.
[[nodiscard]] absl::StatusOr<Identity> read_identity(FileSystem& files);
// kInvalidArgument for a name that is none.
[[nodiscard]] absl::Status write_identity(FileSystem& files, const Identity& identity);

}  // namespace ringroad::raft::durable
