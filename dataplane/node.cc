#include "dataplane/node.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <bit>

#include "absl/strings/str_format.h"
#include "dataplane/base/check.h"
#include "dataplane/kernels/crc32c.h"
#include "dataplane/node_impl.h"

namespace ringroad {
namespace {

// One lane a link for now; its number is what lanes will differ by.
constexpr std::uint8_t kOnlyLane = 0;

// From the dynamic range (RFC 6335), one a lane, so that receivers spread lanes over their queues.
std::uint16_t source_port(std::uint8_t lane) { return static_cast<std::uint16_t>(0xc000 + lane); }

StackConfig stack_config(const NodeConfig& config, const Port& port) {
  const PortConfig& port_config = config.ports.front();
  StackConfig stack;
  stack.mac = port.mac();
  stack.address = config.local_node.bind_address;
  stack.prefix_length = port_config.prefix_length;
  stack.gateway = port_config.gateway;
  stack.udp_port = config.local_node.bind_port;
  stack.mtu = port.capabilities().mtu;
  return stack;
}

}  // namespace

Node::Impl::Impl(const NodeConfig& node_config, Port& node_port, rte_mempool* mempool,
                 std::uint64_t seed, Nanos now)
    : config(node_config),
      port(node_port),
      pool(mempool),
      stack(stack_config(node_config, node_port)),
      burst_limit(static_cast<std::uint16_t>(
          std::clamp<std::uint32_t>(kBurstBytes / node_port.capabilities().mtu, 1, kBurst))) {
  pass_time = started = port_since = now;
  peer_index.fill(-1);
  dead_after = milliseconds(config.limits.dead_after_ms);
  Prng prng{seed};
  peers_.reserve(kNodesMax);
  peer_ids.reserve(kNodesMax);
  for (const PeerConfig& peer : config.cluster_nodes) {
    insert_peer(peer,
                std::make_unique<Link>(link_config(peer.node_id), static_cast<LinkSink&>(*this),
                                       prng.fork(), now),
                now);
  }
}

LinkConfig Node::Impl::link_config(NodeId peer) const {
  const LimitsConfig& limits = config.limits;
  LinkConfig link;
  link.self = config.local_node.node_id;
  link.peer = peer;
  link.frame_bytes_max = static_cast<std::uint32_t>(
      std::min(port.capabilities().mtu - Stack::kIpv4AndUdpBytes, kFrameBytesMax));
  link.message_bytes_max = limits.message_bytes_max;
  link.queue_messages_max = limits.queue_messages;
  link.window_messages = limits.window_messages;
  link.window_bytes = limits.window_bytes;
  link.held_frames_max = limits.held_frames;
  link.flight_frames_max = limits.flight_frames;
  link.dead_after = milliseconds(limits.dead_after_ms);
  return link;
}

// Within what was reserved: peers are at most kNodesMax.
void Node::Impl::insert_peer(const PeerConfig& peer, std::unique_ptr<Link> link, Nanos now) {
  const auto place =
      std::ranges::find_if(peers_, [&](const Peer& p) { return p.config.node_id > peer.node_id; });
  peers_.insert(place,
                {.config = peer,
                 .link = std::move(link),
                 .destination = stack.destination(peer.address, peer.port, source_port(kOnlyLane)),
                 .partial = {},
                 .since = now});
  index_peers();
}

void Node::Impl::index_peers() {
  peer_index.fill(-1);
  peer_ids.clear();
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    peer_index[peers_[i].config.node_id.value] = static_cast<std::int8_t>(i);
    peer_ids.push_back(peers_[i].config.node_id);
  }
}

Node::Impl::~Impl() {
  peers_.clear();  // links give their held frames back
  for (std::uint16_t i = 0; i < burst_count; ++i) rte_pktmbuf_free(burst[i]);
  for (std::uint16_t i = 0; i < spares; ++i) rte_pktmbuf_free(spare[i]);
}

// ---- sending ----

SendResult Node::Impl::send(const OutboundMessage& message) {
  if (message.to == self()) return send_local(message);
  Peer* peer = find_peer(message.to);
  if (peer == nullptr) return SendResult::kNoSuchNode;
  return peer->link->offer(message);
}

std::uint32_t Node::Impl::send_burst(std::span<const OutboundMessage> messages,
                                     SendResult& refusal) {
  std::uint32_t accepted = 0;
  while (accepted < messages.size()) {
    const auto rest = messages.subspan(accepted);
    const NodeId to = rest.front().to;
    Peer* peer = find_peer(to);
    if (peer == nullptr) {
      refusal = send(rest.front());
      if (refusal != SendResult::kAccepted) break;
      ++accepted;
      continue;
    }
    std::size_t count = 1;
    while (count < rest.size() && rest[count].to == to) ++count;
    const std::uint32_t taken = peer->link->offer_burst(rest.first(count), refusal);
    accepted += taken;
    if (taken < count) break;
  }
  return accepted;
}

