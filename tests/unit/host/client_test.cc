// The library against a node on other threads: what a program sees through dist_net.h.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "dataplane/client/dist_net.h"
#include "tests/unit/host/client.h"
#include "tests/unit/host/fake_node.h"

namespace ringroad::host::test {
namespace {

// Until there is nothing to wait for: links become known one after the other.
void wait_for_quiet(dist_net_context_t* context) {
  while (dist_net_wait(context, 20'000) == DIST_NET_SUCCESS) {
  }
  EXPECT_EQ(dist_net_error_details().error, DIST_NET_TIMEOUT);
}

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

TEST(Client, OneBurstMayGoToSeveralNodesAndAskForSomeOutcomes) {
  NodeThread node;
  Client client{node.socket};
  ASSERT_EQ(dist_net_bind(client, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  ASSERT_TRUE(eventually(
      [&] { return dist_net_is_connected(client, 2) && dist_net_is_connected(client, 3); }));
  constexpr std::uint32_t kCount = 150;
  std::vector<std::string> payloads;
  std::vector<dist_net_outgoing_t> burst;
  for (std::uint32_t i = 0; i < kCount; ++i) payloads.push_back(std::string(i * 3 % 300, 'a'));
  for (std::uint32_t i = 0; i < kCount; ++i) {
    // Runs of ten to this node, with a message elsewhere between them.
    const raft_node_id_t to = i % 10 != 9 ? 1 : i % 20 == 9 ? 2 : DIST_NET_BROADCAST;
    const std::uint32_t flags = i / 50 == 1 ? DIST_NET_WANT_OUTCOME : 0;
    burst.push_back({to, 7, 4, flags, i, payloads[i].data(), payloads[i].size(), 0});
  }
  ASSERT_EQ(dist_net_send(client, burst.data(), kCount), kCount) << dist_net_last_error();
  std::uint32_t asked = 0;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(burst[i].accepted, burst[i].node == DIST_NET_BROADCAST ? 2U : 1U) << i;
    if (burst[i].flags != 0) asked += burst[i].accepted;
    if (burst[i].node == 1) {
      EXPECT_EQ(client.receive(), payloads[i]) << i;
    }
  }
  std::map<std::uint64_t, std::uint32_t> told;
  for (std::uint32_t i = 0; i < asked; ++i) {
    const auto report = client.outcome();
    EXPECT_EQ(report.outcome, DIST_NET_DELIVERED);
    ++told[report.token];
  }
  for (const auto& [token, times] : told) EXPECT_EQ(times, burst[token].accepted) << token;
  dist_net_statistics_t statistics;
  ASSERT_EQ(dist_net_get_statistics(client, &statistics), DIST_NET_SUCCESS);
  EXPECT_EQ(statistics.messages_sent, statistics.delivered);
  EXPECT_EQ(statistics.messages_received, kCount - kCount / 10);
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
  dist_net_statistics_t before{}, after{};
  ASSERT_EQ(dist_net_get_statistics(client, &before), DIST_NET_SUCCESS);
  EXPECT_EQ(client.send(2, 1, "x"), DIST_NET_WOULD_BLOCK);
  ASSERT_EQ(dist_net_get_statistics(client, &after), DIST_NET_SUCCESS);
  EXPECT_EQ(after.would_block, before.would_block + 1);
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

TEST(Client, PeersThatComeAndGoAreKnownWithoutAttachingAgain) {
  NodeThread node;
  Client program(node.socket);
  ASSERT_EQ(program.error, DIST_NET_SUCCESS);
  EXPECT_EQ(program.send(4, 7, "too early"), DIST_NET_NO_SUCH_NODE);
  node.pause();
  node.node.change_peers({NodeId{2}, NodeId{4}});
  node.resume();
  EXPECT_EQ(program.send(3, 7, "too late"), DIST_NET_NO_SUCH_NODE);
  ASSERT_TRUE(eventually([&] { return program.send(4, 7, "welcome") == DIST_NET_SUCCESS; }));
  dist_net_node_info_t info;
  ASSERT_EQ(dist_net_get_node_info(program, &info), DIST_NET_SUCCESS);
  ASSERT_EQ(info.peer_count, 2u);
  EXPECT_EQ(info.peers[0], 2u);
  EXPECT_EQ(info.peers[1], 4u);
  EXPECT_TRUE(info.connected[1]);
}

// Whoever was told that the lcore never sleeps does not ring: it may not sleep while they are here.
TEST(Client, AProgramThatNeedNotRingIsServedWhenTheLcoreMaySleepAgain) {
  NodeThread node({NodeId{2}}, [](HostServerConfig& config) { config.never_sleeps = true; });
  Client before(node.socket);
  ASSERT_EQ(before.error, DIST_NET_SUCCESS);
  node.host->set_never_sleeps(false);
  Client after(node.socket);
  ASSERT_EQ(after.error, DIST_NET_SUCCESS);
  const std::uint64_t sleeps = node.sleeps;
  ASSERT_EQ(before.send(2, 7, "x", DIST_NET_WANT_OUTCOME, 5), DIST_NET_SUCCESS);
  dist_net_outcome_report_t outcome;
  ASSERT_TRUE(eventually([&] { return dist_net_poll_outcomes(before, &outcome, 1) == 1; }));
  EXPECT_EQ(node.sleeps, sleeps);
  dist_net_close(before.context);
  before.context = nullptr;
  EXPECT_TRUE(eventually([&] { return node.sleeps > sleeps; }));
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
  wait_for_quiet(receiver);
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

TEST(Client, ALinkThatCameUpBeforeTheWaitEndsItAtOnce) {
  NodeThread node;
  node.node.peer(2).connected = false;
  Client client{node.socket};
  ASSERT_TRUE(eventually([&] { return dist_net_is_connected(client, 3); }));
  dist_net_set_spin(client, 0);
  wait_for_quiet(client);
  for (const bool up : {true, false, true}) {
    // The program looked, and was about to wait, when the link changed.
    node.node.peer(2).connected = up;
    ASSERT_TRUE(eventually([&] { return dist_net_is_connected(client, 2) == up; }));
    const std::uint64_t sleeps = node.sleeps;
    ASSERT_TRUE(eventually([&] { return node.sleeps > sleeps; }));  // that pass is over
    EXPECT_FALSE(dist_net_arm(client));
    EXPECT_FALSE(dist_net_arm(client));  // until it has returned
    ASSERT_EQ(dist_net_wait(client, 5'000'000), DIST_NET_SUCCESS) << dist_net_last_error();
    wait_for_quiet(client);
  }
}

TEST(Client, ALinkThatComesUpEndsAWaitUnderWay) {
  NodeThread node;
  node.node.peer(2).connected = false;
  Client client{node.socket};
  ASSERT_TRUE(eventually([&] { return dist_net_is_connected(client, 3); }));
  dist_net_set_spin(client, 0);
  wait_for_quiet(client);
  std::thread waiting{[&] {
    EXPECT_EQ(dist_net_wait(client, 5'000'000), DIST_NET_SUCCESS) << dist_net_last_error();
    EXPECT_TRUE(dist_net_is_connected(client, 2));
  }};
  node.node.peer(2).connected = true;
  waiting.join();
}

TEST(Client, RoomThatCameBeforeTheWaitEndsItAtOnce) {
  NodeThread node;
  node.node.peer(2).answers = false;  // no outcome tells of the room
  Client client{node.socket};
  ASSERT_TRUE(eventually([&] { return dist_net_is_connected(client, 2); }));
  dist_net_set_spin(client, 0);
  wait_for_quiet(client);
  node.pause();
  std::uint32_t accepted = 0;
  while (client.send(2, 1, "x") == DIST_NET_SUCCESS) ++accepted;
  EXPECT_EQ(accepted, kTransmitRing);
  EXPECT_EQ(dist_net_error_details().reason, DIST_NET_REASON_RING);
  wait_for_quiet(client);
  node.resume();
  const std::uint64_t sleeps = node.sleeps;
  ASSERT_TRUE(eventually([&] { return node.sleeps > sleeps; }));  // all of it was taken
  EXPECT_EQ(dist_net_wait(client, 5'000'000), DIST_NET_SUCCESS) << dist_net_last_error();
  EXPECT_EQ(client.send(2, 1, "x"), DIST_NET_SUCCESS);
}

TEST(Client, WhatIsTakenFromARingWithRoomWakesNobody) {
  NodeThread node;
  node.node.peer(2).answers = false;
  Client client{node.socket};
  ASSERT_TRUE(eventually([&] { return dist_net_is_connected(client, 2); }));
  dist_net_set_spin(client, 0);
  wait_for_quiet(client);
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(client.send(2, 1, "x"), DIST_NET_SUCCESS);
    EXPECT_EQ(dist_net_wait(client, 20'000), DIST_NET_TIMEOUT);
  }
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
  EXPECT_STREQ(dist_net_last_error(),
               "DIST_NET_NO_CONSENSUS: this node takes no part in consensus: "
               "/consensus/directory is not set");
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

}  // namespace
}  // namespace ringroad::host::test
