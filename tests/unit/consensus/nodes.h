// Sets of nodes as tests write them, and the sets that exhaustive tests walk through.
#pragma once

#include <initializer_list>
#include <vector>

#include "consensus/core/node_set.h"
#include "consensus/core/quorum.h"

namespace ringroad::raft {

inline NodeId node(unsigned id) { return NodeId{static_cast<std::uint16_t>(id)}; }

inline NodeSet nodes(std::initializer_list<unsigned> ids) {
  NodeSet set;
  for (const unsigned id : ids) set.insert(node(id));
  return set;
}

// 1 to `count`.
inline NodeSet first_nodes(std::uint32_t count) {
  return NodeSet{count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1};
}

// Exhaustive tests go so far.
inline constexpr std::uint32_t kVotersMax = 9;

// Every joint configuration of up to `nodes_max` nodes but for their names: how many are in the
// incoming half only, in both, in the outgoing half only.
inline std::vector<JointVoters> joint_shapes(std::uint32_t nodes_max) {
  std::vector<JointVoters> shapes;
  for (std::uint32_t old_only = 0; old_only <= nodes_max; ++old_only) {
    for (std::uint32_t both = 0; old_only + both <= nodes_max; ++both) {
      for (std::uint32_t new_only = 0; old_only + both + new_only <= nodes_max; ++new_only) {
        const NodeSet outgoing = first_nodes(old_only + both);
        const NodeSet incoming = first_nodes(old_only + both + new_only) - first_nodes(old_only);
        shapes.push_back({incoming, outgoing});
      }
    }
  }
  return shapes;
}

}  // namespace ringroad::raft
