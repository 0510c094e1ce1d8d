// Reads: what a leader must know before it answers one, and what a lease allows (thesis 6.4).
#include <gtest/gtest.h>

#include "tests/unit/consensus/core_cluster.h"

namespace ringroad::raft::test {
namespace {

TEST(Reads, AreAnsweredAfterOneRoundHoweverManyThereAre) {
  CoreCluster cluster(3);
  cluster.elect(1);
  int heartbeats = 0;
  cluster.filter = [&](const Message& m) {
    heartbeats += m.type == MessageType::kHeartbeat;
    return true;
  };
  for (std::uint64_t i = 1; i <= 100; ++i) {
    ASSERT_EQ(cluster.node(1).read_index(i), StepResult::kOk);
  }
  cluster.settle();
  const auto reads = cluster.take_reads(1);
  ASSERT_EQ(reads.size(), 100u);
  EXPECT_EQ(reads[99].context, 100u);
  EXPECT_EQ(reads[0].index, cluster.node(1).log().committed());
  EXPECT_EQ(heartbeats, 2);
}

TEST(Reads, OfAFollowerAreAnsweredByTheLeader) {
  CoreCluster cluster(3);
  cluster.elect(1);
  ASSERT_EQ(cluster.node(3).read_index(7), StepResult::kOk);
  cluster.settle();
  const auto reads = cluster.take_reads(3);
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_EQ(reads[0].context, 7u);
  EXPECT_EQ(reads[0].index, cluster.node(1).log().committed());
}

TEST(Reads, AreForwardedOnceAndElseSentBack) {
  CoreCluster cluster(3);
  cluster.elect(1);
  cluster.isolate(3);
  cluster.node(1).transfer_leader(id(2));
  cluster.settle();
  ASSERT_EQ(cluster.node(2).role(), Role::kLeader);
  ASSERT_EQ(cluster.node(3).leader(), id(1)) << "it has not heard of it";
  cluster.heal();
  std::vector<NodeId> asked;
  cluster.filter = [&asked](const Message& m) {
    if (m.type == MessageType::kReadIndex) asked.push_back(m.to);
    return true;
  };
  ASSERT_EQ(cluster.node(3).read_index(7), StepResult::kOk);
  cluster.settle();
  EXPECT_EQ(asked, std::vector<NodeId>{id(1)});
  const auto reads = cluster.take_reads(3);
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_EQ(reads[0].context, 7u);
  EXPECT_EQ(reads[0].index, Index{}) << "to be asked again";
}

TEST(Reads, OfADeposedLeaderAreNotAnsweredButDropped) {
  CoreCluster cluster(3);
  cluster.elect(1);
  cluster.isolate(1);
  ASSERT_EQ(cluster.node(1).read_index(7), StepResult::kOk);
  cluster.settle();
  EXPECT_TRUE(cluster.take_reads(1).empty());
  cluster.pass(milliseconds(1000));
  const auto reads = cluster.take_reads(1);
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_EQ(reads[0].index, Index{}) << "dropped";
  EXPECT_NE(cluster.node(1).role(), Role::kLeader);
}

TEST(Reads, OfANewLeaderWaitForItsOwnFirstEntry) {
  CoreCluster cluster(3);
  cluster.elect(1);
  cluster.filter = [](const Message& m) { return m.type != MessageType::kAppendResponse; };
  cluster.pass(milliseconds(1));
  cluster.isolate(1);
  cluster.pass(milliseconds(600));
  const int leader = cluster.node(2).role() == Role::kLeader ? 2 : 3;
  ASSERT_EQ(cluster.node(leader).role(), Role::kLeader);
  ASSERT_EQ(cluster.node(leader).read_index(9), StepResult::kOk);
  cluster.settle();
  EXPECT_TRUE(cluster.take_reads(leader).empty());
  cluster.filter = {};
  cluster.pass(milliseconds(200));
  const auto reads = cluster.take_reads(leader);
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_EQ(cluster.node(leader).log().term(reads[0].index), cluster.node(leader).term());
}

TEST(Reads, BeyondTheirBoundAreRefused) {
  CoreCluster cluster(3, [](Config& config) { config.pending_reads_max = 2; });
  cluster.elect(1);
  EXPECT_EQ(cluster.node(1).read_index(1), StepResult::kOk);
  EXPECT_EQ(cluster.node(1).read_index(2), StepResult::kOk);
  EXPECT_EQ(cluster.node(1).read_index(3), StepResult::kReadsFull);
}

// A leader whose lease has just been renewed, and its followers.
struct Leases : testing::Test {
  Leases() : cluster(3, [](Config& config) { config.read_mode = ReadMode::kLease; }) {
    cluster.pass(milliseconds(500));
    while (cluster.node(leader).role() != Role::kLeader) ++leader;
    one = leader % 3 + 1;
    other = one % 3 + 1;
  }
  bool answers_a_read() {
    EXPECT_EQ(cluster.node(leader).read_index(5), StepResult::kOk);
    cluster.settle();
    return !cluster.take_reads(leader).empty();
  }
  CoreCluster cluster;
  int leader = 1, one = 0, other = 0;
};

TEST_F(Leases, AnswerReadsWithoutAMessage) {
  int messages = 0;
  cluster.filter = [&](const Message&) { return ++messages > 0; };
  EXPECT_TRUE(answers_a_read());
  EXPECT_EQ(messages, 0);
}

TEST_F(Leases, EndBeforeAnElectionTimeoutOfSilence) {
  cluster.isolate(leader);
  EXPECT_TRUE(answers_a_read());
  cluster.pass(milliseconds(149));
  EXPECT_FALSE(answers_a_read());
}

TEST_F(Leases, AreOverForTheTermOnceASuccessorWasToldToCampaign) {
  cluster.filter = [](const Message& m) { return m.type != MessageType::kTimeoutNow; };
  cluster.node(leader).transfer_leader(id(one));
  cluster.settle();
  cluster.pass(milliseconds(300));
  ASSERT_EQ(cluster.node(leader).role(), Role::kLeader) << "the request was lost, it stays";
  EXPECT_EQ(cluster.node(leader).status().lease_until, Nanos{});
}

TEST_F(Leases, KeepARestartedFollowerFromVotingAgainstThem) {
  cluster.restart(one);
  cluster.isolate(leader);
  const Term before = cluster.node(one).term();
  (void)cluster.node(one).step({.type = MessageType::kVote,
                                .from = id(other),
                                .to = id(one),
                                .term = Term{before.value + 1},
                                .log_term = before,
                                .index = Index{100}});
  EXPECT_EQ(cluster.node(one).term(), before);
  cluster.pass(milliseconds(1000));
  EXPECT_TRUE(cluster.node(one).role() == Role::kLeader ||
              cluster.node(other).role() == Role::kLeader)
      << "when the lease is over, they elect";
}

TEST_F(Leases, KeepAFollowerFromCampaigningBecauseSomebodySaysSo) {
  cluster.elect(one);
  EXPECT_EQ(cluster.node(leader).role(), Role::kLeader);
  EXPECT_EQ(cluster.node(one).role(), Role::kFollower);
}

}  // namespace
}  // namespace ringroad::raft::test
