// Whoever operates the cluster: adds, promotes, demotes and removes nodes one at a time or several
// at once, and replaces a node whose disk cannot be believed by a new one under a new id. An id is
// never given to another disk: configurations that are out of date would count its votes as those
// of the node that had it before.
#pragma once

#include "tests/sim/raft/world.h"

namespace ringroad::raft::sim {

class Membership {
 public:
  Membership(World& world, Prng prng) : world_(world), prng_(prng) {}
  void start();

 private:
  void turn();
  void replace(NodeId damaged);
  void change_something(const Node& leader);
  void change_several(const Configuration& configuration, ConfChange& change);
  NodeId newcomer(const Configuration& configuration);
  void propose(const ConfChange& change);
  NodeId some(NodeSet nodes);
  std::uint32_t voters_max() const;
  std::uint32_t members_max() const;

  World& world_;
  Prng prng_;
  std::array<NodeId, kNodesMax + 1> replacements_{};
};

}  // namespace ringroad::raft::sim
