// Copies of the core's views, and views of the copies. A view is made anew for each use, since
// moving a HeldEntry moves its bytes.
#include "held.h"

namespace ringroad::scenarios {

raft::Entry HeldEntry::view() const {
  return {.term = term,
          .index = index,
          .data = reinterpret_cast<const std::byte*>(data.data()),
          .size_bytes = static_cast<std::uint32_t>(data.size()),
          .type = type};
}

std::vector<HeldEntry> hold(std::span<const raft::Entry> entries) {
  std::vector<HeldEntry> held;
  for (const raft::Entry& e : entries) {
    HeldEntry& h = held.emplace_back(HeldEntry{e.term, e.index, e.type, {}});
    if (e.size_bytes > 0) h.data.assign(reinterpret_cast<const char*>(e.data), e.size_bytes);
  }
  return held;
}

std::vector<raft::Entry> views(std::span<const HeldEntry> entries) {
  std::vector<raft::Entry> result;
  for (const HeldEntry& e : entries) result.push_back(e.view());
  return result;
}

HeldMessage hold(const raft::Message& message) {
  HeldMessage held{message, hold(message.entries), {}};
  held.message.entries = {};
  held.message.chunk = nullptr;
  return held;
}

std::vector<HeldMessage> hold(std::span<const raft::Message> messages) {
  std::vector<HeldMessage> held;
  for (const raft::Message& m : messages) held.push_back(hold(m));
  return held;
}

HeldReady hold(const raft::Ready& ready) {
  HeldReady held{.soft_state = ready.soft_state,
                 .hard_state = ready.hard_state,
                 .entries = hold(ready.entries),
                 .chunks = {},
                 .snapshot = std::nullopt,
                 .responses = hold(ready.responses),
                 .committed = hold(ready.committed),
                 .applied = std::nullopt,
                 .messages = hold(ready.messages),
                 .reads = {ready.reads.begin(), ready.reads.end()},
                 .must_sync = ready.must_sync};
  for (const raft::SnapshotChunk& c : ready.chunks) {
    held.chunks.push_back({c.offset,
                           {reinterpret_cast<const char*>(c.bytes.data()), c.bytes.size()},
                           c.is_first,
                           c.is_last});
  }
  if (ready.snapshot != nullptr) held.snapshot = *ready.snapshot;
  if (ready.applied) held.applied = HeldMessage{*ready.applied, held.committed, {}};
  return held;
}

}  // namespace ringroad::scenarios
