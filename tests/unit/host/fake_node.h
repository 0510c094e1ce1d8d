// A node without links: delivers to the endpoints bound here, and stands in for peers whose links
// do as the test says. Runs the io lcore's side of the host channel exactly as an io loop would,
// inline (step) or on a thread of its own (NodeThread) that sleeps and is woken.
#pragma once

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/host/host_server.h"
#include "tests/temporary_directory.h"

namespace ringroad::host::test {

inline Nanos monotonic_now() {
  return Nanos{std::chrono::steady_clock::now().time_since_epoch().count()};
}

// Waits for a condition, with a deadline instead of a guess.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// What a peer's link does with a message.
struct FakePeer {
  std::atomic<bool> connected{true};
  std::atomic<std::uint32_t> queue_max{~0U};  // accepted and unresolved, all priorities
  std::atomic<bool> answers{true};            // outcomes follow; otherwise they wait
  std::atomic<int> outcome{static_cast<int>(Outcome::kDelivered)};
  std::atomic<int> backpressure{static_cast<int>(Backpressure::kMessageCredit)};
};

class FakeNode final : public Sender {
 public:
  FakeNode(NodeId self, std::vector<NodeId> peers) : self_(self), peers_(std::move(peers)) {
    for (const NodeId peer : peers_) states_.emplace(peer.value, std::make_unique<FakePeer>());
  }

  ControlChannel* control = nullptr;  // of the control process, while one is attached
  // As when control adds and removes peers; on the io thread, or while it is paused.
  void change_peers(std::vector<NodeId> peers) {
    std::erase_if(states_, [&](const auto& state) {
      return std::ranges::find(peers, NodeId{state.first}) == peers.end();
    });
    for (auto& [node, flight] : flights_) {
      if (states_.contains(node)) continue;
      for (const OutboundMessage& message : std::exchange(flight, {})) {
        tell(message, Outcome::kUnknown);
      }
    }
    std::erase_if(flights_, [&](const auto& flight) { return !states_.contains(flight.first); });
    for (const NodeId peer : peers) {
      auto& state = states_[peer.value];
      if (state == nullptr) state = std::make_unique<FakePeer>();
    }
    peers_ = std::move(peers);
    for (auto& [index, endpoint] : endpoints_) endpoint->on_peers(peers_);
  }

  FakePeer& peer(std::uint16_t node) { return *states_.at(node); }

  // --- Sender ---
  SendResult send(const OutboundMessage& message) override {
    if (message.to == self_) return deliver_here(message);
    const auto found = states_.find(message.to.value);
    if (found == states_.end()) return SendResult::kNoSuchNode;
    FakePeer& peer = *found->second;
    if (!peer.connected) return SendResult::kNotConnected;
    auto& flight = flights_[message.to.value];
    if (flight.size() >= peer.queue_max) return SendResult::kQueueFull;
    if (keep_bytes) {
      sent.emplace_back(reinterpret_cast<const char*>(message.payload), message.length);
    }
    flight.push_back(message);
    return SendResult::kAccepted;
  }
  // As a node does: to one receiver, and not past a message that still waits.
  std::size_t deliver_local(const InboundBurst& burst) override {
    for (const auto& [owner, waiting] : waiting_) {
      if (!waiting.empty()) return 0;
    }
    const Binding* receiver = nullptr;
    for (const Binding& binding : bindings_) {
      if (binding.type != burst.type && binding.mode != BindMode::kCatchAll) continue;
      if (receiver != nullptr) return 0;
      receiver = &binding;
    }
    const std::size_t delivered =
        receiver == nullptr ? 0 : endpoints_.at(receiver->index)->on_messages(burst);
    delivered_by_bursts += delivered;
    return delivered;
  }
  NodeId self() const override { return self_; }
  std::span<const NodeId> peers() const override { return peers_; }
  bool is_connected(NodeId node) const override {
    const auto found = states_.find(node.value);
    return found != states_.end() && found->second->connected;
  }
  Backpressure backpressure(NodeId node, Priority) const override {
    const auto found = states_.find(node.value);
    return found == states_.end() ? Backpressure::kNone
                                  : static_cast<Backpressure>(found->second->backpressure.load());
  }

