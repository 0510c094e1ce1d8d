// Elections: who may ask for votes, who grants them, and when a leader gives up (thesis 3.4, 3.6.1,
// 4.2.3, 6.2, 6.4.1, 9.6). A vote is durable before it is told, and none is given against a
// promise.
#include "consensus/core/planted.h"
#include "consensus/core/raft.h"

namespace ringroad::raft {

// A member with a vote, whose log is whole.
bool Raft::is_promotable() const {
  return tracker_.contains(config_.id) && !tracker_.progress(config_.id).is_learner &&
         !log_.has_pending_snapshot() && awaited_ == Index{};
}

// A change that is committed but not applied here: this node would count by the wrong quorum.
bool Raft::has_unapplied_conf_change() const {
  const std::uint64_t count = log_.committed().value - log_.applied().value;
  if (count == 0 || log_.applied() < log_.compacted()) return false;
  for (const Entry& e : log_.range(next(log_.applied()), count)) {
    if (e.is_conf_change()) return true;
  }
  return false;
}

// Thesis 3.4, and 3.10 where the leader asks for it: this node's time has come, if it may stand at
// all.
void Raft::hup(Campaign kind) {
  if (role_ == Role::kLeader || !is_promotable()) return;
  if (has_unapplied_conf_change()) {
    // A leader that leaves asks its successor right behind the change that removes it.
    campaigns_when_applied_ = kind == Campaign::kTransfer;
    return;
  }
  if (kind != Campaign::kTransfer && now_ < promised_until_) return;
  campaign(kind);
}

// Thesis 3.4: asks everyone for their vote; before that (9.6), whether they would give it.
void Raft::campaign(Campaign kind) {
  const bool is_pre = kind == Campaign::kPreElection;
  if (is_pre) {
    become_pre_candidate();
  } else {
    become_candidate();
  }
  // Pre-votes speak of the term that would come.
  const Term term = is_pre ? next_term() : term_;
  const EntryId last = log_.last();
  for (const NodeId id : tracker_.configuration().all_voters()) {
    if (id == config_.id) {
      // Its own vote counts once it is durable, like anyone's.
      send({.type = is_pre ? MessageType::kPreVoteResponse : MessageType::kVoteResponse,
            .to = id,
            .term = term});
      continue;
    }
    send({.type = is_pre ? MessageType::kPreVote : MessageType::kVote,
          .to = id,
          .term = term,
          .log_term = last.term,
          .index = last.index,
          .is_transfer = kind == Campaign::kTransfer});
  }
}

// Thesis 4.2.3: a server that hears of a current leader within the minimum election timeout
// neither takes up the term of a request for votes nor grants it, unless that leader wants it so.
bool Raft::is_bound_to_leader(const Message& m) const {
  if (m.is_transfer || planted(Bug::kLeaseNotPromised)) return false;
  const bool heard_lately = config_.check_quorum && leader_ != kNoNode &&
                            now_ - election_since_ < config_.election_timeout;
  return heard_lately || now_ < promised_until_;
}

// Thesis 3.4, 3.6.1: one vote a term, first come first served, and only for a log that is at least
// as far as this one. A learner votes too: it may have been made a voter and not know it yet, and
// the candidate counts only those it knows to be voters.
void Raft::on_vote_request(const Message& m) {
  const bool is_pre = m.type == MessageType::kPreVote;
  const MessageType response = is_pre ? MessageType::kPreVoteResponse : MessageType::kVoteResponse;
  // Thesis 6.4.1: whoever has answered a leader owes it its patience, in whatever term it is itself
  // by now: a message of a third node may have told it of the candidate's before the request came.
  const bool has_promised = now_ < promised_until_ && !m.is_transfer;
  if (has_promised && !planted(Bug::kLeaseNotPromised)) return;
  // Who has lost what it acknowledged cannot tell whose log is up to date (thesis 3.8, 3.6.1).
  const bool may_vote =
      awaited_ == Index{} &&
      (vote_ == m.from || (vote_ == kNoNode && leader_ == kNoNode) || (is_pre && m.term > term_));
  if (!(may_vote || (planted(Bug::kVotesTwice) && leader_ == kNoNode)) ||
      !(log_.is_up_to_date({m.log_term, m.index}) || planted(Bug::kNoUpToDateCheck))) {
    if (term_ == Term{}) return;  // a node that has only a snapshot knows of no term to tell
    Message answer{.type = response, .to = m.from, .term = term_, .reject = true};
    // A candidate may need the vote of a node that was removed and will not campaign, by a change
    // that it stores and does not know to be committed. So it is told.
    if (!is_promotable()) {
      answer.commit = log_.committed();
      answer.log_term = log_.term(log_.committed()).value_or(Term{});
    }
    send(answer);
    return;
  }
  // The request's term, not this node's: a pre-vote leaves that behind, and a response of a lower
  // term would be ignored.
  send({.type = response, .to = m.from, .term = m.term});
  if (!is_pre) {
    election_since_ = now_;
    vote_ = m.from;
  }
}

// What is committed stays so, in every term; and whoever has its last entry has all of it (thesis
// 3.5, log matching). A candidacy does not outlive a change of the quorum that it counts by.
void Raft::learn_commit(const Message& m) {
  if (role_ == Role::kLeader || m.commit <= log_.committed()) return;
  if (!log_.matches({m.log_term, m.commit})) return;
  log_.commit_to(m.commit);
  const bool is_candidate = role_ == Role::kCandidate || role_ == Role::kPreCandidate;
  if (is_candidate && has_unapplied_conf_change()) become_follower(term_, kNoNode);
}

// Thesis 3.4, 9.6: a majority of the votes of one term elects, of the pre-votes lets it stand.
void Raft::on_vote_response(const Message& m) {
  const MessageType awaited =
      role_ == Role::kPreCandidate ? MessageType::kPreVoteResponse : MessageType::kVoteResponse;
  if (m.type != awaited) return;
  tracker_.record_vote(m.from, !m.reject);
  const VoteResult result = tracker_.tally_votes().result;
  // The others' votes may come before its own is durable. Were it to lead by theirs alone and to
  // lose the term in a crash, they would elect it once more in the same term, with another log.
  const bool waits_for_own = role_ == Role::kCandidate && !tracker_.has_granted(config_.id);
  if (result == VoteResult::kWon && waits_for_own && !planted(Bug::kLeadsBeforeOwnVoteIsDurable)) {
    return;
  }
  switch (result) {
    case VoteResult::kWon:
      if (role_ == Role::kPreCandidate) {
        campaign(Campaign::kElection);
      } else {
        become_leader();
        broadcast_append();
      }
      break;
    case VoteResult::kLost:
      // A rejected pre-vote's term may be ahead; this node's own stays.
      become_follower(term_, kNoNode);
      break;
    case VoteResult::kPending:
      break;
  }
}

// Thesis 6.2: a leader that has heard of no quorum for an election timeout steps down, so that
// clients do not wait on it.
void Raft::on_check_quorum() {
  if (!tracker_.quorum_active()) become_follower(term_, kNoNode);
  for (const NodeId id : tracker_.members()) {
    if (id != config_.id) tracker_.progress(id).recent_active = false;
  }
}

}  // namespace ringroad::raft
