// Two whole nodes in one process, joined by a patch cable, under a time of the test's own: what
// arrives, what is told of it, and that every buffer comes back.
#include "dataplane/node.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_mempool.h>

#include <map>
#include <string>
#include <vector>

#include "tests/pmd/eal_fixture.h"
#include "tests/pmd/node/node_pair.h"

namespace ringroad {
namespace {

TEST_F(NodePair, AMessageArrivesWholeAndItsOutcomeIsDelivered) {
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  const std::string text(1'000, 'x');
  ASSERT_EQ(send(0, text, 42), SendResult::kAccepted);
  ASSERT_TRUE(run_until([&] { return !endpoints_[0].outcomes.empty(); }));
  EXPECT_EQ(endpoints_[1].received, std::vector<std::string>{text});
  EXPECT_EQ(endpoints_[1].from, NodeId{1});
  EXPECT_EQ(endpoints_[0].outcomes[42], std::vector<Outcome>{Outcome::kDelivered});
  EXPECT_GT(endpoints_[1].publishes, 0);
}

TEST_F(NodePair, AMessageOfAnUnboundTypeHasNoReceiver) {
  ASSERT_TRUE(connect());
  const std::string text = "nobody";
  ASSERT_EQ(send(0, text, 1), SendResult::kAccepted);
  ASSERT_TRUE(run_until([&] { return !endpoints_[0].outcomes.empty(); }));
  EXPECT_EQ(endpoints_[0].outcomes[1], std::vector<Outcome>{Outcome::kNoReceiver});
  EXPECT_EQ(nodes_[1]->statistics().messages_no_receiver, 1u);
}

TEST_F(NodePair, AMessageOfManyFramesIsPutTogetherAgain) {
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  std::string text(64 * 1024, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  int lost = 0;
  cable_->lose = [&](const rte_mbuf* packet) {
    return rte_pktmbuf_data_len(packet) > 4'000 && ++lost % 3 == 0;
  };
  ASSERT_EQ(send(0, text, 1), SendResult::kAccepted);
  ASSERT_TRUE(run_until([&] { return !endpoints_[0].outcomes.empty(); }));
  ASSERT_EQ(endpoints_[1].received.size(), 1u);
  EXPECT_EQ(endpoints_[1].received[0], text);
  EXPECT_GT(lost, 3);
}

TEST_F(NodePair, ABusyReceiverGetsEverythingLaterAndInOrder) {
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  endpoints_[1].busy = true;
  std::vector<std::string> sent;
  for (int i = 0; i < 500; ++i) sent.push_back("message " + std::to_string(i));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_EQ(send(0, sent[i], i), SendResult::kAccepted);
  }
  for (int i = 0; i < 10'000; ++i) pass();
  EXPECT_TRUE(endpoints_[1].received.empty());
  EXPECT_TRUE(endpoints_[0].outcomes.empty());
  endpoints_[1].busy = false;
  ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.size() == sent.size(); }));
  EXPECT_EQ(endpoints_[1].received, sent);
}

TEST_F(NodePair, SharedReceiversEachGetAMessageOnceThoughOneIsBusy) {
  RecordingEndpoint second;
  nodes_[1]->attach(5, second);
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kShared), BindResult::kBound);
  ASSERT_EQ(nodes_[1]->bind(5, MessageType{7}, BindMode::kShared), BindResult::kBound);
  second.busy = true;
  const std::string one = "one", two = "two";
  ASSERT_EQ(send(0, one, 1), SendResult::kAccepted);
  ASSERT_EQ(send(0, two, 2), SendResult::kAccepted);
  ASSERT_TRUE(run_until([&] { return endpoints_[1].received.size() == 1; }));
  for (int i = 0; i < 1'000; ++i) pass();
  EXPECT_TRUE(endpoints_[0].outcomes.empty());
  second.busy = false;
  ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.size() == 2; }));
  EXPECT_EQ(endpoints_[1].received, (std::vector<std::string>{one, two}));
  EXPECT_EQ(second.received, (std::vector<std::string>{one, two}));
  nodes_[1]->detach(5);
}

