// Elections, and the one order statistic that all quorum arithmetic comes down to. The templates in
// quorum.h, which know what a value means, end up here with plain numbers.
#include "consensus/core/quorum.h"

#include <functional>

namespace ringroad::raft {

VoteResult vote_result(NodeSet voters, NodeSet granted, NodeSet rejected) {
  if (voters.empty()) return VoteResult::kWon;
  const std::uint32_t quorum = majority_of(voters.count());
  if ((voters & granted).count() >= quorum) return VoteResult::kWon;
  return (voters - rejected).count() >= quorum ? VoteResult::kPending : VoteResult::kLost;
}

VoteResult vote_result(JointVoters voters, NodeSet granted, NodeSet rejected) {
  const VoteResult incoming = vote_result(voters.incoming, granted, rejected);
  const VoteResult outgoing = vote_result(voters.outgoing, granted, rejected);
  if (incoming == outgoing) return incoming;
  const bool lost = incoming == VoteResult::kLost || outgoing == VoteResult::kLost;
  return lost ? VoteResult::kLost : VoteResult::kPending;
}

std::uint64_t majority_value(std::span<std::uint64_t> values) {
  RR_CHECK(!values.empty());
  // In descending order, what a majority of n has reached stands n / 2 places from the first.
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), at, values.end(), std::greater<>{});
  return *at;
}

}  // namespace ringroad::raft
