// Quorums against brute force, exhaustively up to nine voters. Where every labelling would be too
// much, only how many nodes are alike is walked through (joint_shapes(), for_all_ways_to_place()):
// who of them is which is a matter of names, and of a few nodes all labellings are tried, too.
#include "consensus/core/quorum.h"

#include <gtest/gtest.h>

#include <vector>

#include "dataplane/base/prng.h"
#include "nodes.h"
#include "quorum_oracle.h"

namespace ringroad::raft {
namespace {

bool wins(JointVoters voters, NodeSet granted) {
  return vote_result(voters, granted, {}) == VoteResult::kWon;
}

auto lookup(const AckedValues& acked) {
  return [&acked](NodeId id) { return acked[id.value]; };
}

auto zone_lookup(const ZoneLabels& labels) {
  return [&labels](NodeId id) { return labels[id.value]; };
}

// Calls `each` for every way to write a digit below `base` at each of `count` places from [1] on.
template <typename T, typename Each>
void for_all_digits(std::array<T, kNodesMax + 1>& places, std::uint32_t count, std::uint32_t base,
                    const Each& each) {
  std::uint64_t ways = 1;
  for (std::uint32_t i = 0; i < count; ++i) ways *= base;
  for (std::uint64_t way = 0; way < ways; ++way) {
    std::uint64_t rest = way;
    for (std::uint32_t i = 1; i <= count; ++i, rest /= base) {
      places[i] = T{static_cast<std::uint8_t>(rest % base)};
    }
    each();
  }
}

// Calls `each` with every way to put `count` voters into cells: how many are in which.
template <std::size_t kCells, typename Each>
void for_all_ways_to_place(std::uint32_t count, std::array<std::uint32_t, kCells>& cells,
                           const Each& each, std::size_t from = 0) {
  if (from + 1 == kCells) {
    cells[from] = count;
    each();
    return;
  }
  for (std::uint32_t here = 0; here <= count; ++here) {
    cells[from] = here;
    for_all_ways_to_place(count - here, cells, each, from + 1);
  }
}

TEST(Quorum, AnyTwoMajoritiesMeet) {
  for (std::uint32_t n = 1; n <= kVotersMax; ++n) {
    const NodeSet voters = first_nodes(n);
    std::vector<NodeSet> majorities;
    for (std::uint64_t bits = 0; bits <= voters.bits(); ++bits) {
      if (vote_result(voters, NodeSet{bits}, {}) == VoteResult::kWon) {
        majorities.push_back(NodeSet{bits});
      }
    }
    ASSERT_FALSE(majorities.empty());
    for (const NodeSet a : majorities) {
      for (const NodeSet b : majorities) ASSERT_FALSE((a & b).empty()) << n;
    }
  }
}

TEST(Quorum, AnyTwoJointQuorumsMeetAndMeetThoseOfEachHalf) {
  // Two disjoint quorums exist if and only if a set and the rest are quorums, since more votes
  // never lose an election (the next test).
  for (const JointVoters voters : joint_shapes(kVotersMax)) {
    if (voters.all().empty()) continue;
    for (std::uint64_t bits = 0; bits <= voters.all().bits(); ++bits) {
      if (!wins(voters, NodeSet{bits})) continue;
      const NodeSet rest = voters.all() - NodeSet{bits};
      ASSERT_FALSE(wins(voters, rest)) << bits;
      for (const NodeSet half : {voters.incoming, voters.outgoing}) {
        ASSERT_FALSE(!half.empty() && wins({half, {}}, rest)) << bits;
      }
    }
  }
}

TEST(Quorum, AnyTwoQuorumsOfAnyTwoHalvesOfFourNodesMeet) {
  for (std::uint64_t incoming = 0; incoming < 16; ++incoming) {
    for (std::uint64_t outgoing = 0; outgoing < 16; ++outgoing) {
      const JointVoters voters{NodeSet{incoming}, NodeSet{outgoing}};
      if (voters.all().empty()) continue;
      for (std::uint64_t a = 0; a < 16; ++a) {
        for (std::uint64_t b = 0; b < 16; ++b) {
          ASSERT_FALSE(wins(voters, NodeSet{a}) && wins(voters, NodeSet{b}) && (a & b) == 0);
        }
      }
    }
  }
}

TEST(Quorum, OneMoreVoteNeverLosesAWonElection) {
  for (const JointVoters voters : joint_shapes(kVotersMax)) {
    for (std::uint64_t bits = 0; bits <= voters.all().bits(); ++bits) {
      if (!wins(voters, NodeSet{bits})) continue;
      for (const NodeId late : voters.all()) {
        ASSERT_TRUE(wins(voters, NodeSet{bits} | NodeSet{late}));
      }
    }
  }
}

TEST(Vote, OfUpToNineVotersIsDecidedWhenTheRestCannotChangeIt) {
  for (std::uint32_t n = 0; n <= kVotersMax; ++n) {
    const NodeSet voters = first_nodes(n);
    for (std::uint64_t granted = 0; granted <= voters.bits(); ++granted) {
      for (std::uint64_t rejected = 0; rejected <= voters.bits(); ++rejected) {
        if ((granted & rejected) != 0) continue;
        ASSERT_EQ(vote_result(voters, NodeSet{granted}, NodeSet{rejected}),
                  oracle_vote({voters, {}}, NodeSet{granted}, NodeSet{rejected}))
            << n << " " << granted << " " << rejected;
      }
    }
  }
}

TEST(Vote, OfAJointConfigurationIsDecidedWhenTheRestCannotChangeIt) {
  for (const JointVoters voters : joint_shapes(6)) {
    const std::uint64_t all = voters.all().bits();
    for (std::uint64_t granted = 0; granted <= all; ++granted) {
      for (std::uint64_t rejected = 0; rejected <= all; ++rejected) {
        if ((granted & rejected) != 0) continue;
        ASSERT_EQ(vote_result(voters, NodeSet{granted}, NodeSet{rejected}),
                  oracle_vote(voters, NodeSet{granted}, NodeSet{rejected}));
      }
    }
  }
}

TEST(Vote, OfStrangersCountsForNothing) {
  EXPECT_EQ(vote_result(nodes({1, 2, 3}), nodes({1, 4, 5}), {}), VoteResult::kPending);
  EXPECT_EQ(vote_result(nodes({1, 2, 3}), {}, nodes({3, 63, 64})), VoteResult::kPending);
}

TEST(Vote, OfSixtyFourVotersTakesThirtyThree) {
  const NodeSet all = first_nodes(64);
  EXPECT_EQ(vote_result(all, first_nodes(32), {}), VoteResult::kPending);
  EXPECT_EQ(vote_result(all, first_nodes(33), {}), VoteResult::kWon);
  EXPECT_EQ(vote_result(all, {}, first_nodes(31)), VoteResult::kPending);
  EXPECT_EQ(vote_result(all, {}, first_nodes(32)), VoteResult::kLost);
}

TEST(Committed, IsWhatAMajorityOfUpToNineVotersHolds) {
  for (std::uint32_t n = 0; n <= kVotersMax; ++n) {
    const NodeSet voters = first_nodes(n);
    AckedValues acked{};
    for_all_digits(acked, n, 3, [&] {
      ASSERT_EQ(committed_index(voters, lookup(acked)), oracle_committed({voters, {}}, acked));
    });
  }
}

TEST(Committed, IsWhatMajoritiesOfBothHalvesHold) {
  for (const JointVoters voters : joint_shapes(6)) {
    AckedValues acked{};
    for_all_digits(acked, voters.all().count(), 4, [&] {
      ASSERT_EQ(committed_index(voters, lookup(acked)), oracle_committed(voters, acked));
    });
  }
}

TEST(Committed, CountsInIndexesWhenAskedInIndexes) {
  const auto acked = [](NodeId id) { return Index{10u * id.value}; };
  EXPECT_EQ(committed_index(nodes({1, 2, 5}), acked), Index{20});
  EXPECT_EQ(committed_index(JointVoters{nodes({1, 2, 5}), nodes({1})}, acked), Index{10});
}

TEST(Committed, WithoutVotersIsEverything) {
  const auto acked = [](NodeId) { return Index{7}; };
  EXPECT_EQ(committed_index(NodeSet{}, acked), kNothingAsked<Index>);
  EXPECT_EQ(committed_index(JointVoters{}, acked), kNothingAsked<Index>);
}

TEST(ZoneCommitted, IsInTwoZonesOfFourVotersUnlessOnlyOneIsLeft) {
  const NodeSet voters = first_nodes(4);
  ZoneLabels labels{};
  AckedValues acked{};
  for_all_digits(labels, 4, 4, [&] {
    for_all_digits(acked, 4, 3, [&] {
      for (std::uint64_t lost = 0; lost < 16; ++lost) {
        ASSERT_EQ(zone_committed_index(voters, lookup(acked), zone_lookup(labels), NodeSet{lost}),
                  oracle_zone_committed({voters, {}}, acked, labels, NodeSet{lost}));
      }
    });
  });
}

// A cell is one of three zones and one of three values. Who stands in no zone counts like who
// stands in a lost one.
TEST(ZoneCommitted, IsInTwoOfUpToThreeZonesOfNineVotersUnlessOnlyOneIsLeft) {
  std::array<std::uint32_t, 9> cells{};
  ZoneLabels labels{};
  AckedValues acked{};
  std::uint64_t ways = 0;
  for (std::uint32_t n = 0; n <= kVotersMax; ++n) {
    for_all_ways_to_place(n, cells, [&] {
      std::array<NodeSet, 3> in_zone{};
      std::uint32_t id = 0;
      for (std::size_t cell = 0; cell < cells.size(); ++cell) {
        for (std::uint32_t i = 0; i < cells[cell]; ++i) {
          ++id;
          labels[id] = Zone{static_cast<std::uint8_t>(1 + cell / 3)};
          acked[id] = cell % 3;
          in_zone[cell / 3].insert(node(id));
        }
      }
      // Which zones are lost is a matter of names, too; how many is not.
      NodeSet lost;
      for (const NodeSet next_lost : in_zone) {
        ASSERT_EQ(zone_committed_index(first_nodes(n), lookup(acked), zone_lookup(labels), lost),
                  oracle_zone_committed({first_nodes(n), {}}, acked, labels, lost));
        ++ways;
        lost = lost | next_lost;
      }
    });
  }
  EXPECT_EQ(ways, 3u * 48'620u) << "9 cells and up to 9 voters: 18 over 9";
}

// Each voter of a joint configuration stands in one of two zones or none, and has one of two
// values.
TEST(ZoneCommitted, OfAJointConfigurationOfUpToFiveVotersIsInTwoZonesOfBothHalves) {
  for (const JointVoters voters : joint_shapes(5)) {
    ZoneLabels labels{};
    AckedValues acked{};
    for_all_digits(labels, voters.all().count(), 3, [&] {
      for_all_digits(acked, voters.all().count(), 2, [&] {
        ASSERT_EQ(zone_committed_index(voters, lookup(acked), zone_lookup(labels)),
                  oracle_zone_committed(voters, acked, labels, {}));
      });
    });
  }
}

TEST(ZoneCommitted, AgreesWithBruteForceOnRandomJointConfigurationsUpToSixtyFourVoters) {
  Prng prng{11};
  for (int round = 0; round < 20'000; ++round) {
    const std::uint64_t in_play =
        first_nodes(static_cast<std::uint32_t>(1 + prng.below(64))).bits();
    const JointVoters voters{NodeSet{prng.next() & in_play},
                             NodeSet{prng.below(2) == 0 ? 0 : prng.next() & in_play}};
    ZoneLabels labels{};
    AckedValues acked{};
    const std::uint64_t zones = 1 + prng.below(4);
    const std::uint64_t values = 1 + prng.below(200);
    for (std::size_t i = 1; i <= kNodesMax; ++i) {
      labels[i] = Zone{static_cast<std::uint8_t>(prng.below(zones))};
      acked[i] = prng.below(values);
    }
    const NodeSet lost{prng.next() & prng.next()};
    ASSERT_EQ(zone_committed_index(voters, lookup(acked), zone_lookup(labels), lost),
              oracle_zone_committed(voters, acked, labels, lost));
    ASSERT_EQ(committed_index(voters, lookup(acked)), oracle_committed(voters, acked));
  }
}

TEST(ZoneCommitted, WaitsForTheSecondZoneUntilItIsHeldForLost) {
  // Three voters in zone 1 hold 9, the two in zone 2 hold 4.
  const NodeSet voters = first_nodes(5);
  const auto acked = [](NodeId id) { return Index{id.value <= 3 ? 9u : 4u}; };
  const auto zone_of = [](NodeId id) {
    return Zone{static_cast<std::uint8_t>(id.value <= 3 ? 1 : 2)};
  };
  EXPECT_EQ(committed_index(voters, acked), Index{9});
  EXPECT_EQ(zone_committed_index(voters, acked, zone_of), Index{4});
  EXPECT_EQ(zone_committed_index(voters, acked, zone_of, nodes({4, 5})), Index{9});
}

}  // namespace
}  // namespace ringroad::raft