TEST_F(NodePair, WithinANodeAMessageNeverTouchesThePort) {
  ASSERT_EQ(nodes_[0]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  const std::string text = "to myself";
  OutboundMessage message{.to = NodeId{1},
                          .type = MessageType{7},
                          .priority = Priority{1},
                          .length = static_cast<std::uint32_t>(text.size()),
                          .payload = reinterpret_cast<const std::byte*>(text.data()),
                          .token = 9};
  EXPECT_EQ(nodes_[0]->sender().send(message), SendResult::kAccepted);
  EXPECT_EQ(endpoints_[0].received, std::vector<std::string>{text});
  EXPECT_EQ(endpoints_[0].outcomes[9], std::vector<Outcome>{Outcome::kDelivered});
  endpoints_[0].busy = true;
  EXPECT_EQ(nodes_[0]->sender().send(message), SendResult::kQueueFull);
}

TEST_F(NodePair, WithinANodeEachSharedReceiverGetsAMessageOnceWhoeverElseSends) {
  RecordingEndpoint busy, other_sender;
  nodes_[0]->attach(5, busy);
  nodes_[0]->attach(6, other_sender);
  ASSERT_EQ(nodes_[0]->bind(0, MessageType{7}, BindMode::kShared), BindResult::kBound);
  ASSERT_EQ(nodes_[0]->bind(5, MessageType{7}, BindMode::kShared), BindResult::kBound);
  busy.busy = true;
  const std::string text = "to both";
  OutboundMessage message{.to = NodeId{1},
                          .type = MessageType{7},
                          .priority = Priority{1},
                          .owner = 0,
                          .length = static_cast<std::uint32_t>(text.size()),
                          .payload = reinterpret_cast<const std::byte*>(text.data()),
                          .token = 1};
  OutboundMessage elsewhere = message;
  elsewhere.owner = 6;
  elsewhere.token = 77;
  elsewhere.type = MessageType{8};
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(nodes_[0]->sender().send(message), SendResult::kQueueFull);
    EXPECT_EQ(nodes_[0]->sender().send(elsewhere), SendResult::kAccepted);
  }
  busy.busy = false;
  EXPECT_EQ(nodes_[0]->sender().send(message), SendResult::kAccepted);
  EXPECT_EQ(endpoints_[0].received, std::vector<std::string>{text});
  EXPECT_EQ(busy.received, std::vector<std::string>{text});
  nodes_[0]->detach(5);
  nodes_[0]->detach(6);
}

TEST_F(NodePair, AMessageThatAllSharedReceiversRefuseIsNotCalledDelivered) {
  struct Deaf final : Endpoint {
    DeliverResult on_message(const InboundMessage&) override { return DeliverResult::kNoReceiver; }
    void on_outcome(NodeId, std::uint64_t, Outcome) override {}
    std::uint32_t poll(Nanos, Sender&) override { return 0; }
    void publish() override {}
    bool arm() override { return true; }
    void disarm() override {}
  } deaf, deaf_too;
  nodes_[1]->attach(5, deaf);
  nodes_[1]->attach(6, deaf_too);
  ASSERT_EQ(nodes_[1]->bind(5, MessageType{7}, BindMode::kShared), BindResult::kBound);
  ASSERT_EQ(nodes_[1]->bind(6, MessageType{7}, BindMode::kShared), BindResult::kBound);
  ASSERT_TRUE(connect());
  const std::string text = "anybody";
  ASSERT_EQ(send(0, text, 1), SendResult::kAccepted);
  ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.contains(1); }));
  EXPECT_EQ(endpoints_[0].outcomes[1], std::vector<Outcome>{Outcome::kNoReceiver});
  nodes_[1]->detach(5);
  nodes_[1]->detach(6);
}

TEST_F(NodePair, ANodeThatStopsSaysGoodbye) {
  ASSERT_TRUE(connect());
  EXPECT_EQ(nodes_[0]->links_up(), std::uint64_t{1} << 1);
  nodes_[1]->close(now_);
  nodes_[1].reset();
  EXPECT_TRUE(
      run_until([&] { return !nodes_[0]->sender().is_connected(NodeId{2}); }, milliseconds(1)))
      << "the peer found out by silence only";
  EXPECT_EQ(nodes_[0]->links_up(), 0u);
}

TEST_F(NodePair, AReportCountsWhatWasDroppedByReason) {
  ASSERT_TRUE(connect());
  int count = 0;
  cable_->lose = [&](const rte_mbuf* packet) {
    auto* bytes = rte_pktmbuf_mtod(packet, std::uint8_t*);
    if (rte_pktmbuf_data_len(packet) > 500 && count++ == 0) bytes[300] ^= 1;
    return false;
  };
  const std::string text(1'000, 'x');
  ASSERT_EQ(send(0, text, 1), SendResult::kAccepted);
  ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.contains(1); }));
  NodeReport report;
  nodes_[1]->report(report);
  EXPECT_EQ(report.node.frame_errors[static_cast<int>(FrameError::kChecksum)], 1u);
  EXPECT_EQ(report.link_count, 1u);
  EXPECT_NE(describe(report).find("frame dropped: "), std::string::npos);
}

