// What an application sees of the io lcore: states of its peers, which may come and go, indices,
// bells, the verdict; and what anybody may read of it. The other half, taking and delivering, is
// application.cc.
#include <sys/eventfd.h>

#include <algorithm>

#include "dataplane/host/application.h"
#include "dataplane/host/socket.h"

namespace ringroad::host {

void Application::refresh_state(NodeId node, std::uint8_t priority, const Sender& sender) {
  const bool is_self = node == config_.self;
  if (!is_self && (known_peers_ >> (node.value - 1) & 1) == 0) return;  // it left
  std::uint8_t state = kPeerKnown;
  if (is_self || sender.is_connected(node)) state |= kPeerConnected;
  const std::size_t at = lane_index(node.value, priority);
  if (lanes_[at].first != kNoUnit) {
    const auto reason =
        is_self ? Backpressure::kNone : sender.backpressure(node, Priority{priority});
    state |= kPeerBlocked;
    state = static_cast<std::uint8_t>(state | static_cast<unsigned>(reason) << kPeerReasonShift);
  }
  const std::uint8_t before = shown_states_[at];
  if (before == state) return;
  shown_states_[at] = state;
  control().peers[node.value][priority].store(state, std::memory_order_relaxed);
  // A reason alone is for texts, and nobody waits for it.
  if (((before ^ state) & (kPeerConnected | kPeerBlocked)) != 0) state_changed_ = true;
}

bool Application::is_shown_right(NodeId node, const Sender& sender) const {
  const std::uint8_t shown = shown_states_[lane_index(node.value, 1)];
  const bool connected = node == config_.self || sender.is_connected(node);
  return (shown & kPeerKnown) != 0 && ((shown & kPeerConnected) != 0) == connected;
}

// One peer a pass: links come and go slowly, and blocked lanes are refreshed as they are retried.
void Application::refresh_next_peer(const Sender& sender) {
  const NodeId node = next_peer_ == config_.peers.size() ? config_.self : config_.peers[next_peer_];
  next_peer_ = next_peer_ == config_.peers.size() ? 0 : next_peer_ + 1;
  if (is_shown_right(node, sender)) return;
  for (std::uint8_t priority = 0; priority < kPriorities; ++priority) {
    refresh_state(node, priority, sender);
  }
}

// A peer that left is not connected any more; what was on its way to it has been told already.
void Application::on_peers(std::span<const NodeId> peers) {
  config_.peers.assign(peers.begin(), peers.end());
  next_peer_ = 0;
  show_peers();
  state_changed_ = true;
}

void Application::show_peers() {
  known_peers_ = 0;
  for (const NodeId peer : config_.peers) known_peers_ |= std::uint64_t{1} << (peer.value - 1);
  control().dataplane.peers.store(known_peers_, std::memory_order_release);
  for (std::uint16_t node = 1; node <= kNodesMax; ++node) {
    if ((known_peers_ >> (node - 1) & 1) != 0 || node == config_.self.value) continue;
    for (std::uint8_t priority = 0; priority < kPriorities; ++priority) {
      shown_states_[lane_index(node, priority)] = 0;
      control().peers[node][priority].store(0, std::memory_order_relaxed);
    }
  }
}

void Application::publish() {
  const std::uint32_t head_before = shown_transmit_head_;
  const bool has_taken = transmit_head_ != head_before;
  const bool has_news =
      completion_tail_ != shown_completion_tail_ || receive_tail_ != shown_receive_tail_;
  if (!has_taken && !has_news && !state_changed_) return;
  DataplaneIndices& shown = control().dataplane;
  if (has_taken) shown.transmit_head.store(transmit_head_, std::memory_order_release);
  if (completion_tail_ != shown_completion_tail_) {
    shown.completion_tail.store(completion_tail_, std::memory_order_release);
  }
  if (receive_tail_ != shown_receive_tail_) {
    shown.receive_tail.store(receive_tail_, std::memory_order_release);
  }
  shown_transmit_head_ = transmit_head_;
  shown_completion_tail_ = completion_tail_;
  shown_receive_tail_ = receive_tail_;
  // Pairs with the application's fences: between filling its ring and looking at the head once
  // more, and between setting its flag and looking at everything again.
  full_fence();
  const bool was_full =
      has_taken &&
      control().application.transmit_tail.load(std::memory_order_relaxed) - head_before >=
          kTransmitRing;
  const bool is_changed = state_changed_ || was_full;
  state_changed_ = false;
  if (is_changed) {
    shown.changes.store(++changes_, std::memory_order_release);
    full_fence();
  }
  // Nobody waits for descriptors taken from a ring that had room.
  if (has_news || is_changed) wake();
}

void Application::wake() {
  std::atomic<std::uint32_t>& asleep = control().application_asleep.value;
  if (asleep.load(std::memory_order_relaxed) == 0) return;
  asleep.store(0, std::memory_order_relaxed);
  add(counters_.bells);
  ring_bell(config_.bell);
}

// What cannot be taken is no work until there is room, and returns are none unless they are waited
// for: the application rings for exactly what the flag says. A link that changed and is not shown
// yet is work: who waits for it would sleep as long as the lcore.
bool Application::arm() {
  if (deaf_) return true;
  if (config_.never_rings) return false;
  std::uint32_t wanted = kWakeForSends;
  if (stalled_) wanted |= kWakeForReturns;
  if (stuck_) wanted |= kWakeForCompletions;
  control().dataplane_asleep.value.store(wanted, std::memory_order_relaxed);
  full_fence();
  const ApplicationIndices& written = control().application;
  const bool can_take =
      written.transmit_tail.load(std::memory_order_relaxed) != transmit_head_ &&
      (!stuck_ || written.completion_head.load(std::memory_order_relaxed) != completion_head_);
  const bool can_deliver =
      stalled_ && written.return_tail.load(std::memory_order_relaxed) != return_head_;
  return !can_take && !can_deliver && is_all_shown_right();
}

bool Application::is_all_shown_right() const {
  return sender_ == nullptr || std::ranges::all_of(config_.peers, [this](NodeId peer) {
           return is_shown_right(peer, *sender_);
         });
}

void Application::disarm() { control().dataplane_asleep.value.store(0, std::memory_order_relaxed); }

void Application::violation(std::uint32_t weight) {
  add(counters_.violations);
  violations_ += weight;
  if (violations_ < kViolationsMax || deaf_) return;
  deaf_ = true;
  tell_verdict(Verdict::kGarbage);
  broken_.store(true, std::memory_order_release);
  // An eventfd of ours alone: one write cannot block.
  ::eventfd_write(config_.notice, 1);
}

ChannelCounts Application::counts() const {
  const auto read = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  ChannelCounts counts{.messages_taken = read(counters_.messages_taken),
                       .bytes_taken = read(counters_.bytes_taken),
                       .messages_refused = read(counters_.messages_refused),
                       .messages_waited = read(counters_.messages_waited),
                       .messages_received = read(counters_.messages_received),
                       .bytes_received = read(counters_.bytes_received),
                       .receive_busy = read(counters_.receive_busy),
                       .outcomes = {},
                       .violations = read(counters_.violations),
                       .bells = read(counters_.bells)};
  for (std::size_t i = 0; i < 5; ++i) counts.outcomes[i] = read(counters_.outcomes[i]);
  return counts;
}

void Application::tell_verdict(Verdict verdict) {
  control().verdict.value.store(verdict, std::memory_order_release);
  ring_bell(config_.bell);
}

}  // namespace ringroad::host
