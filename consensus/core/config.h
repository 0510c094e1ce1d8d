// How a node takes part: its timeouts, its limits, and the choices between safety and haste. Values
// only; whoever makes a Raft checks them by validate() first.
#pragma once

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "consensus/core/node_set.h"
#include "consensus/core/quorum.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/limits.h"

namespace ringroad::raft {

inline constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
// Election priority counts no further below the highest than this.
inline constexpr int kPriorityLevelsMax = 4;

// Where the answer to "is my leader still the leader" comes from (thesis 6.4, 6.4.1).
enum class ReadMode : std::uint8_t {
  kSafe,   // a round of heartbeats
  kLease,  // the clocks of a quorum, where they allow; else a round of heartbeats
};

// What the zone rule does when every voter outside one zone has been silent for an election
// timeout. A change of the membership is no way out by itself: it is an entry, and commits by the
// same rule.
enum class ZoneLossPolicy : std::uint8_t {
  kWait,     // nothing commits until another zone is back, or an operator says kDegrade
  kDegrade,  // the plain quorum commits, and status() says so, until a voter elsewhere answers
};

struct Config {
  NodeId id = kNoNode;
  // A follower campaigns after [election_timeout, 2 election_timeout) without a leader, drawn anew
  // each time (thesis 3.4).
  Nanos election_timeout = milliseconds(150);
  Nanos heartbeat_interval = milliseconds(50);
  // The step in which timeouts are drawn.
  Nanos timeout_step = milliseconds(1);

  bool pre_vote = true;
  bool check_quorum = true;
  ReadMode read_mode = ReadMode::kSafe;
  // How much faster than ours any clock of the cluster may run, for leases.
  std::uint32_t clock_drift_ppm_max = 10'000;
  bool step_down_on_removal = true;
  // A leader that leaves goes on until a quorum of those who stay knows that the change is
  // committed, and then asks the best of them to campaign at once. Without it, the leader stops the
  // moment it has applied the change, and those who stay may need a vote that nobody can give.
  bool hand_over_on_removal = true;
  bool forward_proposals = true;
  bool validate_conf_changes = true;
  bool async_storage_writes = false;

  // One kAppend carries at most this many stored bytes and entries, but at least one entry.
  std::uint64_t append_bytes_max = 1 << 20;
  std::uint32_t append_entries_max = 256;
  std::uint32_t inflight_messages_max = 256;
  std::uint64_t inflight_bytes_max = kNoLimit;
  // Of payloads that a leader has taken in its term and that its machine has not applied yet, so
  // that both a lost quorum and a slow machine are felt by who proposes. One proposal is always
  // taken when there are none.
  std::uint64_t uncommitted_bytes_max = kNoLimit;
  std::uint64_t applying_bytes_max = kNoLimit;
  std::uint32_t snapshot_chunk_bytes_max = 256 * 1024;
  std::uint32_t pending_reads_max = 4096;

  // Zone and election priority by node. Of two equally good successors the one of higher priority
  // is asked; a node waits longer to campaign for every level it stands below the highest.
  std::array<Zone, kNodesMax + 1> zones{};
  ZoneLossPolicy zone_loss = ZoneLossPolicy::kWait;
  std::array<std::uint8_t, kNodesMax + 1> priorities{};

  // What is wrong with it, naming the field and the value.
  absl::Status validate() const;
};

}  // namespace ringroad::raft
