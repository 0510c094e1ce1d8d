// What a node's consensus tells of itself: who leads, how far its log and its state are, how
// requests ended, what the disk takes. Nothing is told of a node that takes no part in consensus.
#include <algorithm>
#include <array>

#include "control/metrics/node_collector.h"

namespace ringroad::control {
namespace {

// In the order of the replica's outcomes.
constexpr std::array<const char*, ConsensusCounts::kOutcomes> kOutcomes = {
    "answered",  "no_leader",    "no_quorum", "log_full",
    "timed_out", "not_a_member", "stopped",   "too_large"};

void add_state(const ConsensusCounts& counts, FamilyList& families) {
  const auto gauge = [&](const char* name, const char* help, auto value) {
    families.gauge(name, help);
    families.add(value);
  };
  gauge("dist_raft_has_leader", "1 while this node knows of a leader.", counts.leader != kNoNode);
  gauge("dist_raft_is_leader", "1 while this node leads.", counts.is_leader);
  gauge("dist_raft_is_voter", "1 while this node votes and counts for majorities.",
        counts.is_voter);
  gauge(
      "dist_raft_stopped",
      "1 when consensus on this node has ended until a restart: a write to its log failed, or the "
      "cluster uses commands it does not know.",
      counts.is_stopped);
  gauge("dist_raft_wants_room", "1 while the log waits for room on the disk.", counts.wants_room);
  gauge("dist_raft_leader_id", "Whom this node follows; 0 while nobody leads.",
        std::uint64_t{counts.leader.value});
  gauge("dist_raft_term", "The term this node is in.", counts.term);
  gauge("dist_raft_log_first_index", "The oldest entry that the log still has.",
        counts.first_index);
  gauge("dist_raft_log_last_index", "The last entry of the log.", counts.last_index);
  gauge("dist_raft_log_durable_index", "The last entry that is durable here.", counts.stable_index);
  gauge("dist_raft_commit_index", "The last entry known to be committed.", counts.commit_index);
  gauge("dist_raft_applied_index", "The last entry that the registry here has taken in.",
        counts.applied_index);
  gauge("dist_raft_commit_lag_entries", "Entries of the log that are not committed yet.",
        counts.last_index - std::min(counts.last_index, counts.commit_index));
  gauge("dist_raft_requests_waiting", "Requests of programs here that have no answer yet.",
        counts.requests_waiting);
  gauge("dist_raft_snapshot_index", "The last entry in the latest snapshot; 0 without one.",
        counts.snapshot_index);
  gauge("dist_raft_snapshot_bytes", "The latest snapshot's size.", counts.snapshot_bytes);
}

void add_counters(const ConsensusCounts& counts, FamilyList& families) {
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    families.counter(name, help);
    families.add(value);
  };
  counter("dist_raft_leader_elections_total", "Elections that this node won.",
          counts.elections_won);
  counter("dist_raft_log_entries_total", "Entries written to this node's log.",
          counts.entries_stored);
  counter("dist_raft_log_batches_total", "Batches in which they were written.",
          counts.batches_stored);
  counter("dist_raft_entries_applied_total", "Committed entries that were applied here.",
          counts.entries_applied);
  counter("dist_raft_proposals_sent_total",
          "Requests of programs here that were proposed or passed to the leader; each time it was "
          "done again counts.",
          counts.proposals_sent);
  counter("dist_raft_reads_total", "Reads answered here.", counts.reads_answered);
  families.counter("dist_raft_requests_total", "Requests of programs here, by how they ended.");
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    families.add(counts.answers[i], {{"outcome", kOutcomes[i]}});
  }
  counter("dist_raft_answers_lost_total",
          "Answers that no buffer was free for, or whose program did not read them.",
          counts.answers_lost);
  families.counter("dist_raft_messages_total", "Messages between the nodes' consensus.");
  families.add(counts.messages_sent, {{"type", "sent"}});
  families.add(counts.messages_received, {{"type", "received"}});
  families.counter("dist_raft_messages_dropped_total",
                   "Messages between the nodes' consensus that were dropped here, by reason.");
  families.add(counts.undecodable, {{"reason", "undecodable"}});
  families.add(counts.refused, {{"reason", "refused"}});
  families.add(counts.misaddressed, {{"reason", "misaddressed"}});
  families.add(counts.not_sent, {{"reason", "not_sent"}});
}

void add_disk(const ConsensusCounts& counts, FamilyList& families) {
  families.histogram("dist_raft_log_write_seconds",
                     "Time from handing a batch to the log until it was durable.");
  families.add(counts.log_write, {});
  families.counter("dist_raft_snapshots_total",
                   "Snapshots made here, taken over from a leader, and refused as damaged.");
  families.add(counts.snapshots_made, {{"event", "made"}});
  families.add(counts.snapshots_installed, {{"event", "installed"}});
  families.add(counts.snapshots_refused, {{"event", "refused"}});
  families.counter("dist_raft_snapshot_seconds_total",
                   "Time that making snapshots took, until each was durable.");
  families.add(in_seconds(counts.snapshot_time));
  families.counter("dist_raft_snapshot_chunks_sent_total",
                   "Pieces of snapshots that were sent to nodes far behind.");
  families.add(counts.snapshot_chunks_sent);
}

}  // namespace

void add_consensus_families(const ConsensusCounts& counts, FamilyList& families) {
  if (!counts.is_here) return;
  add_state(counts, families);
  add_counters(counts, families);
  add_disk(counts, families);
}

}  // namespace ringroad::control
