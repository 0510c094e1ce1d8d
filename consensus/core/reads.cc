// Linearizable reads without a log entry (thesis 6.4): the leader notes its commit index, makes
// sure that it still is the leader, and the reader waits until its machine has applied that far.
//
// Reads that arrive between two Readys share one round of heartbeats. A round is a number; a
// follower echoes the highest it has seen, so that confirming a round is the same arithmetic as
// committing an index, joint configurations included. With leases (thesis 6.4.1) the same
// arithmetic over the times at which answered heartbeats were sent says until when nobody else can
// have been elected, and no round is needed.
#include <algorithm>

#include "consensus/core/planted.h"
#include "consensus/core/raft.h"

namespace ringroad::raft {

StepResult Raft::read_index(std::uint64_t context) {
  return step({.type = MessageType::kReadIndex, .from = config_.id, .context = context});
}

// Thesis 6.4, step 1: before its first commit a leader may not know what is committed.
bool Raft::has_committed_in_term() const { return log_.term(log_.committed()) == term_; }

StepResult Raft::on_read_index(const Message& m) {
  PendingRead read{.from = m.from, .context = m.context};
  if (waiting_reads_.size() + pending_reads_.size() >= config_.pending_reads_max) {
    return StepResult::kReadsFull;
  }
  if (!has_committed_in_term() && !planted(Bug::kReadBeforeFirstCommit)) {
    waiting_reads_.push_back(read);
    return StepResult::kOk;
  }
  begin_read(read);
  return StepResult::kOk;
}

// Once: the answer goes to whom the leader hears the read from. A reader that takes this node for
// the leader is told to ask again; by then it knows better.
StepResult Raft::forward_read(const Message& m) {
  if (leader_ == kNoNode) return StepResult::kNoLeader;
  if (m.from == config_.id || m.from == kNoNode) {
    send({.type = MessageType::kReadIndex, .to = leader_, .context = m.context});
  } else {
    send({.type = MessageType::kReadIndexResponse, .to = m.from, .context = m.context});
  }
  return StepResult::kOk;
}

void Raft::begin_read(PendingRead read) {
  read.index = log_.committed();
  const Configuration& configuration = tracker_.configuration();
  const bool decides_alone = configuration.singleton() && configuration.voters.contains(config_.id);
  if (decides_alone || now_ < lease_until() || planted(Bug::kStaleLeaderReads)) {
    answer_read(read);
    return;
  }
  read.round = read_round_ + 1;
  read_round_due_ = true;
  pending_reads_.push_back(read);
}

void Raft::release_waiting_reads() {
  if (waiting_reads_.empty() || !has_committed_in_term()) return;
  for (const PendingRead& read : waiting_reads_) begin_read(read);
  waiting_reads_.clear();
}

// What ready() does first.
void Raft::start_read_round() {
  if (!read_round_due_) return;
  read_round_due_ = false;
  acked_round_[config_.id.value] = ++read_round_;
  broadcast_heartbeat();
}

void Raft::acknowledge_reads(NodeId from, std::uint64_t round) {
  if (pending_reads_.empty() || round == 0 || round > read_round_) return;
  acked_round_[from.value] = std::max(acked_round_[from.value], round);
  const std::uint64_t confirmed = committed_index(
      tracker_.configuration().quorum(), [this](NodeId id) { return acked_round_[id.value]; });
  std::size_t answered = 0;
  while (answered < pending_reads_.size() && pending_reads_[answered].round <= confirmed) {
    answer_read(pending_reads_[answered]);
    ++answered;
  }
  pending_reads_.erase(pending_reads_.begin(),
                       pending_reads_.begin() + static_cast<std::ptrdiff_t>(answered));
}

void Raft::answer_read(const PendingRead& read) {
  if (read.from == kNoNode || read.from == config_.id) {
    read_states_.push_back({read.context, read.index});
    return;
  }
  send({.type = MessageType::kReadIndexResponse,
        .to = read.from,
        .index = read.index,
        .context = read.context});
}

// This node no longer leads: its own readers are told, others' ask again.
void Raft::drop_reads() {
  for (const auto* reads : {&waiting_reads_, &pending_reads_}) {
    for (const PendingRead& read : *reads) {
      if (read.from == kNoNode || read.from == config_.id) {
        read_states_.push_back({read.context, Index{}});
      }
    }
  }
  waiting_reads_.clear();
  pending_reads_.clear();
  read_round_due_ = false;
}

// A quorum has answered heartbeats sent at or after some time, and owes an election timeout without
// a vote from then on, by clocks that may run faster than ours. A successor who was told to
// campaign is bound by nothing, whenever the request reaches it: no more leases in that term.
Nanos Raft::lease_until() const {
  if (config_.read_mode != ReadMode::kLease || role_ != Role::kLeader || lease_forbidden_) {
    return Nanos{};
  }
  const auto asked_at = [this](NodeId id) {
    const Nanos at = id == config_.id ? now_ : acked_sent_at_[id.value];
    return static_cast<std::uint64_t>(std::max<std::int64_t>(at.count, 0));
  };
  const std::uint64_t quorum_asked_at =
      committed_index(tracker_.configuration().quorum(), asked_at);
  if (quorum_asked_at == 0) return Nanos{};
  if (planted(Bug::kLeaseWithoutDrift)) {
    return Nanos{static_cast<std::int64_t>(quorum_asked_at)} + config_.election_timeout * 2;
  }
  const Nanos slack =
      config_.election_timeout / 1'000'000 * std::int64_t{config_.clock_drift_ppm_max};
  return Nanos{static_cast<std::int64_t>(quorum_asked_at)} + config_.election_timeout - slack * 2;
}

}  // namespace ringroad::raft
