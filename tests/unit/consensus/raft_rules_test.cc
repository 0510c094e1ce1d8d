// Rules of the core beyond what the scenario files show: successors, bounds, what a node begins
// with, and what comes from outside and cannot be.
#include <gtest/gtest.h>

#include "tests/unit/consensus/core_cluster.h"

namespace ringroad::raft::test {
namespace {

TEST(Successors, AreChosenByPriorityThenByProgress) {
  CoreCluster cluster(4, [](Config& config) {
    config.priorities[1] = 5;
    config.priorities[3] = 2;
    config.priorities[4] = 2;
  });
  cluster.elect(1);
  cluster.cut(1, 3);
  cluster.propose(1, "a");
  EXPECT_EQ(cluster.node(1).best_successor(), id(4)) << "3 lacks an entry, 2 has a lower priority";
}

TEST(Successors, AreAskedToTakeOverWhenTheLeaderIsRemoved) {
  CoreCluster cluster(3);
  cluster.elect(1);
  ASSERT_EQ(cluster.node(1).propose_conf_change(ConfChange{{ConfChangeType::kRemoveNode, id(1)}},
                                                EntryType::kConfChangeV2),
            StepResult::kOk);
  cluster.settle();
  EXPECT_EQ(cluster.node(1).role(), Role::kFollower);
  EXPECT_TRUE(cluster.node(2).role() == Role::kLeader || cluster.node(3).role() == Role::kLeader)
      << "without any time passing";
}

TEST(Successors, AreNotLeftWithAVoteThatNobodyCanGive) {
  CoreCluster cluster(2);
  cluster.elect(1);
  // Node 2 gets the change and not the entry behind it; node 1, which has both, would have to
  // refuse its vote if it stopped before node 2 knows that it decides alone.
  const Index change = next(cluster.node(1).log().last_index());
  cluster.filter = [&](const Message& m) {
    return m.type != MessageType::kAppend || m.entries.empty() || m.entries.back().index <= change;
  };
  ASSERT_EQ(cluster.node(1).propose_conf_change(ConfChange{{ConfChangeType::kRemoveNode, id(1)}},
                                                EntryType::kConfChangeV2),
            StepResult::kOk);
  cluster.propose(1, "x");
  ASSERT_EQ(cluster.last_result, StepResult::kOk);
  cluster.pass(milliseconds(1000));
  EXPECT_EQ(cluster.node(2).role(), Role::kLeader);
  EXPECT_FALSE(cluster.node(2).tracker().contains(id(1)));
  EXPECT_EQ(cluster.node(1).role(), Role::kFollower);
}

TEST(Priorities, DecideWhoCampaignsFirst) {
  for (int best = 1; best <= 3; ++best) {
    CoreCluster cluster(
        3, [best](Config& config) { config.priorities[static_cast<std::size_t>(best)] = 4; });
    cluster.pass(milliseconds(400));
    EXPECT_EQ(cluster.node(best).role(), Role::kLeader) << best;
  }
}

TEST(Bounds, TheUncommittedTailOfALeaderWithoutAQuorumIsLimited) {
  CoreCluster cluster(3, [](Config& config) {
    config.uncommitted_bytes_max = 10;
    config.check_quorum = false;
  });
  cluster.elect(1);
  cluster.isolate(1);
  cluster.propose(1, "0123456789abcdef");
  EXPECT_EQ(cluster.last_result, StepResult::kOk) << "one is always taken";
  cluster.propose(1, "x");
  EXPECT_EQ(cluster.last_result, StepResult::kUncommittedBound);
  cluster.heal();
  cluster.pass(milliseconds(200));
  cluster.propose(1, "y");
  EXPECT_EQ(cluster.last_result, StepResult::kOk);
  EXPECT_EQ(cluster.state(2), "0123456789abcdefy");
}

TEST(Proposals, AtAFollowerReachTheLeaderWithTheirBytes) {
  CoreCluster cluster(3);
  cluster.elect(1);
  {
    std::string shortlived = "hello";
    const Entry e = text_entry(shortlived);
    ASSERT_EQ(cluster.node(2).propose({&e, 1}), StepResult::kOk);
    shortlived.assign("XXXXX");
  }
  cluster.settle();
  EXPECT_EQ(cluster.state(3), "hello");
}

TEST(Proposals, WithoutALeaderAreRefused) {
  CoreCluster cluster(3);
  cluster.propose(1, "a");
  EXPECT_EQ(cluster.last_result, StepResult::kNoLeader);
}

TEST(Hostile, MessagesThatNoCorrectPeerSendsAreRefusedAndChangeNothing) {
  CoreCluster cluster(3);
  cluster.elect(1);
  Raft& node = cluster.node(2);
  const Term term = node.term();
  const Entry wrong_index{.term = term, .index = Index{9}};
  const Entry future_term{.term = Term{term.value + 1}, .index = Index{2}};
  const std::pair<const char*, Message> cases[] = {
      {"an append without a term", {.type = MessageType::kAppend, .from = id(1)}},
      {"a vote from nobody", {.type = MessageType::kVote, .term = Term{9}}},
      {"from a node that cannot be", {.type = MessageType::kAppend, .from = id(65), .term = term}},
      {"entries that do not follow",
       {.type = MessageType::kAppend,
        .from = id(1),
        .term = term,
        .log_term = term,
        .index = Index{1},
        .entries = {&wrong_index, 1}}},
      {"an entry of a later term",
       {.type = MessageType::kAppend,
        .from = id(1),
        .term = term,
        .log_term = term,
        .index = Index{1},
        .entries = {&future_term, 1}}},
      {"a snapshot of nothing", {.type = MessageType::kSnapshot, .from = id(1), .term = term}},
      {"a chunk beyond its snapshot",
       {.type = MessageType::kSnapshot,
        .from = id(1),
        .term = term,
        .snapshot = {.index = Index{50}, .term = term, .size_bytes = 10},
        .chunk_offset = 8,
        .chunk_bytes = 3}},
      {"an empty proposal", {.type = MessageType::kPropose, .from = id(1)}},
      {"a type that is none", {.type = static_cast<MessageType>(99), .from = id(1), .term = term}},
      {"a type that is gone", {.type = static_cast<MessageType>(12), .from = id(1), .term = term}},
      {"applied beyond what was handed out",
       {.type = MessageType::kStorageApplyResponse, .index = Index{99}}},
  };
  for (const auto& [what, message] : cases) {
    EXPECT_EQ(node.step(message), StepResult::kMalformed) << what;
    EXPECT_EQ(node.term(), term) << what;
    EXPECT_FALSE(node.has_ready()) << what;
  }
  EXPECT_EQ(node.step({.type = MessageType::kAppendResponse, .from = id(9), .term = term}),
            StepResult::kUnknownPeer);
}

TEST(Hostile, AnAcknowledgementBeyondTheLogCommitsNothing) {
  CoreCluster cluster(3);
  cluster.elect(1);
  const Index committed = cluster.node(1).log().committed();
  (void)cluster.node(1).step({.type = MessageType::kAppendResponse,
                              .from = id(2),
                              .term = cluster.node(1).term(),
                              .index = Index{1'000}});
  EXPECT_EQ(cluster.node(1).log().committed(), committed);
}

TEST(LostLog, IsNoticedByWhatTheLeaderSaysIsCommitted) {
  CoreCluster cluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.add(3);  // wiped: it comes back under its old name, with nothing
  Raft& node = cluster.node(3);
  EXPECT_EQ(node.step({.type = MessageType::kHeartbeat,
                       .from = id(1),
                       .term = cluster.node(1).term(),
                       .commit = Index{2}}),
            StepResult::kLostLog);
}

TEST(Configs, ThatContradictThemselvesAreNamed) {
  Config config;
  EXPECT_EQ(config.validate().message(), "raft: id is 0; it must be 1 to 64");
  config.id = id(1);
  EXPECT_TRUE(config.validate().ok());
  config.election_timeout = config.heartbeat_interval;
  EXPECT_EQ(config.validate().message(),
            "raft: election_timeout is 50000000; it must be above heartbeat_interval (ns); ten "
            "times that is usual");
  config = {.id = id(1), .check_quorum = false, .read_mode = ReadMode::kLease};
  EXPECT_EQ(config.validate().message(), "raft: read_mode lease needs check_quorum");
}

TEST(Restored, StateThatContradictsItselfIsRefused) {
  Config config;
  config.id = id(1);
  Restored restored;
  restored.snapshot.conf.voters.insert(id(1));
  restored.hard_state = {.term = Term{3}, .commit = Index{7}};
  EXPECT_THROW(Raft(config, restored, Prng{1}, seconds(1)), std::invalid_argument);
  const Entry gap{.term = Term{1}, .index = Index{2}};
  restored.hard_state = {.term = Term{3}};
  restored.entries = {&gap, 1};
  EXPECT_THROW(Raft(config, restored, Prng{1}, seconds(1)), std::invalid_argument);
}

// Node 1 was alone when its log began. The log adds node 2 and then tries to remove them all.
struct RestoredChanges : testing::Test {
  RestoredChanges() {
    config.id = id(1);
    restored = {.hard_state = {.term = Term{1}, .commit = Index{2}},
                .snapshot = {.conf = {.voters = {id(1)}}},
                .entries = entries};
    add(ConfChange{{ConfChangeType::kAddNode, id(2)}}, entries[0], payloads[0]);
    ConfChange all{{ConfChangeType::kRemoveNode, id(1)}};
    EXPECT_TRUE(all.add({ConfChangeType::kRemoveNode, id(2)}));
    add(all, entries[1], payloads[1]);
    entries[0].index = Index{1};
    entries[1].index = Index{2};
  }
  using Payload = std::array<std::byte, ConfChange::kBytesMax>;
  static void add(const ConfChange& change, Entry& entry, Payload& payload) {
    entry = {.term = Term{1},
             .data = payload.data(),
             .size_bytes = static_cast<std::uint32_t>(encode(change, payload)),
             .type = EntryType::kConfChangeV2};
  }
  std::unique_ptr<Raft> started(std::uint64_t applied) {
    restored.applied = Index{applied};
    return std::make_unique<Raft>(config, restored, Prng{1}, seconds(1));
  }
  Config config;
  Restored restored;
  std::array<Entry, 2> entries;
  std::array<Payload, 2> payloads{};
};

TEST_F(RestoredChanges, ThatTheMachineHasAppliedAreInForce) {
  const auto node = started(2);
  EXPECT_EQ(node->tracker().configuration().describe(), "voters=(1 2)") << "the other was refused";
  node->campaign();
  while (node->has_ready()) {
    (void)node->ready();
    node->advance();
  }
  EXPECT_NE(node->role(), Role::kLeader) << "nobody has asked node 2";
}

TEST_F(RestoredChanges, ThatTheMachineHasNotAppliedAreHandedOut) {
  const auto node = started(0);
  EXPECT_EQ(node->tracker().configuration().describe(), "voters=(1)");
  EXPECT_EQ(node->ready().committed.size(), 2u);
}

TEST_F(RestoredChanges, ThatTheMachineCannotHaveAppliedAreRefused) {
  payloads[0][0] = std::byte{99};
  EXPECT_THROW(started(1), std::invalid_argument);
  EXPECT_NO_THROW(started(0)) << "whoever applies it finds out";
}

}  // namespace
}  // namespace ringroad::raft::test
