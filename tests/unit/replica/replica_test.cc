// What a replica promises its clients, tested on whole clusters of them.
#include "consensus/replica/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "consensus/log/segment_pool.h"
#include "tests/unit/replica/replica_cluster.h"

namespace ringroad::consensus {
namespace {

using machine::Status;

ReplicaConfig short_log() {
  ReplicaConfig config;
  config.compaction_entries = 100;
  config.kept_entries = 10;
  config.raft.snapshot_chunk_bytes_max = 4096;
  return config;
}

void put_many(ReplicaCluster& cluster, std::uint16_t node, int count, const std::string& value) {
  std::vector<std::uint64_t> asked;
  for (int i = 0; i < count; ++i) {
    asked.push_back(cluster.ask(node, machine::put("key-" + std::to_string(i), value)));
  }
  ASSERT_TRUE(cluster.run_until(
      [&] {
        return std::ranges::all_of(asked, [&](auto n) { return cluster.answer(n) != nullptr; });
      },
      "all answers"));
  for (const std::uint64_t number : asked) {
    ASSERT_EQ(cluster.answer(number)->outcome, RequestOutcome::kAnswered);
    ASSERT_EQ(cluster.answer(number)->answer.status, Status::kOk);
  }
}

// That LZ4 saves nothing on.
std::string random_value(std::size_t size) {
  Prng prng(1);
  std::string value(size, ' ');
  for (char& c : value) c = static_cast<char>(prng.below(256));
  return value;
}

TEST(Replica, WhatAnyNodeWritesEveryNodeReads) {
  ReplicaCluster cluster(3);
  cluster.leader();
  for (std::uint16_t writer = 1; writer <= 3; ++writer) {
    const std::string value = "from " + std::to_string(writer);
    const Told told = cluster.told(writer, machine::put("key", value));
    ASSERT_EQ(told.outcome, RequestOutcome::kAnswered);
    ASSERT_EQ(told.answer.status, Status::kOk);
    for (std::uint16_t reader = 1; reader <= 3; ++reader) {
      EXPECT_EQ(cluster.value_of(reader, "key"), value);
    }
  }
}

TEST(Replica, ARequestBeforeThereIsALeaderIsDoneWhenThereIsOne) {
  ReplicaCluster cluster(3);
  EXPECT_EQ(cluster.told(1, machine::put("key", "early")).outcome, RequestOutcome::kAnswered);
  EXPECT_EQ(cluster.value_of(2, "key"), "early");
}

TEST(Replica, WhatWasAcknowledgedOutlivesTheLeaderAndItsRestart) {
  ReplicaCluster cluster(3);
  const std::uint16_t first = cluster.leader();
  put_many(cluster, first, 50, "kept");
  cluster.kill(first);
  const std::uint16_t second = cluster.leader();
  EXPECT_NE(first, second);
  EXPECT_EQ(cluster.value_of(second, "key-49"), "kept");
  put_many(cluster, second, 50, "newer");
  cluster.start(first);
  EXPECT_EQ(cluster.value_of(first, "key-49"), "newer");
}

TEST(Replica, AllOfItComesBackAfterAllWereKilled) {
  ReplicaCluster cluster(3, short_log());
  put_many(cluster, cluster.leader(), 250, "kept");
  for (std::uint16_t i = 1; i <= 3; ++i) cluster.kill(i);
  for (std::uint16_t i = 1; i <= 3; ++i) cluster.start(i);
  for (std::uint16_t i = 1; i <= 3; ++i) EXPECT_EQ(cluster.value_of(i, "key-249"), "kept");
}

TEST(Replica, ARepeatedRequestOfASessionIsDoneOnceAcrossFailover) {
  ReplicaCluster cluster(3);
  const std::uint16_t first = cluster.leader();
  const std::uint64_t session =
      cluster.told(first, machine::open_session(seconds(60))).answer.value;
  const machine::Request request = machine::numbered(machine::append("once"), session, 1);
  const Told before = cluster.told(first, request);
  ASSERT_EQ(before.answer.status, Status::kOk);
  cluster.kill(first);
  const Told after = cluster.told(cluster.leader(), request);
  EXPECT_EQ(after.answer.status, Status::kOk);
  EXPECT_TRUE(after.answer.repeated);
  EXPECT_EQ(after.answer.value, before.answer.value);
  EXPECT_EQ(cluster.replica(cluster.leader()).machine().log_last().value, 1u);
}

TEST(Replica, ARequestOfASessionUnderWayWhenTheLeaderDiesIsStillDone) {
  ReplicaCluster cluster(3);
  const std::uint16_t first = cluster.leader();
  const std::uint16_t asked = cluster.follower();
  const std::uint64_t session =
      cluster.told(asked, machine::open_session(seconds(60))).answer.value;
  const std::uint64_t number =
      cluster.ask(asked, machine::numbered(machine::append("once"), session, 1));
  cluster.kill(first);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.answer(number) != nullptr; }, "its answer"));
  EXPECT_EQ(cluster.answer(number)->outcome, RequestOutcome::kAnswered);
  EXPECT_EQ(cluster.replica(asked).machine().log_last().value, 1u);
}

