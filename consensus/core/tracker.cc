// Who the members are and what is known of them, kept in step; the contract is in tracker.h.
//
// Only apply() changes the set of members. It takes what configuration.cc says came and went,
// checks that against what it has, and starts the progress of whoever is new. Everything else
// reads: the quorum functions of quorum.h are asked with this configuration's halves and with match
// indexes, votes or activity as values, so that joint configurations and zones hold for all of them
// alike.
#include "consensus/core/tracker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "consensus/core/planted.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {

std::size_t Tracker::place_of(NodeId node) const {
  RR_CHECK(contains(node));
  return node.value;
}

void Tracker::apply(const ConfigurationChange& change, Index last_index) {
  const NodeSet before = members();
  configuration_ = change.configuration;
  RR_CHECK((before - members()) == (change.removed - members()));
  RR_CHECK((members() - before) == (change.added - before));
  for (const NodeId node : change.added) {
    Progress& fresh = progress(node);
    Inflights inflights = std::move(fresh.inflights);
    // A node that comes back finds its memory as it left it.
    if (inflights.capacity() != limits_.messages_max) inflights = Inflights{limits_};
    inflights.reset();
    fresh = Progress{};
    fresh.inflights = std::move(inflights);
    fresh.next = std::max(last_index, Index{1});
    fresh.recent_active = true;
  }
  for (const NodeId node : members()) {
    progress(node).is_learner = configuration_.learners.contains(node);
  }
}

void Tracker::reset_votes() {
  granted_.clear();
  rejected_.clear();
}

void Tracker::record_vote(NodeId from, bool granted) {
  if ((granted_ | rejected_).contains(from)) return;
  (granted ? granted_ : rejected_).insert(from);
}

Tracker::Tally Tracker::tally_votes() const {
  const NodeSet voters = configuration_.all_voters();
  return {.granted = (voters & granted_).count(),
          .rejected = (voters & rejected_).count(),
          .result = vote_result(configuration_.quorum(), granted_, rejected_)};
}

Index Tracker::committed() const {
  return zone_committed_index(
      configuration_.quorum(), [this](NodeId node) { return progress_[node.value].match; },
      [this](NodeId node) {
        return planted(Bug::kZoneRuleIgnored) ? kNoZone : zones_.of[node.value];
      },
      zones_.lost);
}

bool Tracker::quorum_active() const {
  NodeSet active;
  for (const NodeId node : configuration_.all_voters()) {
    if (progress_[node.value].recent_active) active.insert(node);
  }
  const NodeSet silent = configuration_.all_voters() - active;
  return vote_result(configuration_.quorum(), active, silent) == VoteResult::kWon;
}

std::string Tracker::describe() const {
  std::string text;
  for (const NodeId node : members()) {
    absl::StrAppend(&text, node.value, ": ", progress(node).describe(), "\n");
  }
  return text;
}

}  // namespace ringroad::raft
