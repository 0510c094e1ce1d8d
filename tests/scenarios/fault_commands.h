// The commands by which a scenario lets something go wrong, and looks at what came of it. Nodes are
// numbers; what is left out does not matter.
//
// Messages on their way:
//   cut from=(1) to=(2,3) | isolate N... | heal   from then on such messages are lost as they
//   arrive lose | duplicate | hold  [to=N] [from=N] [type=MsgApp] [nth=K]   of those in the queue;
//   nth: only
//                            the K-th of them. What is held waits for release [to=N], which puts it
//                            at the queue's end
// Nodes:
//   crash N [torn=K]         down until `restart N`; of the write under way K entries are on the
//   disk wipe N                   starts with an empty disk, under its old name disk N full | ok a
//   full disk takes the node down with its next write damage N INDEX           that entry cannot be
//   read when the node starts again jump N TICKS             its process stood still for so long,
//   and its clock did not report-snapshot N M sent | failed   what N's driver says of the snapshot
//   on its way to M
// To look at:
//   core-state N             term, vote, leader, indexes, transfer, zone rule, lease
//   machine N                what has been applied, and the sessions of clients
//
// Of add-nodes: snapshot-chunk=BYTES, without which a snapshot is one message; uncommitted-bytes=,
// append-bytes=, append-entries=, forward-proposals=, clock-drift-ppm=, message-version=1.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "command.h"
#include "environment.h"

namespace ringroad::scenarios {

bool is_fault_command(absl::string_view name);
// Throws BadCommand for what it cannot read.
absl::Status run_fault_command(Environment& environment, const Command& command);

// An argument of add-nodes with a value; false for one that is not known here.
bool set_fault_option(NodeTemplate& nodes, const Argument& argument);

}  // namespace ringroad::scenarios
