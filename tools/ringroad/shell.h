// The interactive form: lines edited by libedit, completed from the tree and the living system, and
// kept in $XDG_STATE_HOME/ringroad/history (else ~/.local/state). A line is a command without
// "ringroad" in front; "exit", "quit" and ctrl-D leave, ctrl-C gives up a line or what is running.
#pragma once

#include "tools/ringroad/session.h"

namespace ringroad::cli {

ExitCode run_shell(Session& session);

}  // namespace ringroad::cli
