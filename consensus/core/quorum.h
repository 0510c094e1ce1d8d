// Quorums: which of the values acknowledged so far enough voters share, and whether an election is
// decided. Arithmetic over sets and numbers: nothing is stored or allocated here, nobody owns it,
// and every function may run once per acknowledgement with 64 voters.
//
// - A majority of n voters is n / 2 + 1: any two majorities of the same voters meet (thesis 3.4,
//   3.6.3).
// - While the configuration is joint, a decision takes a majority of the old voters and, apart from
//   it, one of the new (thesis 4.3). An empty half asks for nothing: its committed value is the
//   highest there is and its election is won, so that JointVoters{voters, {}} is plain majority.
// - Zones are ours, not Raft's: an entry may be asked to be in two availability zones before it
//   counts as committed. The rule only ever lowers what the majority gives. Whatever it lets pass,
//   the majority let pass, and the safety argument of thesis 3.6.3 stands as it was.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "consensus/core/ids.h"
#include "consensus/core/node_set.h"

namespace ringroad::raft {

enum class VoteResult : std::uint8_t { kPending, kLost, kWon };

// The voters on both sides of a change of membership; `outgoing` is empty unless it is under way.
struct JointVoters {
  NodeSet incoming;
  NodeSet outgoing;

  constexpr NodeSet all() const { return incoming | outgoing; }
  constexpr bool operator==(const JointVoters&) const = default;
};

// An availability zone. A node without one counts in majorities and stands in no zone.
using Zone = StrongId<struct ZoneTag, std::uint8_t>;
inline constexpr Zone kNoZone{0};

// What a quorum can agree on a lower bound of: an Index, or an unsigned 64-bit number such as the
// time up to which a lease was granted.
template <typename T>
concept QuorumValue = std::same_as<T, Index> || std::same_as<T, std::uint64_t>;

// `acked(node)` is what that node has acknowledged, 0 when nothing.
template <typename T>
concept AckedLookup =
    std::invocable<T, NodeId> && QuorumValue<std::remove_cvref_t<std::invoke_result_t<T, NodeId>>>;
template <AckedLookup T>
using AckedValue = std::remove_cvref_t<std::invoke_result_t<T, NodeId>>;

constexpr std::uint32_t majority_of(std::uint32_t voters) { return voters / 2 + 1; }

// An election among `voters` (thesis 3.4): won with a majority's votes, lost once the votes not yet
// cast could no longer make one. Votes of other nodes count for nothing.
[[nodiscard]] VoteResult vote_result(NodeSet voters, NodeSet granted, NodeSet rejected);
// Thesis 4.3: both halves have to be won, and losing either loses.
[[nodiscard]] VoteResult vote_result(JointVoters voters, NodeSet granted, NodeSet rejected);

// The highest value that a majority of the holders of `values` have reached; reorders `values`,
// which are not empty.
[[nodiscard]] std::uint64_t majority_value(std::span<std::uint64_t> values);

namespace detail {
constexpr std::uint64_t raw(std::uint64_t value) { return value; }
constexpr std::uint64_t raw(Index index) { return index.value; }
}  // namespace detail

template <QuorumValue Value>
inline constexpr Value kNothingAsked{std::numeric_limits<std::uint64_t>::max()};

// Thesis 3.5: an entry may be committed once a majority stores it. (Thesis 3.6.2: that it is of the
// leader's own term is for the caller to see to.)
template <AckedLookup Acked>
[[nodiscard]] AckedValue<Acked> committed_index(NodeSet voters, const Acked& acked) {
  using Value = AckedValue<Acked>;
  if (voters.empty()) return kNothingAsked<Value>;
  std::array<std::uint64_t, kNodesMax> values;
  std::size_t count = 0;
  for (const NodeId voter : voters) values[count++] = detail::raw(acked(voter));
  return Value{majority_value(std::span{values}.first(count))};
}

// Thesis 4.3: committed is what both halves have committed.
template <AckedLookup Acked>
[[nodiscard]] AckedValue<Acked> committed_index(JointVoters voters, const Acked& acked) {
  return std::min(committed_index(voters.incoming, acked), committed_index(voters.outgoing, acked));
}

// The highest value reached in two different zones: that of the second-best zone.
class TwoZones {
 public:
  void add(Zone zone, std::uint64_t value) {
    if (zone == best_zone_) {
      best_ = std::max(best_, value);
    } else if (best_zone_ == kNoZone) {
      best_zone_ = zone;
      best_ = value;
    } else {
      two_ = true;
      second_ = std::max(second_, std::min(best_, value));
      if (value > best_) {
        best_zone_ = zone;
        best_ = value;
      }
    }
  }
  // With fewer than two zones there is nothing to ask for.
  std::uint64_t reached() const { return two_ ? second_ : kNothingAsked<std::uint64_t>; }

 private:
  Zone best_zone_ = kNoZone;
  std::uint64_t best_ = 0;
  std::uint64_t second_ = 0;
  bool two_ = false;
};

// committed_index(), lowered to the highest value that voters in two different zones have reached.
// `zone_of(node)` is its Zone. Voters in `lost` stand in no zone: the caller names those of zones
// it holds for lost, and thereby decides when availability goes before the second zone. When the
// other voters stand in one zone only, or in none, the rule asks for nothing.
template <AckedLookup Acked, std::invocable<NodeId> ZoneOf>
[[nodiscard]] AckedValue<Acked> zone_committed_index(NodeSet voters, const Acked& acked,
                                                     const ZoneOf& zone_of, NodeSet lost = {}) {
  TwoZones zones;
  for (const NodeId voter : voters - lost) {
    const Zone zone = zone_of(voter);
    if (zone != kNoZone) zones.add(zone, detail::raw(acked(voter)));
  }
  return std::min(committed_index(voters, acked), AckedValue<Acked>{zones.reached()});
}

template <AckedLookup Acked, std::invocable<NodeId> ZoneOf>
[[nodiscard]] AckedValue<Acked> zone_committed_index(JointVoters voters, const Acked& acked,
                                                     const ZoneOf& zone_of, NodeSet lost = {}) {
  return std::min(zone_committed_index(voters.incoming, acked, zone_of, lost),
                  zone_committed_index(voters.outgoing, acked, zone_of, lost));
}

}  // namespace ringroad::raft
