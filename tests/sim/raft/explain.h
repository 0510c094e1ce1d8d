// A failed run in a form that a person can follow: what broke, the command that replays it, the
// smallest run that still breaks in the same way, and that one's last events.
#pragma once

#include <string>

#include "tests/sim/raft/runner.h"

namespace ringroad::raft::sim {

// Prints each line of `text` as a TAP comment.
void print_indented(const std::string& text);
// `program`: how raft_sim is called, for the commands that replay; empty prints none.
void explain(const std::string& program, const Scenario& failing, const Report& report);

}  // namespace ringroad::raft::sim
