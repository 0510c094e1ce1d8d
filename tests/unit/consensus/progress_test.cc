// What a leader knows of one follower: each step by a table, and all steps in any order.
#include "consensus/core/progress.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <tuple>
#include <vector>

#include "dataplane/base/prng.h"

namespace ringroad::raft {
namespace {

constexpr InflightLimits kRoomy{.messages_max = 256};

Progress at(ProgressState state, std::uint64_t match, std::uint64_t next) {
  Progress progress;
  progress.state = state;
  progress.match = Index{match};
  progress.next = Index{next};
  progress.recent_active = true;
  progress.inflights = Inflights{kRoomy};
  return progress;
}

TEST(Inflights, AreFullAtTheirMessagesOrOnceTheirBytesAreReached) {
  Inflights by_messages{{.messages_max = 2}};
  EXPECT_FALSE(by_messages.full());
  by_messages.add(Index{1}, 1'000'000);
  EXPECT_FALSE(by_messages.full());
  by_messages.add(Index{2}, 1'000'000);
  EXPECT_TRUE(by_messages.full());

  Inflights by_bytes{{.messages_max = 9, .bytes_max = 100}};
  by_bytes.add(Index{1}, 99);
  EXPECT_FALSE(by_bytes.full());
  by_bytes.add(Index{2}, 50);  // may start below the limit and end above it
  EXPECT_TRUE(by_bytes.full());
  by_bytes.free_le(Index{1});
  EXPECT_FALSE(by_bytes.full());
  EXPECT_EQ(by_bytes.bytes(), 50u);

  EXPECT_TRUE(Inflights{}.full());
}

TEST(Inflights, BehaveLikeAQueueOfWhatIsUnanswered) {
  constexpr InflightLimits kLimits{.messages_max = 7, .bytes_max = 60};
  Prng prng{4};
  Inflights inflights{kLimits};
  std::deque<std::pair<std::uint64_t, std::uint64_t>> model;
  std::uint64_t last = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::uint64_t bytes = 0;
    for (const auto& [index, size] : model) bytes += size;
    ASSERT_EQ(inflights.count(), model.size());
    ASSERT_EQ(inflights.bytes(), bytes);
    ASSERT_EQ(inflights.full(), model.size() == kLimits.messages_max || bytes >= kLimits.bytes_max);
    if (prng.below(50) == 0) {
      inflights.reset();
      model.clear();
    } else if (!inflights.full() && prng.below(3) != 0) {
      last += 1 + prng.below(3);
      const std::uint64_t size = prng.below(20);
      inflights.add(Index{last}, size);
      model.emplace_back(last, size);
    } else {
      // Now and then what was answered before, or more than is under way.
      const std::uint64_t to = last + 2 - std::min(last + 2, prng.below(20));
      inflights.free_le(Index{to});
      while (!model.empty() && model.front().first <= to) model.pop_front();
    }
  }
}

TEST(InflightsDeathTest, StopTheNodeWhenOverfilledOrOutOfOrder) {
  Inflights inflights{{.messages_max = 2}};
  inflights.add(Index{5}, 1);
  EXPECT_DEATH(inflights.add(Index{5}, 1), "invariant broken");
  inflights.add(Index{6}, 1);
  EXPECT_DEATH(inflights.add(Index{7}, 1), "invariant broken");
}

TEST(Progress, ProbesFromMatchOrFromBehindASnapshot) {
  const struct {
    ProgressState state;
    std::uint64_t match, pending, next_then;
  } cases[] = {
      {ProgressState::kReplicate, 1, 0, 2},   {ProgressState::kProbe, 4, 0, 5},
      {ProgressState::kSnapshot, 1, 10, 11},  // received
      {ProgressState::kSnapshot, 1, 0, 2},    // failed, so that nothing is pending
      {ProgressState::kSnapshot, 12, 10, 13},
  };
  for (const auto& c : cases) {
    Progress progress = at(c.state, c.match, c.match + 5);
    progress.pending_snapshot = Index{c.pending};
    progress.sent_commit = Index{100};
    progress.append_flow_paused = true;
    progress.inflights.add(Index{c.match + 2}, 1);
    progress.become_probe();
    EXPECT_EQ(progress.state, ProgressState::kProbe);
    EXPECT_EQ(progress.next, Index{c.next_then});
    EXPECT_EQ(progress.match, Index{c.match});
    EXPECT_EQ(progress.sent_commit, Index{c.next_then - 1});
    EXPECT_EQ(progress.pending_snapshot, Index{0});
    EXPECT_FALSE(progress.is_paused());
    EXPECT_EQ(progress.inflights.count(), 0u);
  }
}

TEST(Progress, ReplicatesFromMatchOn) {
  Progress progress = at(ProgressState::kProbe, 3, 9);
  progress.append_flow_paused = true;
  progress.become_replicate();
  EXPECT_EQ(progress.state, ProgressState::kReplicate);
  EXPECT_EQ(progress.next, Index{4});
  EXPECT_FALSE(progress.is_paused());
}

TEST(Progress, IsPausedWhileASnapshotIsUnderWay) {
  Progress progress = at(ProgressState::kProbe, 1, 2);
  progress.become_snapshot(Index{10});
  EXPECT_EQ(progress.next, Index{11});
  EXPECT_EQ(progress.match, Index{1});
  EXPECT_EQ(progress.sent_commit, Index{10});
  EXPECT_TRUE(progress.is_paused());
  EXPECT_DEATH(progress.sent_entries(1, 1), "invariant broken");
}

TEST(Progress, RunsAheadOfAnswersOnlyWhenReplicating) {
  Progress probing = at(ProgressState::kProbe, 0, 5);
  probing.sent_entries(0, 0);
  EXPECT_FALSE(probing.is_paused());
  probing.sent_entries(3, 30);
  EXPECT_TRUE(probing.is_paused());
  EXPECT_EQ(probing.next, Index{5});
  EXPECT_EQ(probing.inflights.count(), 0u);

  Progress replicating = at(ProgressState::kReplicate, 0, 5);
  replicating.inflights = Inflights{{.messages_max = 2}};
  replicating.sent_entries(3, 30);
  EXPECT_EQ(replicating.next, Index{8});
  EXPECT_FALSE(replicating.is_paused());
  replicating.sent_entries(1, 10);
  EXPECT_EQ(replicating.next, Index{9});
  EXPECT_TRUE(replicating.is_paused());
  // The last of the second message is 8.
  replicating.inflights.free_le(Index{7});
  EXPECT_EQ(replicating.inflights.count(), 1u);
  replicating.inflights.free_le(Index{8});
  EXPECT_EQ(replicating.inflights.count(), 0u);
  replicating.sent_entries(0, 0);
  EXPECT_FALSE(replicating.is_paused());
}

TEST(Progress, SendsACommitIndexWhenItCanMoveTheFollower) {
  const struct {
    std::uint64_t next, sent, commit;
    bool can;
  } cases[] = {
      {6, 0, 1, true},  {6, 3, 3, false}, {6, 3, 4, true},
      {6, 4, 9, true},  // of which the follower can take 5
      {6, 5, 9, false}, {6, 8, 9, false}, {1, 0, 9, false},
  };
  for (const auto& c : cases) {
    Progress progress = at(ProgressState::kReplicate, 0, c.next);
    progress.note_sent_commit(Index{c.sent});
    EXPECT_EQ(progress.can_bump_commit(Index{c.commit}), c.can)
        << c.next << " " << c.sent << " " << c.commit;
  }
}

TEST(Progress, TakesAnswersInAnyOrder) {
  const struct {
    std::uint64_t acked;
    bool fresh;
    std::uint64_t match, next;
  } cases[] = {
      {2, false, 3, 5},  // overtaken
      {3, false, 3, 5}, {4, true, 4, 5}, {5, true, 5, 6}, {8, true, 8, 9},
  };
  for (const auto& c : cases) {
    Progress progress = at(ProgressState::kProbe, 3, 5);
    progress.append_flow_paused = true;
    EXPECT_EQ(progress.maybe_update(Index{c.acked}), c.fresh);
    EXPECT_EQ(progress.match, Index{c.match});
    EXPECT_EQ(progress.next, Index{c.next});
    EXPECT_EQ(progress.append_flow_paused, !c.fresh);
  }
}

TEST(Progress, GoesBackOnARejectionUnlessItIsStale) {
  using enum ProgressState;
  const struct {
    ProgressState state;
    std::uint64_t match, next, rejected, hint;
    bool genuine;
    std::uint64_t next_then;
  } cases[] = {
      // Replicating: back to match, whatever the hint.
      {kReplicate, 5, 10, 5, 5, false, 10},
      {kReplicate, 5, 10, 4, 4, false, 10},
      {kReplicate, 5, 10, 9, 9, true, 6},
      {kReplicate, 5, 10, 9, 2, true, 6},
      // Probing: only the one append under way counts.
      {kProbe, 0, 10, 8, 8, false, 10},
      {kProbe, 0, 10, 10, 9, false, 10},
      {kProbe, 0, 10, 9, 9, true, 9},
      {kProbe, 0, 10, 9, 3, true, 4},
      {kProbe, 0, 2, 1, 0, true, 1},
      {kProbe, 0, 1, 0, 0, true, 1},
      // Never at or below what is known to match, and no hint is too high.
      {kProbe, 4, 6, 5, 0, true, 5},
      {kProbe, 0, 10, 9, ~std::uint64_t{0}, true, 9},
      // A snapshot is on its way, and nothing is probed.
      {kSnapshot, 3, 11, 10, 5, false, 11},
  };
  for (const auto& c : cases) {
    Progress progress = at(c.state, c.match, c.next);
    progress.append_flow_paused = true;
    progress.sent_commit = Index{c.next - 1};
    const auto what = testing::Message() << "rejected " << c.rejected << " hint " << c.hint;
    EXPECT_EQ(progress.maybe_decrease_to(Index{c.rejected}, Index{c.hint}), c.genuine) << what;
    EXPECT_EQ(progress.next, Index{c.next_then}) << what;
    EXPECT_EQ(progress.match, Index{c.match}) << what;
    EXPECT_EQ(progress.sent_commit, Index{c.next_then - 1}) << what;
    EXPECT_EQ(progress.append_flow_paused, !c.genuine || c.state == kReplicate) << what;
  }
}

// Everything that can happen to a Progress with a log of nine entries, in any order.
class AllProgress {
 public:
  static constexpr std::uint64_t kLast = 9;