TEST(Replica, ASessionIsOpenedAlthoughTheLeaderDiesMeanwhile) {
  ReplicaCluster cluster(3);
  const std::uint16_t asked = cluster.follower();
  const std::uint64_t number = cluster.ask(asked, machine::open_session(seconds(60)));
  cluster.kill(cluster.leader());
  ASSERT_TRUE(cluster.run_until([&] { return cluster.answer(number) != nullptr; }, "its answer"));
  EXPECT_EQ(cluster.answer(number)->outcome, RequestOutcome::kAnswered);
  EXPECT_EQ(cluster.answer(number)->answer.status, Status::kOk);
}

TEST(Replica, WhatIsWrittenToTheLogIsCountedAndTimed) {
  ReplicaCluster cluster(3, short_log());
  const std::uint16_t leader = cluster.leader();
  put_many(cluster, leader, 150, "value");
  ASSERT_TRUE(cluster.run_until(
      [&] { return cluster.replica(leader).statistics().snapshots_made == 1; }, "a snapshot"));
  const ReplicaStatistics& counted = cluster.replica(leader).statistics();
  EXPECT_EQ(counted.entries_stored, cluster.replica(leader).status().raft.last.value);
  EXPECT_EQ(counted.log_write.count(), counted.batches_stored);
  EXPECT_GT(counted.log_write.sum(), 0u);
  EXPECT_GT(counted.snapshot_time.count, 0);
  EXPECT_GT(cluster.replica(leader).status().snapshot_bytes, 0u);
}

TEST(Replica, AMinorityRefusesWritesAndReadsAndTellsWhatItHasWhenAskedForThat) {
  ReplicaCluster cluster(3);
  const std::uint16_t alone = cluster.leader();
  ASSERT_EQ(cluster.told(alone, machine::put("key", "old")).answer.status, Status::kOk);
  cluster.isolate(alone);
  cluster.run_for(seconds(1));
  EXPECT_EQ(cluster.told(alone, machine::put("key", "lost")).outcome, RequestOutcome::kNoQuorum);
  EXPECT_EQ(cluster.value_of(alone, "key"), "no quorum");
  EXPECT_EQ(cluster.value_of(alone, "key", Consistency::kStale), "old");
  const std::uint16_t other = alone == 1 ? 2 : 1;
  ASSERT_EQ(cluster.told(other, machine::put("key", "new")).answer.status, Status::kOk);
  cluster.heal();
  EXPECT_EQ(cluster.value_of(alone, "key"), "new");
}

TEST(Replica, ADeposedLeaderThatDoesNotKnowItAnswersNoRead) {
  ReplicaCluster cluster(3);
  const std::uint16_t old_leader = cluster.leader();
  ASSERT_EQ(cluster.told(old_leader, machine::put("key", "old")).answer.status, Status::kOk);
  cluster.isolate(old_leader);
  const std::uint64_t read = cluster.ask(old_leader, machine::get("key"), milliseconds(100));
  cluster.run_for(milliseconds(200));
  ASSERT_NE(cluster.answer(read), nullptr);
  EXPECT_NE(cluster.answer(read)->outcome, RequestOutcome::kAnswered);
}