  // --- The io loop ---
  void attach(std::uint16_t index, Endpoint& endpoint) { endpoints_[index] = &endpoint; }
  void detach(std::uint16_t index) {
    Endpoint* endpoint = endpoints_.at(index);
    for (auto& [node, flight] : flights_) {
      for (auto at = flight.begin(); at != flight.end();) {
        if (at->owner == index) {
          endpoint->on_outcome(at->to, at->token, Outcome::kNotSent);
          at = flight.erase(at);
        } else {
          ++at;
        }
      }
    }
    waiting_.erase(index);
    std::erase_if(bindings_, [&](const Binding& binding) { return binding.index == index; });
    endpoints_.erase(index);
  }
  BindResult bind(std::uint16_t index, MessageType type, BindMode mode) {
    for (const Binding& binding : bindings_) {
      const bool is_same = binding.index == index && binding.mode == mode;
      if (is_same && (binding.type == type || mode == BindMode::kCatchAll)) {
        return BindResult::kBound;
      }
      const bool clashes = binding.type == type &&
                           (mode == BindMode::kExclusive || binding.mode == BindMode::kExclusive);
      if (clashes) return BindResult::kTaken;
    }
    bindings_.push_back({index, type, mode});
    return BindResult::kBound;
  }
  void unbind(std::uint16_t index, MessageType type) {
    std::erase_if(bindings_, [&](const Binding& binding) {
      return binding.index == index && binding.type == type;
    });
  }

  std::uint32_t take_commands(HostServer& host) {
    std::uint32_t work = 0;
    for (HostCommand command; host.poll_command(command); ++work) {
      BindResult result = BindResult::kBound;
      switch (command.kind) {
        case HostCommandKind::kAttach:
          attach(command.index, *command.application);
          break;
        case HostCommandKind::kDetach:
          detach(command.index);
          break;
        case HostCommandKind::kBind:
          result = bind(command.index, command.type, command.mode);
          break;
        case HostCommandKind::kUnbind:
          unbind(command.index, command.type);
          break;
        case HostCommandKind::kAttachControl:
          control = command.control;
          break;
        case HostCommandKind::kDetachControl:
          control = nullptr;
          break;
      }
      host.complete(command, result);
    }
    return work;
  }

  std::uint32_t poll(Nanos now) {
    std::uint32_t work = redeliver();
    for (auto& [index, endpoint] : endpoints_) work += endpoint->poll(now, *this);
    for (auto& [node, flight] : flights_) {
      FakePeer& peer = *states_.at(node);
      while (peer.answers && !flight.empty()) {
        const OutboundMessage message = flight.front();
        flight.pop_front();
        ++work;
        tell(message, static_cast<Outcome>(peer.outcome.load()));
      }
    }
    for (auto& [index, endpoint] : endpoints_) endpoint->publish();
    return work;
  }

  bool arm() {
    bool may_sleep = true;
    for (auto& [index, endpoint] : endpoints_) may_sleep = endpoint->arm() && may_sleep;
    return may_sleep;
  }
  void disarm() {
    for (auto& [index, endpoint] : endpoints_) endpoint->disarm();
  }

  // A message from a peer, as its link would hand it over.
  DeliverResult arrive(NodeId from, MessageType type, std::string_view payload,
                       Priority priority = Priority{4}) {
    const std::span<const std::byte> piece{reinterpret_cast<const std::byte*>(payload.data()),
                                           payload.size()};
    return deliver({from, type, priority, static_cast<std::uint32_t>(payload.size()), {&piece, 1}});
  }

  std::atomic<std::uint64_t> delivered_by_bursts{0};
  bool keep_bytes = false;
  std::vector<std::string> sent;  // payloads sent to peers, with keep_bytes

 private:
  struct Binding {
    std::uint16_t index;
    MessageType type;
    BindMode mode;
  };
  DeliverResult deliver(const InboundMessage& message) {
    DeliverResult result = DeliverResult::kNoReceiver;
    for (const Binding& binding : bindings_) {
      const bool wants = binding.type == message.type || (binding.mode == BindMode::kCatchAll &&
                                                          result == DeliverResult::kNoReceiver);
      if (wants) result = endpoints_.at(binding.index)->on_message(message);
    }
    return result;
  }

  DeliverResult try_here(const OutboundMessage& message) {
    const std::span<const std::byte> piece{message.payload, message.length};
    return deliver({self_, message.type, message.priority, message.length, {&piece, 1}});
  }

