// The members of a cluster and the rules by which they change (thesis 4). Pure values and
// functions: a function takes the configuration in force and the changes asked for and answers with
// the next one, or says why not. Whoever applies log entries owns the result; nothing is sent or
// stored here.
//
// Two ways lead to another set of voters. One voter at a time needs no more than the next
// configuration, since majorities of sets that differ by one node meet (thesis 4.1); more than one
// go through a joint configuration, in which old and new majorities both decide (thesis 4.3).
// Learners receive the log and have no vote (thesis 4.2.1, non-voting members).
//
// Invariants, held by every configuration that leaves here:
// - voters are not empty, unless nobody is a member (the configuration before bootstrap);
// - a learner is in neither half of the voters;
// - `learners_next` are voters of the outgoing half alone, to be learners once it is gone;
// - without an outgoing half there is no `learners_next` and no `auto_leave`.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "consensus/core/conf_change.h"
#include "consensus/core/node_set.h"
#include "consensus/core/planted.h"
#include "consensus/core/quorum.h"

namespace ringroad::raft {

// Membership as a snapshot or a disk tells it: unchecked, until restore() has made it a
// Configuration.
struct ConfState {
  NodeSet voters;
  NodeSet learners;
  NodeSet voters_outgoing;
  NodeSet learners_next;
  bool auto_leave = false;

  bool operator==(const ConfState&) const = default;
};

struct Configuration {
  NodeSet voters;           // the incoming half while joint
  NodeSet outgoing;         // not empty: the configuration is joint
  NodeSet learners;         // receive, don't vote
  NodeSet learners_next;    // demoted, but still voting in the outgoing half
  bool auto_leave = false;  // the leader leaves the joint configuration by itself

  bool joint() const { return !outgoing.empty(); }
  JointVoters quorum() const {
    if (planted(Bug::kJointOutgoingIgnored)) return {voters, {}};
    return {planted(Bug::kLearnersVote) ? voters | learners : voters, outgoing};
  }
  NodeSet all_voters() const { return voters | outgoing; }
  NodeSet members() const { return voters | outgoing | learners; }
  // One node that decides alone.
  bool singleton() const { return voters.count() == 1 && !joint(); }
  // As for instance "voters=(1 2 3)&&(1 2) learners=(4) learners_next=(5) autoleave".
  std::string describe() const;

  bool operator==(const Configuration&) const = default;
};

// The outcome of a change. A node may be in both sets, if it was removed and added again by the
// same change: what was known about its log is forgotten then.
struct ConfigurationChange {
  Configuration configuration;
  NodeSet added;    // members about whose log nothing is known yet
  NodeSet removed;  // members before, whose progress is over
};

// "(1 2 3)"
std::string describe(NodeSet nodes);
ConfState conf_state(const Configuration& configuration);

// Which of the invariants above is broken, or OK.
absl::Status check_invariants(const Configuration& configuration);

// Thesis 4.1. Applies `changes` in order, of which in sum at most one may touch the voters.
absl::StatusOr<ConfigurationChange> simple(const Configuration& from,
                                           std::span<const ConfChangeSingle> changes);
// Thesis 4.3: from C(old) to C(old,new). The voters in force become the outgoing half.
absl::StatusOr<ConfigurationChange> enter_joint(const Configuration& from, bool auto_leave,
                                                std::span<const ConfChangeSingle> changes);
// Thesis 4.3: from C(old,new) to C(new). Staged learners become learners.
absl::StatusOr<ConfigurationChange> leave_joint(const Configuration& from);
// Whichever of the three `change` asks for.
absl::StatusOr<ConfigurationChange> apply(const Configuration& from, const ConfChange& change);
// Every member counts as added.
absl::StatusOr<ConfigurationChange> restore(const ConfState& state);

}  // namespace ringroad::raft
