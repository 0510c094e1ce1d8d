// The commands of interaction scenarios: those of etcd's Raft, and a few of our own.
//
//   add-nodes COUNT [voters=(1,2) learners=(3) index=10 content=x async-storage-writes=true ...]
//   campaign N | tick-election N | tick-heartbeat N | set-randomized-election-timeout N timeout=5
//   process-ready N... | process-append-thread N... | process-apply-thread N...
//   deliver-msgs N... [drop=(N)] [type=MsgApp] | stabilize [N...] [log-level=none]
//   propose N WORD | propose-conf-change N [v1=true] [transition=explicit], the changes as input
//   transfer-leadership from=N to=M | forget-leader N | report-unreachable N M
//   send-snapshot N M | compact N INDEX
//   status N | raft-state | raft-log N | log-level debug|info|warn|error|fatal|none
//
// Ours: restart N, which leaves a node with its disk; read-index N CONTEXT; tick N COUNT; of
// add-nodes zones=, zone-loss=, priorities= and hand-over-on-removal=; and those of
// fault_commands.h.
//
// Lines of input are further commands, but for propose-conf-change. A command that prints nothing
// prints "ok".
#pragma once

#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "command.h"
#include "environment.h"

namespace ringroad::scenarios {

// Sorted.
std::span<const absl::string_view> raft_command_names();

// Throws BadCommand for what it does not know or cannot read.
std::string run_raft_command(Environment& environment, const Command& command);

}  // namespace ringroad::scenarios
