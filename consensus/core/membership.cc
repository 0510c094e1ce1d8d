// Membership and leadership: how a configuration is replaced and how a leader hands over (thesis 4,
// 3.10).
//
// A configuration takes effect when its entry is applied, not when it is appended: a change that is
// truncated was never in force, and no node has to undo one. That keeps the safety argument of
// thesis 4.1, since the next change is proposed only when the last one is applied, and no node
// campaigns, or goes on campaigning, while it has a committed change to apply. The price that 4.1
// names for it is paid by the driver: the commit index is on the disk with the entries that follow
// it.
#include <algorithm>

#include "consensus/core/planted.h"
#include "consensus/core/raft.h"

namespace ringroad::raft {

StepResult Raft::propose_conf_change(const ConfChange& change, EntryType type) {
  std::array<std::byte, ConfChange::kBytesMax> bytes;
  const std::size_t size = encode(change, bytes);
  const Entry entry{
      .data = bytes.data(), .size_bytes = static_cast<std::uint32_t>(size), .type = type};
  return propose({&entry, 1});
}

// A change that was handed out before a snapshot arrived, and is applied after: the snapshot's
// configuration has it already, and may have undone it since.
absl::StatusOr<ConfState> Raft::apply_conf_change(Index index, const ConfChange& change) {
  if (index <= configuration_index_) return conf_state(tracker_.configuration());
  configuration_index_ = index;
  const auto changed = raft::apply(tracker_.configuration(), change);
  if (!changed.ok()) return changed.status();
  tracker_.apply(*changed, log_.last_index());
  for (const NodeId id : changed->added) {
    acked_round_[id.value] = 0;
    known_commit_[id.value] = Index{};
    told_at_[id.value] = Nanos{};
    acked_sent_at_[id.value] = Nanos{};
    heard_at_[id.value] = now_;
    transfers_[id.value] = {};
  }
  on_configuration();
  return conf_state(tracker_.configuration());
}

void Raft::on_configuration() {
  const bool is_candidate = role_ == Role::kCandidate || role_ == Role::kPreCandidate;
  if (is_candidate && !is_promotable()) become_follower(term_, kNoNode);
  if (role_ != Role::kLeader) return;
  const Configuration& configuration = tracker_.configuration();
  const bool is_voter = tracker_.contains(config_.id) && !tracker_.progress(config_.id).is_learner;
  if (!is_voter) {
    // Thesis 4.2.2: a leader that is no part of the new configuration leads until that is
    // committed. So it is; but nobody else may know yet, and those who stay would then elect by the
    // old configuration, with a vote of this node that it may have to refuse.
    if (!config_.step_down_on_removal) return;
    if (!config_.hand_over_on_removal || configuration.voters.empty()) {
      become_follower(term_, kNoNode);
      return;
    }
    leaves_at_ = log_.committed();
    told_at_.fill(Nanos{});
    broadcast_append();
    maybe_leave();
    return;
  }
  leaves_at_ = {};
  if (configuration.voters.empty()) return;
  // Voters of a lost zone may have come or gone.
  if (is_zone_rule_degraded()) observe_zones();
  if (maybe_commit()) {
    // A smaller quorum may have had more all along.
    release_waiting_reads();
    broadcast_append();
  } else {
    for (const NodeId id : tracker_.members()) {
      if (id != config_.id) send_append(id, false);
    }
  }
  if (!configuration.all_voters().contains(transfer_to_)) transfer_to_ = kNoNode;
}

void Raft::maybe_leave() {
  if (leaves_at_ == Index{}) return;
  const Index known = committed_index(tracker_.configuration().quorum(),
                                      [this](NodeId id) { return known_commit_[id.value]; });
  if (known < leaves_at_) return;
  const NodeId successor = best_successor();
  if (successor != kNoNode) send_timeout_now(successor);
  become_follower(term_, kNoNode);
}

// What was proposed in earlier terms was never counted as uncommitted; when it is applied in this
// one, that makes a little room too early.
void Raft::on_applied(Index index, std::uint64_t stored, std::uint64_t payload) {
  const Index applied = std::max(index, log_.applied());
  log_.applied_to(applied, stored);
  uncommitted_bytes_ -= std::min(uncommitted_bytes_, payload);
  if (campaigns_when_applied_) hup(Campaign::kTransfer);
  maybe_leave_joint();
}

// Thesis 4.3: C(old,new) is committed, so C(new) follows. It is dropped while leadership is being
// transferred; then the next leader tries again, or this one when the transfer has failed.
void Raft::maybe_leave_joint() {
  if (tracker_.configuration().auto_leave && role_ == Role::kLeader &&
      log_.applied() >= pending_conf_index_) {
    (void)propose_conf_change(ConfChange{}, EntryType::kConfChangeV2);
  }
}

void Raft::transfer_leader(NodeId to) {
  if (to == kNoNode) to = best_successor();
  if (to == kNoNode) return;
  (void)step({.type = MessageType::kTransferLeader, .from = to});
}

// Thesis 3.10: bring the successor up to date, take no proposals meanwhile, then let it campaign.
void Raft::on_transfer(const Message& m) {
  const Progress& progress = tracker_.progress(m.from);
  if (progress.is_learner || m.from == transfer_to_) return;
  transfer_to_ = kNoNode;
  if (m.from == config_.id) return;
  election_since_ = now_;
  transfer_to_ = m.from;
  if (progress.match == log_.last_index()) {
    send_timeout_now(m.from);
  } else {
    send_append(m.from, true);
  }
}

void Raft::send_timeout_now(NodeId to) {
  lease_forbidden_ = !planted(Bug::kLeaseKeptInTransfer);
  send({.type = MessageType::kTimeoutNow, .to = to});
}

// Of those that answer, the one of the highest priority, then the one that lacks least.
NodeId Raft::best_successor() const {
  NodeId best = kNoNode;
  for (const NodeId id : tracker_.configuration().voters) {
    const Progress& candidate = tracker_.progress(id);
    if (id == config_.id || !candidate.recent_active ||
        candidate.state == ProgressState::kSnapshot) {
      continue;
    }
    if (best == kNoNode) {
      best = id;
      continue;
    }
    const int by_priority = int{config_.priorities[id.value]} - int{config_.priorities[best.value]};
    if (by_priority > 0 || (by_priority == 0 && candidate.match > tracker_.progress(best).match)) {
      best = id;
    }
  }
  return best;
}

// The log may then begin behind what a follower needs: it gets the snapshot. Appends waiting to be
// handed out with entries of the part that goes are dropped, like lost ones.
void Raft::compact(Index index) {
  std::erase_if(outgoing_, [index](const Outgoing& out) {
    return out.message.type == MessageType::kAppend && out.count > 0 && out.first <= index;
  });
  log_.compact(index);
}

// Appends of a term in which this node led: the entries they stand for may be replaced now.
void Raft::drop_stale_appends() {
  std::erase_if(outgoing_, [this](const Outgoing& out) {
    return out.message.type == MessageType::kAppend && out.message.term < term_;
  });
}

}  // namespace ringroad::raft
