// Replication: proposals become entries, entries reach the followers, and what a quorum has is
// committed (thesis 3.5, 3.6, 10.2). A leader sends each follower what it lacks as far as its
// window allows, and learns from the answers how far their logs agree; zones may ask for more than
// a quorum before an entry is committed.
#include <algorithm>

#include "consensus/core/planted.h"
#include "consensus/core/raft.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {

// Thesis 4.1: one change at a time. A change that cannot be now is replaced by an entry that says
// nothing, so that whoever proposed a batch with it is answered for the rest.
StepResult Raft::on_proposal(const Message& m) {
  if (!tracker_.contains(config_.id)) return StepResult::kNotMember;
  if (transfer_to_ != kNoNode) return StepResult::kTransferring;
  std::span<const Entry> entries = m.entries;
  Index pending = pending_conf_index_;
  proposed_.clear();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].is_conf_change()) continue;
    const auto change = decode_conf_change(entries[i].payload());
    if (!change) return StepResult::kMalformed;
    const bool joint = tracker_.configuration().joint();
    const bool is_alone = pending <= log_.applied() || planted(Bug::kChangeBeforeLastIsApplied);
    const bool possible = is_alone && joint == change->leaves_joint();
    if (possible || !config_.validate_conf_changes) {
      pending = Index{log_.last_index().value + i + 1};
      continue;
    }
    if (proposed_.empty()) {
      proposed_.assign(entries.begin(), entries.end());
      entries = proposed_;
    }
    proposed_[i] = Entry{};
  }
  if (!append_own(entries)) return StepResult::kUncommittedBound;
  pending_conf_index_ = pending;
  broadcast_append();
  return StepResult::kOk;
}

// Thesis 6.2: a follower passes a client's request on to the leader.
StepResult Raft::forward_proposal(const Message& m) {
  if (leader_ == kNoNode) return StepResult::kNoLeader;
  if (!config_.forward_proposals) return StepResult::kNotForwarded;
  Outgoing out{.message = m,
               .first = Index{forwarded_.size()},
               .count = m.entries.size(),
               .is_forwarded = true};
  out.message.to = leader_;
  out.message.entries = {};
  // Its own name, also for what it was sent itself: that is who the next node hears it from.
  out.message.from = config_.id;
  for (Entry e : m.entries) {
    e.data = log_.arena().copy(e.payload());
    forwarded_.push_back(e);
  }
  outgoing_.push_back(out);
  return StepResult::kOk;
}

// The leader's own copy counts towards the quorum when it is durable, like any other (thesis
// 10.2.1): its response to itself waits for the disk.
bool Raft::append_own(std::span<const Entry> entries) {
  const std::uint64_t bytes = payload_bytes(entries);
  // An empty uncommitted tail takes any proposal, and an empty proposal always fits: the first
  // entry of a term and the end of a joint configuration cannot be refused.
  if (uncommitted_bytes_ > 0 && bytes > 0 &&
      (bytes > config_.uncommitted_bytes_max ||
       uncommitted_bytes_ > config_.uncommitted_bytes_max - bytes)) {
    return false;
  }
  uncommitted_bytes_ += bytes;
  const Index last = log_.append(term_, entries);
  send({.type = MessageType::kAppendResponse, .to = config_.id, .index = last});
  return true;
}

void Raft::broadcast_append() {
  for (const NodeId id : tracker_.members()) {
    if (id != config_.id) send_append(id, true);
  }
}

// Sends what the follower lacks, as far as its window allows; nothing at all when it is paused.
// With a full window an empty append still goes out: should everything in flight be lost, it is
// what the follower answers to.
bool Raft::send_append(NodeId to, bool even_empty) {
  Progress& progress = tracker_.progress(to);
  if (progress.is_paused()) return false;
  const Index before = previous(progress.next);
  const std::optional<Term> term_before = log_.term(before);
  if (!term_before) return send_snapshot(to);
  std::span<const Entry> entries;
  if (progress.state != ProgressState::kReplicate || !progress.inflights.full()) {
    entries = log_.entries(progress.next, config_.append_bytes_max, config_.append_entries_max);
  }
  if (entries.empty() && !even_empty) return false;
  outgoing_.push_back({.message = {.type = MessageType::kAppend,
                                   .from = config_.id,
                                   .to = to,
                                   .term = term_,
                                   .log_term = *term_before,
                                   .index = before,
                                   .commit = log_.committed()},
                       .first = progress.next,
                       .count = entries.size()});
  progress.sent_entries(entries.size(), payload_bytes(entries));
  progress.note_sent_commit(log_.committed());
  return true;
}