TEST(Replica, ANodeThatWasAwayTooLongIsSentASnapshot) {
  ReplicaCluster cluster(3, short_log());
  const std::uint16_t away = cluster.follower();
  cluster.kill(away);
  put_many(cluster, cluster.leader(), 500, std::string(200, 'x'));
  cluster.run_for(milliseconds(100));
  ASSERT_GT(cluster.replica(cluster.leader()).statistics().snapshots_made, 0u);
  cluster.start(away);
  EXPECT_EQ(cluster.value_of(away, "key-499"), std::string(200, 'x'));
  EXPECT_GT(cluster.replica(away).statistics().snapshots_installed, 0u);
  EXPECT_GT(cluster.replica(cluster.leader()).statistics().snapshot_chunks_sent, 10u);
  // And it is on its disk.
  cluster.kill(away);
  cluster.start(away);
  EXPECT_EQ(cluster.value_of(away, "key-499"), std::string(200, 'x'));
  EXPECT_EQ(cluster.replica(away).statistics().snapshots_installed, 0u);
}

TEST(Replica, ASessionSurvivesInASnapshot) {
  ReplicaCluster cluster(3, short_log());
  const std::uint16_t away = cluster.follower();
  const std::uint16_t asked = cluster.leader();
  const std::uint64_t session =
      cluster.told(asked, machine::open_session(seconds(60))).answer.value;
  const machine::Request request = machine::numbered(machine::append("once"), session, 1);
  cluster.kill(away);
  ASSERT_EQ(cluster.told(asked, request).answer.status, Status::kOk);
  put_many(cluster, asked, 500, "filler");
  cluster.start(away);
  ASSERT_EQ(cluster.value_of(away, "key-499"), "filler");
  EXPECT_TRUE(cluster.told(away, request).answer.repeated);
}

TEST(Replica, AFailedFlushEndsItsConsensusAndTheOthersGoOn) {
  ReplicaCluster cluster(3);
  const std::uint16_t broken = cluster.leader();
  cluster.files(broken).flushes_fail = true;
  const std::uint64_t number = cluster.ask(broken, machine::put("key", "value"));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.answer(number) != nullptr; }, "an answer"));
  EXPECT_EQ(cluster.answer(number)->outcome, RequestOutcome::kStopped);
  EXPECT_TRUE(cluster.replica(broken).is_stopped());
  EXPECT_THAT(cluster.replica(broken).status().stopped, testing::HasSubstr("flush"));
  EXPECT_EQ(cluster.told(broken, machine::put("a", "b")).outcome, RequestOutcome::kStopped);
  const std::uint16_t other = cluster.leader();
  EXPECT_NE(other, broken);
  EXPECT_EQ(cluster.told(other, machine::put("key", "new")).outcome, RequestOutcome::kAnswered);
}

TEST(Replica, ALeaderWithoutRoomOnItsDiskGivesWay) {
  ReplicaCluster cluster(3);
  const std::uint16_t full = cluster.leader();
  std::uint64_t used = 0;
  for (const auto& [name, bytes] : cluster.files(full).image()) used += bytes.size();
  cluster.files(full).room_bytes = used;
  const std::string value = random_value(20'000);
  for (int i = 0; i < 200 && cluster.replica(full).raft().role() == raft::Role::kLeader; ++i) {
    cluster.ask(full, machine::put("key", value), seconds(1));
    cluster.run_for(milliseconds(5));
  }
  ASSERT_TRUE(cluster.run_until([&] { return cluster.leader() != full; }, "another leader"));
  EXPECT_TRUE(cluster.replica(full).status().wants_room);
  EXPECT_EQ(cluster.replica(full).status().stopped, "");
  const std::uint16_t other = cluster.leader();
  ASSERT_EQ(cluster.told(other, machine::put("key", "new")).outcome, RequestOutcome::kAnswered);
  cluster.files(full).room_bytes = std::uint64_t{1} << 40;
  EXPECT_EQ(cluster.value_of(full, "key"), "new");
  EXPECT_FALSE(cluster.replica(full).status().wants_room);
}

TEST(Replica, AWatchIsAnsweredWhenSomethingChangesAndNotBefore) {
  ReplicaCluster cluster(3);
  const std::uint16_t node = cluster.follower();
  ASSERT_EQ(cluster.told(node, machine::put("other", "1")).answer.status, Status::kOk);
  const std::uint64_t watch = cluster.ask(node, machine::watch("key", {2, 0}), seconds(5),
                                          Consistency::kLinearizable, true);
  const std::uint64_t in_vain = cluster.ask(node, machine::watch("none", {2, 0}), milliseconds(300),
                                            Consistency::kLinearizable, true);
  cluster.run_for(milliseconds(200));
  EXPECT_EQ(cluster.answer(watch), nullptr);
  ASSERT_EQ(cluster.told(node, machine::put("key", "2")).answer.status, Status::kOk);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.answer(watch) != nullptr; }, "the event"));
  const machine::Told told = machine::told(cluster.answer(watch)->bytes);
  ASSERT_EQ(told.events.size(), 1u);
  EXPECT_EQ(machine::text_of(told.events[0].key.value), "2");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.answer(in_vain) != nullptr; }, "its end"));
  EXPECT_EQ(cluster.answer(in_vain)->outcome, RequestOutcome::kAnswered);
  EXPECT_TRUE(machine::told(cluster.answer(in_vain)->bytes).events.empty());
}

