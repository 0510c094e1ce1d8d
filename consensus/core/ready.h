// What passes between a Raft and its driver besides messages: what was found on the disk, and the
// batch of things to do. raft.h says what the driver owes each part of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "consensus/core/entry.h"
#include "consensus/core/message.h"
#include "dataplane/base/ids.h"

namespace ringroad::raft {

enum class Role : std::uint8_t { kFollower, kCandidate, kLeader, kPreCandidate };

// Thesis 3.8: what must survive a restart. The commit index need not reach the disk for its own
// sake, but must be there with the entries of its batch: a node that has the entries of two changes
// of membership and has forgotten that the first is committed would elect by voters long gone.
struct HardState {
  Term term;
  NodeId vote = kNoNode;
  Index commit;
  bool operator==(const HardState&) const = default;
  bool empty() const { return *this == HardState{}; }
};

struct SoftState {
  NodeId leader = kNoNode;
  Role role = Role::kFollower;
  bool operator==(const SoftState&) const = default;
};

// What a node finds on its disk.
struct Restored {
  HardState hard_state;
  // The latest snapshot, or only a configuration (index 0): that of the cluster's first members,
  // also for a node that joins later.
  Snapshot snapshot;
  // They follow the snapshot directly; copied.
  std::span<const Entry> entries;
  // What the machine has applied, at least the snapshot's index. It is not handed out again, and
  // changes of membership among it are in force.
  Index applied;
  // Entries up to here were stored and acknowledged once, and some of them are lost; 0: none are.
  // Until the driver says readmit(), the node takes no part in elections: it would vote for a log
  // that lacks what was committed with its help. It is sent again what it lacks.
  Index awaited;
};

// Index 0: the read was dropped, since this node no longer leads; ask again.
struct ReadState {
  std::uint64_t context = 0;
  Index index;
};

// A piece of a snapshot on its way in. Pieces of one snapshot arrive in order, without a gap.
struct SnapshotChunk {
  EntryId snapshot;
  std::uint64_t offset = 0;
  std::span<const std::byte> bytes;
  bool is_first = false;  // forget the pieces of any other
  bool is_last = false;   // Ready::snapshot stands beside it
};

// All spans and pointers live until the next call that is not const. Payloads of entries live on
// while their chunk is referenced (Raft::arena()).
struct Ready {
  std::optional<SoftState> soft_state;  // when it changed
  std::optional<HardState> hard_state;  // when it changed
  std::span<const Entry> entries;
  std::span<const SnapshotChunk> chunks;
  const Snapshot* snapshot = nullptr;
  std::span<const Message> responses;
  std::span<const Entry> committed;
  std::optional<Message> applied;
  std::span<const Message> messages;
  std::span<const ReadState> reads;
  // Whether the write must reach the disk before anything is answered; a new commit index alone
  // need not.
  bool must_sync = false;
};

}  // namespace ringroad::raft
