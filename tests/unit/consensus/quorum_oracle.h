// What quorum.h computes, found by trying every answer there is. Slow, and close to how the rules
// are said: an answer is right when enough voters stand behind it.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>

#include "consensus/core/quorum.h"

namespace ringroad::raft {

// By node id; [0] is nobody's.
using AckedValues = std::array<std::uint64_t, kNodesMax + 1>;
using ZoneLabels = std::array<Zone, kNodesMax + 1>;

// More of them than not.
inline bool is_majority(NodeSet of, NodeSet voters) {
  return 2 * (of & voters).count() > voters.count() || voters.empty();
}

inline bool is_quorum(NodeSet of, JointVoters voters) {
  return is_majority(of, voters.incoming) && is_majority(of, voters.outgoing);
}

inline NodeSet holders_of(std::uint64_t value, NodeSet voters, const AckedValues& acked) {
  NodeSet holders;
  for (const NodeId voter : voters) {
    if (acked[voter.value] >= value) holders.insert(voter);
  }
  return holders;
}

// The highest of the acknowledged values, or 0, for which `good` holds; the highest there is when
// nobody votes.
template <typename Good>
std::uint64_t highest_value(JointVoters voters, const AckedValues& acked, const Good& good) {
  if (voters.all().empty()) return kNothingAsked<std::uint64_t>;
  std::uint64_t best = 0;
  for (const NodeId voter : voters.all()) {
    const std::uint64_t value = acked[voter.value];
    if (value > best && good(holders_of(value, voters.all(), acked))) best = value;
  }
  return best;
}

inline std::uint64_t oracle_committed(JointVoters voters, const AckedValues& acked) {
  return highest_value(voters, acked, [&](NodeSet holders) { return is_quorum(holders, voters); });
}

inline std::size_t zones_among(NodeSet of, const ZoneLabels& labels) {
  std::bitset<256> zones;
  for (const NodeId node : of) zones.set(labels[node.value].value);
  zones.reset(kNoZone.value);
  return zones.count();
}

inline std::uint64_t oracle_zone_committed(JointVoters voters, const AckedValues& acked,
                                           const ZoneLabels& labels, NodeSet lost) {
  const auto in_two_zones = [&](NodeSet holders, NodeSet half) {
    const NodeSet counted = half - lost;
    return zones_among(counted, labels) < 2 || zones_among(holders & counted, labels) >= 2;
  };
  return highest_value(voters, acked, [&](NodeSet holders) {
    return is_quorum(holders, voters) && in_two_zones(holders, voters.incoming) &&
           in_two_zones(holders, voters.outgoing);
  });
}

// Tries every way in which those who are silent may still vote.
inline VoteResult oracle_vote(JointVoters voters, NodeSet granted, NodeSet rejected) {
  const std::uint64_t silent = (voters.all() - granted - rejected).bits();
  bool may_win = false;
  bool may_lose = false;
  std::uint64_t late = silent;
  while (true) {
    (is_quorum(granted | NodeSet{late}, voters) ? may_win : may_lose) = true;
    if (late == 0) break;
    late = (late - 1) & silent;
  }
  if (may_win && may_lose) return VoteResult::kPending;
  return may_win ? VoteResult::kWon : VoteResult::kLost;
}

}  // namespace ringroad::raft
