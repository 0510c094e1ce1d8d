// Two nodes joined by a patch cable, with an endpoint each, under a time of the test's own. What
// they took from the pool has to be back when the test ends.
#pragma once

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/node.h"
#include "tests/pmd/node/patch_port.h"

namespace ringroad {

inline constexpr std::uint32_t kMtu = 9'000;

struct RecordingEndpoint final : Endpoint {
  DeliverResult on_message(const InboundMessage& message) override {
    if (busy) return DeliverResult::kBusy;
    std::string text(message.length, '\0');
    message.copy_to(reinterpret_cast<std::byte*>(text.data()));
    received.push_back(text);
    from = message.from;
    return DeliverResult::kDelivered;
  }
  void on_outcome(NodeId, std::uint64_t token, Outcome outcome) override {
    outcomes[token].push_back(outcome);
  }
  std::uint32_t poll(Nanos, Sender&) override { return 0; }
  void publish() override { ++publishes; }
  bool arm() override { return true; }
  void disarm() override {}

  bool busy = false;
  NodeId from;
  std::vector<std::string> received;
  std::map<std::uint64_t, std::vector<Outcome>> outcomes;
  int publishes = 0;
};

inline NodeConfig node_config(std::uint16_t self, std::uint16_t peer) {
  NodeConfig config;
  config.local_node.node_id = NodeId{self};
  config.local_node.bind_address = Ipv4Address{0x0a4d0000u + self};
  config.cluster_nodes.push_back(
      {.node_id = NodeId{peer}, .address = Ipv4Address{0x0a4d0000u + peer}});
  config.ports.push_back({});
  config.tls_enabled = false;
  return config;
}

class NodePair : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("node_test", 2'047, 64, 0, RTE_PKTMBUF_HEADROOM + kMtu + 64,
                                    SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    cable_ = std::make_shared<PatchCable>();
    for (std::uint16_t i = 0; i < 2; ++i) {
      ports_[i] = std::make_unique<PatchPort>(cable_, i, kMtu);
      start_node(i, 100 + i);
    }
  }

  void start_node(std::uint16_t i, std::uint64_t seed) {
    const std::uint16_t self = static_cast<std::uint16_t>(i + 1);
    const std::uint16_t other = static_cast<std::uint16_t>(2 - i);
    auto node = Node::create(node_config(self, other), *ports_[i], pool_, seed, now_);
    ASSERT_TRUE(node.ok()) << node.status();
    nodes_[i] = *std::move(node);
    endpoints_[i] = {};
    nodes_[i]->attach(0, endpoints_[i]);
  }

  void TearDown() override {
    nodes_[0].reset();
    nodes_[1].reset();
    cable_.reset();
    ports_[0].reset();
    ports_[1].reset();
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u) << "a buffer was not given back";
    rte_mempool_free(pool_);
  }

  void pass() {
    now_ = now_ + microseconds(5);
    for (auto& node : nodes_) {
      if (node) node->poll(now_);
    }
    after_pass();
  }
  virtual void after_pass() {}  // what else a pass of the test does

  // Whether `condition` came true within a simulated time.
  template <typename Condition>
  bool run_until(Condition condition, Nanos limit = seconds(5)) {
    const Nanos end = now_ + limit;
    while (now_ < end) {
      if (condition()) return true;
      pass();
    }
    return condition();
  }

  bool connect() {
    return run_until([&] {
      return nodes_[0]->sender().is_connected(NodeId{2}) &&
             nodes_[1]->sender().is_connected(NodeId{1}) &&
             nodes_[0]->sender().backpressure(NodeId{2}, Priority{1}) == Backpressure::kNone;
    });
  }

  // `text` stays where it is until its outcome.
  SendResult send(int from, const std::string& text, std::uint64_t token, std::uint32_t type = 7) {
    return nodes_[from]->sender().send({.to = NodeId{static_cast<std::uint16_t>(2 - from)},
                                        .type = MessageType{type},
                                        .priority = Priority{1},
                                        .owner = 0,
                                        .length = static_cast<std::uint32_t>(text.size()),
                                        .payload = reinterpret_cast<const std::byte*>(text.data()),
                                        .token = token});
  }

  Nanos now_ = seconds(1);
  rte_mempool* pool_ = nullptr;
  std::shared_ptr<PatchCable> cable_;
  std::unique_ptr<PatchPort> ports_[2];
  RecordingEndpoint endpoints_[2];
  std::unique_ptr<Node> nodes_[2];
};

}  // namespace ringroad
