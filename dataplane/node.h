// A node: its links, its port, the bindings of message types to endpoints, and the loop that moves
// messages between them. An object, not a set of globals: one process may hold several.
//
// Owned by one io lcore, which calls poll(); attach, bind and detach are called by that lcore too
// (the slow path sends it commands). Nothing is allocated after create().
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/bindings.h"
#include "dataplane/config.h"
#include "dataplane/core/endpoint.h"
#include "dataplane/core/link.h"
#include "dataplane/net/stack.h"
#include "drivers/port.h"

struct rte_mempool;

namespace ringroad {

// Packets and messages that ended here, by reason. Packets refused below the frame are counted by
// StackStatistics.
struct NodeStatistics {
  std::uint64_t polls = 0, busy_polls = 0;
  std::uint64_t packets_received = 0, packets_sent = 0, packets_requeued = 0;
  std::uint64_t packets_not_ours = 0;   // other MAC, address or port
  std::uint64_t packets_malformed = 0;  // Ethernet, ARP, IPv4 or UDP headers
  std::uint64_t frame_errors[static_cast<std::size_t>(FrameError::kCount)] = {};
  std::uint64_t next_hop_unresolved = 0;  // a link waited for the next hop's MAC
  std::uint64_t no_buffer = 0;            // the mempool was empty
  std::uint64_t messages_delivered = 0, messages_no_receiver = 0, deliveries_busy = 0;
  std::uint64_t messages_local = 0;  // between endpoints of this node
};

class Node final {
 public:
  // `port` and `pool` outlive the node. The pool's buffers hold at least the port's MTU plus 64.
  static absl::StatusOr<std::unique_ptr<Node>> create(const NodeConfig& config, Port& port,
                                                      rte_mempool* pool, std::uint64_t seed,
                                                      Nanos now);
  ~Node();

  // One pass: receive, endpoints, timers, transmit. Returns the work done; 0 means idle.
  std::uint32_t poll(Nanos now);

  // Endpoints live until detach() returned, and `index` (below kApplicationsMax) names them.
  void attach(std::uint16_t index, Endpoint& endpoint);
  // Ends its messages, removes its bindings; its memory may go afterwards.
  void detach(std::uint16_t index);
  BindResult bind(std::uint16_t index, MessageType type, BindMode mode);
  bool unbind(std::uint16_t index, MessageType type, BindMode mode);

  // For sleeping: asks port and endpoints to ring. False when one has work already.
  bool arm();
  void disarm();
  Nanos next_deadline() const;

  Sender& sender();
  const NodeConfig& config() const;
  const Link* link(NodeId peer) const;
  Link* link(NodeId peer);
  const NodeStatistics& statistics() const;
  const StackStatistics& stack_statistics() const;
  Port& port();

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringroad
