// The configuration in force and what is known of each of its members: their progress, and the
// votes of the election under way. One Raft state machine owns one Tracker. It decides what a
// quorum has stored, granted or answered; it does not say what follows from that.
//
// Progress is kept for members only, in an array by node id, so that every walk goes in ascending
// order. Memory for what is in flight is taken when a node becomes a member for the first time.
//
// Invariant: a node has a progress if and only if it is a member, and is_learner there says what
// the configuration says.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "consensus/core/configuration.h"
#include "consensus/core/progress.h"
#include "consensus/core/quorum.h"

namespace ringroad::raft {

// Where nodes stand, by id, and those whose zones are held for lost. All in kNoZone: plain
// majority.
struct Zones {
  std::array<Zone, kNodesMax + 1> of{};
  NodeSet lost;
};

class Tracker {
 public:
  struct Tally {
    std::uint32_t granted = 0;
    std::uint32_t rejected = 0;
    VoteResult result = VoteResult::kPending;
  };

  explicit Tracker(InflightLimits limits) : limits_(limits) {}

  const Configuration& configuration() const { return configuration_; }
  NodeSet members() const { return configuration_.members(); }
  bool contains(NodeId node) const { return members().contains(node); }

  // Invariant: `node` is a member.
  Progress& progress(NodeId node) { return progress_[place_of(node)]; }
  const Progress& progress(NodeId node) const { return progress_[place_of(node)]; }

  // Makes `change`, an outcome of this configuration, the one in force (thesis 4.1: as soon as it
  // is in the log or, as here is the caller's choice, once it is committed). An added node's log is
  // not known: it is probed from the end of ours, and counts as heard of, so that a leader doesn't
  // step down over a node that had no chance to answer yet (thesis 6.2).
  void apply(const ConfigurationChange& change, Index last_index);

  void set_zones(const Zones& zones) { zones_ = zones; }
  const Zones& zones() const { return zones_; }

  // Thesis 3.4: a node votes once a term, so that its first vote stands.
  void reset_votes();
  void record_vote(NodeId from, bool granted);
  Tally tally_votes() const;
  bool has_granted(NodeId node) const { return granted_.contains(node); }

  // The highest index that a quorum stores, in two zones if they are set. With no voters at all,
  // the highest there is.
  Index committed() const;
  // Thesis 6.2: whether a quorum, of both halves while joint, was heard of lately.
  bool quorum_active() const;

  // A line for each member, as "1: StateProbe match=0 next=1\n".
  std::string describe() const;

 private:
  std::size_t place_of(NodeId node) const;

  Configuration configuration_;
  InflightLimits limits_;
  Zones zones_;
  NodeSet granted_;
  NodeSet rejected_;
  std::array<Progress, kNodesMax + 1> progress_;  // [0] is nobody's
};

}  // namespace ringroad::raft
