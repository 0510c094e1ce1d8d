// Snapshots: for a follower whose next entry the log no longer holds (thesis 5.1, figure 5.3). The
// core names them and counts their bytes; the driver has the bytes.
//
// A snapshot travels in chunks, one unanswered at a time, each answered when it is on the
// follower's disk; the last one is answered like an append. A gap, another snapshot or another
// leader makes the follower say from where it wants to go on.
#include <algorithm>

#include "consensus/core/planted.h"
#include "consensus/core/raft.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {

void Raft::snapshot_made(const Snapshot& snapshot) {
  if (snapshot.index < snapshot_.index) return;
  RR_CHECK(snapshot.index <= log_.applied());
  snapshot_ = snapshot;
}

bool Raft::send_snapshot(NodeId to) {
  Progress& progress = tracker_.progress(to);
  // To a node that is silent it would be sent in vain; and before one is made there is none. One
  // that ends before what the log holds would be followed by another.
  if (!progress.recent_active || snapshot_.empty() || snapshot_.index < log_.compacted()) {
    return false;
  }
  progress.become_snapshot(snapshot_.index);
  transfers_[to.value] = {.snapshot = snapshot_};
  send_chunk(to);
  return true;
}

void Raft::send_chunk(NodeId to) {
  Transfer& transfer = transfers_[to.value];
  const std::uint64_t left = transfer.snapshot.size_bytes - transfer.offset;
  transfer.sent_at = now_;
  send({.type = MessageType::kSnapshot,
        .to = to,
        .snapshot = transfer.snapshot,
        .chunk_offset = transfer.offset,
        .chunk_bytes = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(left, config_.snapshot_chunk_bytes_max))});
}

// A chunk or its answer was lost: nothing else would move this transfer.
void Raft::maybe_send_chunk_again(NodeId to, const Progress& progress) {
  const Transfer& transfer = transfers_[to.value];
  if (progress.state != ProgressState::kSnapshot) return;
  if (now_ - transfer.sent_at >= config_.election_timeout) send_chunk(to);
}

void Raft::on_snapshot_response(const Message& m, Progress& progress) {
  progress.recent_active = true;
  Transfer& transfer = transfers_[m.from.value];
  if (progress.state != ProgressState::kSnapshot || transfer.snapshot.index != m.index ||
      m.chunk_offset >= transfer.snapshot.size_bytes) {
    return;
  }
  // Only a refusal goes back; an answer that was overtaken says nothing new.
  if (!m.reject && m.chunk_offset <= transfer.offset) return;
  transfer.offset = m.chunk_offset;
  send_chunk(m.from);
}

void Raft::on_snapshot_status(const Message& m, Progress& progress) {
  if (progress.state != ProgressState::kSnapshot) return;
  // Failed: probe from before it.
  if (m.reject) progress.pending_snapshot = Index{};
  progress.become_probe();
  // Sent: its answer comes; failed: the next heartbeat's response tries again.
  progress.append_flow_paused = true;
  transfers_[m.from.value] = {};
}

void Raft::on_snapshot(const Message& m) {
  const bool is_last = m.chunk_offset + m.chunk_bytes == m.snapshot.size_bytes;
  const bool is_needed = needs_snapshot(m.snapshot);
  if (is_needed && !take_chunk(m, is_last)) return;
  if (is_needed && !is_last) {
    send({.type = MessageType::kSnapshotResponse,
          .to = m.from,
          .index = m.snapshot.index,
          .chunk_offset = arrival_.offset});
    return;
  }
  const bool is_restored = is_needed && restore(m.snapshot);
  send({.type = MessageType::kAppendResponse,
        .to = m.from,
        .index = is_restored ? log_.last_index() : log_.committed(),
        .known_commit = log_.committed()});
}

// Not when it would replace what is committed, nor when this log already holds the snapshot's last
// entry and hence all before it (thesis 5.1: entries that follow it are kept); that alone commits.
// That this node is no member of it is no reason: it may have been made before the node was added,
// and the leader can make no newer one if the change that adds the node needs its vote.
bool Raft::needs_snapshot(const Snapshot& snapshot) {
  if (planted(Bug::kSnapshotOverNewer)) return true;
  if (snapshot.index <= log_.committed()) return false;
  if (!raft::restore(snapshot.conf).ok()) return false;
  const bool is_taken_for_match =
      planted(Bug::kSnapshotTakenForMatch) && snapshot.index <= log_.last_index();
  if (!log_.matches(snapshot.last()) && !is_taken_for_match) return true;
  log_.commit_to(snapshot.index);
  return false;
}

// Takes the chunk if it is the next one; otherwise says which is.
bool Raft::take_chunk(const Message& m, bool is_last) {
  const bool is_same = arrival_.snapshot == m.snapshot.last() && arrival_.from == m.from &&
                       arrival_.term == m.term && arrival_.size_bytes == m.snapshot.size_bytes;
  const bool starts = (m.chunk_offset == 0 && (!is_same || arrival_.offset == 0)) ||
                      (planted(Bug::kChunkGapTaken) && !is_same);
  if (!starts && (!is_same || m.chunk_offset != arrival_.offset)) {
    const bool is_repeated = is_same && m.chunk_offset < arrival_.offset;
    send({.type = MessageType::kSnapshotResponse,
          .to = m.from,
          .index = m.snapshot.index,
          .reject = !is_repeated,
          .chunk_offset = is_same ? arrival_.offset : 0});
    return false;
  }
  if (starts) {
    arrival_ = {.snapshot = m.snapshot.last(),
                .from = m.from,
                .term = m.term,
                .size_bytes = m.snapshot.size_bytes};
  }
  const std::span bytes{m.chunk, m.chunk_bytes};
  if (!bytes.empty()) {
    chunks_.push_back({.snapshot = m.snapshot.last(),
                       .offset = m.chunk_offset,
                       .bytes = {log_.arena().copy(bytes), bytes.size()},
                       .is_first = starts,
                       .is_last = is_last});
  }
  arrival_.offset += m.chunk_bytes;
  if (is_last) arrival_ = {};
  return true;
}

void Raft::forget_chunks() { arrival_ = {}; }

bool Raft::restore(const Snapshot& snapshot) {
  RR_CHECK(role_ == Role::kFollower);
  drop_stale_appends();
  log_.restore(snapshot);
  const NodeSet before = tracker_.members();
  const auto configuration = raft::restore(snapshot.conf);
  // Every member's progress starts anew.
  ConfigurationChange change = *configuration;
  change.removed = before;
  tracker_.apply(change, log_.last_index());
  configuration_index_ = snapshot.index;
  if (snapshot.index > snapshot_.index) snapshot_ = snapshot;
  return true;
}

void Raft::on_snapshot_stable(Index index) {
  log_.snapshot_stable(index);
  if (index > log_.applied()) on_applied(index, 0, 0);
}

}  // namespace ringroad::raft
