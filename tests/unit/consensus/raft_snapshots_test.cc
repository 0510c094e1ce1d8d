// Snapshots on their way: in chunks, lost, interrupted, overtaken (thesis 5).
#include <gtest/gtest.h>

#include "tests/unit/consensus/core_cluster.h"

namespace ringroad::raft::test {
namespace {

void small_chunks(Config& config) { config.snapshot_chunk_bytes_max = 10; }

// Node 3 misses everything and needs a snapshot of 7 + 60 bytes: seven chunks.
struct Snapshots : testing::Test {
  Snapshots() : cluster(3, small_chunks) {
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "payload");
    cluster.snapshot(1, 60);
    cluster.propose(1, "!");
  }
  void count_chunks() {
    cluster.filter = [this](const Message& m) {
      if (m.type != MessageType::kSnapshot) return true;
      EXPECT_LE(m.chunk_bytes, 10u);
      ++chunks;
      return chunks != lose;
    };
  }
  CoreCluster cluster;
  int chunks = 0;
  int lose = 0;
};

TEST_F(Snapshots, TravelInBoundedChunksAndTheLogFollows) {
  count_chunks();
  cluster.heal();
  cluster.pass(milliseconds(400));
  EXPECT_EQ(cluster.state(3), "payload!");
  EXPECT_EQ(chunks, 7);
}

TEST_F(Snapshots, AreAnsweredWithTheCommitIndexTheyBring) {
  std::vector<Message> answers;
  cluster.filter = [&answers](const Message& m) {
    const bool is_answer = m.type == MessageType::kAppendResponse && m.from == id(3) && !m.reject;
    if (is_answer) answers.push_back(m);
    return true;
  };
  cluster.heal();
  cluster.pass(milliseconds(400));
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers[0].index, previous(cluster.node(1).log().last_index())) << "the snapshot's";
  EXPECT_EQ(answers[0].known_commit, answers[0].index);
}

TEST_F(Snapshots, GoOnAfterALostChunk) {
  count_chunks();
  lose = 4;
  cluster.heal();
  cluster.pass(milliseconds(1000));
  EXPECT_EQ(cluster.state(3), "payload!");
  EXPECT_EQ(chunks, 8);
}

TEST_F(Snapshots, BeginAgainWhenTheReceiverHasForgottenThePieces) {
  count_chunks();
  lose = 5;
  cluster.heal();
  cluster.pass(milliseconds(60));
  cluster.restart(3);
  cluster.pass(milliseconds(1000));
  EXPECT_EQ(cluster.state(3), "payload!");
  EXPECT_GE(chunks, 5 + 7);
}

TEST_F(Snapshots, BeginAgainUnderANewLeaderWhoseFileMayDiffer) {
  count_chunks();
  lose = 5;
  cluster.snapshot(2, 33);
  cluster.heal();
  cluster.pass(milliseconds(60));
  ASSERT_EQ(chunks, 5);
  cluster.node(1).transfer_leader(id(2));
  cluster.settle();
  ASSERT_EQ(cluster.node(2).role(), Role::kLeader);
  cluster.pass(milliseconds(1000));
  EXPECT_EQ(cluster.state(3), "payload!");
  cluster.propose(2, "?");
  EXPECT_EQ(cluster.state(3), "payload!?");
}

TEST_F(Snapshots, OfTwoTheNewerWinsAndTheOtherIsIgnored) {
  cluster.filter = [this](const Message& m) {
    if (m.type != MessageType::kSnapshot) return true;
    return ++chunks != 3;
  };
  cluster.heal();
  cluster.pass(milliseconds(60));
  cluster.propose(1, "more");
  cluster.snapshot(1, 60);
  cluster.node(1).report_snapshot(id(3), false);
  cluster.pass(milliseconds(1000));
  EXPECT_EQ(cluster.state(3), "payload!more");
}

TEST_F(Snapshots, NeverReplaceNewerEntries) {
  cluster.heal();
  cluster.pass(milliseconds(400));
  cluster.propose(1, "newer");
  const Index last = cluster.node(3).log().last_index();
  (void)cluster.node(3).step(
      {.type = MessageType::kSnapshot,
       .from = id(1),
       .to = id(3),
       .term = cluster.node(1).term(),
       .snapshot = {
           .index = Index{2}, .term = Term{1}, .conf = {.voters = {id(1), id(2), id(3)}}}});
  cluster.settle();
  EXPECT_EQ(cluster.node(3).log().last_index(), last);
  EXPECT_EQ(cluster.state(3), "payload!newer");
}

TEST(SnapshotsOfOthers, AreTakenByANodeThatWasAddedAfterThey) {
  CoreCluster cluster(1);
  cluster.elect(1);
  cluster.propose(1, "early");
  cluster.snapshot(1, 0);
  cluster.add(2);
  ASSERT_EQ(cluster.node(1).propose_conf_change(ConfChange{{ConfChangeType::kAddNode, id(2)}},
                                                EntryType::kConfChangeV2),
            StepResult::kOk);
  cluster.settle();
  cluster.pass(milliseconds(200));
  cluster.propose(1, "late");
  EXPECT_EQ(cluster.state(2), "earlylate");
}

}  // namespace
}  // namespace ringroad::raft::test
