// The library against a node on other threads: what a program sees through dist_net.h.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "dataplane/client/dist_net.h"
#include "tests/unit/host/fake_node.h"

namespace ringroad::host::test {
namespace {

class Client {
 public:
  explicit Client(const std::string& socket, const char* name = nullptr, std::uint32_t flags = 0) {
    const dist_net_options_t options{nullptr, socket.c_str(), name, DIST_NET_ANY_NODE, flags};
    error = dist_net_open(&options, &context);
  }
  ~Client() { dist_net_close(context); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  operator dist_net_context_t*() const { return context; }  // NOLINT: reads like the C API

  dist_net_error_t send(raft_node_id_t node, std::uint32_t type, std::string_view payload,
                        std::uint32_t flags = 0, std::uint64_t token = 0) {
    dist_net_outgoing_t message{node, type, 4, flags, token, payload.data(), payload.size(), 0};
    return dist_net_send(context, &message, 1) == 1 ? DIST_NET_SUCCESS
                                                    : dist_net_error_details().error;
  }
  // The next message, copied and released; empty when none came in time.
  std::string receive() {
    dist_net_message_t message;
    std::int32_t got = 0;
    if (!eventually([&] { return (got = dist_net_receive(context, &message, 1)) != 0; })) return "";
    if (got < 0) return dist_net_last_error();
    const std::string text{static_cast<const char*>(message.payload), message.size};
    dist_net_release(context, &message, 1);
    return text;
  }
  dist_net_outcome_report_t outcome() {
    dist_net_outcome_report_t report{};
    EXPECT_TRUE(eventually([&] { return dist_net_poll_outcomes(context, &report, 1) == 1; }));
    return report;
  }

  dist_net_context_t* context = nullptr;
  dist_net_error_t error = DIST_NET_SUCCESS;
};

TEST(Client, AttachesSendsReceivesAndIsToldTheOutcome) {
  NodeThread node;
  Client client{node.socket};
  ASSERT_EQ(client.error, DIST_NET_SUCCESS) << dist_net_last_error();
  ASSERT_EQ(dist_net_bind(client, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  ASSERT_EQ(client.send(1, 7, "hello", DIST_NET_WANT_OUTCOME, 42), DIST_NET_SUCCESS)
      << dist_net_last_error();
  EXPECT_EQ(client.receive(), "hello");
  const auto report = client.outcome();
  EXPECT_EQ(report.token, 42U);
  EXPECT_EQ(report.node, 1U);
  EXPECT_EQ(report.outcome, DIST_NET_DELIVERED);
}

TEST(Client, UnboundTypesHaveNoReceiverAndEmptyMessagesArrive) {
  NodeThread node;
  Client client{node.socket};
  ASSERT_EQ(client.send(1, 9, "x", DIST_NET_WANT_OUTCOME, 1), DIST_NET_SUCCESS);
  EXPECT_EQ(client.outcome().outcome, DIST_NET_NO_RECEIVER);
  ASSERT_EQ(dist_net_bind(client, 9, DIST_NET_BIND_SHARED), DIST_NET_SUCCESS);
  ASSERT_EQ(client.send(1, 9, ""), DIST_NET_SUCCESS);
  dist_net_message_t message;
  ASSERT_TRUE(eventually([&] { return dist_net_receive(client, &message, 1) == 1; }));
  EXPECT_EQ(message.size, 0U);
  EXPECT_EQ(message.from, 1U);
  EXPECT_EQ(message.type, 9U);
  EXPECT_EQ(message.priority, 4U);
  dist_net_release(client, &message, 1);
  ASSERT_EQ(dist_net_unbind(client, 9, DIST_NET_BIND_SHARED), DIST_NET_SUCCESS);
  ASSERT_EQ(client.send(1, 9, "x", DIST_NET_WANT_OUTCOME, 2), DIST_NET_SUCCESS);
  EXPECT_EQ(client.outcome().outcome, DIST_NET_NO_RECEIVER);
}

TEST(Client, ATypeBoundByOneProgramIsTakenForOthers) {
  NodeThread node;
  Client one{node.socket}, two{node.socket};
  ASSERT_EQ(dist_net_bind(one, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  EXPECT_EQ(dist_net_bind(two, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_TYPE_TAKEN);
  EXPECT_EQ(dist_net_bind(two, 0, DIST_NET_BIND_CATCH_ALL), DIST_NET_SUCCESS);
  ASSERT_EQ(one.send(1, 7, "for one"), DIST_NET_SUCCESS);
  ASSERT_EQ(one.send(1, 8, "for two"), DIST_NET_SUCCESS);
  EXPECT_EQ(one.receive(), "for one");
  EXPECT_EQ(two.receive(), "for two");
}

TEST(Client, WhatCannotBeSentIsRefusedAtOnceAndSaysWhy) {
  NodeThread node;
  Client client{node.socket};
  node.node.peer(3).connected = false;
  ASSERT_TRUE(eventually(
      [&] { return dist_net_is_connected(client, 2) && !dist_net_is_connected(client, 3); }));
  EXPECT_EQ(client.send(9, 1, "x"), DIST_NET_NO_SUCH_NODE);
  EXPECT_EQ(client.send(0, 1, "x"), DIST_NET_NO_SUCH_NODE);
  EXPECT_EQ(client.send(3, 1, "x"), DIST_NET_NOT_CONNECTED);
  EXPECT_STREQ(dist_net_last_error(), "DIST_NET_NOT_CONNECTED: node 3, priority 4");
  EXPECT_EQ(client.send(2, 1, std::string(64 * 1024 + 1, 'x')), DIST_NET_TOO_LARGE);
  for (const std::uint32_t priority : {0U, 8U}) {
    dist_net_outgoing_t message{2, 1, priority, 0, 0, "x", 1, 0};
    EXPECT_EQ(dist_net_send(client, &message, 1), 0U);
    EXPECT_EQ(dist_net_error_details().error, DIST_NET_BAD_PRIORITY);
  }
}

TEST(Client, APeerThatDoesNotAnswerFillsItsQuotaAndNothingElse) {
  NodeThread node;
  node.node.peer(2).answers = false;
  Client client{node.socket};
  ASSERT_TRUE(eventually(
      [&] { return dist_net_is_connected(client, 2) && dist_net_is_connected(client, 3); }));
  const std::string payload(1024, 'q');
  std::uint32_t accepted = 0;
  // The ring may be full for a moment while the node catches up; the quota stays full.
  ASSERT_TRUE(eventually([&] {
    while (client.send(2, 1, payload) == DIST_NET_SUCCESS) ++accepted;
    return dist_net_error_details().reason == DIST_NET_REASON_QUOTA_BYTES;
  })) << dist_net_last_error();
  EXPECT_EQ(accepted, 512U);  // half of a megabyte in blocks of 1,024
  EXPECT_EQ(dist_net_error_details().error, DIST_NET_WOULD_BLOCK);
  EXPECT_EQ(dist_net_error_details().node, 2U);
  EXPECT_EQ(dist_net_error_details().limit, 512U * 1024);
  EXPECT_EQ(client.send(3, 1, payload, DIST_NET_WANT_OUTCOME, 5), DIST_NET_SUCCESS)
      << dist_net_last_error();
  EXPECT_EQ(client.outcome().outcome, DIST_NET_DELIVERED);
  node.node.peer(2).answers = true;
  EXPECT_TRUE(eventually([&] { return client.send(2, 1, payload) == DIST_NET_SUCCESS; }));
}

TEST(Client, AFullQueueIsWouldBlockWithPeerPriorityAndReason) {
  NodeThread node;
  node.node.peer(2).answers = false;
  node.node.peer(2).queue_max = 10;
  Client client{node.socket};
  ASSERT_TRUE(eventually([&] { return dist_net_is_connected(client, 2); }));
  std::uint32_t accepted = 0;
  ASSERT_TRUE(eventually([&] {
    const dist_net_error_t error = client.send(2, 1, "x", DIST_NET_WANT_OUTCOME, accepted);
    if (error == DIST_NET_SUCCESS) ++accepted;
    return error != DIST_NET_SUCCESS;
  }));
  const auto details = dist_net_error_details();
  EXPECT_EQ(details.error, DIST_NET_WOULD_BLOCK);
  EXPECT_EQ(details.reason, DIST_NET_REASON_MESSAGE_CREDIT);
  EXPECT_EQ(details.node, 2U);
  EXPECT_EQ(details.priority, 4U);
  EXPECT_NE(std::string{dist_net_last_error()}.find("node 2, priority 4: link window full"),
            std::string::npos)
      << dist_net_last_error();
  // What was accepted while the queue filled waits in the dataplane: nothing is refused late, and
  // the order holds.
  node.node.peer(2).answers = true;
  for (std::uint32_t i = 0; i < accepted; ++i) {
    const auto report = client.outcome();
    EXPECT_EQ(report.outcome, DIST_NET_DELIVERED);
    EXPECT_EQ(report.token, i);
  }
}

TEST(Client, ABroadcastSaysForHowManyNodesAndTellsEachOutcome) {
  NodeThread node{{NodeId{2}, NodeId{3}, NodeId{64}}};
  node.node.peer(3).connected = false;
  node.node.peer(64).outcome = static_cast<int>(Outcome::kNoReceiver);
  Client client{node.socket};
  ASSERT_TRUE(eventually(
      [&] { return dist_net_is_connected(client, 2) && dist_net_is_connected(client, 64); }));
  dist_net_outgoing_t message{DIST_NET_BROADCAST, 1, 4, DIST_NET_WANT_OUTCOME, 8, "all", 3, 0};
  ASSERT_EQ(dist_net_send(client, &message, 1), 1U);
  EXPECT_EQ(message.accepted, 2U);
  std::uint32_t seen = 0;
  for (int i = 0; i < 2; ++i) {
    const auto report = client.outcome();
    EXPECT_EQ(report.token, 8U);
    EXPECT_EQ(report.outcome, report.node == 2 ? DIST_NET_DELIVERED : DIST_NET_NO_RECEIVER);
    seen += report.node;
  }
  EXPECT_EQ(seen, 66U);
  node.node.peer(2).connected = false;
  node.node.peer(64).connected = false;
  ASSERT_TRUE(eventually(
      [&] { return !dist_net_is_connected(client, 2) && !dist_net_is_connected(client, 64); }));
  EXPECT_EQ(dist_net_send(client, &message, 1), 0U);
  EXPECT_EQ(message.accepted, 0U);
  EXPECT_EQ(dist_net_error_details().error, DIST_NET_NOT_CONNECTED);
}

TEST(Client, ClaimedMemoryIsSentInPlace) {
  NodeThread node;
  Client client{node.socket};
  ASSERT_EQ(dist_net_bind(client, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  dist_net_claim_t claim;
  ASSERT_EQ(dist_net_claim(client, 100, &claim), DIST_NET_SUCCESS);
  std::memcpy(claim.data, "in place", 8);
  dist_net_outgoing_t message{1, 7, 4, 0, 0, nullptr, 101, 0};
  EXPECT_EQ(dist_net_commit(client, &claim, &message), DIST_NET_INVALID_ARGUMENT);
  message.size = 8;
  ASSERT_EQ(dist_net_commit(client, &claim, &message), DIST_NET_SUCCESS);
  EXPECT_EQ(claim.data, nullptr);
  EXPECT_EQ(client.receive(), "in place");
  EXPECT_EQ(dist_net_commit(client, &claim, &message), DIST_NET_INVALID_ARGUMENT);
  ASSERT_EQ(dist_net_claim(client, 64, &claim), DIST_NET_SUCCESS);
  dist_net_abandon(client, &claim);
  EXPECT_EQ(claim.data, nullptr);
}

TEST(Client, AProgramThatDoesNotReleaseIsHeldBackAndLosesNothing) {
  NodeThread node;
  Client client{node.socket};
  ASSERT_EQ(dist_net_bind(client, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  constexpr std::uint32_t kMessages = 5'000;  // more than there are slots
  std::vector<dist_net_message_t> held;
  std::uint32_t sent = 0, read = 0;
  ASSERT_TRUE(eventually([&] {
    if (sent < kMessages && client.send(1, 7, std::to_string(sent)) == DIST_NET_SUCCESS) ++sent;
    dist_net_message_t message;
    while (dist_net_receive(client, &message, 1) == 1) {
      EXPECT_EQ(std::string(static_cast<const char*>(message.payload), message.size),
                std::to_string(read));
      ++read;
      held.push_back(message);
    }
    // Released late and backwards.
    if (held.size() == 2'048 || read == kMessages) {
      std::reverse(held.begin(), held.end());
      dist_net_release(client, held.data(), static_cast<std::uint32_t>(held.size()));
      held.clear();
    }
    return read == kMessages;
  })) << sent
      << " sent, " << read << " read";
}

TEST(Client, WaitSleepsAndIsWokenByAMessageAndByItsTimeout) {
  NodeThread node;
  Client sender{node.socket}, receiver{node.socket};
  ASSERT_EQ(dist_net_bind(receiver, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  dist_net_set_spin(receiver, 0);
  while (dist_net_wait(receiver, 20'000) == DIST_NET_SUCCESS) {  // links becoming known
  }
  EXPECT_EQ(dist_net_error_details().error, DIST_NET_TIMEOUT);
  for (int i = 0; i < 50; ++i) {
    std::thread sending{[&] { EXPECT_EQ(sender.send(1, 7, "wake"), DIST_NET_SUCCESS); }};
    dist_net_message_t message;
    std::int32_t got = 0;
    while ((got = dist_net_receive(receiver, &message, 1)) == 0) {
      ASSERT_EQ(dist_net_wait(receiver, 10'000'000), DIST_NET_SUCCESS) << dist_net_last_error();
    }
    ASSERT_EQ(got, 1);
    dist_net_release(receiver, &message, 1);
    sending.join();
  }
  dist_net_statistics_t statistics;
  ASSERT_EQ(dist_net_get_statistics(receiver, &statistics), DIST_NET_SUCCESS);
  EXPECT_EQ(statistics.messages_received, 50U);
  EXPECT_GT(statistics.sleeps, 0U);
  EXPECT_GT(node.sleeps, 0U);
}

TEST(Client, AnEventLoopOfOnesOwnIsWokenThroughTheDescriptor) {
  NodeThread node;
  Client sender{node.socket}, receiver{node.socket};
  ASSERT_EQ(dist_net_bind(receiver, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  ASSERT_EQ(sender.send(1, 7, "one"), DIST_NET_SUCCESS);
  dist_net_message_t message;
  while (dist_net_receive(receiver, &message, 1) == 0) {
    if (dist_net_arm(receiver)) {
      pollfd waiting{dist_net_event_fd(receiver), POLLIN, 0};
      ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
    }
    dist_net_disarm(receiver);
  }
  dist_net_release(receiver, &message, 1);
}

TEST(Client, TwoThreadsMaySendWhileAThirdReceives) {
  NodeThread node;
  Client client{node.socket};
  ASSERT_EQ(dist_net_bind(client, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  constexpr std::uint32_t kEach = 20'000;
  const auto sending = [&](char name) {
    for (std::uint32_t i = 0; i < kEach;) {
      const std::string payload = name + std::to_string(i);
      if (client.send(1, 7, payload) == DIST_NET_SUCCESS) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  };
  std::thread a{sending, 'a'}, b{sending, 'b'};
  std::map<char, std::uint32_t> next;
  std::vector<dist_net_message_t> messages(64);
  std::uint32_t read = 0;
  EXPECT_TRUE(eventually([&] {
    const std::int32_t got = dist_net_receive(client, messages.data(), 64);
    for (std::int32_t i = 0; i < got; ++i) {
      const auto& message = messages[static_cast<std::size_t>(i)];
      const std::string text{static_cast<const char*>(message.payload), message.size};
      EXPECT_EQ(text.substr(1), std::to_string(next[text[0]]++));  // in order for each sender
    }
    if (got > 0) {
      dist_net_release(client, messages.data(), static_cast<std::uint32_t>(got));
      read += static_cast<std::uint32_t>(got);
    }
    return read == 2 * kEach;
  })) << read;
  a.join();
  b.join();
}

TEST(Client, WhenTheDataplaneGoesAwayCallsSayDisconnectedAndOutcomesAreUnknown) {
  auto node = std::make_unique<NodeThread>();
  node->node.peer(2).answers = false;
  Client client{node->socket};
  ASSERT_TRUE(eventually([&] { return dist_net_is_connected(client, 2); }));
  ASSERT_EQ(client.send(2, 1, "lost", DIST_NET_WANT_OUTCOME, 3), DIST_NET_SUCCESS);
  node->stop();
  EXPECT_EQ(dist_net_wait(client, 10'000'000), DIST_NET_DISCONNECTED);
  EXPECT_EQ(client.send(2, 1, "x"), DIST_NET_DISCONNECTED);
  const auto report = client.outcome();
  EXPECT_EQ(report.token, 3U);
  EXPECT_EQ(report.outcome, DIST_NET_UNKNOWN);
  EXPECT_EQ(dist_net_bind(client, 1, DIST_NET_BIND_SHARED), DIST_NET_DISCONNECTED);
  dist_net_message_t message;
  EXPECT_EQ(dist_net_receive(client, &message, 1), DIST_NET_DISCONNECTED);
  EXPECT_EQ(dist_net_reconnect(client), DIST_NET_UNAVAILABLE);
}

TEST(Client, ReconnectingBindsAgain) {
  TemporaryDirectory directory;
  const auto at = [&](HostServerConfig& config) { config.socket = directory.path() + "/s"; };
  auto node = std::make_unique<NodeThread>(std::vector<NodeId>{NodeId{2}}, at);
  Client client{node->socket};
  ASSERT_EQ(dist_net_bind(client, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  node = nullptr;
  node = std::make_unique<NodeThread>(std::vector<NodeId>{NodeId{2}}, at);
  EXPECT_EQ(dist_net_wait(client, 10'000'000), DIST_NET_DISCONNECTED);
  ASSERT_EQ(dist_net_reconnect(client), DIST_NET_SUCCESS) << dist_net_last_error();
  ASSERT_EQ(client.send(1, 7, "again"), DIST_NET_SUCCESS);
  EXPECT_EQ(client.receive(), "again");
}

TEST(Client, TheOriginalFunctionsWorkOnTheDefaultContext) {
  NodeThread node{{NodeId{2}, NodeId{3}}};
  TemporaryDirectory directory;
  const std::string file = directory.path() + "/node.json";
  std::ofstream{file} << R"({"local_node": {"node_id": 1}, "host": {"socket": ")" << node.socket
                      << R"("}})";
  EXPECT_EQ(dist_net_start(nullptr, 0), DIST_NET_NOT_STARTED);
  EXPECT_EQ(dist_net_init(2, file.c_str(), nullptr, nullptr), DIST_NET_CONFIGURATION);
  EXPECT_EQ(dist_net_init(1, "/nowhere.json", nullptr, nullptr), DIST_NET_CONFIGURATION);
  ASSERT_EQ(dist_net_init(1, file.c_str(), nullptr, nullptr), DIST_NET_SUCCESS);
  EXPECT_EQ(dist_net_send_message(1, 1, "x", 1, 4), DIST_NET_NOT_STARTED);
  EXPECT_EQ(dist_net_start("10.0.0.2", 8801), DIST_NET_CONFIGURATION);
  EXPECT_EQ(dist_net_start("10.0.0.1", 8802), DIST_NET_CONFIGURATION);
  ASSERT_EQ(dist_net_start("10.0.0.1", 8801), DIST_NET_SUCCESS) << dist_net_last_error();
  EXPECT_EQ(dist_net_start(nullptr, 0), DIST_NET_ALREADY_STARTED);
  ASSERT_EQ(dist_net_bind(nullptr, 5, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  ASSERT_EQ(dist_net_send_message(1, 5, "self", 4, 4), DIST_NET_SUCCESS);
  dist_net_message_t message;
  ASSERT_TRUE(eventually([&] { return dist_net_receive(nullptr, &message, 1) == 1; }));
  EXPECT_EQ(message.size, 4U);
  dist_net_release(nullptr, &message, 1);
  EXPECT_TRUE(eventually([&] { return dist_net_broadcast_message(6, "all", 3, 4) == 2; }));
  EXPECT_EQ(dist_net_propose("x", 1, 100), DIST_NET_NO_CONSENSUS);
  EXPECT_STREQ(dist_net_last_error(), "DIST_NET_NO_CONSENSUS: no consensus here");
  dist_net_node_info_t info;
  ASSERT_EQ(dist_net_get_node_info(nullptr, &info), DIST_NET_SUCCESS);
  EXPECT_EQ(info.node_id, 1U);
  EXPECT_STREQ(info.bind_address, "10.0.0.1");
  EXPECT_EQ(info.peer_count, 2U);
  EXPECT_EQ(dist_net_stop(), DIST_NET_SUCCESS);
  ASSERT_EQ(dist_net_start(nullptr, 0), DIST_NET_SUCCESS) << dist_net_last_error();
  dist_net_shutdown();
}

TEST(Client, AnotherNodesSocketIsRefused) {
  NodeThread node;
  const dist_net_options_t options{nullptr, node.socket.c_str(), nullptr, 2, 0};
  dist_net_context_t* context = nullptr;
  EXPECT_EQ(dist_net_open(&options, &context), DIST_NET_CONFIGURATION);
}

// --- Local channels ---

class LocalPair : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const std::uint32_t flags = DIST_NET_ACCEPT_LOCAL | (GetParam() ? DIST_NET_BY_REFERENCE : 0);
    a_ = std::make_unique<Client>(node_.socket, "a", flags);
    b_ = std::make_unique<Client>(node_.socket, "b", flags);
    ASSERT_EQ(dist_net_local_open(*a_, "b", &from_a_), DIST_NET_SUCCESS) << dist_net_last_error();
    ASSERT_TRUE(eventually([&] { return dist_net_local_accept(*b_, &from_b_) == 0; }));
  }

  NodeThread node_;
  std::unique_ptr<Client> a_, b_;
  dist_net_local_t* from_a_ = nullptr;
  dist_net_local_t* from_b_ = nullptr;
};

TEST_P(LocalPair, MessagesGoBothWaysInOrder) {
  EXPECT_STREQ(dist_net_local_name(from_a_), "b");
  EXPECT_STREQ(dist_net_local_name(from_b_), "a");
  EXPECT_EQ(dist_net_local_is_by_reference(from_a_), GetParam());
  constexpr std::uint32_t kMessages = 10'000;
  for (dist_net_local_t* sender : {from_a_, from_b_}) {
    dist_net_local_t* receiver = sender == from_a_ ? from_b_ : from_a_;
    std::uint32_t sent = 0, read = 0;
    dist_net_message_t messages[16];
    while (read < kMessages) {
      const std::string payload = std::to_string(sent) + std::string(sent % 200, '.');
      if (sent < kMessages && dist_net_local_send(sender, sent, payload.data(), payload.size(),
                                                  DIST_NET_MORE) == DIST_NET_SUCCESS) {
        ++sent;
        if (sent % 7 != 0) continue;
      }
      const std::int32_t got = dist_net_local_receive(receiver, messages, 16);
      ASSERT_GE(got, 0);
      for (std::int32_t i = 0; i < got; ++i, ++read) {
        const std::string text{static_cast<const char*>(messages[i].payload), messages[i].size};
        ASSERT_EQ(text, std::to_string(read) + std::string(read % 200, '.'));
        ASSERT_EQ(messages[i].type, read);
      }
      dist_net_local_release(receiver, messages, static_cast<std::uint32_t>(got));
    }
  }
}

TEST_P(LocalPair, AReceiverThatKeepsEverythingBlocksItsSenderOnly) {
  std::uint32_t sent = 0;
  while (dist_net_local_send(from_a_, 0, "x", 1, 0) == DIST_NET_SUCCESS) ++sent;
  EXPECT_EQ(sent, 1'024U);
  EXPECT_EQ(dist_net_error_details().reason, DIST_NET_REASON_LOCAL);
  EXPECT_EQ(dist_net_local_send(from_b_, 0, "y", 1, 0), DIST_NET_SUCCESS);
}

TEST_P(LocalPair, TheSurvivorOfAClosedChannelIsTold) {
  ASSERT_EQ(dist_net_local_send(from_a_, 0, "last", 4, 0), DIST_NET_SUCCESS);
  dist_net_local_close(from_a_);
  dist_net_message_t message;
  ASSERT_TRUE(eventually([&] { return dist_net_wait(*b_, 1'000) == DIST_NET_SUCCESS; }));
  ASSERT_EQ(dist_net_local_receive(from_b_, &message, 1), 1);  // what was sent before arrives
  dist_net_local_release(from_b_, &message, 1);
  EXPECT_TRUE(eventually([&] {
    dist_net_wait(*b_, 1'000);
    return dist_net_local_receive(from_b_, &message, 1) == DIST_NET_DISCONNECTED;
  }));
}

TEST_P(LocalPair, ASleepingReceiverAndASleepingSenderAreWoken) {
  dist_net_set_spin(*a_, 0);
  dist_net_set_spin(*b_, 0);
  constexpr std::uint32_t kMessages = 20'000;
  std::thread receiving{[&] {
    dist_net_message_t messages[8];
    for (std::uint32_t read = 0; read < kMessages;) {
      const std::int32_t got = dist_net_local_receive(from_b_, messages, 8);
      ASSERT_GE(got, 0);
      if (got == 0) {
        ASSERT_NE(dist_net_wait(*b_, 10'000'000), DIST_NET_TIMEOUT) << read;
      }
      dist_net_local_release(from_b_, messages, static_cast<std::uint32_t>(got));
      read += static_cast<std::uint32_t>(got);
    }
  }};
  for (std::uint32_t sent = 0; sent < kMessages;) {
    if (dist_net_local_send(from_a_, 0, &sent, sizeof sent, 0) == DIST_NET_SUCCESS) {
      ++sent;
    } else {
      EXPECT_NE(dist_net_wait(*a_, 10'000'000), DIST_NET_TIMEOUT) << sent;
    }
  }
  receiving.join();
}

INSTANTIATE_TEST_SUITE_P(Modes, LocalPair, ::testing::Bool(), [](const auto& param_info) {
  return param_info.param ? "ByReference" : "ByCopy";
});

TEST(Local, ProgramsThatDidNotOptInCannotBeReached) {
  NodeThread node;
  Client shy{node.socket, "shy"}, open{node.socket, "open", DIST_NET_ACCEPT_LOCAL};
  dist_net_local_t* channel = nullptr;
  EXPECT_EQ(dist_net_local_open(open, "shy", &channel), DIST_NET_NO_SUCH_PROGRAM);
  EXPECT_EQ(dist_net_local_open(open, "nobody", &channel), DIST_NET_NO_SUCH_PROGRAM);
  EXPECT_EQ(dist_net_local_accept(open, &channel), DIST_NET_WOULD_BLOCK);
  Client again{node.socket, "shy"};
  EXPECT_EQ(again.error, DIST_NET_NAME_TAKEN);
}

TEST(Local, ChannelsAreLimitedAndClosingGivesThemBack) {
  NodeThread node;
  Client a{node.socket, "a", DIST_NET_ACCEPT_LOCAL}, b{node.socket, "b", DIST_NET_ACCEPT_LOCAL};
  std::vector<dist_net_local_t*> channels;
  dist_net_local_t* channel = nullptr;
  while (dist_net_local_open(a, "b", &channel) == DIST_NET_SUCCESS) channels.push_back(channel);
  EXPECT_EQ(dist_net_error_details().error, DIST_NET_LIMIT_REACHED) << dist_net_last_error();
  EXPECT_EQ(channels.size(), 16U);
  dist_net_local_close(channels.front());
  EXPECT_EQ(dist_net_local_open(a, "b", &channel), DIST_NET_SUCCESS) << dist_net_last_error();
}

}  // namespace
}  // namespace ringroad::host::test
