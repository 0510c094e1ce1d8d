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
// Ours:
//
//   restart N                     the node keeps its disk, and nothing else
//   machine N                     what it has applied, and what that adds up to (machine.h)
//   tick N COUNT
//   read-index N CONTEXT
//   report-snapshot N M sent=true|false
//   zone-loss N wait|degrade
//   transfer-leadership from=N to=best
//   add-nodes ... zones=(1,1,2) zone-loss=degrade priorities=(2,1,0) hand-over-on-removal=true
//     forward-proposals=false append-entries= append-bytes= uncommitted-bytes= snapshot-bytes=
//     snapshot-chunk-bytes= snapshots-by-hand=true machine-on-disk=true message-version=1
//                               the i-th zone or priority is node i's
//
// And those of fault_commands.h. Snapshots have the size of the machine, at least snapshot-bytes,
// if either of these is given, and otherwise none.
//
// Lines of input are further commands, but for propose-conf-change. A command that prints nothing
// prints "ok".
#pragma once

#include <string>

#include "command.h"
#include "environment.h"

namespace ringroad::scenarios {

// Throws BadCommand for what it does not know or cannot read.
std::string run_raft_command(Environment& environment, const Command& command);

}  // namespace ringroad::scenarios
