// Everything a node counts, at one instant, and the same in words. Filled by the io lcore on
// request (Node::report), read anywhere.
#pragma once

#include <array>
#include <string>
#include <type_traits>

#include "dataplane/base/limits.h"
#include "dataplane/config.h"
#include "dataplane/core/consensus_counts.h"
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

// How an io loop spent its time. busy_ns and sleep_ns, and what is left to spinning without work,
// make up the time it has run.
struct LoopReport {
  std::uint64_t passes = 0, busy_passes = 0, sleeps = 0;
  std::uint64_t busy_ns = 0, sleep_ns = 0, run_ns = 0;
};

// What the control process told the node to do, and what it was told. Each command taken is
// answered once, but for those of a control process that has gone, and those under way.
struct ControlStatistics {
  std::uint64_t commands = 0, answers = 0;
  std::uint64_t unanswered = 0;        // whoever asked had gone
  std::uint64_t messages_refused = 0;  // of other nodes' control processes: no room for them
};

struct NodeReport {
  struct LinkRow {
    NodeId peer;
    Ipv4Address address;
    std::uint16_t port = 0;
    LinkState state = LinkState::kConnecting;
    bool has_stalled = false;  // messages wait here for a program that does not read
    Nanos since;               // of `state`
    // Of this session, and what the peer takes; 0 while it is not up.
    std::uint32_t frame_bytes_max = 0, peer_frame_bytes_max = 0;
    std::array<std::uint32_t, kPriorities> unresolved;   // messages queued or in flight
    std::array<Backpressure, kPriorities> backpressure;  // why a queue does not move
    LinkStatistics statistics;
  };
  Nanos time;     // of this report
  Nanos started;  // of the node
  LoopReport loop;
  NodeStatistics node;
  StackStatistics stack;
  PortStatistics port;
  ControlStatistics control;
  ConsensusCounts consensus;
  bool port_up = false;
  Nanos port_since;                             // of port_up
  std::uint32_t buffers = 0, buffers_free = 0;  // of the packet pool
  // As they are now: control may have changed them since the start.
  Nanos dead_after;
  IdlePolicy idle = IdlePolicy::kAdaptive;
  std::uint64_t link_count = 0;
  std::array<LinkRow, kNodesMax> links;  // the first link_count count
};
static_assert(std::is_trivially_copyable_v<NodeReport>);

const char* link_state_name(LinkState state);  // "up"

// A line a counter that is not zero, grouped; what was dropped comes with its reason.
std::string describe(const NodeReport& report);

}  // namespace ringroad
