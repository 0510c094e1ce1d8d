// The application log: payloads of applications, in the order in which the cluster agreed on them,
// numbered from 1 without gaps. As many as the limits allow are kept; whoever asks for an older one
// is told up to where they are gone. What a payload means is not known here.
#pragma once

#include "consensus/machine/answer.h"
#include "consensus/machine/blob.h"
#include "consensus/machine/bounds.h"
#include "consensus/machine/snapshot_queue.h"

namespace ringroad::machine {

class ApplicationLog {
 public:
  LogPosition append(Bytes payload, const Limits& limits) {
    bytes_ += kOverheadBytes + payload.size();
    entries_.push_back(Blob(payload));
    // The newest stays whatever its size.
    while (entries_.size() > 1 &&
           (entries_.size() > limits.log_entries_max || bytes_ > limits.log_bytes_max)) {
      bytes_ -= kOverheadBytes + entries_.front().size();
      entries_.pop_front();
    }
    return last();
  }

  LogPosition first() const { return LogPosition{entries_.first()}; }
  LogPosition last() const { return LogPosition{entries_.last()}; }
  // Entries up to this one are gone.
  LogPosition compacted() const { return LogPosition{entries_.first() - 1}; }
  std::uint64_t bytes() const { return bytes_; }
  LogItem item(LogPosition position) const {
    return {position, entries_.at(position.value).bytes()};
  }
  const SnapshotQueue<Blob>& entries() const { return entries_; }
  SnapshotQueue<Blob>& entries() { return entries_; }

 private:
  SnapshotQueue<Blob> entries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace ringroad::machine