TEST(Replica, ALeaseThatNobodyKeepsTakesItsKeysWithItAndOneThatIsKeptDoesNot) {
  ReplicaCluster cluster(3);
  const std::uint16_t node = cluster.follower();
  const auto grant = [&] {
    return machine::LeaseId{cluster.told(node, machine::grant(milliseconds(600))).answer.value};
  };
  const machine::LeaseId kept = grant();
  const machine::LeaseId left = grant();
  ASSERT_EQ(cluster.told(node, machine::put("kept", "1", kept)).answer.status, Status::kOk);
  ASSERT_EQ(cluster.told(node, machine::put("left", "1", left)).answer.status, Status::kOk);
  for (int i = 0; i < 20; ++i) {
    cluster.run_for(milliseconds(100));
    ASSERT_EQ(
        cluster.told(node, machine::of_lease(machine::Kind::kKeepLease, kept.value)).answer.status,
        Status::kOk);
  }
  EXPECT_EQ(cluster.value_of(node, "kept"), "1");
  EXPECT_EQ(cluster.value_of(node, "left"), "-");
}

TEST(Replica, WhatIsNoRequestOrNoClientsIsRefusedAtOnce) {
  ReplicaCluster cluster(1);
  EXPECT_EQ(cluster.told(1, machine::clock_at(seconds(1))).answer.status, Status::kBadRequest);
  EXPECT_EQ(cluster.told(1, machine::raise_level(1)).answer.status, Status::kBadRequest);
}

TEST(Replica, MoreRequestsThanItsBoundAreRefusedAndTheOthersAnswered) {
  ReplicaConfig config;
  config.requests.requests_max = 8;
  ReplicaCluster cluster(1, config);
  cluster.leader();
  std::vector<std::uint64_t> asked;
  for (int i = 0; i < 8; ++i) asked.push_back(cluster.ask(1, machine::put("key", "value")));
  const auto bytes = machine::encoded(machine::put("key", "value"));
  EXPECT_FALSE(cluster.replica(1).submit({.client = 99, .bytes = bytes}, cluster.now()));
  for (const std::uint64_t number : asked) {
    ASSERT_TRUE(cluster.run_until([&] { return cluster.answer(number) != nullptr; }, "answers"));
  }
  EXPECT_EQ(cluster.told(1, machine::put("key", "value")).outcome, RequestOutcome::kAnswered);
}

// Turns over bytes of the records that hold the first entries.
void damage_log(ReplicaCluster& cluster, std::uint16_t node) {
  auto& bytes = cluster.files(node).bytes_of(durable::segment_name(1));
  for (std::size_t i = 1000; i < 2000; i += 100) bytes[i] ^= std::byte{1};
}

