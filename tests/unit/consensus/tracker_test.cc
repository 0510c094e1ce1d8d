// Members and what is known of them: how both change together, and what a quorum of them says.
#include "consensus/core/tracker.h"

#include <gtest/gtest.h>

#include "nodes.h"

namespace ringroad::raft {
namespace {

constexpr InflightLimits kLimits{.messages_max = 4, .bytes_max = 1'000};

Tracker tracking(const Configuration& configuration, std::uint64_t last_index = 10) {
  Tracker tracker{kLimits};
  const auto restored = restore(conf_state(configuration));
  EXPECT_TRUE(restored.ok()) << restored.status();
  tracker.apply(*restored, Index{last_index});
  return tracker;
}

void match(Tracker& tracker, std::initializer_list<std::pair<unsigned, std::uint64_t>> matches) {
  for (const auto& [id, index] : matches) tracker.progress(node(id)).match = Index{index};
}

void change(Tracker& tracker, ConfChangeSingle single, std::uint64_t last_index) {
  const auto changed = apply(tracker.configuration(), ConfChange{single});
  ASSERT_TRUE(changed.ok()) << changed.status();
  tracker.apply(*changed, Index{last_index});
}

TEST(Tracker, ProbesNewMembersFromTheEndOfTheLogAndCountsThemAsHeardOf) {
  const Tracker tracker = tracking({.voters = nodes({1, 2}), .learners = nodes({7})});
  EXPECT_EQ(tracker.describe(),
            "1: StateProbe match=0 next=10\n"
            "2: StateProbe match=0 next=10\n"
            "7: StateProbe match=0 next=10 learner\n");
  EXPECT_EQ(tracking({.voters = nodes({1})}, 0).describe(), "1: StateProbe match=0 next=1\n");
}

TEST(Tracker, KeepsWhatItKnowsOfMembersThatStay) {
  Tracker tracker = tracking({.voters = nodes({1, 2})});
  match(tracker, {{1, 10}, {2, 8}});
  tracker.progress(node(2)).recent_active = false;
  change(tracker, {ConfChangeType::kAddNode, node(3)}, 12);
  change(tracker, {ConfChangeType::kAddLearner, node(2)}, 13);
  EXPECT_EQ(tracker.describe(),
            "1: StateProbe match=10 next=10\n"
            "2: StateProbe match=8 next=10 learner inactive\n"
            "3: StateProbe match=0 next=12\n");
}

TEST(Tracker, ForgetsMembersThatGo) {
  Tracker tracker = tracking({.voters = nodes({1, 2})});
  Progress& second = tracker.progress(node(2));
  second.become_replicate();
  second.sent_entries(1, 5);
  match(tracker, {{2, 8}});
  change(tracker, {ConfChangeType::kRemoveNode, node(2)}, 11);
  EXPECT_FALSE(tracker.contains(node(2)));
  EXPECT_DEATH((void)tracker.progress(node(2)), "invariant broken");
  change(tracker, {ConfChangeType::kAddNode, node(2)}, 12);
  EXPECT_EQ(tracker.progress(node(2)).describe(), "StateProbe match=0 next=12");
}

TEST(Tracker, CommitsWhatAQuorumStoresWhateverLearnersStore) {
  Tracker tracker = tracking({.voters = nodes({1, 2, 3}), .learners = nodes({4, 5})});
  match(tracker, {{1, 9}, {2, 5}, {3, 2}, {4, 9}, {5, 9}});
  EXPECT_EQ(tracker.committed(), Index{5});
}

TEST(Tracker, CommitsWhatBothHalvesStoreWhileJoint) {
  Tracker tracker = tracking({.voters = nodes({1, 4}), .outgoing = nodes({1, 2, 3})});
  match(tracker, {{1, 9}, {2, 6}, {3, 2}, {4, 3}});
  EXPECT_EQ(tracker.committed(), Index{3});
}

TEST(Tracker, CommitsInTwoZonesOnceZonesAreSet) {
  Tracker tracker = tracking({.voters = nodes({1, 2, 3})});
  match(tracker, {{1, 9}, {2, 9}, {3, 4}});
  EXPECT_EQ(tracker.committed(), Index{9});
  Zones zones;
  zones.of[1] = zones.of[2] = Zone{1};
  zones.of[3] = Zone{2};
  tracker.set_zones(zones);
  EXPECT_EQ(tracker.committed(), Index{4});
  zones.lost = nodes({3});
  tracker.set_zones(zones);
  EXPECT_EQ(tracker.committed(), Index{9});
}

TEST(Tracker, LetsTheFirstVoteOfEachNodeStand) {
  Tracker tracker = tracking({.voters = nodes({1, 2, 3}), .learners = nodes({4})});
  tracker.record_vote(node(1), true);
  tracker.record_vote(node(2), false);
  tracker.record_vote(node(2), true);
  tracker.record_vote(node(4), true);
  tracker.record_vote(node(60), true);
  Tracker::Tally tally = tracker.tally_votes();
  EXPECT_EQ(tally.granted, 1u);
  EXPECT_EQ(tally.rejected, 1u);
  EXPECT_EQ(tally.result, VoteResult::kPending);
  tracker.record_vote(node(3), true);
  tally = tracker.tally_votes();
  EXPECT_EQ(tally.granted, 2u);
  EXPECT_EQ(tally.result, VoteResult::kWon);
  tracker.reset_votes();
  EXPECT_EQ(tracker.tally_votes().granted, 0u);
  EXPECT_EQ(tracker.tally_votes().result, VoteResult::kPending);
}

TEST(Tracker, HearsOfAQuorumOnlyWhenBothHalvesAnswer) {
  Tracker tracker = tracking({.voters = nodes({1, 4, 5}), .outgoing = nodes({1, 2, 3})});
  EXPECT_TRUE(tracker.quorum_active());
  tracker.progress(node(2)).recent_active = false;
  tracker.progress(node(4)).recent_active = false;
  EXPECT_TRUE(tracker.quorum_active());
  tracker.progress(node(3)).recent_active = false;
  EXPECT_FALSE(tracker.quorum_active());
}

TEST(Tracker, DoesNotCountLearnersAsAnswering) {
  Tracker tracker = tracking({.voters = nodes({1, 2, 3}), .learners = nodes({4, 5})});
  tracker.progress(node(2)).recent_active = false;
  tracker.progress(node(3)).recent_active = false;
  EXPECT_FALSE(tracker.quorum_active());
}

TEST(TrackerDeathTest, StopsTheNodeOnAChangeOfAnotherConfiguration) {
  Tracker tracker = tracking({.voters = nodes({1, 2})});
  const auto other = simple({.voters = nodes({1})},
                            std::vector{ConfChangeSingle{ConfChangeType::kAddNode, node(3)}});
  ASSERT_TRUE(other.ok());
  EXPECT_DEATH(tracker.apply(*other, Index{10}), "invariant broken");
}

}  // namespace
}  // namespace ringroad::raft
