// Entries, messages and batches that outlive the call of the Raft core which produced them: its own
// are views of memory that the next call may reuse. These own their bytes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "consensus/core/message.h"
#include "consensus/core/raft.h"

namespace ringroad::scenarios {

struct HeldEntry {
  raft::Term term;
  raft::Index index;
  raft::EntryType type = raft::EntryType::kNormal;
  std::string data;

  raft::EntryId id() const { return {term, index}; }
  // Valid as long as this entry is not changed.
  raft::Entry view() const;
};

std::vector<HeldEntry> hold(std::span<const raft::Entry> entries);
// Views of `entries`, valid as long as those are not changed.
std::vector<raft::Entry> views(std::span<const HeldEntry> entries);

struct HeldMessage {
  // Its spans and pointers are empty; what they had is below.
  raft::Message message;
  std::vector<HeldEntry> entries;
};

HeldMessage hold(const raft::Message& message);
std::vector<HeldMessage> hold(std::span<const raft::Message> messages);

// Of a chunk only where it stands.
struct HeldChunk {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  bool is_first = false;
  bool is_last = false;
};

struct HeldReady {
  std::optional<raft::SoftState> soft_state;
  std::optional<raft::HardState> hard_state;
  std::vector<HeldEntry> entries;
  std::vector<HeldChunk> chunks;
  std::optional<raft::Snapshot> snapshot;
  std::vector<HeldMessage> responses;
  std::vector<HeldEntry> committed;
  std::optional<HeldMessage> applied;  // with the entries it tells of, for printing
  std::vector<HeldMessage> messages;
  std::vector<raft::ReadState> reads;
  bool must_sync = false;

  // Whether the log writer has anything to do.
  bool has_append() const {
    return hard_state || !entries.empty() || !chunks.empty() || snapshot || !responses.empty();
  }
};

HeldReady hold(const raft::Ready& ready);

}  // namespace ringroad::scenarios
