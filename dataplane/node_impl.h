// The inside of a node, shared by node.cc (who is attached, who may send) and node_loop.cc (what
// one pass of the loop does). Included by nothing else.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/bindings.h"
#include "dataplane/core/link.h"
#include "dataplane/net/stack.h"
#include "dataplane/node.h"

struct rte_mbuf;
struct rte_mempool;

namespace ringroad {

struct Node::Impl final : Sender, LinkSink {
  Impl(const NodeConfig& node_config, Port& node_port, rte_mempool* mempool, std::uint64_t seed,
       Nanos now);
  ~Impl();

  // One pass, in this order; see poll().
  std::uint32_t service_port(Nanos now);
  std::uint32_t retry_refused();
  std::uint32_t receive(Nanos now);
  std::uint32_t poll_endpoints(Nanos now);
  void run_timers(Nanos now);
  std::uint32_t transmit(Nanos now);
  void publish();
  void close_links(Nanos now);

  // Sender
  SendResult send(const OutboundMessage& message) override;
  std::uint32_t send_burst(std::span<const OutboundMessage> messages, SendResult& refusal) override;
  std::size_t deliver_local(const InboundBurst& messages) override;
  NodeId self() const override { return config.local_node.node_id; }
  std::span<const NodeId> peers() const override { return peer_ids; }
  bool is_connected(NodeId peer) const override;
  Backpressure backpressure(NodeId peer, Priority priority) const override;

  // LinkSink
  DeliverResult on_message(const InboundMessage& message) override;
  std::size_t on_messages(const InboundBurst& messages) override;
  void on_outcome(const OutboundMessage& message, Outcome outcome) override;
  void on_outcomes(std::span<const OutboundMessage> messages, Outcome outcome) override;
  void release_frame(std::uintptr_t handle) override;
  void on_link_state(NodeId peer, LinkState state) override;
  std::uint32_t crc32c(std::span<const std::byte> bytes) override;

  // Who of several shared receivers has taken, or refused for good, the message at the head of a
  // stream. A stream offers the same message again until all have, so one mask a stream is enough.
  // Streams are (peer, priority), and within the node (owner, priority).
  struct Partial {
    std::uint64_t taken = 0;
    bool delivered = false;   // to one of them at least
    std::uint64_t token = 0;  // local streams: whose message the mask speaks of
  };

  struct Peer {
    PeerConfig config;
    std::unique_ptr<Link> link;
    Stack::Destination destination;
    std::array<Partial, kPriorities> partial;
    Nanos since;  // of the link's state
  };

  // The system's and consensus' come last.
  static constexpr std::size_t kEndpointsMax = kApplicationsMax + 2;

  void insert_peer(const PeerConfig& peer, std::unique_ptr<Link> link, Nanos now);
  void index_peers();
  LinkConfig link_config(NodeId peer) const;
  template <typename Visit>
  void for_each_endpoint(Visit&& visit) {
    for (std::uint64_t left = attached; left != 0; left &= left - 1) {
      visit(*endpoints[static_cast<std::size_t>(__builtin_ctzll(left))]);
    }
    if (Endpoint* system = endpoints[kSystemIndex]) visit(*system);
    if (Endpoint* consensus = endpoints[kConsensusIndex]) visit(*consensus);
  }
  // The endpoints a message of that type goes to, a bit each.
  std::uint64_t receivers_of(MessageType type) const {
    return is_service_type(type) ? 0 : bindings.find(type);
  }
  SendResult send_local(const OutboundMessage& message);
  DeliverResult deliver(const InboundMessage& message, Partial& partial);
  DeliverResult deliver_shared(const InboundMessage& message, Partial& partial,
                               std::uint64_t receivers);
  void on_frame(rte_mbuf* packet, const Inbound& inbound, Nanos now);
  Peer* find_peer(NodeId id) {
    return id.value <= kNodesMax && peer_index[id.value] >= 0 ? &peers_[peer_index[id.value]]
                                                              : nullptr;
  }
  const Peer* find_peer(NodeId id) const { return const_cast<Impl*>(this)->find_peer(id); }
  // Frames of one link, until it has no more to send or has had its share of the pass: in the
  // port's own memory where it lets us, else in `burst`.
  void fill_from(Peer& peer, Nanos now);
  bool fill_in_place(Peer& peer, Nanos now);
  void fill_from_stack(Nanos now);
  rte_mbuf* take_buffer();
  void flush();

  static constexpr std::uint16_t kBurst = 32;
  // A pass takes in, and hands out a link, about this much: enough to spread its fixed cost, little
  // enough that both ends of a link work at the same time instead of in turns, and that its buffers
  // are the ones still in the cache.
  static constexpr std::uint32_t kBurstBytes = 48 * 1024;

  Nanos pass_time;  // of the pass under way
  Nanos started, port_since;
  NodeConfig config;
  Port& port;
  rte_mempool* pool;
  Stack stack;
  Bindings bindings;
  NodeStatistics statistics;

  std::vector<Peer> peers_;
  std::vector<NodeId> peer_ids;
  std::array<std::int8_t, kNodesMax + 1> peer_index;
  std::array<std::array<Partial, kPriorities>, kEndpointsMax> local_partial;
  std::size_t first_peer = 0;  // round robin over links

  std::array<Endpoint*, kEndpointsMax> endpoints{};
  std::uint64_t attached = 0;  // a bit an application
  LocalService* service = nullptr;
  PacketTap* tap = nullptr;
  Nanos dead_after;

  // Buffers taken from the pool for frames to come: a stack, so that the warmest goes out first.
  std::array<rte_mbuf*, kBurst> spare{};
  std::uint16_t spares = 0;
  // Packets built in this pass, or refused by the port in an earlier one.
  std::array<rte_mbuf*, kBurst> burst{};
  std::uint16_t burst_count = 0;
  const std::uint16_t burst_limit;  // packets, for kBurstBytes; at most kBurst
  bool port_full = false;
  bool claim_full = false;  // the port had no room to build in, this pass
  // For other threads to read.
  std::atomic<bool> port_up{false};
  std::atomic<std::uint64_t> links_up{0};
};

}  // namespace ringroad