// A message between endpoints of this node never leaves it: it is delivered here and now. A busy
// receiver refuses it, as a full queue would.
SendResult Node::Impl::send_local(const OutboundMessage& message) {
  if (message.priority.value >= kPriorities) return SendResult::kBadPriority;
  if (message.length > config.limits.message_bytes_max) return SendResult::kTooLarge;
  Partial& partial = local_partial[message.owner][message.priority.value];
  if (partial.token != message.token) partial = {.token = message.token};
  const std::span<const std::byte> payload{message.payload, message.length};
  const InboundMessage inbound{.from = self(),
                               .type = message.type,
                               .priority = message.priority,
                               .length = message.length,
                               .pieces = {&payload, 1}};
  const bool is_request = message.type == kRegistryRequest && service != nullptr;
  const DeliverResult result =
      is_request ? service->on_request(message.owner, inbound) : deliver(inbound, partial);
  if (result == DeliverResult::kBusy) return SendResult::kQueueFull;
  ++statistics.messages_local;
  on_outcome(message,
             result == DeliverResult::kDelivered ? Outcome::kDelivered : Outcome::kNoReceiver);
  return SendResult::kAccepted;
}

// Only what goes to one receiver. An endpoint sends no burst while an earlier message of that
// stream waits for some of its receivers, so no Partial speaks of any of these.
std::size_t Node::Impl::deliver_local(const InboundBurst& messages) {
  const std::uint64_t receivers = receivers_of(messages.type);
  if (!std::has_single_bit(receivers)) return 0;
  const std::size_t delivered = endpoints[std::countr_zero(receivers)]->on_messages(messages);
  statistics.messages_local += delivered;
  statistics.messages_delivered += delivered;
  return delivered;
}

bool Node::Impl::is_connected(NodeId id) const {
  if (id == self()) return true;
  const Peer* peer = find_peer(id);
  return peer != nullptr && peer->link->state() == LinkState::kUp;
}

Backpressure Node::Impl::backpressure(NodeId id, Priority priority) const {
  const Peer* peer = find_peer(id);
  return peer == nullptr ? Backpressure::kNone : peer->link->backpressure(priority);
}

// ---- what links hand over ----

DeliverResult Node::Impl::on_message(const InboundMessage& message) {
  Peer* peer = find_peer(message.from);
  RR_CHECK(peer != nullptr);
  return deliver(message, peer->partial[message.priority.value]);
}

// Only what goes to one receiver, with no message of this stream half taken. The system's messages
// are few: they go one by one.
std::size_t Node::Impl::on_messages(const InboundBurst& messages) {
  if (messages.priority.value == 0) return 0;
  const std::uint64_t receivers = receivers_of(messages.type);
  Peer* peer = find_peer(messages.from);
  RR_CHECK(peer != nullptr);
  if (!std::has_single_bit(receivers) || peer->partial[messages.priority.value].taken != 0)
    return 0;
  const std::size_t delivered = endpoints[std::countr_zero(receivers)]->on_messages(messages);
  statistics.messages_delivered += delivered;
  return delivered;
}

DeliverResult Node::Impl::deliver(const InboundMessage& message, Partial& partial) {
  if (message.priority.value == 0) {
    const bool is_consensus = message.type == kConsensusMessage;
    Endpoint* system = endpoints[is_consensus ? kConsensusIndex : kSystemIndex];
    return system == nullptr ? DeliverResult::kNoReceiver : system->on_message(message);
  }
  const std::uint64_t receivers = receivers_of(message.type);
  DeliverResult result = DeliverResult::kNoReceiver;
  if ((receivers & (receivers - 1)) != 0 || partial.taken != 0) {
    result = deliver_shared(message, partial, receivers);
  } else if (receivers != 0) {
    result = endpoints[__builtin_ctzll(receivers)]->on_message(message);
  }
  switch (result) {
    case DeliverResult::kDelivered:
      ++statistics.messages_delivered;
      break;
    case DeliverResult::kNoReceiver:
      ++statistics.messages_no_receiver;
      break;
    case DeliverResult::kBusy:
      ++statistics.deliveries_busy;
      break;
  }
  return result;
}

// Delivered when one of them took it; busy until each has taken it or refused it for good.
DeliverResult Node::Impl::deliver_shared(const InboundMessage& message, Partial& partial,
                                         std::uint64_t receivers) {
  for (std::uint64_t left = receivers & ~partial.taken; left != 0; left &= left - 1) {
    const int index = __builtin_ctzll(left);
    const DeliverResult result = endpoints[index]->on_message(message);
    if (result == DeliverResult::kBusy) continue;
    partial.taken |= std::uint64_t{1} << index;
    partial.delivered |= result == DeliverResult::kDelivered;
  }
  if ((receivers & ~partial.taken) != 0) return DeliverResult::kBusy;
  const bool delivered = partial.delivered;
  partial.taken = 0;
  partial.delivered = false;
  return delivered ? DeliverResult::kDelivered : DeliverResult::kNoReceiver;
}

void Node::Impl::on_outcome(const OutboundMessage& message, Outcome outcome) {
  Endpoint* owner = endpoints[message.owner];
  if (owner == nullptr) return;  // detached while the link was telling it
  owner->on_outcome(message.to, message.token, outcome);
}

void Node::Impl::on_outcomes(std::span<const OutboundMessage> messages, Outcome outcome) {
  while (!messages.empty()) {
    const std::uint16_t owner = messages.front().owner;
    std::size_t count = 1;
    while (count < messages.size() && messages[count].owner == owner) ++count;
    // None when it was detached while the link was telling it.
    if (Endpoint* endpoint = endpoints[owner])
      endpoint->on_outcomes(messages.first(count), outcome);
    messages = messages.subspan(count);
  }
}

void Node::Impl::release_frame(std::uintptr_t handle) {
  rte_pktmbuf_free(reinterpret_cast<rte_mbuf*>(handle));
}

void Node::Impl::on_link_state(NodeId id, LinkState state) {
  const std::uint64_t bit = std::uint64_t{1} << (id.value - 1);
  const std::uint64_t others = links_up.load(std::memory_order_relaxed) & ~bit;
  links_up.store(state == LinkState::kUp ? others | bit : others, std::memory_order_relaxed);
  Peer* peer = find_peer(id);
  if (peer == nullptr) return;
  peer->since = pass_time;
  // Whatever was half taken belonged to the session that is over.
  peer->partial.fill({});
}

std::uint32_t Node::Impl::crc32c(std::span<const std::byte> bytes) {
  return ringroad::crc32c(bytes);
}

// ---- the node ----

absl::StatusOr<std::unique_ptr<Node>> Node::create(const NodeConfig& config, Port& port,
                                                   rte_mempool* pool, std::uint64_t seed,
                                                   Nanos now) {
  const std::uint32_t mtu = port.capabilities().mtu;
  const std::uint32_t packet_bytes = mtu + 14 + 4;  // Ethernet and one VLAN tag
  const std::uint32_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
  if (room < packet_bytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("/ports/0/mtu: %u needs packet buffers of %u bytes, the pool's hold %u; "
                        "mend: a smaller MTU, "
                        "or a pool made for this one",
                        mtu, packet_bytes, room));
  }
  return std::unique_ptr<Node>(new Node(std::make_unique<Impl>(config, port, pool, seed, now)));
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

void Node::attach(std::uint16_t index, Endpoint& endpoint) {
  RR_CHECK(index < kApplicationsMax && impl_->endpoints[index] == nullptr);
  impl_->endpoints[index] = &endpoint;
  impl_->attached |= std::uint64_t{1} << index;
  endpoint.on_peers(impl_->peer_ids);  // they may have changed since it was made
}

void Node::detach(std::uint16_t index) {
  RR_CHECK(index < kApplicationsMax && impl_->endpoints[index] != nullptr);
  impl_->bindings.unbind_all(index);
  for (Impl::Peer& peer : impl_->peers_) {
    peer.link->forget_owner(index);
    for (Impl::Partial& partial : peer.partial) partial.taken &= ~(std::uint64_t{1} << index);
  }
  impl_->local_partial[index].fill({});
  for (auto& owner : impl_->local_partial) {
    for (Impl::Partial& partial : owner) partial.taken &= ~(std::uint64_t{1} << index);
  }
  impl_->endpoints[index] = nullptr;
  impl_->attached &= ~(std::uint64_t{1} << index);
  if (impl_->service != nullptr) impl_->service->on_detached(index);
}

void Node::attach_system(Endpoint& endpoint) {
  RR_CHECK(impl_->endpoints[kSystemIndex] == nullptr);
  impl_->endpoints[kSystemIndex] = &endpoint;
}