  AllProgress() {
    Progress fresh;
    fresh.inflights = Inflights{{.messages_max = 2}};
    take(fresh, 0);
    while (!waiting_.empty()) {
      const Progress progress = waiting_.back();
      waiting_.pop_back();
      step(progress);
    }
  }
  std::size_t states() const { return seen_.size(); }

 private:
  void step(const Progress& from) {
    const auto after = [&](auto&& change) {
      Progress to = from;
      change(to);
      take(to, from.match.value);
    };
    after([](Progress& p) { p.become_probe(); });
    after([](Progress& p) { p.become_replicate(); });
    after([](Progress& p) { p.pending_snapshot = Index{0}, p.become_probe(); });
    for (std::uint64_t i = 0; i <= kLast; ++i) {
      if (i > from.match.value) after([i](Progress& p) { p.become_snapshot(Index{i}); });
      after([i](Progress& p) { (void)p.maybe_update(Index{i}); });
      after([i](Progress& p) { p.inflights.free_le(Index{i}), p.append_flow_paused = false; });
      for (std::uint64_t hint = 0; hint <= kLast; ++hint) {
        after([&](Progress& p) {
          if (!p.maybe_decrease_to(Index{i}, Index{hint})) return;
          ASSERT_LE(p.next, from.next) << "a rejection never moves ahead";
          if (p.state == ProgressState::kReplicate) p.become_probe();
        });
      }
      if (from.is_paused() || from.next.value + i > kLast + 1) continue;
      // An empty append may go out with a full window.
      if (i > 0 && from.state == ProgressState::kReplicate && from.inflights.full()) continue;
      after([i](Progress& p) {
        // Their bytes tell which messages are under way.
        p.sent_entries(i, std::uint64_t{1} << (p.next.value + i));
        p.note_sent_commit(Index{kLast});
      });
    }
  }

