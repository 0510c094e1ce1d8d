// Changes of membership under way: what counts while there are two halves, and what a change makes
// possible or forbids (thesis 4).
#include <gtest/gtest.h>

#include "tests/unit/consensus/core_cluster.h"

namespace ringroad::raft::test {
namespace {

StepResult propose_change(CoreCluster& cluster, int leader, ConfChangeType type, int node) {
  const StepResult result = cluster.node(leader).propose_conf_change(ConfChange{{type, id(node)}},
                                                                     EntryType::kConfChangeV2);
  cluster.settle();
  return result;
}

TEST(Changes, CommitWhatASmallerQuorumHasHadAllAlong) {
  CoreCluster cluster(4, [](Config& config) { config.append_entries_max = 1; });
  cluster.elect(1);
  // Of four, three decide: 1 and 2 alone have the change and what follows it, 3 gets the change.
  const Index change = next(cluster.node(1).log().last_index());
  bool reaches_3 = false;
  cluster.filter = [&](const Message& m) {
    if (m.to == id(4)) return false;
    if (m.to != id(3)) return true;
    return reaches_3 && (m.entries.empty() || m.entries.back().index <= change);
  };
  ASSERT_EQ(propose_change(cluster, 1, ConfChangeType::kRemoveNode, 4), StepResult::kOk);
  cluster.propose(1, "x");
  ASSERT_LT(cluster.node(1).log().committed(), change);
  reaches_3 = true;
  // The answer to a heartbeat makes the leader send what was lost; no other answer follows.
  cluster.pass(milliseconds(51));
  EXPECT_EQ(cluster.node(1).log().committed(), next(change)) << "two of three have it";
}

TEST(Changes, OfOneWhoComesBackForgetWhatItHadPromised) {
  CoreCluster cluster(4, [](Config& config) { config.read_mode = ReadMode::kLease; });
  cluster.isolate(4);
  cluster.pass(milliseconds(500));
  int leader = 1;
  while (cluster.node(leader).role() != Role::kLeader) ++leader;
  ASSERT_GT(cluster.node(leader).status().lease_until, cluster.now());
  const int one = leader % 3 + 1;
  ASSERT_EQ(propose_change(cluster, leader, ConfChangeType::kRemoveNode, one), StepResult::kOk);
  cluster.isolate(one);
  ASSERT_EQ(propose_change(cluster, leader, ConfChangeType::kAddNode, one), StepResult::kOk);
  ASSERT_TRUE(cluster.node(leader).tracker().contains(id(one)));
  // Two of four have promised: the leader, and the one that stayed.
  EXPECT_LE(cluster.node(leader).status().lease_until, cluster.now());
}

TEST(Changes, ThatRemoveTheLeaderAreKnownOnlyToThoseWhoSayAnIndexItHas) {
  CoreCluster cluster(3);
  cluster.elect(1);
  Raft& leader = cluster.node(1);
  for (const int n : {2, 3}) {
    (void)leader.step({.type = MessageType::kAppendResponse,
                       .from = id(n),
                       .to = id(1),
                       .term = leader.term(),
                       .index = leader.log().last_index(),
                       .known_commit = Index{1'000}});
  }
  // They store the change and never learn that it is committed.
  const Index change = next(leader.log().last_index());
  cluster.filter = [&](const Message& m) { return m.commit < change; };
  ASSERT_EQ(propose_change(cluster, 1, ConfChangeType::kRemoveNode, 1), StepResult::kOk);
  ASSERT_FALSE(leader.tracker().contains(id(1)));
  EXPECT_EQ(leader.role(), Role::kLeader) << "nobody knows yet that it is to leave";
}

TEST(Successors, AreNotThoseWhoWaitForASnapshot) {
  CoreCluster cluster(3, [](Config& config) { config.priorities[3] = 9; });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.snapshot(1, 10);
  cluster.heal();
  cluster.filter = [](const Message& m) { return m.type != MessageType::kSnapshot; };
  cluster.pass(milliseconds(60));
  ASSERT_EQ(cluster.node(1).tracker().progress(id(3)).state, ProgressState::kSnapshot);
  ASSERT_TRUE(cluster.node(1).tracker().progress(id(3)).recent_active);
  EXPECT_EQ(cluster.node(1).best_successor(), id(2));
}

}  // namespace
}  // namespace ringroad::raft::test
