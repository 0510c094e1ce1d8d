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
#include "dataplane/node_report.h"
#include "drivers/port.h"

struct rte_mempool;

namespace ringroad {

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

  // Before the node is destroyed: tells its peers, and its endpoints what became of their messages.
  void close(Nanos now);

  Sender& sender();
  const NodeConfig& config() const;
  const Link* link(NodeId peer) const;
  Link* link(NodeId peer);
  const NodeStatistics& statistics() const;
  void report(NodeReport& out) const;
  // From any thread: whether the port has a link, and which links are up (bit n: node n + 1).
  bool is_port_up() const;
  std::uint64_t links_up() const;
  Port& port();

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringroad
