// One pass of a node's loop. poll() is its table of contents; the order matters: what was received
// frees credit and memory for what the endpoints want to send, and acknowledgements ride with it.
// The time is read once a pass, by the caller.
//
// Nothing here allocates (mbufs come from the pool), locks, logs or calls the system, ringing a
// sleeping application's bell aside.
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"
#include "dataplane/node_impl.h"

namespace ringroad {
namespace {

constexpr Nanos kRefusedRetry = microseconds(20);

std::span<const std::byte> bytes_of(const rte_mbuf* packet) {
  return {rte_pktmbuf_mtod(packet, const std::byte*), rte_pktmbuf_data_len(packet)};
}

std::span<std::byte> room_of(rte_mbuf* packet) {
  return {rte_pktmbuf_mtod(packet, std::byte*), rte_pktmbuf_tailroom(packet)};
}

void set_length(rte_mbuf* packet, std::size_t bytes) {
  packet->data_len = static_cast<std::uint16_t>(bytes);
  packet->pkt_len = static_cast<std::uint32_t>(bytes);
}

}  // namespace

std::uint32_t Node::poll(Nanos now) {
  impl_->pass_time = now;
  std::uint32_t work = impl_->service_port(now);
  work += impl_->retry_refused();
  work += impl_->receive(now);
  work += impl_->poll_endpoints(now);
  impl_->run_timers(now);
  work += impl_->transmit(now);
  impl_->publish();
  ++impl_->statistics.polls;
  if (work != 0) ++impl_->statistics.busy_polls;
  return work;
}

// The neighbours are told our MAC whenever they may not know it any more.
std::uint32_t Node::Impl::service_port(Nanos now) {
  const std::uint32_t work = port.service(now);
  // A peer that dies is noticed wherever the port looks at it, also while it receives.
  const bool up = port.is_link_up();
  if (up != port_up.load(std::memory_order_relaxed)) {
    if (up) stack.announce();
    port_since = now;
    port_up.store(up, std::memory_order_relaxed);
  }
  return work;
}

// ---- in ----

std::uint32_t Node::Impl::receive(Nanos now) {
  std::array<rte_mbuf*, kBurst> packets;
  const std::uint16_t count = port.receive_burst(std::span{packets}.first(burst_limit));
  statistics.packets_received += count;
  for (std::uint16_t i = 0; i < count; ++i) {
    // The next packet's headers arrive while this one is worked on.
    if (i + 1 < count) rte_prefetch0(rte_pktmbuf_mtod(packets[i + 1], void*));
    if (tap != nullptr) [[unlikely]]
      tap->on_packet(false, bytes_of(packets[i]), now);
    const Inbound inbound = stack.on_packet(bytes_of(packets[i]), now);
    if (inbound.kind == Inbound::Kind::kFrame) {
      on_frame(packets[i], inbound, now);
    } else {
      rte_pktmbuf_free(packets[i]);
    }
  }
  return count;
}

// Finds the link a frame belongs to by its header; the link believes nothing of it until it has
// checked the whole frame.
void Node::Impl::on_frame(rte_mbuf* packet, const Inbound& inbound, Nanos now) {
  FrameError error = FrameError::kNone;
  FrameDisposition disposition = FrameDisposition::kDone;
  const std::span<const std::byte> bytes = inbound.payload;
  if (bytes.size() < kFrameBytesMin) {
    error = FrameError::kTruncated;
  } else {
    const std::byte* header = bytes.data();
    const NodeId source{load_le<std::uint16_t>(header + offsetof(FrameHeader, source_node))};
    const NodeId destination{
        load_le<std::uint16_t>(header + offsetof(FrameHeader, destination_node))};
    Peer* peer = find_peer(source);
    if (destination != self()) {
      error = FrameError::kDestination;
    } else if (peer == nullptr || peer->config.address != inbound.source) {
      error = FrameError::kSource;
    } else {
      disposition = peer->link->on_frame(
          {.bytes = bytes, .handle = reinterpret_cast<std::uintptr_t>(packet)}, now, error);
    }
  }
  ++statistics.frame_errors[static_cast<std::size_t>(error)];
  if (disposition == FrameDisposition::kDone) rte_pktmbuf_free(packet);
}

// ---- endpoints and timers ----

std::uint32_t Node::Impl::poll_endpoints(Nanos now) {
  std::uint32_t work = 0;
  for_each_endpoint([&](Endpoint& endpoint) { work += endpoint.poll(now, *this); });
  for (Peer& peer : peers_) {
    if (peer.link->has_stalled()) work += peer.link->redeliver(now);
  }
  return work;
}

void Node::Impl::run_timers(Nanos now) {
  for (Peer& peer : peers_) {
    if (now >= peer.link->next_deadline()) peer.link->on_time(now);
  }
  if (now >= stack.next_deadline()) stack.on_time(now);
}

// ---- out ----

// What the port refused goes first, or order among a link's frames would suffer.
std::uint32_t Node::Impl::retry_refused() {
  if (burst_count == 0) return 0;
  const std::uint16_t before = burst_count;
  flush();
  return before - burst_count;
}

std::uint32_t Node::Impl::transmit(Nanos now) {
  claim_full = false;
  if (port_full) return 0;
  const std::uint64_t before = statistics.packets_sent;
  if (stack.has_packet()) fill_from_stack(now);
  for (std::size_t i = 0; i < peers_.size() && !port_full && !claim_full; ++i) {
    std::size_t index = first_peer + i;
    if (index >= peers_.size()) index -= peers_.size();
    if (peers_[index].link->has_work()) fill_from(peers_[index], now);
  }
  if (++first_peer >= peers_.size()) first_peer = 0;
  flush();
  if (statistics.packets_sent != before) port.publish();
  return static_cast<std::uint32_t>(statistics.packets_sent - before);
}

void Node::Impl::fill_from(Peer& peer, Nanos now) {
  const Route route = stack.route(peer.destination, now);
  if (route != Route::kReady) {
    ++statistics.next_hop_unresolved;
    return;
  }
  if (fill_in_place(peer, now)) return;
  // Then the others get their turn.
  for (std::uint16_t i = 0; i < burst_limit; ++i) {
    rte_mbuf* packet = take_buffer();
    if (packet == nullptr) return;
    const std::span<std::byte> room = room_of(packet);
    const std::size_t bytes = peer.link->poll_frame(now, room.subspan(Stack::kHeadroomBytes));
    if (bytes == 0) {
      spare[spares++] = packet;
      return;
    }
    stack.encapsulate(peer.destination, room.data(), bytes);
    set_length(packet, Stack::kHeadroomBytes + bytes);
    if (tap != nullptr) [[unlikely]]
      tap->on_packet(true, bytes_of(packet), now);
    burst[burst_count++] = packet;
    if (burst_count >= burst_limit) {
      flush();
      if (port_full) return;
    }
  }
}

// False when the port has packets copied instead.
bool Node::Impl::fill_in_place(Peer& peer, Nanos now) {
  for (std::uint16_t i = 0; i < burst_limit; ++i) {
    std::span<std::byte> room;
    switch (port.claim(room)) {
      case Port::Claim::kReady:
        break;
      case Port::Claim::kFull:
        claim_full = true;
        return true;
      case Port::Claim::kNotHere:
        return false;
    }
    const std::size_t bytes = peer.link->poll_frame(now, room.subspan(Stack::kHeadroomBytes));
    if (bytes == 0) return true;
    stack.encapsulate(peer.destination, room.data(), bytes);
    if (tap != nullptr) [[unlikely]]
      tap->on_packet(true, room.first(Stack::kHeadroomBytes + bytes), now);
    port.commit(static_cast<std::uint32_t>(Stack::kHeadroomBytes + bytes));
    ++statistics.packets_sent;
  }
  return true;
}

void Node::Impl::fill_from_stack(Nanos now) {
  while (stack.has_packet()) {
    rte_mbuf* packet = take_buffer();
    if (packet == nullptr) return;
    const std::size_t bytes = stack.poll_packet(now, room_of(packet));
    if (bytes == 0) {
      spare[spares++] = packet;
      return;
    }
    set_length(packet, bytes);
    if (tap != nullptr) [[unlikely]]
      tap->on_packet(true, bytes_of(packet), now);
    burst[burst_count++] = packet;
    if (burst_count >= burst_limit) {
      flush();
      if (port_full) return;
    }
  }
}

rte_mbuf* Node::Impl::take_buffer() {
  if (spares == 0) {
    // A burst at a time: the buffers just freed, still warm, come back first.
    if (rte_pktmbuf_alloc_bulk(pool, spare.data(), burst_limit) != 0) {
      ++statistics.no_buffer;
      return nullptr;
    }
    spares = burst_limit;
  }
  return spare[--spares];
}

// Hands the burst to the port and keeps, in order, what it refused.
void Node::Impl::flush() {
  if (burst_count == 0) return;
  const std::uint16_t sent = port.transmit_burst({burst.data(), burst_count});
  RR_CHECK(sent <= burst_count);
  statistics.packets_sent += sent;
  statistics.packets_requeued += burst_count - sent;
  std::move(burst.begin() + sent, burst.begin() + burst_count, burst.begin());
  burst_count = static_cast<std::uint16_t>(burst_count - sent);
  port_full = burst_count != 0;
}

void Node::Impl::publish() {
  for_each_endpoint([](Endpoint& endpoint) { endpoint.publish(); });
}

// ---- the end ----

// Says goodbye on every link; what is in flight ends as unknown. A few passes, so that the goodbyes
// leave: there is nobody left to send them again.
void Node::close(Nanos now) {
  impl_->close_links(now);
  for (int pass = 0; pass < 3; ++pass) {
    impl_->retry_refused();
    impl_->transmit(now);
  }
  impl_->publish();
}

void Node::Impl::close_links(Nanos now) {
  for (Peer& peer : peers_) peer.link->close(now);
}

// ---- sleeping ----

bool Node::arm() {
  bool idle = impl_->port.arm();
  impl_->for_each_endpoint([&](Endpoint& endpoint) { idle = endpoint.arm() && idle; });
  return idle;
}

void Node::disarm() {
  impl_->port.disarm();
  impl_->for_each_endpoint([](Endpoint& endpoint) { endpoint.disarm(); });
}

Nanos Node::next_deadline() const {
  Nanos deadline = impl_->stack.next_deadline();
  // Room in the port's ring rings no bell: look again soon.
  if ((impl_->burst_count != 0 || impl_->claim_full) && impl_->port.is_link_up()) {
    deadline = std::min(deadline, impl_->pass_time + kRefusedRetry);
  }
  for (const Impl::Peer& peer : impl_->peers_) {
    deadline = std::min(deadline, peer.link->next_deadline());
  }
  impl_->for_each_endpoint(
      [&](const Endpoint& endpoint) { deadline = std::min(deadline, endpoint.next_deadline()); });
  return deadline;
}

}  // namespace ringroad
