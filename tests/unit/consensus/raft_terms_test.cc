// What must not outlive a term, a vote or a write: each test is of a rule that is easily forgotten,
// since without it things go wrong only when a leader comes back, or a write is replaced. And what
// terms and votes must not keep from those who need it: that something is committed, or that a term
// has begun.
#include <gtest/gtest.h>

#include <utility>

#include "tests/unit/consensus/core_cluster.h"

namespace ringroad::raft::test {
namespace {

TEST(Terms, EndTheBoundThatUncommittedEntriesFilled) {
  CoreCluster cluster(3, [](Config& config) {
    config.uncommitted_bytes_max = 10;
    config.check_quorum = false;
  });
  cluster.elect(1);
  cluster.isolate(1);
  cluster.propose(1, "0123456789");
  cluster.propose(1, "x");
  ASSERT_EQ(cluster.last_result, StepResult::kUncommittedBound);
  cluster.elect(2);
  cluster.heal();
  cluster.pass(milliseconds(100));  // what node 1 could not commit is replaced
  cluster.elect(1);
  ASSERT_EQ(cluster.node(1).role(), Role::kLeader);
  cluster.isolate(1);
  cluster.propose(1, "0123456789");
  EXPECT_EQ(cluster.last_result, StepResult::kOk);
}

TEST(Terms, EndTheLeasesOfThoseBefore) {
  CoreCluster cluster(3, [](Config& config) { config.read_mode = ReadMode::kLease; });
  cluster.pass(milliseconds(500));
  int leader = 1;
  while (cluster.node(leader).role() != Role::kLeader) ++leader;
  const int other = leader % 3 + 1;
  cluster.node(leader).transfer_leader(id(other));
  cluster.settle();
  ASSERT_EQ(cluster.node(other).role(), Role::kLeader);
  cluster.node(other).transfer_leader(id(leader));
  cluster.settle();
  ASSERT_EQ(cluster.node(leader).role(), Role::kLeader);
  EXPECT_EQ(cluster.node(leader).status().lease_until, Nanos{})
      << "nobody has answered a heartbeat of this term";
}

TEST(Votes, PutOffOnesOwnCandidacy) {
  CoreCluster cluster(3);
  cluster.filter = [](const Message& m) { return m.type == MessageType::kVote; };
  cluster.node(1).set_election_timeout(milliseconds(10'000));
  cluster.node(3).set_election_timeout(milliseconds(10'000));
  // A new term by itself puts candidacies off, too, so it comes first.
  (void)cluster.node(2).step(
      {.type = MessageType::kVoteResponse, .from = id(1), .to = id(2), .term = Term{1}});
  cluster.node(2).set_election_timeout(milliseconds(200));
  cluster.pass(milliseconds(190));
  (void)cluster.node(2).step({.type = MessageType::kVote,
                              .from = id(3),
                              .to = id(2),
                              .term = Term{1},
                              .log_term = Term{},
                              .index = Index{}});
  cluster.settle();
  cluster.pass(milliseconds(190));
  EXPECT_EQ(cluster.node(2).role(), Role::kFollower) << "the one it voted for has its time";
  cluster.pass(milliseconds(20));
  EXPECT_NE(cluster.node(2).role(), Role::kFollower);
}

// Neither rule is on that makes nodes ignore requests for votes under a live leader.
void listen_to_candidates(Config& config) { config.pre_vote = config.check_quorum = false; }

// Its answer is lost, so that nobody else knows.
void raise_term(CoreCluster& cluster, int n) {
  cluster.filter = [](const Message& m) { return m.type != MessageType::kVoteResponse; };
  (void)cluster.node(n).step({.type = MessageType::kVote,
                              .from = id(2),
                              .to = id(n),
                              .term = Term{cluster.node(n).term().value + 5},
                              .log_term = Term{},
                              .index = Index{}});
  cluster.settle();
  cluster.filter = {};
}

TEST(Ahead, NodesThatCannotCampaignTellTheirLeaderOfTheTerm) {
  CoreCluster cluster(3, listen_to_candidates, 1);
  cluster.elect(1);
  raise_term(cluster, 4);
  const Term ahead = cluster.node(4).term();
  ASSERT_GT(ahead, cluster.node(1).term());
  cluster.pass(seconds(1));
  EXPECT_GT(cluster.node(4).term(), ahead);
  EXPECT_NE(cluster.node(4).leader(), kNoNode) << "it would not follow the old one ever";
}

TEST(Ahead, NodesThatDoNotKnowTheirLeaderTellIt) {
  CoreCluster cluster(3, listen_to_candidates);
  cluster.elect(1);
  raise_term(cluster, 3);
  int answers = 0;
  cluster.filter = [&](const Message& m) {
    answers += m.type == MessageType::kAppendResponse && m.term == cluster.node(3).term();
    return true;
  };
  const auto heartbeat_from = [&](int n) {
    (void)cluster.node(3).step(
        {.type = MessageType::kHeartbeat, .from = id(n), .to = id(3), .term = Term{1}});
    cluster.settle();
    return std::exchange(answers, 0);
  };
  EXPECT_EQ(heartbeat_from(9), 1);
  EXPECT_EQ(heartbeat_from(1), 0) << "its request for a vote tells as much";
}

// Node 1 leads; node 2 stores its last entry, which 1 and 3 have committed, and does not know that.
// Node 4 is a learner.
struct Refusals : testing::Test {
  Refusals() : cluster(3, {}, 1) {
    cluster.elect(1);
    last = next(cluster.node(1).log().last_index());
    cluster.filter = [this](const Message& m) { return m.to != id(2) || m.commit < last; };
    cluster.propose(1, "a");
    cluster.filter = {};
  }
  // What node `n` answers to a request for its vote by a candidate that has nothing.
  Message refusal_of(int n) {
    Message answer;
    cluster.filter = [&](const Message& m) {
      if (m.from == id(n) && m.type == MessageType::kVoteResponse) answer = m;
      return false;
    };
    (void)cluster.node(n).step({.type = MessageType::kVote,
                                .from = id(2),
                                .to = id(n),
                                .term = next_term(),
                                .log_term = Term{},
                                .index = Index{},
                                .is_transfer = true});
    cluster.settle();
    cluster.filter = {};
    return answer;
  }
  // To node `n`, which has asked for a vote in its term: "no, and I have committed this".
  void refuse(int n, Term term, EntryId committed) {
    (void)cluster.node(n).step({.type = MessageType::kVoteResponse,
                                .from = id(4),
                                .to = id(n),
                                .term = term,
                                .log_term = committed.term,
                                .commit = committed.index,
                                .reject = true});
  }
  Term next_term() { return Term{cluster.node(2).term().value + 1}; }
  Index committed(int n) { return cluster.node(n).log().committed(); }

  CoreCluster cluster;
  Index last;
};

TEST_F(Refusals, OfANodeThatCannotCampaignTellWhatItHasCommitted) {
  const Message answer = refusal_of(4);
  EXPECT_TRUE(answer.reject);
  EXPECT_EQ(answer.commit, last);
  EXPECT_EQ(answer.log_term, cluster.node(1).term());
}

TEST_F(Refusals, OfANodeThatCanCampaignTellNothing) {
  const Message answer = refusal_of(3);
  EXPECT_TRUE(answer.reject);
  EXPECT_EQ(answer.commit, Index{});
}

TEST_F(Refusals, CommitTheEntryTheyNameWhereItIsStored) {
  ASSERT_EQ(cluster.node(2).log().last_index(), last);
  ASSERT_LT(committed(2), last);
  refuse(2, cluster.node(2).term(), {cluster.node(1).term(), last});
  EXPECT_EQ(committed(2), last);
}

TEST_F(Refusals, OfAnEarlierTermSayNoLess) {
  const EntryId entry{cluster.node(1).term(), last};
  refuse(2, next_term(), {});
  ASSERT_GT(cluster.node(2).term(), entry.term);
  refuse(2, entry.term, entry);
  EXPECT_EQ(committed(2), last);
}

TEST_F(Refusals, ThatNameAnotherEntryChangeNothing) {
  const Index before = committed(2);
  const Term term = cluster.node(2).term();
  refuse(2, term, {Term{term.value + 1}, last});
  refuse(2, term, {term, next(last)});
  refuse(2, term, {});
  EXPECT_EQ(committed(2), before);
}

TEST_F(Refusals, AreNothingThatALeaderGoesBy) {
  cluster.isolate(1);
  cluster.propose(1, "on one disk only");
  const EntryId entry = cluster.node(1).log().last();
  refuse(1, cluster.node(1).term(), entry);
  EXPECT_LT(committed(1), entry.index);
}

// Node 2 stores the change that removes node 1, and node 1 has more than that. Node 1 will not
// campaign, and may not vote for a shorter log.
TEST(Removed, NodesLetThoseGoOnWhoNeedTheirVote) {
  CoreCluster cluster(2);
  cluster.elect(1);
  std::vector<Message> held;
  cluster.filter = [&held](const Message& m) {
    if (m.type != MessageType::kAppendResponse) return true;
    held.push_back(m);
    return false;
  };
  ASSERT_EQ(cluster.node(1).propose_conf_change(ConfChange{{ConfChangeType::kRemoveNode, id(1)}},
                                                EntryType::kConfChange),
            StepResult::kOk);
  cluster.settle();
  ASSERT_EQ(held.size(), 1u);
  cluster.filter = {};
  cluster.isolate(1);
  cluster.propose(1, "on one disk only");
  (void)cluster.node(1).step(held[0]);
  cluster.settle();
  ASSERT_FALSE(cluster.node(1).tracker().contains(id(1))) << "the change is committed, and applied";
  cluster.restart(1);
  cluster.heal();
  cluster.pass(seconds(2));
  EXPECT_EQ(cluster.node(2).role(), Role::kLeader);
  EXPECT_FALSE(cluster.node(2).tracker().contains(id(1)));
}

TEST(Hostile, AnAcknowledgementBeyondTheLogCountsForNoEntryThatFollows) {
  CoreCluster cluster(3);
  cluster.elect(1);
  const Index committed = cluster.node(1).log().committed();
  (void)cluster.node(1).step({.type = MessageType::kAppendResponse,
                              .from = id(2),
                              .to = id(1),
                              .term = cluster.node(1).term(),
                              .index = Index{1'000}});
  cluster.isolate(1);
  cluster.propose(1, "on one disk only");
  EXPECT_EQ(cluster.node(1).log().committed(), committed);
}

TEST(SnapshotFiles, OfWhatTheLogHasAlreadyCommitIt) {
  CoreCluster cluster(3);
  cluster.elect(1);
  cluster.filter = [](const Message& m) { return m.type != MessageType::kAppendResponse; };
  cluster.propose(1, "a");  // at the followers, and committed nowhere
  Raft& node = cluster.node(2);
  const EntryId last = node.log().last();
  ASSERT_LT(node.log().committed(), last.index);
  Snapshot snapshot{.index = last.index,
                    .term = last.term,
                    .conf = conf_state(node.tracker().configuration()),
                    .size_bytes = 1};
  const std::byte chunk{};
  ASSERT_EQ(node.step({.type = MessageType::kSnapshot,
                       .from = id(1),
                       .to = id(2),
                       .term = node.term(),
                       .snapshot = snapshot,
                       .chunk_bytes = 1,
                       .chunk = &chunk}),
            StepResult::kOk);
  EXPECT_EQ(node.log().committed(), last.index);
  cluster.settle();
  EXPECT_EQ(cluster.state(2), "a") << "by the log: it is not replaced";
}

TEST(SnapshotFiles, ThatCameInCanBePassedOn) {
  CoreCluster cluster(3);
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.snapshot(1, 10);
  cluster.heal();
  cluster.pass(milliseconds(500));
  ASSERT_EQ(cluster.state(3), "a");
  cluster.node(1).transfer_leader(id(3));
  cluster.settle();
  ASSERT_EQ(cluster.node(3).role(), Role::kLeader);
  cluster.add(4);
  ASSERT_EQ(cluster.node(3).propose_conf_change(ConfChange{{ConfChangeType::kAddLearner, id(4)}},
                                                EntryType::kConfChangeV2),
            StepResult::kOk);
  cluster.pass(milliseconds(500));
  EXPECT_EQ(cluster.state(4), "a") << "node 3's log begins behind it";
}

// A follower whose disk is slow: three leaders make it write "old", "new" and "old" again at one
// index. That the first write is done says nothing of what the disk holds in the end.
TEST(Writes, OfAnEarlierTermThatWereReplacedMakeNothingStable) {
  Config config;
  config.id = id(1);
  config.async_storage_writes = true;
  Snapshot start;
  for (int n = 1; n <= 3; ++n) start.conf.voters.insert(id(n));
  Raft node(config, {.snapshot = start}, Prng{1}, seconds(1));
  const auto append = [&](int from, Term leader_term, Index before, Term before_term, Term term) {
    const Entry entry{.term = term, .index = next(before)};
    (void)node.step({.type = MessageType::kAppend,
                     .from = id(from),
                     .to = id(1),
                     .term = leader_term,
                     .log_term = before_term,
                     .index = before,
                     .entries = {&entry, 1}});
    std::vector<Message> own;
    for (const Message& m : node.ready().responses) {
      if (m.to == id(1)) own.push_back(m);
    }
    return own;
  };
  append(2, Term{1}, Index{0}, Term{}, Term{1});
  const auto first = append(2, Term{1}, Index{1}, Term{1}, Term{1});
  append(3, Term{2}, Index{1}, Term{1}, Term{2});
  append(2, Term{3}, Index{1}, Term{1}, Term{1});
  ASSERT_FALSE(first.empty());
  for (const Message& m : first) (void)node.step(m);
  EXPECT_LT(node.log().stable(), Index{2});
}

}  // namespace
}  // namespace ringroad::raft::test
