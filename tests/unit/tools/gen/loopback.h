// Several roles joined by a wire inside one test: a Sender for each, delivery in order at the next
// step unless a fault is planted, outcomes as a node tells them. Time is the test's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/core/endpoint.h"
#include "tools/ringroad-gen/traffic_role.h"

namespace ringroad::gen {

struct CarriedMessage {
  NodeId from;
  OutboundMessage out;
  std::vector<std::byte> bytes;
};

class Loopback {
 public:
  // What happens to a data message on its way: as it is, by default.
  std::function<void(std::deque<CarriedMessage>&)> meddle;
  // Data messages a node takes between two steps; the rest is refused.
  std::size_t queue_messages = 1'024;
  // No deliveries and no outcomes while false.
  bool flowing = true;
  bool connected = true;
  // The payload comes in two pieces cut here, when not 0.
  std::size_t cut_at = 0;

  TrafficRole& add(RoleConfig config) {
    auto node = std::make_unique<FakeNode>(*this, config.self);
    node->role = std::make_unique<TrafficRole>(std::move(config));
    nodes_.push_back(std::move(node));
    for (auto& n : nodes_) {
      n->peers_.clear();
      for (auto& other : nodes_) {
        if (other->self_ != n->self_) n->peers_.push_back(other->self_);
      }
    }
    return *nodes_.back()->role;
  }

  // One pass of every node at `now`: deliver, outcomes, poll, publish.
  void step(Nanos now) {
    if (flowing) {
      std::deque<CarriedMessage> wire;
      wire.swap(wire_);
      std::vector<std::pair<CarriedMessage, Outcome>> ended;
      std::deque<CarriedMessage> arriving = wire;
      if (meddle) meddle(arriving);
      for (auto& m : wire) ended.emplace_back(m, Outcome::kDelivered);
      for (auto& m : arriving) {
        if (deliver(m) == DeliverResult::kNoReceiver) {
          for (auto& [message, outcome] : ended) {
            if (message.out.token == m.out.token && message.from == m.from) {
              outcome = Outcome::kNoReceiver;
            }
          }
        }
      }
      for (auto& [m, outcome] : ended) {
        node(m.from)->role->on_outcome(m.out.to, m.out.token, outcome);
      }
    }
    for (auto& n : nodes_) {
      n->accepted = 0;
      n->role->poll(now, *n);
    }
    for (auto& n : nodes_) n->role->publish();
  }

  // Steps of `interval` until all sending roles are done or `limit` has passed.
  Nanos run(Nanos from, Nanos interval, Nanos limit) {
    Nanos now = from;
    const auto senders_done = [this] {
      return std::ranges::all_of(nodes_, [](auto& n) { return n->role->done() || n->sink_only; });
    };
    while (!senders_done() && now < from + limit) {
      step(now);
      now = now + interval;
    }
    return now;
  }

  void mark_sink(NodeId id) { node(id)->sink_only = true; }

 private:
  struct FakeNode final : Sender {
    FakeNode(Loopback& net, NodeId self) : net_(net), self_(self) {}
    SendResult send(const OutboundMessage& message) override {
      if (!net_.connected) return SendResult::kNotConnected;
      if (accepted >= net_.queue_messages) return SendResult::kQueueFull;
      ++accepted;
      net_.wire_.push_back({self_, message, {message.payload, message.payload + message.length}});
      return SendResult::kAccepted;
    }
    NodeId self() const override { return self_; }
    std::span<const NodeId> peers() const override { return peers_; }
    bool is_connected(NodeId) const override { return net_.connected; }
    Backpressure backpressure(NodeId, Priority) const override { return Backpressure::kNone; }

    Loopback& net_;
    NodeId self_;
    std::vector<NodeId> peers_;
    std::unique_ptr<TrafficRole> role;
    std::size_t accepted = 0;
    bool sink_only = false;
  };

  FakeNode* node(NodeId id) {
    for (auto& n : nodes_) {
      if (n->self_ == id) return n.get();
    }
    return nullptr;
  }

  DeliverResult deliver(const CarriedMessage& m) {
    const std::span<const std::byte> all{m.bytes};
    const std::size_t cut = std::min(cut_at == 0 ? all.size() : cut_at, all.size());
    const std::span<const std::byte> pieces[] = {all.first(cut), all.subspan(cut)};
    FakeNode* to = node(m.out.to);
    if (to == nullptr) return DeliverResult::kNoReceiver;
    return to->role->on_message({.from = m.from,
                                 .type = m.out.type,
                                 .priority = m.out.priority,
                                 .length = static_cast<std::uint32_t>(all.size()),
                                 .pieces = {pieces, cut == all.size() ? 1U : 2U}});
  }

  std::vector<std::unique_ptr<FakeNode>> nodes_;
  std::deque<CarriedMessage> wire_;
};

}  // namespace ringroad::gen