void Raft::broadcast_heartbeat() {
  for (const NodeId id : tracker_.members()) {
    if (id != config_.id) send_heartbeat(id);
  }
}

// Thesis 3.4: what keeps followers from campaigning. It tells how far the log is committed (3.5)
// and asks whether this node still leads (6.2, 6.4). A follower may not yet have what is committed:
// it is told no more than it is known to hold.
void Raft::send_heartbeat(NodeId to) {
  Progress& progress = tracker_.progress(to);
  const Index commit = planted(Bug::kHeartbeatCommitsBeyondMatch)
                           ? log_.committed()
                           : std::min(progress.match, log_.committed());
  send({.type = MessageType::kHeartbeat,
        .to = to,
        .commit = commit,
        .context = pending_reads_.empty() ? 0 : read_round_,
        .sent_at = now_});
  progress.note_sent_commit(commit);
  if (leaves_at_ != Index{} && commit >= leaves_at_ && told_at_[to.value] == Nanos{}) {
    told_at_[to.value] = now_;
  }
}

// Thesis 3.5, figure 3.1 (AppendEntries, receiver). An append that ends below the commit index
// tells nothing new.
StepResult Raft::on_append(const Message& m) {
  if (m.index < log_.committed()) {
    send({.type = MessageType::kAppendResponse,
          .to = m.from,
          .index = log_.committed(),
          .known_commit = log_.committed()});
    return StepResult::kOk;
  }
  drop_stale_appends();
  const std::optional<Index> matched = log_.maybe_append({m.log_term, m.index}, m.entries);
  if (matched) {
    const bool is_bound = !planted(Bug::kAppendCommitsBeyondMatch);
    log_.commit_to(is_bound ? std::min(m.commit, *matched) : m.commit);
    send({.type = MessageType::kAppendResponse,
          .to = m.from,
          .index = *matched,
          .known_commit = log_.committed()});
    return StepResult::kOk;
  }
  // Where the logs may agree at best: at an entry whose term is no higher than the leader's there.
  const EntryId hint = log_.find_conflict_by_term(std::min(m.index, log_.last_index()), m.log_term);
  send({.type = MessageType::kAppendResponse,
        .to = m.from,
        .log_term = hint.term,
        .index = m.index,
        .reject = true,
        .reject_hint = hint.index,
        .context = awaited_ > Index{} ? kLostEntries : 0});
  return StepResult::kOk;
}

void Raft::on_append_response(const Message& m, Progress& progress) {
  // Beyond this log there is nothing a correct follower can have matched.
  if (!m.reject && m.index > log_.last_index()) return;
  progress.recent_active = true;
  note_known_commit(m);
  if (m.reject && m.context == kLostEntries) {
    if (progress.lose(m.reject_hint)) send_append(m.from, true);
    return;
  }
  if (m.reject && !planted(Bug::kRejectCounted)) {
    // Thesis 3.5, end. The follower's entry at the hint has a term; where ours is higher, its log
    // cannot have the same entry, since terms only grow along a log: those need no probe.
    const Index probe = m.log_term > Term{}
                            ? log_.find_conflict_by_term(m.reject_hint, m.log_term).index
                            : m.reject_hint;
    if (progress.maybe_decrease_to(m.index, probe)) {
      if (progress.state == ProgressState::kReplicate) progress.become_probe();
      send_append(m.from, true);
    }
    return;
  }
  const bool probe_answered = progress.match == m.index && progress.state == ProgressState::kProbe;
  const bool snapshot_answered =
      progress.state == ProgressState::kSnapshot && m.index >= progress.pending_snapshot;
  if (!progress.maybe_update(m.index) && !probe_answered && !snapshot_answered) return;
  if (progress.state == ProgressState::kProbe) {
    progress.become_replicate();
  } else if (progress.state == ProgressState::kReplicate) {
    progress.inflights.free_le(m.index);
  } else if (next(progress.match) >= log_.first_index()) {
    // However it got there: the log reaches back to it again.
    progress.become_probe();
    progress.become_replicate();
    transfers_[m.from.value] = {};
  } else if (snapshot_answered) {
    // It arrived, but the log was compacted beyond it meanwhile: another one has to follow.
    progress.become_probe();
    transfers_[m.from.value] = {};
  }
  if (maybe_commit()) {
    release_waiting_reads();
    broadcast_append();
  } else if (m.from != config_.id && progress.can_bump_commit(log_.committed())) {
    send_append(m.from, true);
  }
  // More room may have come free than one message fills. This node may have been removed or have
  // stepped down meanwhile only by way of an applied change, never here.
  if (m.from != config_.id) {
    while (send_append(m.from, false)) {
    }
  }
  if (m.from == transfer_to_ && progress.match == log_.last_index()) send_timeout_now(m.from);
}