void Node::attach_consensus(Endpoint& endpoint, LocalService& service) {
  RR_CHECK(impl_->endpoints[kConsensusIndex] == nullptr);
  impl_->endpoints[kConsensusIndex] = &endpoint;
  impl_->service = &service;
}

DeliverResult Node::answer(std::uint16_t owner, const InboundMessage& message) {
  RR_CHECK(owner < kApplicationsMax);
  Endpoint* endpoint = impl_->endpoints[owner];
  return endpoint == nullptr ? DeliverResult::kNoReceiver : endpoint->on_message(message);
}

void Node::set_tap(PacketTap* tap) { impl_->tap = tap; }

void Node::set_dead_after(Nanos dead_after) {
  impl_->dead_after = dead_after;
  for (Impl::Peer& peer : impl_->peers_) peer.link->set_dead_after(dead_after);
}

// Reads only what no pass changes.
Node::PeerDraft Node::draft_peer(const PeerConfig& peer, std::uint64_t seed, Nanos now) const {
  return {peer, std::make_unique<Link>(impl_->link_config(peer.node_id),
                                       static_cast<LinkSink&>(*impl_), Prng{seed}, now)};
}

bool Node::add_peer(PeerDraft draft) {
  const NodeId id = draft.config.node_id;
  if (id == impl_->self() || impl_->find_peer(id) != nullptr) return false;
  draft.link->set_dead_after(impl_->dead_after);
  impl_->insert_peer(draft.config, std::move(draft.link), impl_->pass_time);
  impl_->for_each_endpoint([this](Endpoint& endpoint) { endpoint.on_peers(impl_->peer_ids); });
  return true;
}

std::unique_ptr<Link> Node::remove_peer(NodeId id) {
  Impl::Peer* peer = impl_->find_peer(id);
  if (peer == nullptr) return nullptr;
  std::unique_ptr<Link> link = std::move(peer->link);
  impl_->peers_.erase(impl_->peers_.begin() + impl_->peer_index[id.value]);
  impl_->index_peers();
  impl_->first_peer = 0;
  impl_->for_each_endpoint([this](Endpoint& endpoint) { endpoint.on_peers(impl_->peer_ids); });
  return link;
}

BindResult Node::bind(std::uint16_t index, MessageType type, BindMode mode) {
  return impl_->bindings.bind(index, type, mode);
}

bool Node::unbind(std::uint16_t index, MessageType type, BindMode mode) {
  return impl_->bindings.unbind(index, type, mode);
}

Sender& Node::sender() { return *impl_; }
const NodeConfig& Node::config() const { return impl_->config; }
Link* Node::link(NodeId peer) {
  Impl::Peer* found = impl_->find_peer(peer);
  return found == nullptr ? nullptr : found->link.get();
}
const Link* Node::link(NodeId peer) const { return const_cast<Node*>(this)->link(peer); }
const NodeStatistics& Node::statistics() const { return impl_->statistics; }
void Node::report(NodeReport& out) const {
  out.time = impl_->pass_time;
  out.started = impl_->started;
  out.node = impl_->statistics;
  out.stack = impl_->stack.statistics();
  out.port = impl_->port.statistics();
  out.consensus = {};
  if (impl_->service != nullptr) impl_->service->report(out.consensus);
  out.port_up = impl_->port_up.load(std::memory_order_relaxed);
  out.port_since = impl_->port_since;
  out.buffers = impl_->pool->size;
  out.buffers_free = rte_mempool_avail_count(impl_->pool);
  out.dead_after = impl_->dead_after;
  out.link_count = impl_->peers_.size();
  for (std::size_t i = 0; i < out.link_count; ++i) {
    const Impl::Peer& peer = impl_->peers_[i];
    const Link& link = *peer.link;
    NodeReport::LinkRow& row = out.links[i];
    row.peer = peer.config.node_id;
    row.address = peer.config.address;
    row.port = peer.config.port;
    row.state = link.state();
    row.since = peer.since;
    row.has_stalled = link.has_stalled();
    row.frame_bytes_max = link.frame_bytes_max();
    row.peer_frame_bytes_max = link.peer_frame_bytes_max();
    for (std::uint8_t p = 0; p < kPriorities; ++p) {
      row.unresolved[p] = link.unresolved(Priority{p});
      row.backpressure[p] = link.backpressure(Priority{p});
    }
    row.statistics = link.statistics();
  }
}
bool Node::is_port_up() const { return impl_->port_up.load(std::memory_order_relaxed); }
std::uint64_t Node::links_up() const { return impl_->links_up.load(std::memory_order_relaxed); }
Port& Node::port() { return impl_->port; }

}  // namespace ringroad
