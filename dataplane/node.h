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
#include "dataplane/core/local_service.h"
#include "dataplane/node_report.h"
#include "drivers/port.h"

struct rte_mempool;

namespace ringroad {

// Sees every packet of a node's port, both ways, while it is set.
class PacketTap {
 public:
  virtual void on_packet(bool is_outgoing, std::span<const std::byte> bytes, Nanos now) = 0;

 protected:
  ~PacketTap() = default;
};

class Node final {
 public:
  // A peer to be added while the node runs, with all it needs allocated.
  struct PeerDraft {
    PeerConfig config;
    std::unique_ptr<Link> link;
  };

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

  // The system's own endpoint: it has index kSystemIndex as an owner, is handed every message at
  // priority 0, whatever its type, and lives as long as the node.
  static constexpr std::uint16_t kSystemIndex = kApplicationsMax;
  void attach_system(Endpoint& endpoint);
  // Consensus, likewise, and alone with its own type of message at priority 0: kConsensusMessage.
  // `service` is asked by programs of this node (local_service.h).
  static constexpr std::uint16_t kConsensusIndex = kApplicationsMax + 1;
  static constexpr MessageType kConsensusMessage{3};  // 1 and 2 are echoes (control_protocol.h)
  void attach_consensus(Endpoint& endpoint, LocalService& service);
  // What the service answers a program. kNoReceiver: it is gone.
  DeliverResult answer(std::uint16_t owner, const InboundMessage& message);

  // Null: no tap.
  void set_tap(PacketTap* tap);
  // Of all links, and of those to come.
  void set_dead_after(Nanos dead_after);

  // From any one thread: allocates what add_peer() needs.
  PeerDraft draft_peer(const PeerConfig& peer, std::uint64_t seed, Nanos now) const;
  // False when there is such a peer. Endpoints are told.
  [[nodiscard]] bool add_peer(PeerDraft draft);
  // Takes a peer out: its link, null when there is no such peer, is the caller's to destroy, on
  // another thread. close() it first, and let a pass go by, so that the peer hears of it.
  std::unique_ptr<Link> remove_peer(NodeId peer);

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
