// The disk of one node of a scenario: what its log writer was told to keep. In memory, and always
// in order; a write is durable when it returns.
//
// The log stands behind `base()`, the last entry compacted away or taken in by a snapshot.
#pragma once

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "consensus/core/raft.h"
#include "held.h"

namespace ringroad::scenarios {

class Storage {
 public:
  void set_hard_state(const raft::HardState& hard_state) { hard_state_ = hard_state; }
  const raft::HardState& hard_state() const { return hard_state_; }

  // In place of everything before. Refuses one that is no newer than what is there.
  absl::Status apply_snapshot(const raft::Snapshot& snapshot);
  // Replaces what it has from the first of `entries` on. Refuses a gap.
  absl::Status append(std::span<const HeldEntry> entries);
  // Refuses what is not there.
  absl::Status compact(raft::Index index);

  // From now on the entry cannot be read, nor can any that is written over it before recover().
  void damage(raft::Index index) { damaged_ = index; }
  // What a node does before it starts. Damage at the very end is a write that a crash tore, which
  // nobody was told of: it is cut off. Damage with readable entries behind it is refused: what was
  // there had been acknowledged.
  absl::Status recover();

  raft::EntryId base() const { return base_; }
  raft::Index first_index() const { return raft::next(base_.index); }
  raft::Index last_index() const { return raft::Index{base_.index.value + entries_.size()}; }
  std::span<const HeldEntry> entries() const { return entries_; }

 private:
  raft::HardState hard_state_;
  raft::EntryId base_;
  std::vector<HeldEntry> entries_;
  raft::Index damaged_;  // 0: none
};

}  // namespace ringroad::scenarios
