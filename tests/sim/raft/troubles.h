// Whoever breaks things: from time to time, one of the kinds of trouble that the scenario has, for
// a while. Chance decides which, where and how long, and nobody sees to it that a majority is
// spared: what a cluster owes then is silence, and that it comes back when it is healed.
#pragma once

#include <vector>

#include "tests/sim/raft/world.h"

namespace ringroad::raft::sim {

class Troubles {
 public:
  Troubles(World& world, Prng prng);
  void start();

 private:
  void cause(Trouble trouble);
  void partition();
  void transfer(Node& node);
  void change_version(Node& node);
  void disk_trouble(Trouble trouble, Node& node);
  void forget(Node& node);
  NodeId some_node();
  Nanos some_time(Nanos most);

  World& world_;
  Prng prng_;
  std::vector<Trouble> kinds_;  // that are caused from time to time
};

}  // namespace ringroad::raft::sim