TEST_F(NodePair, ADetachedEndpointHearsNothingAndItsMemoryIsFree) {
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  cable_->plugged = false;
  {
    std::string text(8'000, 'a');
    for (int i = 0; i < 100; ++i) ASSERT_EQ(send(0, text, i), SendResult::kAccepted);
    pass();
    nodes_[0]->detach(0);
    std::fill(text.begin(), text.end(), 'b');
  }
  endpoints_[0].outcomes.clear();
  cable_->plugged = true;
  for (int i = 0; i < 20'000; ++i) pass();
  EXPECT_TRUE(endpoints_[0].outcomes.empty());
  for (const std::string& text : endpoints_[1].received) {
    EXPECT_EQ(text.find('b'), std::string::npos) << "memory was read after detach";
  }
  nodes_[0]->attach(0, endpoints_[0]);
}

TEST_F(NodePair, ARestartedPeerIsMetAgainAndWhatWasInFlightIsToldUnknown) {
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  cable_->lose = [](const rte_mbuf*) { return true; };
  const std::string in_flight = "in flight", again = "again";
  ASSERT_EQ(send(0, in_flight, 1), SendResult::kAccepted);
  for (int i = 0; i < 10; ++i) pass();
  nodes_[1].reset();
  cable_->lose = nullptr;
  start_node(1, 999);
  ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.contains(1); }));
  EXPECT_EQ(endpoints_[0].outcomes[1], std::vector<Outcome>{Outcome::kUnknown});
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  ASSERT_EQ(send(0, again, 2), SendResult::kAccepted);
  ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.contains(2); }));
  EXPECT_EQ(endpoints_[1].received, std::vector<std::string>{again});
}

// A port that lends its memory for some packets and has others copied.
TEST_F(NodePair, FramesBuiltInPlaceAndCopiedOnesKeepTheirOrder) {
  for (std::uint32_t refuse_every : {7u, 1'000'000u}) {
    for (auto& port : ports_) port->lend_from(pool_, refuse_every);
    ASSERT_TRUE(connect());
    (void)nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive);
    for (auto& endpoint : endpoints_) endpoint.received.clear(), endpoint.outcomes.clear();
    std::vector<std::string> sent;
    for (int i = 0; i < 300; ++i) sent.push_back(std::to_string(i) + std::string(i * 40, 'x'));
    for (std::size_t i = 0; i < sent.size(); ++i) {
      while (send(0, sent[i], i) != SendResult::kAccepted) pass();
    }
    ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.size() == sent.size(); }));
    EXPECT_EQ(endpoints_[1].received, sent);
    EXPECT_EQ(nodes_[0]->link(NodeId{2})->statistics().frames_lost, 0u);
  }
  EXPECT_GT(ports_[0]->built_in_place, 100u);
}

TEST_F(NodePair, AFullPortThatLendsItsMemoryIsLookedAtAgainSoon) {
  for (auto& port : ports_) port->lend_from(pool_, 1'000'000);
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  cable_->depth = 2;
  std::vector<std::string> sent(20, std::string(8'000, 'f'));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_EQ(send(0, sent[i], i), SendResult::kAccepted);
  }
  nodes_[0]->poll(now_);
  EXPECT_EQ(cable_->direction[1].size(), 2u);
  EXPECT_LE(nodes_[0]->next_deadline(), now_ + microseconds(20)) << "no bell tells of room";
  ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.size() == sent.size(); }));
  EXPECT_EQ(endpoints_[1].received, sent);
  EXPECT_EQ(nodes_[0]->link(NodeId{2})->statistics().frames_lost, 0u);
}

TEST_F(NodePair, AFullPortKeepsFramesInOrder) {
  cable_->depth = 3;
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  std::vector<std::string> sent;
  for (int i = 0; i < 300; ++i) sent.push_back(std::string(4'000, static_cast<char>('a' + i % 26)));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    while (send(0, sent[i], i) != SendResult::kAccepted) pass();
  }
  ASSERT_TRUE(run_until([&] { return endpoints_[0].outcomes.size() == sent.size(); }));
  EXPECT_EQ(endpoints_[1].received, sent);
  EXPECT_GT(nodes_[0]->statistics().packets_requeued, 0u);
  EXPECT_EQ(nodes_[0]->link(NodeId{2})->statistics().frames_lost, 0u);
}

}  // namespace
}  // namespace ringroad

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return ringroad::run_with_eal(argv[0]);
}
