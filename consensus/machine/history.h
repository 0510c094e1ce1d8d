// What changed in the registry of late, for watchers: events in the order of their revisions, as
// many as the limits allow. Several events share a revision when one command changed several keys;
// whole revisions leave, the oldest first, so that a watcher is told all of a revision or that it
// is gone. The newest stays whatever its size: it is bounded by what one command may change.
#pragma once

#include "consensus/machine/answer.h"
#include "consensus/machine/blob.h"
#include "consensus/machine/bounds.h"
#include "consensus/machine/snapshot_queue.h"

namespace ringroad::machine {

struct Event {
  EventType type = EventType::kPut;
  Blob key;
  Blob value;
  Revision created;
  Revision revision;
  std::uint64_t version = 0;
  LeaseId lease;

  EventItem item() const {
    return {type, {created, revision, version, lease, key.bytes(), value.bytes()}};
  }
};

class History {
 public:
  void append(Event event);
  // After a command has appended what it had to: the oldest leave.
  void trim(const Limits& limits);

  // Whether trim() has nothing to do.
  bool is_trimmed(const Limits& limits) const;

  // Events up to this revision are gone.
  Revision compacted() const { return compacted_; }
  std::uint64_t bytes() const { return bytes_; }
  // The number of the first event at `revision` or later; one past the last when there is none.
  std::uint64_t first_from(Revision revision) const;
  const SnapshotQueue<Event>& events() const { return events_; }
  SnapshotQueue<Event>& events() { return events_; }
  void set_compacted(Revision revision) { compacted_ = revision; }

 private:
  static std::uint64_t stored_bytes(const Event& event) {
    return kOverheadBytes + event.key.size() + event.value.size();
  }

  SnapshotQueue<Event> events_;
  std::uint64_t bytes_ = 0;
  Revision compacted_;
};

}  // namespace ringroad::machine
