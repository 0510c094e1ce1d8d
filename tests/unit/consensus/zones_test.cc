// Commit in two zones, as a leader decides it: what it waits for, when it does without, and when
// that ends. The arithmetic is in quorum_test.cc, the exhaustive search in tests/model.
#include <gtest/gtest.h>

#include "tests/unit/consensus/core_cluster.h"

namespace ringroad::raft::test {
namespace {

void two_zones(Config& config) {
  config.zones[1] = config.zones[2] = Zone{1};
  config.zones[3] = Zone{2};
}

TEST(Zones, AnEntryIsNotCommittedWhileOneZoneAloneHasIt) {
  CoreCluster cluster(3, two_zones);
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  EXPECT_EQ(cluster.state(1), "") << "nodes 1 and 2 are a majority in one zone";
  cluster.heal();
  cluster.pass(milliseconds(100));
  EXPECT_EQ(cluster.state(1), "a");
}

TEST(Zones, LostOnesStopCommitsUnderWait) {
  CoreCluster cluster(3, two_zones);
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.pass(milliseconds(2000));
  EXPECT_EQ(cluster.node(1).role(), Role::kLeader);
  EXPECT_EQ(cluster.state(1), "");
  EXPECT_FALSE(cluster.node(1).status().zone_rule_degraded);
}

TEST(Zones, LostOnesAreGivenUpWhenAnOperatorSaysSo) {
  CoreCluster cluster(3, two_zones);
  cluster.elect(1);
  cluster.isolate(3);
  ASSERT_EQ(cluster.node(1).propose_conf_change(ConfChange{{ConfChangeType::kRemoveNode, id(3)}},
                                                EntryType::kConfChangeV2),
            StepResult::kOk);
  cluster.pass(milliseconds(1000));
  ASSERT_TRUE(cluster.node(1).tracker().contains(id(3))) << "the change waits like any entry";
  cluster.node(1).set_zone_loss(ZoneLossPolicy::kDegrade);
  cluster.settle();
  EXPECT_FALSE(cluster.node(1).tracker().contains(id(3)));
  cluster.propose(1, "a");
  EXPECT_EQ(cluster.state(2), "a");
}

TEST(Zones, LostOnesAreDoneWithoutUnderDegradeUntilTheyAreBack) {
  CoreCluster cluster(3, [](Config& config) {
    two_zones(config);
    config.zone_loss = ZoneLossPolicy::kDegrade;
  });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.pass(milliseconds(100));
  EXPECT_EQ(cluster.state(1), "") << "not before an election timeout of silence";
  cluster.pass(milliseconds(200));
  EXPECT_EQ(cluster.state(1), "a");
  EXPECT_TRUE(cluster.node(1).status().zone_rule_degraded);
  cluster.heal();
  cluster.pass(milliseconds(200));
  EXPECT_FALSE(cluster.node(1).status().zone_rule_degraded);
  EXPECT_EQ(cluster.state(3), "a");
}

// Four voters in one zone and one elsewhere, which is lost, as is a learner beside it: the leader,
// node 1, degrades. Of six voters, the four are still a majority.
struct DegradedZones : testing::Test {
  static void four_and_two(Config& config) {
    for (std::size_t n = 1; n <= 6; ++n)
      config.zones[n] = Zone{static_cast<std::uint8_t>(n / 5 + 1)};
    config.zone_loss = ZoneLossPolicy::kDegrade;
  }
  DegradedZones() : cluster(5, four_and_two, 1) {
    cluster.elect(1);
    cluster.isolate(5);
    cluster.isolate(6);
    cluster.pass(milliseconds(300));
    EXPECT_TRUE(is_degraded());
  }
  bool is_degraded() { return cluster.node(1).status().zone_rule_degraded; }
  void change(ConfChangeType type, int node) {
    EXPECT_EQ(
        cluster.node(1).propose_conf_change(ConfChange{{type, id(node)}}, EntryType::kConfChangeV2),
        StepResult::kOk);
    cluster.settle();
  }
  Message answer_of(int node) {
    return {.type = MessageType::kHeartbeatResponse,
            .from = id(node),
            .to = id(1),
            .term = cluster.node(1).term()};
  }
  CoreCluster cluster;
};

TEST_F(DegradedZones, AreAskedForAgainFromTheFirstAnswerOn) {
  ASSERT_EQ(cluster.node(1).step(answer_of(5)), StepResult::kOk);
  EXPECT_FALSE(is_degraded());
  cluster.propose(1, "a");
  EXPECT_EQ(cluster.state(1), "") << "node 5 is cut off again";
}

TEST_F(DegradedZones, AreNotAskedForWhenALearnerAnswers) {
  ASSERT_EQ(cluster.node(1).step(answer_of(6)), StepResult::kOk);
  EXPECT_TRUE(is_degraded()) << "a learner's copy counts for no zone";
}

TEST_F(DegradedZones, AreNotAskedForWhenSomebodySpeaksOfThem) {
  Message passed_on;
  cluster.filter = [&passed_on](const Message& m) {
    if (m.type == MessageType::kTransferLeader) passed_on = m;
    return true;
  };
  cluster.node(2).transfer_leader(id(5));
  cluster.settle();
  ASSERT_EQ(passed_on.from, id(5));
  EXPECT_EQ(passed_on.term, Term{}) << "it is for whoever leads";
  ASSERT_EQ(cluster.node(1).step(passed_on), StepResult::kOk);
  ASSERT_EQ(cluster.node(1).status().transfer_to, id(5));
  EXPECT_TRUE(is_degraded());
  passed_on.term = cluster.node(1).term();
  ASSERT_EQ(cluster.node(1).step(passed_on), StepResult::kOk);
  EXPECT_TRUE(is_degraded());
}

TEST_F(DegradedZones, IncludeAVoterThatIsPromotedInSilence) {
  change(ConfChangeType::kAddNode, 6);
  ASSERT_TRUE(cluster.node(1).tracker().configuration().voters.contains(id(6)));
  cluster.propose(1, "a");
  EXPECT_EQ(cluster.state(1), "a");
}

TEST_F(DegradedZones, AreAskedForAgainWithAVoterThatComesThere) {
  change(ConfChangeType::kRemoveNode, 6);
  change(ConfChangeType::kAddNode, 6);
  EXPECT_FALSE(is_degraded()) << "it has its time to answer";
  cluster.pass(milliseconds(300));
  EXPECT_TRUE(is_degraded());
}

TEST_F(DegradedZones, AreNotSaidToBeLostByWhoDoesNotLead) {
  cluster.heal();
  cluster.isolate(1);
  cluster.pass(milliseconds(400));
  ASSERT_NE(cluster.node(1).role(), Role::kLeader);
  EXPECT_FALSE(is_degraded());
}

}  // namespace
}  // namespace ringroad::raft::test
