// Sets of nodes as tests write them.
#pragma once

#include <initializer_list>

#include "consensus/core/node_set.h"

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

}  // namespace ringroad::raft