// A node of the first version does not say what it knows. But it echoes when a heartbeat was sent,
// and any sent after the first that told it of `leaves_at_` has told it so.
void Raft::note_known_commit(const Message& m) {
  Index& known = known_commit_[m.from.value];
  if (m.known_commit <= log_.committed()) known = std::max(known, m.known_commit);
  const Nanos told_at = told_at_[m.from.value];
  if (m.type == MessageType::kHeartbeatResponse && leaves_at_ != Index{} && told_at != Nanos{} &&
      m.sent_at > told_at && m.sent_at <= now_) {
    known = std::max(known, leaves_at_);
  }
}

// Thesis 3.5: a follower applies what it is told to be committed. When that is an index this node
// does not have, it had acknowledged what it has lost since (3.8).
StepResult Raft::on_heartbeat(const Message& m) {
  if (m.commit > log_.last_index()) {
    if (awaited_ == Index{}) return StepResult::kLostLog;
    send({.type = MessageType::kAppendResponse,
          .to = m.from,
          .log_term = log_.last().term,
          .index = m.commit,
          .reject = true,
          .reject_hint = log_.last_index(),
          .context = kLostEntries});
    return StepResult::kOk;
  }
  log_.commit_to(m.commit);
  send({.type = MessageType::kHeartbeatResponse,
        .to = m.from,
        .context = m.context,
        .known_commit = log_.committed(),
        .sent_at = m.sent_at});
  return StepResult::kOk;
}

void Raft::on_heartbeat_response(const Message& m, Progress& progress) {
  progress.recent_active = true;
  progress.append_flow_paused = false;
  note_known_commit(m);
  if (m.sent_at <= now_) {
    Nanos& acked = acked_sent_at_[m.from.value];
    acked = std::max(acked, m.sent_at);
  }
  if (progress.match < log_.last_index() || progress.state == ProgressState::kProbe) {
    send_append(m.from, true);
  }
  maybe_send_chunk_again(m.from, progress);
  acknowledge_reads(m.from, m.context);
}

// Thesis 3.6.2: only an entry of the leader's own term commits by counting; those before it commit
// with it.
bool Raft::maybe_commit() {
  if (tracker_.configuration().voters.empty()) return false;
  const Index index = tracker_.committed();
  const bool is_own = log_.term(index) == term_ || planted(Bug::kOldTermCommittedByCounting);
  if (index <= log_.committed() || !is_own) return false;
  log_.commit_to(index);
  return true;
}

// Of one half of the configuration, the voters in zones that are lost: in all but one, when nobody
// in any other was heard of for an election timeout. Nodes that stand in no zone say nothing.
NodeSet Raft::zones_lost_in(NodeSet voters) const {
  Zone heard = kNoZone;
  for (const NodeId id : voters) {
    const Zone zone = config_.zones[id.value];
    const bool is_heard = id == config_.id || now_ - heard_at_[id.value] < config_.election_timeout;
    if (zone == kNoZone || !is_heard) continue;
    if (heard != kNoZone && zone != heard) return {};
    heard = zone;
  }
  NodeSet lost;
  for (const NodeId id : voters) {
    const Zone zone = config_.zones[id.value];
    if (zone != kNoZone && zone != heard) lost.insert(id);
  }
  return lost;
}

// Each half is asked for two zones (quorum.h), so each may lose one. Under kDegrade the rule then
// asks for nothing there, from the next heartbeat on until the first answer of a voter that was
// lost: what that answer commits is in two zones.
void Raft::observe_zones() {
  const Configuration& configuration = tracker_.configuration();
  const NodeSet lost =
      config_.zone_loss == ZoneLossPolicy::kDegrade
          ? zones_lost_in(configuration.voters) | zones_lost_in(configuration.outgoing)
          : NodeSet{};
  if (lost == tracker_.zones().lost) return;
  tracker_.set_zones({config_.zones, lost});
  if (maybe_commit()) {
    release_waiting_reads();
    broadcast_append();
  }
}

bool Raft::is_zone_rule_degraded() const {
  return role_ == Role::kLeader && !tracker_.zones().lost.empty();
}

void Raft::set_zone_loss(ZoneLossPolicy policy) {
  config_.zone_loss = policy;
  if (role_ == Role::kLeader) observe_zones();
}

}  // namespace ringroad::raft
