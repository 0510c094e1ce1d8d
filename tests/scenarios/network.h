// The network of a scenario: one queue of messages under way, in the order they were sent. Links
// can be cut, one direction at a time; a message on a link that is cut is lost when its turn comes.
// Any message can be picked out of the queue to be lost, sent twice, or held back until it is
// released, which is how it is overtaken.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "consensus/core/node_set.h"
#include "held.h"

namespace ringroad::scenarios {

// Those a node sends itself are no business of the network's.
bool is_local(const raft::Message& m);

// Which messages are meant; what is not given does not matter.
struct Selection {
  NodeId to = kNoNode;
  NodeId from = kNoNode;
  std::optional<raft::MessageType> type;
  // Of those, only this one, from 1 on; 0 for all.
  std::size_t nth = 0;
};

class Network {
 public:
  void send(HeldMessage message) { queue_.push_back(std::move(message)); }
  bool has_message_to(NodeId node) const;
  // In order; those that a node sends itself too, if `local`.
  std::vector<HeldMessage> take(const Selection& meant, bool local);
  void forget_local(NodeId node);

  void duplicate(const std::vector<HeldMessage>& messages);
  void hold_back(std::vector<HeldMessage> messages);
  // To the end of the queue; those to `to`, or all.
  std::vector<HeldMessage> release(NodeId to);

  void cut(NodeId from, NodeId to) { cut_[from.value].insert(to); }
  void heal() { cut_.fill({}); }
  bool is_cut(const raft::Message& m) const {
    return !is_local(m) && cut_[m.from.value].contains(m.to);
  }

 private:
  std::vector<HeldMessage> queue_;
  std::vector<HeldMessage> held_back_;
  std::array<raft::NodeSet, kNodesMax + 1> cut_{};
};

}  // namespace ringroad::scenarios
