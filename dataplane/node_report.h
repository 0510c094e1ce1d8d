// Everything a node counts, at one instant, and the same in words. Filled by the io lcore on
// request (Node::report), read anywhere.
#pragma once

#include <array>
#include <string>

#include "dataplane/base/limits.h"
#include "dataplane/core/link.h"
#include "dataplane/net/stack.h"
#include "drivers/port.h"

namespace ringroad {

// Packets and messages that ended in the node itself, by reason. Packets refused below the frame
// are counted by StackStatistics.
struct NodeStatistics {
  std::uint64_t polls = 0, busy_polls = 0;
  std::uint64_t packets_received = 0, packets_sent = 0, packets_requeued = 0;
  std::uint64_t frame_errors[static_cast<std::size_t>(FrameError::kCount)] = {};
  std::uint64_t next_hop_unresolved = 0;  // a link waited for the next hop's MAC
  std::uint64_t no_buffer = 0;            // the mempool was empty
  std::uint64_t messages_delivered = 0, messages_no_receiver = 0, deliveries_busy = 0;
  std::uint64_t messages_local = 0;  // between endpoints of this node
};

struct NodeReport {
  struct LinkRow {
    NodeId peer;
    LinkState state = LinkState::kConnecting;
    LinkStatistics statistics;
  };
  NodeStatistics node;
  StackStatistics stack;
  PortStatistics port;
  bool port_up = false;
  std::size_t link_count = 0;
  std::array<LinkRow, kNodesMax> links;
};

// A line a counter that is not zero, grouped; what was dropped comes with its reason.
std::string describe(const NodeReport& report);

}  // namespace ringroad