  void take(const Progress& p, std::uint64_t match_before) {
    ASSERT_LT(p.match, p.next);
    ASSERT_GE(p.match.value, match_before) << "what matched goes on matching";
    ASSERT_LE(p.inflights.count(), 2u);
    if (p.state == ProgressState::kSnapshot) {
      ASSERT_EQ(p.next, next(std::max(p.match, p.pending_snapshot)));
      ASSERT_TRUE(p.is_paused());
    } else {
      ASSERT_EQ(p.pending_snapshot, Index{0});
    }
    if (p.state != ProgressState::kReplicate) {
      ASSERT_EQ(p.inflights.count(), 0u) << "only a pipeline has appends under way";
    }
    const auto key =
        std::tuple(p.state, p.match.value, p.next.value, p.sent_commit.value,
                   p.pending_snapshot.value, p.append_flow_paused, p.inflights.bytes());
    if (seen_.insert(key).second) waiting_.push_back(p);
  }

  std::set<std::tuple<ProgressState, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                      bool, std::uint64_t>>
      seen_;
  std::vector<Progress> waiting_;
};

TEST(Progress, KeepsItsInvariantsThroughAllThatCanHappenToALogOfNineEntries) {
  const AllProgress all;
  EXPECT_GT(all.states(), 1'000u);
}

TEST(Progress, DescribesItselfOnOneLine) {
  EXPECT_EQ(Progress{}.describe(), "StateProbe match=0 next=1 inactive");
  Progress progress = at(ProgressState::kReplicate, 3, 5);
  progress.inflights = Inflights{{.messages_max = 2}};
  progress.is_learner = true;
  EXPECT_EQ(progress.describe(), "StateReplicate match=3 next=5 learner");
  progress.sent_entries(1, 1);
  EXPECT_EQ(progress.describe(), "StateReplicate match=3 next=6 learner inflight=1");
  progress.sent_entries(1, 1);
  progress.recent_active = false;
  EXPECT_EQ(progress.describe(),
            "StateReplicate match=3 next=7 learner paused inactive inflight=2[full]");
  progress.become_snapshot(Index{9});
  EXPECT_EQ(progress.describe(),
            "StateSnapshot match=3 next=10 learner paused pendingSnap=9 inactive");
}

}  // namespace
}  // namespace ringroad::raft
