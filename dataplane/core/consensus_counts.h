// What a node's consensus counts, at one instant: plain figures that the consensus lcore tells ten
// times a second, and the io lcore passes on with the node's others. What they are called and count
// is said in full where they are told (control/metrics/README.md).
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "dataplane/base/histogram.h"
#include "dataplane/base/ids.h"

namespace ringroad {

struct ConsensusCounts {
  // How a request ended, in the order of the replica's outcomes.
  static constexpr std::size_t kOutcomes = 8;

  bool is_here = false;  // consensus is configured on this node; nothing else counts without
  bool is_leader = false;
  bool is_voter = false;
  bool is_stopped = false;  // it takes part no more: what it wrote, or is to apply, failed
  bool wants_room = false;  // on the disk
  NodeId leader;            // whom it follows; kNoNode when nobody leads
  std::uint64_t term = 0;
  std::uint64_t first_index = 0, last_index = 0, stable_index = 0;  // of the log
  std::uint64_t commit_index = 0, applied_index = 0;
  std::uint64_t elections_won = 0;
  std::uint64_t batches_stored = 0, entries_stored = 0, entries_applied = 0;
  std::uint64_t proposals_sent = 0, reads_answered = 0, requests_waiting = 0;
  std::array<std::uint64_t, kOutcomes> answers{};
  std::uint64_t messages_received = 0, messages_sent = 0;  // between the nodes' consensus
  // Of these, dropped: not understood, refused by the rules, from another than they say.
  std::uint64_t undecodable = 0, refused = 0, misaddressed = 0;
  std::uint64_t not_sent = 0;      // messages that no buffer or link took
  std::uint64_t answers_lost = 0;  // for want of a buffer, or of a program that reads
  std::uint64_t snapshot_index = 0, snapshot_bytes = 0;  // the latest
  std::uint64_t snapshots_made = 0, snapshots_installed = 0, snapshots_refused = 0;
  std::uint64_t snapshot_chunks_sent = 0;
  Nanos snapshot_time;         // making them took, added up
  LatencyHistogram log_write;  // nanoseconds from handing a batch to the log until it was durable
};
static_assert(std::is_trivially_copyable_v<ConsensusCounts>);

}  // namespace ringroad
