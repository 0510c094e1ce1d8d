// Dispatch: what a message means before its own rule is looked at. First whether it can be one at
// all, then its term (thesis 3.3), then one switch for each role, which names the function that
// holds the rule; those are in the other files.
#include <array>

#include "consensus/core/raft.h"

namespace ringroad::raft {

namespace {

bool is_response(MessageType type) {
  switch (type) {
    case MessageType::kAppendResponse:
    case MessageType::kVoteResponse:
    case MessageType::kPreVoteResponse:
    case MessageType::kHeartbeatResponse:
    case MessageType::kSnapshotResponse:
    case MessageType::kUnreachable:
    case MessageType::kSnapshotStatus:
      return true;
    default:
      return false;
  }
}

bool is_from_leader(MessageType type) {
  return type == MessageType::kAppend || type == MessageType::kHeartbeat ||
         type == MessageType::kSnapshot;
}

}  // namespace

std::string_view name_of(StepResult result) {
  static constexpr std::array<std::string_view, 10> kNames{
      "ok",           "no_leader",         "not_member",
      "transferring", "uncommitted_bound", "not_forwarded",
      "reads_full",   "unknown_peer",      "malformed",
      "lost_log"};
  const auto i = static_cast<std::size_t>(result);
  return i < kNames.size() ? kNames[i] : "unknown";
}

// What no correct peer sends. Indexes a correct peer may name and this node not know are each
// rule's own business.
bool Raft::is_well_formed(const Message& m) const {
  if (!is_known(m.type)) return false;
  if (m.from != kNoNode && !is_node(m.from)) return false;
  if (travels(m.type) && !is_without_term(m.type) && (m.term == Term{} || m.from == kNoNode)) {
    return false;
  }
  constexpr std::uint64_t kIndexMax = ~std::uint64_t{0} >> 1;
  if (m.index.value > kIndexMax || m.commit.value > kIndexMax || m.term.value > kIndexMax) {
    return false;
  }
  if (m.type == MessageType::kAppend) {
    if (m.log_term > m.term || (m.index == Index{}) != (m.log_term == Term{})) return false;
    Index expected = m.index;
    Term term_before = m.log_term;
    for (const Entry& e : m.entries) {
      expected = next(expected);
      if (e.index != expected || e.term < term_before || e.term == Term{} || e.term > m.term) {
        return false;
      }
      term_before = e.term;
    }
  }
  if (m.type == MessageType::kSnapshot) {
    const Snapshot& s = m.snapshot;
    if (s.empty() || s.index.value > kIndexMax || s.term == Term{} || s.term > m.term ||
        m.chunk_offset > s.size_bytes || m.chunk_bytes > s.size_bytes - m.chunk_offset ||
        (m.chunk_bytes == 0 && s.size_bytes > 0) || (m.chunk_bytes > 0 && m.chunk == nullptr)) {
      return false;
    }
  }
  return m.type != MessageType::kPropose || !m.entries.empty();
}

// Whether `leader` learns of this node's term anyway, by its requests for votes: it sends some,
// that one is among those it asks, and does not ignore them under a live leader (thesis 4.2.3). A
// node that was away while the membership changed may know nothing of those who lead it.
bool Raft::tells_by_campaign(NodeId leader) const {
  return !config_.check_quorum && !config_.pre_vote && is_promotable() &&
         tracker_.configuration().all_voters().contains(leader);
}

// Thesis 3.3: a higher term makes a follower of whoever hears of it; a lower one is answered so
// that its sender learns, where it could not otherwise. False when the message ends here.
bool Raft::step_term(const Message& m) {
  if (m.term == Term{} || m.term == term_) return true;
  if (m.term > term_) {
    const bool asks_for_vote = m.type == MessageType::kVote || m.type == MessageType::kPreVote;
    if (asks_for_vote && is_bound_to_leader(m)) return false;
    // A granted pre-vote carries the term of the election to come (thesis 9.6).
    const bool is_granted_pre_vote = m.type == MessageType::kPreVoteResponse && !m.reject;
    if (m.type != MessageType::kPreVote && !is_granted_pre_vote) follow_term(m);
    return true;
  }
  const bool is_from_live_leader =
      m.type == MessageType::kHeartbeat || m.type == MessageType::kAppend;
  if (is_from_live_leader && !tells_by_campaign(m.from)) {
    // This node's term has run ahead while nobody let it win. The answer is what tells that leader
    // of the term and frees it.
    send({.type = MessageType::kAppendResponse, .to = m.from});
  } else if (m.type == MessageType::kPreVote) {
    send({.type = MessageType::kPreVoteResponse, .to = m.from, .term = term_, .reject = true});
  } else if (m.type == MessageType::kStorageAppendResponse && !m.snapshot.empty()) {
    // A snapshot's state is committed whatever the term; entries of an earlier term may since have
    // been replaced, so nothing is said of them.
    on_snapshot_stable(m.snapshot.index);
  }
  return false;
}

// Thesis 3.4: only a leader heard of, or a vote granted, puts this node's own candidacy off. Were a
// term enough, a candidate whose log is too short to win could keep those who can from campaigning.
void Raft::follow_term(const Message& m) {
  const bool keeps_timer = role_ != Role::kLeader && !is_from_leader(m.type);
  const Nanos since = election_since_;
  become_follower(m.term, is_from_leader(m.type) ? m.from : kNoNode);
  if (keeps_timer) election_since_ = since;
}

StepResult Raft::step(const Message& m) {
  if (!is_well_formed(m)) return StepResult::kMalformed;
  if (is_response(m.type) && !tracker_.contains(m.from)) return StepResult::kUnknownPeer;
  return dispatch(m);
}

StepResult Raft::dispatch(const Message& m) {
  const bool is_about_vote =
      m.type == MessageType::kVoteResponse || m.type == MessageType::kPreVoteResponse;
  if (is_about_vote && m.reject) learn_commit(m);
  if (!step_term(m)) return StepResult::kOk;
  switch (m.type) {
    case MessageType::kHup:
      hup(config_.pre_vote ? Campaign::kPreElection : Campaign::kElection);
      return StepResult::kOk;
    case MessageType::kVote:
    case MessageType::kPreVote:
      on_vote_request(m);
      return StepResult::kOk;
    case MessageType::kStorageAppendResponse:
      if (m.index != Index{}) log_.stable_to({m.log_term, m.index});
      if (!m.snapshot.empty()) on_snapshot_stable(m.snapshot.index);
      return StepResult::kOk;
    case MessageType::kStorageApplyResponse:
      if (m.index > log_.applying()) return StepResult::kMalformed;
      on_applied(m.index, m.size_bytes, m.context);
      return StepResult::kOk;
    default:
      break;
  }
  switch (role_) {
    case Role::kLeader:
      return step_leader(m);
    case Role::kCandidate:
    case Role::kPreCandidate:
      return step_candidate(m);
    case Role::kFollower:
      return step_follower(m);
  }
  return StepResult::kOk;
}

StepResult Raft::step_leader(const Message& m) {
  switch (m.type) {
    case MessageType::kPropose:
      return on_proposal(m);
    case MessageType::kReadIndex:
      return on_read_index(m);
    default:
      break;
  }
  if (!tracker_.contains(m.from)) return StepResult::kOk;
  Progress& progress = tracker_.progress(m.from);
  // Only an answer shows that its sender lives: the others name it, and anyone may have sent them.
  if (m.term == term_ && is_response(m.type)) {
    heard_at_[m.from.value] = now_;
    if (is_zone_rule_degraded()) observe_zones();
  }
  switch (m.type) {
    case MessageType::kAppendResponse:
      on_append_response(m, progress);
      maybe_leave();
      break;
    case MessageType::kHeartbeatResponse:
      on_heartbeat_response(m, progress);
      maybe_leave();
      break;
    case MessageType::kSnapshotResponse:
      on_snapshot_response(m, progress);
      break;
    case MessageType::kSnapshotStatus:
      on_snapshot_status(m, progress);
      break;
    case MessageType::kUnreachable:
      // What was sent optimistically is probably lost.
      if (progress.state == ProgressState::kReplicate) progress.become_probe();
      break;
    case MessageType::kTransferLeader:
      on_transfer(m);
      break;
    default:
      break;
  }
  return StepResult::kOk;
}

StepResult Raft::step_candidate(const Message& m) {
  switch (m.type) {
    case MessageType::kPropose:
    case MessageType::kReadIndex:
      return StepResult::kNoLeader;
    case MessageType::kAppend:
    case MessageType::kHeartbeat:
    case MessageType::kSnapshot:
      // Thesis 3.4: somebody else has won this term.
      become_follower(m.term, m.from);
      return on_leader_message(m);
    case MessageType::kVoteResponse:
    case MessageType::kPreVoteResponse:
      on_vote_response(m);
      return StepResult::kOk;
    default:
      return StepResult::kOk;
  }
}

StepResult Raft::step_follower(const Message& m) {
  switch (m.type) {
    case MessageType::kPropose:
      return forward_proposal(m);
    case MessageType::kAppend:
    case MessageType::kHeartbeat:
    case MessageType::kSnapshot:
      election_since_ = now_;
      leader_ = m.from;
      return on_leader_message(m);
    case MessageType::kReadIndex:
      return forward_read(m);
    case MessageType::kTransferLeader: {
      if (leader_ == kNoNode) return StepResult::kNoLeader;
      Message forwarded = m;
      forwarded.to = leader_;
      send(forwarded);
      return StepResult::kOk;
    }
    case MessageType::kForgetLeader:
      // Under leases a vote may be missing to nobody but the leader who counts on it.
      if (config_.read_mode != ReadMode::kLease) leader_ = kNoNode;
      return StepResult::kOk;
    case MessageType::kTimeoutNow:
      // Thesis 3.10. No pre-vote: the leader itself has asked, so nobody is disturbed.
      hup(Campaign::kTransfer);
      return StepResult::kOk;
    case MessageType::kReadIndexResponse:
      read_states_.push_back({m.context, m.index});
      return StepResult::kOk;
    default:
      return StepResult::kOk;
  }
}

StepResult Raft::on_leader_message(const Message& m) {
  // Thesis 6.4.1: whoever answers a leader owes it an election timeout without a vote.
  if (config_.read_mode == ReadMode::kLease) promised_until_ = now_ + config_.election_timeout;
  switch (m.type) {
    case MessageType::kAppend:
      return on_append(m);
    case MessageType::kHeartbeat:
      return on_heartbeat(m);
    default:
      on_snapshot(m);
      return StepResult::kOk;
  }
}

}  // namespace ringroad::raft
