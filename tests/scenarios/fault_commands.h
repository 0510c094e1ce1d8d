// The commands by which a scenario lets something go wrong, and looks at what came of it.
//
// Messages on their way; MEANT, of those in the queue: to=N from=N type=MsgApp nth=K, or all
//   cut from=(1) to=(2,3)   from now on such messages are lost as they arrive
//   isolate N... | heal     all to and from these nodes; none any more
//   lose MEANT              away with them
//   duplicate MEANT         each is there twice
//   hold MEANT              they wait, and can be overtaken
//   release [to=N]          what was held, to the queue's end
// Nodes:
//   crash N                 down until restart N
//           torn=K          of the oldest write under way K entries are written
//           rename=before   of it the snapshot is written, but has not got its name
//           rename=after    the snapshot has its name, and nothing behind it is written
//   wipe N                  starts with an empty disk, under its old name
//   disk N full | ok        a full disk takes the node down with its next write
//   damage N INDEX          that entry cannot be read when the node starts again
//   jump N TICKS            its process stood still for so long, and its clock did not
//   make-snapshot N         with snapshots-by-hand: only such a snapshot is sent to others
// To look at:
//   core-state N            term, vote, leader, indexes, transfer, zone rule, lease
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "command.h"
#include "environment.h"

namespace ringroad::scenarios {

bool is_fault_command(absl::string_view name);
// Throws BadCommand for what it cannot read.
absl::Status run_fault_command(Environment& environment, const Command& command);

}  // namespace ringroad::scenarios
