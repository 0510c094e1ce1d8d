// What a log says as a whole at one of its records: what the writer goes on from, what recovery
// arrives at, and what each record's header repeats. Plain values.
#pragma once

#include <cstdint>

#include "consensus/log/record.h"

namespace ringroad::raft::durable {

struct LogState {
  HardState hard_state;
  EntryId last;
  // What a core begins with as long as there is no snapshot.
  ConfState first_members;
  // The latest that was applied.
  AppliedConfiguration configuration;
  // The latest that was durable, whether its file is still intact or not.
  Snapshot snapshot;
  std::uint64_t sequence = 0;
  std::uint32_t rewinds = 0;
  // The node does not vote before it has this entry again; 0 when it may.
  Index awaited;
  bool hard_state_lost = false;
};

struct LogConfig {
  std::uint64_t segment_bytes = std::uint64_t{16} << 20;
  std::uint32_t segments_ahead = 1;              // made before they are needed
  std::uint32_t segments_ahead_max = 4;          // recycled ones kept for later
  std::uint32_t record_bytes_max = 1024 * 1024;  // but for a single larger entry
  bool compress = true;
};

}  // namespace ringroad::raft::durable
