// Changes of membership: over every configuration of four nodes that any sequence of them reaches,
// and of up to nine nodes for what thesis 4.1 and 4.3 rest on, that quorums in a row meet.
#include "consensus/core/configuration.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <tuple>
#include <vector>

#include "nodes.h"
#include "quorum_oracle.h"

namespace ringroad::raft {
namespace {

constexpr unsigned kNodes = 4;
using Changes = std::vector<ConfChangeSingle>;

// All lists of up to `length` changes of nodes `first` to `last`.
std::vector<Changes> change_lists(std::size_t length, unsigned first, unsigned last) {
  std::vector<Changes> lists{{}};
  for (std::size_t done = 0, end = 1; length > 0; --length, done = end, end = lists.size()) {
    for (std::size_t i = done; i < end; ++i) {
      for (unsigned id = first; id <= last; ++id) {
        for (int type = 0; type < 4; ++type) {
          lists.push_back(lists[i]);
          lists.back().push_back({static_cast<ConfChangeType>(type), node(id)});
        }
      }
    }
  }
  return lists;
}

auto key(const Configuration& c) {
  return std::tuple(c.voters.bits(), c.outgoing.bits(), c.learners.bits(), c.learners_next.bits(),
                    c.auto_leave);
}

struct Step {
  Configuration from;
  ConfigurationChange to;
};

// Every step from every configuration that can be reached from the empty one.
const std::vector<Step>& all_steps() {
  static const std::vector<Step> kSteps = [] {
    std::vector<Step> steps;
    std::vector<Configuration> waiting{Configuration{}};
    std::set<decltype(key(Configuration{}))> seen{key(Configuration{})};
    const std::vector<Changes> lists = change_lists(2, 1, kNodes);
    while (!waiting.empty()) {
      const Configuration from = waiting.back();
      waiting.pop_back();
      const auto take = [&](const absl::StatusOr<ConfigurationChange>& change) {
        if (!change.ok()) return;
        steps.push_back({from, *change});
        if (seen.insert(key(change->configuration)).second) {
          waiting.push_back(change->configuration);
        }
      };
      take(leave_joint(from));
      for (const Changes& changes : lists) {
        take(simple(from, changes));
        take(enter_joint(from, false, changes));
        take(enter_joint(from, true, changes));
      }
    }
    return steps;
  }();
  return kSteps;
}

bool disjoint(NodeSet a, NodeSet b) { return (a & b).empty(); }

bool is_sound(const Configuration& c) {
  return disjoint(c.learners, c.voters) && disjoint(c.learners, c.outgoing) &&
         (c.learners_next - c.outgoing).empty() && disjoint(c.learners_next, c.voters) &&
         (c.joint() || !c.auto_leave) && (!c.voters.empty() || c.members().empty());
}

bool always_meet(JointVoters a, JointVoters b) {
  const std::uint64_t all = (a.all() | b.all()).bits();
  for (std::uint64_t bits = 0; bits <= all; ++bits) {
    if (is_quorum(NodeSet{bits}, a) && is_quorum(NodeSet{all & ~bits}, b)) return false;
  }
  return true;
}

std::string error_of(const absl::StatusOr<ConfigurationChange>& change) {
  return change.ok() ? "changed" : std::string{change.status().message()};
}

TEST(Configuration, KeepsItsInvariantsThroughAllSequencesOfChanges) {
  ASSERT_GT(all_steps().size(), 10'000u);
  for (const Step& step : all_steps()) {
    ASSERT_TRUE(is_sound(step.to.configuration))
        << step.from.describe() << " -> " << step.to.configuration.describe();
  }
}

TEST(Configuration, NeverPassesToOneWhoseQuorumsMissThoseOfTheLast) {
  for (const Step& step : all_steps()) {
    if (step.from.voters.empty()) continue;  // before bootstrap nobody decides
    ASSERT_TRUE(always_meet(step.from.quorum(), step.to.configuration.quorum()))
        << step.from.describe() << " -> " << step.to.configuration.describe();
  }
}

TEST(Configuration, OfUpToNineVotersPassesDirectlyToOneWhoseQuorumsMeetItsOwnOnly) {
  std::uint64_t passed = 0;
  for (std::uint32_t n = 1; n <= kVotersMax; ++n) {
    const Configuration from{.voters = first_nodes(n)};
    for (const Changes& changes : change_lists(2, 1, kVotersMax)) {
      const auto to = simple(from, changes);
      if (!to.ok()) continue;
      ASSERT_TRUE(always_meet(from.quorum(), to->configuration.quorum()))
          << from.describe() << " -> " << to->configuration.describe();
      ++passed;
    }
  }
  EXPECT_GT(passed, 5'000u);
}

TEST(Configuration, OfUpToNineVotersPassesThroughJointOnesWhoseQuorumsMeetThoseOnBothSides) {
  for (const JointVoters shape : joint_shapes(kVotersMax)) {
    if (shape.incoming.empty() || shape.outgoing.empty()) continue;
    Changes changes;
    for (const NodeId gone : shape.outgoing - shape.incoming) {
      changes.push_back({gone.value % 2 == 0 ? ConfChangeType::kRemoveNode  //
                                             : ConfChangeType::kAddLearner,
                         gone});
    }
    for (const NodeId come : shape.incoming - shape.outgoing) {
      changes.push_back({ConfChangeType::kAddNode, come});
    }
    const Configuration from{.voters = shape.outgoing};
    const auto joint = enter_joint(from, false, changes);
    ASSERT_TRUE(joint.ok()) << joint.status();
    ASSERT_EQ(joint->configuration.quorum(), shape);
    const auto to = leave_joint(joint->configuration);
    ASSERT_TRUE(to.ok()) << to.status();
    ASSERT_TRUE(always_meet(from.quorum(), shape)) << joint->configuration.describe();
    ASSERT_TRUE(always_meet(shape, to->configuration.quorum())) << joint->configuration.describe();
  }
}

TEST(Configuration, SaysWhoCameAndWhoWent) {
  for (const Step& step : all_steps()) {
    const NodeSet before = step.from.members();
    const NodeSet after = step.to.configuration.members();
    ASSERT_EQ((before - step.to.removed) | step.to.added, after);
    ASSERT_TRUE((step.to.removed - before).empty());
    // Added again by the change that removed it, a node is in both.
    ASSERT_EQ(step.to.added & before, step.to.removed & after);
  }
}

TEST(Configuration, ReachesTheSameByJointConsensusAsOneByOne) {
  // Node 1 stays a voter, so that single steps never run out of voters.
  const std::vector<Changes> lists = change_lists(3, 2, kNodes);
  for (const NodeSet voters : {nodes({1}), nodes({1, 2}), nodes({1, 2, 3, 4})}) {
    for (const NodeSet learners : {NodeSet{}, nodes({4}), nodes({3, 4})}) {
      const Configuration start{.voters = voters, .learners = learners - voters};
      for (const Changes& changes : lists) {
        Configuration by_steps = start;
        for (const ConfChangeSingle change : changes) {
          const auto step = simple(by_steps, std::span{&change, 1});
          ASSERT_TRUE(step.ok()) << step.status();
          by_steps = step->configuration;
        }
        for (const bool auto_leave : {false, true}) {
          const auto joint = enter_joint(start, auto_leave, changes);
          ASSERT_TRUE(joint.ok()) << joint.status();
          const auto left = leave_joint(joint->configuration);
          ASSERT_TRUE(left.ok()) << left.status();
          ASSERT_EQ(left->configuration, by_steps) << start.describe() << " " << describe(changes);
        }
      }
    }
  }
}

TEST(Configuration, IsRestoredFromItsOwnState) {
  for (const Step& step : all_steps()) {
    const auto back = restore(conf_state(step.to.configuration));
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(back->configuration, step.to.configuration);
    ASSERT_EQ(back->added, step.to.configuration.members());
    ASSERT_TRUE(back->removed.empty());
  }
}

TEST(Configuration, IsRestoredFromSoundStatesOnly) {
  for (unsigned bits = 0; bits < 1u << 13; ++bits) {
    const auto part = [bits](unsigned at) { return NodeSet{std::uint64_t{bits >> at & 7}}; };
    const ConfState state{.voters = part(0),
                          .learners = part(3),
                          .voters_outgoing = part(6),
                          .learners_next = part(9),
                          .auto_leave = (bits >> 12) != 0};
    const Configuration same{.voters = state.voters,
                             .outgoing = state.voters_outgoing,
                             .learners = state.learners,
                             .learners_next = state.learners_next,
                             .auto_leave = state.auto_leave};
    ASSERT_EQ(restore(state).ok(), is_sound(same)) << same.describe();
  }
}

TEST(Configuration, ForgetsANodeThatIsRemovedAndAddedAtOnce) {
  const Configuration from{.voters = nodes({1, 2})};
  const Changes changes{{ConfChangeType::kRemoveNode, node(2)},
                        {ConfChangeType::kAddNode, node(2)}};
  const auto direct = simple(from, changes);
  ASSERT_TRUE(direct.ok());
  EXPECT_EQ(direct->configuration, from);
  EXPECT_EQ(direct->added, nodes({2}));
  EXPECT_EQ(direct->removed, nodes({2}));
  // In a joint configuration it has been a voter all along.
  const auto joint = enter_joint(from, false, changes);
  ASSERT_TRUE(joint.ok());
  EXPECT_TRUE(joint->added.empty());
}

TEST(Configuration, SaysWhyItRefuses) {
  const Configuration three{.voters = nodes({1, 2, 3})};
  const Configuration joint{.voters = nodes({1, 2}), .outgoing = nodes({1, 2, 3})};
  const Changes none;
  const Changes drop_one{{ConfChangeType::kRemoveNode, node(1)}};
  const Changes drop_two{{ConfChangeType::kRemoveNode, node(1)},
                         {ConfChangeType::kAddLearner, node(2)}};
  const Changes far{{ConfChangeType::kAddNode, node(65)}};
  EXPECT_EQ(error_of(simple(joint, none)), "can't apply simple config change in joint config");
  EXPECT_EQ(error_of(simple(three, drop_two)),
            "more than one voter changed without entering joint config");
  EXPECT_EQ(error_of(simple({.voters = nodes({1})}, drop_one)), "removed all voters");
  EXPECT_EQ(error_of(simple({}, none)), "removed all voters");
  EXPECT_EQ(error_of(simple(three, far)), "node 65 is not one of 1 to 64");
  EXPECT_EQ(error_of(enter_joint(joint, false, none)), "config is already joint");
  EXPECT_EQ(error_of(enter_joint({}, false, none)), "can't make a zero-voter config joint");
  EXPECT_EQ(error_of(enter_joint({.voters = nodes({1, 2})}, true, drop_two)), "removed all voters");
  EXPECT_EQ(error_of(leave_joint(three)), "can't leave a non-joint config");
}

TEST(Configuration, AppliesAChangeTheWayItAsksFor) {
  const Configuration one{.voters = nodes({1})};
  const auto direct = apply(one, ConfChange{{ConfChangeType::kAddNode, node(2)}});
  ASSERT_TRUE(direct.ok());
  EXPECT_EQ(direct->configuration.describe(), "voters=(1 2)");

  ConfChange several;
  ASSERT_TRUE(several.add({ConfChangeType::kAddNode, node(2)}));
  ASSERT_TRUE(several.add({ConfChangeType::kAddNode, node(3)}));
  const auto joint = apply(one, several);
  ASSERT_TRUE(joint.ok());
  EXPECT_EQ(joint->configuration.describe(), "voters=(1 2 3)&&(1) autoleave");

  const auto by_hand = apply(one, ConfChange{ConfChangeTransition::kJointExplicit});
  ASSERT_TRUE(by_hand.ok());
  EXPECT_EQ(by_hand->configuration.describe(), "voters=(1)&&(1)");

  const auto left = apply(joint->configuration, ConfChange{});
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->configuration.describe(), "voters=(1 2 3)");
}

TEST(Configuration, DescribesAllItsParts) {
  const Configuration all{.voters = nodes({1, 2, 3}),
                          .outgoing = nodes({1, 2, 5}),
                          .learners = nodes({4, 64}),
                          .learners_next = nodes({5}),
                          .auto_leave = true};
  EXPECT_EQ(all.describe(), "voters=(1 2 3)&&(1 2 5) learners=(4 64) learners_next=(5) autoleave");
  EXPECT_EQ(Configuration{}.describe(), "voters=()");
}

}  // namespace
}  // namespace ringroad::raft