  // A busy receiver holds up what its sender sends here, and nobody else.
  SendResult deliver_here(const OutboundMessage& message) {
    auto& waiting = waiting_[message.owner];
    if (waiting.size() >= 64) return SendResult::kQueueFull;
    if (!waiting.empty() || !deliver_and_tell(message)) waiting.push_back(message);
    return SendResult::kAccepted;
  }

  bool deliver_and_tell(const OutboundMessage& message) {
    const DeliverResult result = try_here(message);
    if (result == DeliverResult::kBusy) return false;
    tell(message, result == DeliverResult::kDelivered ? Outcome::kDelivered : Outcome::kNoReceiver);
    return true;
  }

  std::uint32_t redeliver() {
    std::uint32_t work = 0;
    for (auto& [owner, waiting] : waiting_) {
      for (; !waiting.empty() && deliver_and_tell(waiting.front()); ++work) waiting.pop_front();
    }
    return work;
  }

  void tell(const OutboundMessage& message, Outcome outcome) {
    const auto found = endpoints_.find(message.owner);
    if (found != endpoints_.end()) found->second->on_outcome(message.to, message.token, outcome);
  }

  NodeId self_;
  std::vector<NodeId> peers_;
  std::map<std::uint16_t, std::unique_ptr<FakePeer>> states_;
  std::map<std::uint16_t, std::deque<OutboundMessage>> flights_;
  std::map<std::uint16_t, Endpoint*> endpoints_;
  std::vector<Binding> bindings_;
  std::map<std::uint16_t, std::deque<OutboundMessage>> waiting_;  // by owner
};

inline HostServerConfig server_config(const std::string& socket, const FakeNode& node) {
  HostServerConfig config;
  config.socket = socket;
  config.self = node.self();
  config.peers.assign(node.peers().begin(), node.peers().end());
  config.bind_address = Ipv4Address{0x0a000001};
  config.bind_port = 8801;
  config.limits.application_arena_bytes = 1024 * 1024;
  return config;
}

// A whole dataplane's worth of host channel on two threads: the slow one and the io lcore's.
class NodeThread {
 public:
  explicit NodeThread(std::vector<NodeId> peers = {NodeId{2}, NodeId{3}},
                      const std::function<void(HostServerConfig&)>& change = {})
      : node(NodeId{1}, std::move(peers)) {
    HostServerConfig config = server_config(directory_.path() + "/node-1.sock", node);
    if (change) change(config);
    socket = config.socket;
    auto created = HostServer::create(config);
    if (!created.ok()) return;
    host = std::move(*created);
    io_ = std::thread{[this] { run_io(); }};
    slow_ = std::thread{[this] { run_slow(); }};
  }
  ~NodeThread() { stop(); }

  void stop() {
    stopping_ = true;
    if (io_.joinable()) io_.join();
    if (slow_.joinable()) slow_.join();
    host.reset();
  }

  std::string socket;
  FakeNode node;
  std::unique_ptr<HostServer> host;
  std::atomic<std::size_t> attached{0};
  std::atomic<std::uint64_t> sleeps{0};

  // The io thread stands still, between two passes, until resume().
  void pause() {
    pausing_ = true;
    while (!is_paused_) std::this_thread::yield();
  }
  void resume() {
    pausing_ = false;
    while (is_paused_) std::this_thread::yield();
  }

 private:
  void run_io() {
    while (!stopping_) {
      is_paused_ = pausing_.load();
      if (is_paused_) {
        std::this_thread::yield();
        continue;
      }
      const std::uint32_t work = node.take_commands(*host) + node.poll(monotonic_now());
      if (work != 0) continue;
      if (node.arm()) {
        ++sleeps;
        pollfd waiting{host->wake_descriptor(), POLLIN, 0};
        ::poll(&waiting, 1, 5);  // links of the test change without ringing
      }
      host->clear_wake();
      node.disarm();
    }
  }
  void run_slow() {
    while (!stopping_) {
      pollfd waiting{host->wait_descriptor(), POLLIN, 0};
      ::poll(&waiting, 1, 5);
      host->service(monotonic_now());
      attached = host->attached_count();
    }
  }

  TemporaryDirectory directory_;
  std::atomic<bool> stopping_{false}, pausing_{false}, is_paused_{false};
  std::thread io_, slow_;
};

}  // namespace ringroad::host::test
