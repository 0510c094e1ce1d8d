// What a printed output says, taken apart: so that two outputs can be compared by what happened and
// not by how it is told. Understands the outputs of every version of etcd's interaction tests, and
// ours: lines of its log ("INFO ...", "DEBUG ...") and whatever else it does not know are skipped.
//
// Everything is kept as normalised text, which is what failures show.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "command.h"

namespace ringroad::scenarios {

// The state of one node as far as its batches have told it.
struct NodeView {
  std::string hard_state;                        // "Term:1 Vote:1 Commit:3"
  std::string soft_state;                        // "Lead:1 State:StateLeader"
  std::map<std::uint64_t, std::string> log;      // stored since the last snapshot, by index
  std::map<std::uint64_t, std::string> applied;  // likewise
  std::string snapshot;

  bool operator==(const NodeView&) const = default;
};

// What one output adds.
struct Observed {
  // Every message and hard state, in order: "1->2 MsgApp Term:1 Log:1/2 Commit:2 Entries:[...]".
  std::vector<std::string> messages;
  // What status, raft-state, raft-log, compact, core-state and machine print, in order.
  std::vector<std::string> prints;
};

// What all versions print of a member's progress, of the line that tells it: "1: StateReplicate
// match=11 next=12 learner paused pendingSnap=11 inactive inflight=2[full]". Further numbers are
// left out, and what would be sent next to a node that is sent a snapshot instead, which versions
// disagree on. Nothing if the line is no such line.
std::optional<std::string> progress_line(absl::string_view line);

class Observer {
 public:
  // `output` is what `command` printed, or is expected to print.
  Observed observe(const Command& command, absl::string_view output);

  // By node. Nothing is known of nodes that are not there.
  const std::map<std::string, NodeView>& nodes() const { return nodes_; }

 private:
  std::map<std::string, NodeView> nodes_;
};

}  // namespace ringroad::scenarios