TEST(Replica, ANodeWhoseLogIsDamagedIsSentAgainWhatItLost) {
  ReplicaCluster cluster(3);
  const std::string value = random_value(300);
  put_many(cluster, cluster.leader(), 200, value);
  const std::uint16_t damaged = cluster.follower();
  cluster.run_for(milliseconds(100));
  cluster.kill(damaged);
  damage_log(cluster, damaged);
  cluster.start(damaged);
  ASSERT_GT(cluster.replica(damaged).raft().status().awaited, Index{});
  ASSERT_LT(cluster.replica(damaged).raft().log().last_index(), Index{200});
  ASSERT_TRUE(
      cluster.run_until([&] { return cluster.replica(damaged).raft().status().awaited == Index{}; },
                        "it to recover"));
  EXPECT_EQ(cluster.replica(damaged).status().stopped, "");
  put_many(cluster, damaged, 10, "after");
  // With it, and without who led before, the cluster still has everything.
  cluster.kill(cluster.leader());
  EXPECT_EQ(cluster.value_of(damaged, "key-199"), value);
  cluster.kill(damaged);
  cluster.start(damaged);
  EXPECT_EQ(cluster.replica(damaged).raft().status().awaited, Index{});
}

TEST(Replica, ANodeThatHasLostEntriesElectsNobodyUntilItHasThemAgain) {
  ReplicaCluster cluster(3);
  const std::uint16_t lead = cluster.leader();
  std::uint16_t damaged = 0, behind = 0;
  for (std::uint16_t i = 1; i <= 3; ++i) {
    if (i != lead) (damaged == 0 ? damaged : behind) = i;
  }
  cluster.isolate(behind);
  const std::string value = random_value(300);
  put_many(cluster, lead, 100, value);  // only the two have it
  cluster.run_for(milliseconds(100));
  cluster.kill(damaged);
  damage_log(cluster, damaged);
  cluster.kill(lead);
  cluster.heal();
  cluster.start(damaged);
  cluster.run_for(seconds(3));
  for (const std::uint16_t node : {damaged, behind}) {
    EXPECT_NE(cluster.replica(node).raft().role(), raft::Role::kLeader);
    EXPECT_EQ(cluster.value_of(node, "key-99"), "no leader");
  }
  cluster.start(lead);
  EXPECT_EQ(cluster.value_of(behind, "key-99"), value);
}

TEST(Replica, MembersAreChangedWhileItRunsAndStayChangedAfterARestart) {
  ReplicaCluster cluster(3);
  const std::uint16_t lead = cluster.leader();
  const std::uint16_t leaving = cluster.follower();
  ASSERT_EQ(cluster.replica(lead).propose_conf_change(
                raft::ConfChange({raft::ConfChangeType::kRemoveNode, NodeId{leaving}})),
            raft::StepResult::kOk);
  const auto voters = [&](std::uint16_t node) {
    return cluster.replica(node).raft().tracker().configuration().voters.count();
  };
  ASSERT_TRUE(cluster.run_until([&] { return voters(lead) == 2u; }, "the change"));
  put_many(cluster, lead, 10, "after");
  cluster.kill(leaving);
  cluster.kill(lead);
  cluster.start(lead);
  EXPECT_EQ(cluster.value_of(lead, "key-9"), "after");
  EXPECT_EQ(voters(lead), 2u);
}

TEST(Replica, DamagedOrStrangeMessagesAreCountedAndChangeNothing) {
  ReplicaCluster cluster(3);
  const std::uint16_t node = cluster.leader();
  Prng prng(7);
  std::vector<std::byte> bytes(120);
  for (int i = 0; i < 2000; ++i) {
    for (std::byte& b : bytes) b = static_cast<std::byte>(prng.below(256));
    bytes[0] = std::byte{1};
    cluster.replica(node).on_message(NodeId{2}, bytes);
  }
  const ReplicaStatistics& counted = cluster.replica(node).statistics();
  std::uint64_t refused = counted.misaddressed;
  for (const std::uint64_t count : counted.undecodable) refused += count;
  EXPECT_EQ(refused, 2000u);
  EXPECT_EQ(cluster.told(node, machine::put("key", "value")).outcome, RequestOutcome::kAnswered);
}

}  // namespace
}  // namespace ringroad::consensus
